/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The control endpoint: an NBD server of our own (fixed newstyle) on a
 * Unix socket, or with TLS on TCP, whose one export is a 64 KiB document and
 * whose writes are commands (docs/CONTROL-PROTOCOL.md).
 *
 * It knows NBD and JSON, and nothing of images: what a command does is in
 * the callbacks.  Each connection has a thread while it lasts: at most
 * CONTROL_MAX_CLIENTS that have negotiated, of whom CONTROL_MAX_LOOKERS may
 * only look, and CONTROL_MAX_PENDING that have not.
 */

#ifndef BATON_CONTROL_H
#define BATON_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "error.h"

#define CONTROL_EXPORT_BYTES UINT64_C (65536)
#define CONTROL_MAX_CLIENTS 64
#define CONTROL_MAX_LOOKERS 48
#define CONTROL_MAX_PENDING 32
#define CONTROL_HANDSHAKE_SECONDS 10
#define CONTROL_CONTEXT "x-baton:control"

/* BLOCK_STATUS flags of that context: the state in bits 0-1 ... */
#define CONTROL_STATE_INACTIVE 0u
#define CONTROL_STATE_ACTIVATING 1u
#define CONTROL_STATE_ACTIVE 2u
#define CONTROL_STATE_INACTIVATING 3u
#define CONTROL_STATE_MASK 3u

/* Called on connection threads, several at once; they may block, and must
 * end even if the client has gone.  Each command returns 0 and a new
 * reference in *RET_REPLY (the "return" object; NULL means {}), or -1. */
struct control_callbacks {
  json_t *(*status) (void *opaque);             /* new reference, not NULL */
  uint32_t (*state_flags) (void *opaque);       /* CONTROL_STATE_* */
  int (*flush) (void *opaque, json_t **ret_reply, struct error *err);
  /* FOR_GOOD: the process is to end once the client has read the reply. */
  int (*inactivate) (void *opaque, uint32_t drain_timeout_ms, bool for_good,
                     json_t **ret_reply, struct error *err);
  int (*invalidate) (void *opaque, json_t **ret_reply, struct error *err);
  /* TICKET: borrowed; NULL where none was given. */
  int (*activate) (void *opaque, const json_t *ticket, bool force,
                   json_t **ret_reply, struct error *err);
  /* On the thread of a connection: whether it is still waited for as long as
   * the client likes; and that it has ended.  May be NULL. */
  bool (*is_leaving) (void *opaque);
  void (*left) (void *opaque);
  /* A connection came to nothing: who it was, and why.  Any number may come
   * in a second.  May be NULL. */
  void (*refused) (void *opaque, const char *peer, const struct error *why);
};

struct access_list;
struct tls_credentials;

/* All pointers are borrowed; what TLS and ACCESS point to must live as long
 * as the listener, the rest is copied. */
struct control_config {
  /* Either of these two: */
  const char *path;             /* of a Unix socket */
  const char *listen;           /* HOST:PORT (tcp-listen.h) */
  unsigned mode;                /* of the Unix socket's file; 0: 0600 */
  const struct tls_credentials *tls;    /* required with `listen` */
  const struct access_list *access;     /* NULL: whoever gets through */
  const struct control_callbacks *callbacks;
  void *opaque;
  const char *description;      /* of the export; may be NULL */
  int64_t handshake_ms;         /* all of the negotiation; 0: the default */
  int64_t io_ms;                /* one request, one reply; 0: the default */
};

struct control_listener;

/* Bind.  A socket file that nobody listens on any more is replaced; one that
 * answers, or a file that is no socket, is an error. */
int control_listener_new (const struct control_config *config,
                          struct control_listener **ret, struct error *err);
/* Start accepting, after the last fork of this process. */
int control_listener_start (struct control_listener *l, struct error *err);
/* Stop accepting, close every connection, wait for the threads, remove the
 * socket file.  A command in progress is waited for.  NULL is accepted. */
void control_listener_free (struct control_listener *l);

#endif /* BATON_CONTROL_H */
