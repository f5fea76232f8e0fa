/* SPDX-License-Identifier: BSD-3-Clause
 *
 * NBD fixed newstyle negotiation, server side, for one export with the
 * empty name (docs/CONTROL-PROTOCOL.md, "Handshake").
 *
 * Knows nothing of commands or images.  Runs on the connection's thread,
 * takes no locks, allocates nothing: what a client sends is read into a
 * fixed buffer, or drained, or the connection ends.
 */

#ifndef BATON_HANDSHAKE_H
#define BATON_HANDSHAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"
#include "transport.h"

/* An option with more data than fits is drained and answered TOO_BIG; one
 * that is longer than MAX_DRAIN ends the connection, as does the option
 * after the last allowed one. */
#define HANDSHAKE_MAX_OPTION_BYTES 8192
#define HANDSHAKE_MAX_DRAIN_BYTES (1024 * 1024)
#define HANDSHAKE_MAX_OPTIONS 64

/* The metadata context's ID during transmission. */
#define HANDSHAKE_CONTEXT_ID 1u

enum handshake_outcome {
  HANDSHAKE_FAILED,             /* close the connection; ERR says why */
  HANDSHAKE_ENDED,              /* close it: the client wished so */
  HANDSHAKE_TRANSMISSION,
};

struct handshake_result {
  bool structured;              /* structured replies */
  bool control;                 /* commands and block status; implies the
                                 * former */
};

/* DESCRIPTION: of the export, UTF-8, or NULL.  DEADLINE_MS is for the whole
 * negotiation.  *RET is set only with HANDSHAKE_TRANSMISSION. */
enum handshake_outcome handshake_run (struct transport *t,
                                      const char *description,
                                      int64_t deadline_ms,
                                      struct handshake_result *ret,
                                      struct error *err);

#endif /* BATON_HANDSHAKE_H */
