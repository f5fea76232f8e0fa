/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the tests of the control endpoint on TCP share: its start and end
 * around each test, and a session of a client that has a key.
 */

#ifndef BATON_TEST_TLS_FIXTURE_H
#define BATON_TEST_TLS_FIXTURE_H

#include <time.h>

#include "tls-client.h"

static inline int
setup (void **state)
{
  *state = malloc (sizeof (struct tls_world));
  return *state == NULL ? -1 : world_start (*state, 20000);
}

static inline int
teardown (void **state)
{
  world_stop (*state);
  free (*state);
  return 0;
}

/* N clients were sent away, the last for REASON, and no command was done. */
static inline void
assert_refused (struct tls_world *w, int n, const char *reason)
{
  char found[512];

  world_await_refused (w, n, found);
  if (strstr (found, reason) == NULL)
    fail_msg ("refused for \"%s\", not \"%s\"", found, reason);
  assert_int_equal (dummies_nr_flush (&w->dummies), 0);
}

/* A client that has a key, in transmission with the context. */
static inline void
open_session (struct tls_world *w, struct tls_client *c, const char *user,
              const char *key)
{
  uint8_t buf[256];
  uint32_t len = client_meta (buf, "", CONTROL_CONTEXT);

  assert_int_equal (tls_client_start (c, starttls (w, 1), user, key,
                                      NORMAL_PSK, SIZE_MAX), 0);
  assert_int_equal (tls_client_option (c, NBD_OPT_STRUCTURED_REPLY, NULL, 0),
                    NBD_REP_ACK);
  assert_int_equal (tls_client_option (c, NBD_OPT_SET_META_CONTEXT, buf, len),
                    NBD_REP_META_CONTEXT);
  assert_true (tls_client_recv (c, buf, 20));   /* its ACK */
  assert_int_equal (tls_client_option (c, NBD_OPT_GO, "\0\0\0\0\0\0", 6),
                    NBD_REP_INFO);
  assert_true (tls_client_recv (c, buf, 20));
}

/* A flush: the error of its reply, 0 for none. */
static inline uint32_t
flush (struct tls_client *c)
{
  static const char text[] = "{\"execute\":\"flush\"}";
  uint8_t request[28] = { 0 }, reply[20], chunk[1100];

  store_be32 (request, NBD_REQUEST_MAGIC);
  store_be16 (request + 6, NBD_CMD_WRITE);
  store_be32 (request + 24, sizeof text);
  tls_client_send (c, request, sizeof request);
  tls_client_send (c, text, sizeof text);
  assert_true (tls_client_recv (c, reply, 16));
  if (load_be32 (reply) == NBD_SIMPLE_REPLY_MAGIC)
    return load_be32 (reply + 4);
  assert_true (tls_client_recv (c, reply + 16, 4));
  assert_true (load_be32 (reply + 16) <= sizeof chunk);
  assert_true (tls_client_recv (c, chunk, load_be32 (reply + 16)));
  return load_be32 (chunk);
}

#endif /* BATON_TEST_TLS_FIXTURE_H */
