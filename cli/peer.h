/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A server that commands can be asked of: the table behind which the real
 * connection (client.h) and the tests' fakes stand.
 *
 * Single-threaded.  Every call ends: it is the implementation's duty to
 * keep to its deadlines.
 */

#ifndef BATON_PEER_H
#define BATON_PEER_H

#include <jansson.h>

#include "answer.h"

struct peer;

struct peer_ops {
  /* Each fills *RET, which is zeroed, but for `retried` and `us`.  After
   * OUTCOME_LOST the next call starts afresh, on a new connection. */
  void (*status) (struct peer *s, struct answer *ret);
  /* ARGUMENTS: borrowed, an object, or NULL. */
  void (*command) (struct peer *s, const char *execute,
                   const json_t *arguments, struct answer *ret);
  void (*free) (struct peer *s);
};

/* First member of what an implementation allocates. */
struct peer {
  const struct peer_ops *ops;
  const char *endpoint;         /* as typed; outlives the server */
};

/* Ask, and where the connection was lost before the reply, connect and ask
 * once more: every command does nothing the second time.  (Where a deadline
 * passed, a second question would only queue up behind the first.)  What
 * *RET holds is dropped first.
 *
 * Lost, then not sent: lost.  Lost, then refused: the refusal counts, for
 * a server runs its commands one after the other. */
void peer_status (struct peer *s, struct answer *ret);
void peer_command (struct peer *s, const char *execute,
                     const json_t *arguments, struct answer *ret);

/* NULL is accepted. */
void peer_free (struct peer *s);

#endif /* BATON_PEER_H */
