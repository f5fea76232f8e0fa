/* SPDX-License-Identifier: BSD-3-Clause
 *
 * NBD fixed newstyle negotiation, server side, for one export with the
 * empty name (docs/CONTROL-PROTOCOL.md, "Handshake").
 *
 * Knows nothing of commands or images.  Runs on the connection's thread,
 * takes no locks, allocates nothing but what TLS needs: what a client sends
 * is read into a fixed buffer, or drained, or the connection ends.
 */

#ifndef BATON_HANDSHAKE_H
#define BATON_HANDSHAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "access.h"
#include "error.h"
#include "tls.h"
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
  HANDSHAKE_ENDED,              /* close it: the client wished so; ERR may
                                 * say what came before */
  HANDSHAKE_TRANSMISSION,
};

struct handshake_config {
  const char *description;      /* of the export, UTF-8, or NULL */
  int64_t deadline_ms;          /* for the whole negotiation */
  enum access_role role;        /* of this client; with TLS: ignored */
  /* Nothing is negotiated but TLS until that is done.  NULL: no TLS. */
  const struct tls_credentials *tls;
  const struct access_list *access;     /* needed with `tls` */
};

struct handshake_result {
  bool structured;              /* structured replies */
  bool control;                 /* commands and block status; implies the
                                 * former */
  enum access_role role;        /* not ROLE_NONE */
};

/* *T may become another transport, which has taken the first one over: it is
 * the caller's in any case.  *RET is set only with HANDSHAKE_TRANSMISSION. */
enum handshake_outcome handshake_run (struct transport **t,
                                      const struct handshake_config *config,
                                      struct handshake_result *ret,
                                      struct error *err);

#endif /* BATON_HANDSHAKE_H */
