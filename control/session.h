/* SPDX-License-Identifier: BSD-3-Clause
 *
 * NBD transmission phase of one control connection: requests one after the
 * other, until the client leaves, breaks the protocol, or the transport is
 * stopped (docs/CONTROL-PROTOCOL.md, "Transmission").
 *
 * Runs on the connection's thread; takes no locks.
 */

#ifndef BATON_SESSION_H
#define BATON_SESSION_H

#include <stdint.h>

#include "control.h"
#include "error.h"
#include "handshake.h"
#include "transport.h"

/* A payload that is too long to be a command is drained, so that the
 * connection stays in step; one beyond this ends it. */
#define SESSION_MAX_DRAIN_BYTES (32 * 1024 * 1024)

struct session_config {
  const struct control_callbacks *callbacks;    /* all borrowed */
  void *opaque;
  struct handshake_result negotiated;
  /* From a request's first byte to its last, and for a reply to be taken.
   * A client may be silent between requests for as long as it likes. */
  int64_t io_ms;
};

/* 0: the client said goodbye.  -1: ERR says why the connection is over.
 * A command that was begun has ended in both cases. */
int session_run (struct transport *t, const struct session_config *config,
                 struct error *err);

#endif /* BATON_SESSION_H */
