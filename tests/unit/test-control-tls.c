/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The control endpoint on TCP: nothing before TLS, nothing but TLS after
 * STARTTLS, clients that leave anywhere, drip, crowd and say nothing.
 */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "tls-client.h"

#define DRIP_MS 600

static int
setup (void **state)
{
  *state = malloc (sizeof (struct tls_world));
  return *state == NULL ? -1 : world_start (*state, 20000);
}

static int
setup_hasty (void **state)
{
  *state = malloc (sizeof (struct tls_world));
  return *state == NULL ? -1 : world_start (*state, DRIP_MS);
}

static int
teardown (void **state)
{
  world_stop (*state);
  free (*state);
  return 0;
}

static void
pause_ms (long ms)
{
  const struct timespec t = { .tv_nsec = ms * 1000000 };

  nanosleep (&t, NULL);
}

/* N clients were sent away, the last for REASON, and no command was done. */
static void
assert_refused (struct tls_world *w, int n, const char *reason)
{
  char found[512];

  world_await_refused (w, n, found);
  if (strstr (found, reason) == NULL)
    fail_msg ("refused for \"%s\", not \"%s\"", found, reason);
  assert_int_equal (dummies_nr_flush (&w->dummies), 0);
}

/* A client that has a key, in transmission with the context. */
static void
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
static uint32_t
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

/* -- who gets in ------------------------------------------------------- */

static void
test_roles (void **state)
{
  struct tls_world *w = *state;
  struct tls_client alice, bob;

  open_session (w, &bob, "bob", BOB_KEY);
  assert_int_equal (flush (&bob), 1);   /* EPERM */
  assert_int_equal (dummies_nr_flush (&w->dummies), 0);
  open_session (w, &alice, "alice", ALICE_KEY);
  assert_int_equal (flush (&alice), 0);
  assert_int_equal (dummies_nr_flush (&w->dummies), 1);
  tls_client_end (&alice);
  tls_client_end (&bob);
}

/* Versions without a future, and key exchanges without forward secrecy. */
static void
test_old_tls (void **state)
{
  static const char *const priorities[] = {
    "NORMAL:-VERS-ALL:+VERS-TLS1.1:-KX-ALL:+ECDHE-PSK:+DHE-PSK:%COMPAT",
    "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+PSK",
    "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+ECDHE-PSK:-CIPHER-ALL:+AES-128-CBC",
    "NORMAL:-KX-ALL:+ECDHE-RSA",        /* neither key nor certificate */
  };
  struct tls_world *w = *state;
  struct tls_client c;
  int i;

  for (i = 0; i < 4; i++) {
    assert_true (tls_client_start (&c, starttls (w, 1), "alice", ALICE_KEY,
                                   priorities[i], SIZE_MAX) < 0);
    tls_client_end (&c);
    assert_refused (w, i + 1, "");
  }
}

static void
test_wrong_key (void **state)
{
  static const char *const priorities[] = {
    NORMAL_PSK ":-VERS-TLS1.3", NORMAL_PSK,
  };
  struct tls_world *w = *state;
  struct tls_client c;
  int i;

  for (i = 0; i < 2; i++) {
    tls_client_start (&c, starttls (w, 1), "alice", BOB_KEY, priorities[i],
                      SIZE_MAX);
    tls_client_end (&c);
    assert_refused (w, 2 * i + 1, "shared key is not that of \"alice\"");
    tls_client_start (&c, starttls (w, 1), "eve", BOB_KEY, priorities[i],
                      SIZE_MAX);
    tls_client_end (&c);
    assert_refused (w, 2 * i + 2, "no shared key for \"eve\"");
  }
}

/* A good key is not enough. */
static void
test_not_on_list (void **state)
{
  struct tls_world *w = *state;
  struct tls_client c;
  char byte;

  tls_client_start (&c, starttls (w, 1), "carol", CAROL_KEY, NORMAL_PSK,
                    SIZE_MAX);
  assert_false (tls_client_recv (&c, &byte, 1));
  tls_client_end (&c);
  assert_refused (w, 1, "\"carol\" is not allowed here");
}

/* -- before TLS, and around it ------------------------------------------ */

static void
test_options_before (void **state)
{
  static const uint32_t options[] = {
    NBD_OPT_LIST, NBD_OPT_INFO, NBD_OPT_GO, NBD_OPT_STRUCTURED_REPLY,
    NBD_OPT_LIST_META_CONTEXT, NBD_OPT_SET_META_CONTEXT, 99,
  };
  struct tls_world *w = *state;
  int fd = tcp_connect (w, 1), others;
  size_t i;

  client_greet (fd, NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES);
  for (i = 0; i < sizeof options / sizeof options[0]; i++) {
    assert_int_equal (client_ask (fd, options[i], NULL, 0, &others),
                      NBD_REP_ERR_TLS_REQD);
    assert_int_equal (others, 0);
  }
  client_option (fd, NBD_OPT_EXPORT_NAME, NULL, 0);
  client_assert_closed (fd);
  close (fd);
  assert_refused (w, 1, "without TLS");
}

/* Put in by somebody on the way, before the client's own STARTTLS. */
static void
test_options_injected (void **state)
{
  struct tls_world *w = *state;
  struct tls_client c;
  uint8_t buf[256];
  uint32_t len = client_meta (buf, "", CONTROL_CONTEXT);
  int fd = tcp_connect (w, 1), others;

  client_greet (fd, NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES);
  client_ask (fd, NBD_OPT_STRUCTURED_REPLY, NULL, 0, &others);
  client_ask (fd, NBD_OPT_SET_META_CONTEXT, buf, len, &others);
  assert_int_equal (client_ask (fd, NBD_OPT_STARTTLS, NULL, 0, &others),
                    NBD_REP_ACK);
  assert_int_equal (tls_client_start (&c, fd, "alice", ALICE_KEY, NORMAL_PSK,
                                      SIZE_MAX), 0);
  /* "unless structured replies have been negotiated first" */
  assert_int_equal (tls_client_option (&c, NBD_OPT_SET_META_CONTEXT, buf, len),
                    NBD_REP_ERR_INVALID);
  assert_int_equal (tls_client_option (&c, NBD_OPT_STARTTLS, NULL, 0),
                    NBD_REP_ERR_INVALID);
  tls_client_end (&c);
}

/* Plain text where TLS was to begin: in the same packet, and after. */
static void
test_plain_after (void **state)
{
  struct tls_world *w = *state;
  uint8_t option[32], reply[20];
  int fd, i;

  store_be64 (option, NBD_OPTION_MAGIC);
  store_be32 (option + 8, NBD_OPT_STARTTLS);
  store_be32 (option + 12, 0);
  memcpy (option + 16, option, 16);
  store_be32 (option + 24, NBD_OPT_STRUCTURED_REPLY);
  for (i = 0; i < 2; i++) {
    fd = tcp_connect (w, 1);
    client_greet (fd, NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES);
    client_send (fd, option, i == 0 ? 32 : 16);
    assert_true (client_recv (fd, reply, sizeof reply));
    assert_int_equal (load_be32 (reply + 12), NBD_REP_ACK);
    client_send (fd, option + 16, 16);
    shutdown (fd, SHUT_WR);
    assert_refused (w, i + 1, "plain text");
    close (fd);
  }
}

static void
test_renegotiation (void **state)
{
  struct tls_world *w = *state;
  struct tls_client c;
  char byte;

  assert_int_equal (tls_client_start (&c, starttls (w, 1), "alice", ALICE_KEY,
                                      NORMAL_PSK ":-VERS-TLS1.3", SIZE_MAX),
                    0);
  assert_true (gnutls_handshake (c.session) < 0);
  assert_refused (w, 1, "negotiate TLS again");
  assert_false (tls_client_recv (&c, &byte, 1));
  tls_client_end (&c);
}

/* -- leaving, dripping, crowding ----------------------------------------- */

static void
leave_at_every_byte (struct tls_world *w, const char *priority)
{
  struct tls_client c;
  size_t n, total;

  assert_int_equal (tls_client_start (&c, starttls (w, 1), "alice", ALICE_KEY,
                                      priority, SIZE_MAX), 0);
  total = c.sent_bytes;
  tls_client_end (&c);
  for (n = 0; n < total; n++) {
    tls_client_start (&c, starttls (w, 1), "alice", ALICE_KEY, priority, n);
    tls_client_end (&c);
  }
  open_session (w, &c, "alice", ALICE_KEY);
  tls_client_end (&c);
}

static void
test_leave_at_every_byte (void **state)
{
  leave_at_every_byte (*state, NORMAL_PSK);
  leave_at_every_byte (*state, NORMAL_PSK ":-VERS-TLS1.3");
}

/* A byte now and then does not push the deadline away: neither in the record
 * of a hello, nor with a new record each time. */
static void
test_slow_drip (void **state)
{
  static const uint8_t record[] = { 22, 3, 1, 0, 1, 1 };
  struct tls_world *w = *state;
  int64_t begin;
  int kind, i, fd;
  char sink[256];

  for (kind = 0; kind < 2; kind++) {
    begin = transport_clock_ms ();
    fd = starttls (w, 1);
    for (i = 0; i < 400; i++) {
      if (kind == 0)
        client_send (fd, i == 0 ? "\x16" : i == 1 ? "\x03" : "\x01", 1);
      else
        client_send (fd, record, sizeof record);
      if (recv (fd, sink, sizeof sink, MSG_DONTWAIT) == 0)
        break;
      pause_ms (10);
    }
    client_assert_closed (fd);
    assert_true (transport_clock_ms () - begin < DRIP_MS + 2500);
    close (fd);
    assert_refused (w, kind + 1, "");
  }
}

/* So many that say nothing, from one host: another host gets in at once, and
 * so does a second client of the same. */
static void
test_crowd (void **state)
{
  struct tls_world *w = *state;
  int fds[5 * CONTROL_MAX_PENDING], fd, nr = 5 * CONTROL_MAX_PENDING, i;
  struct tls_client c;

  fd = tcp_connect (w, 2);
  for (i = 0; i < nr; i++)
    fds[i] = tcp_connect (w, 1);
  /* The one of another host is the oldest, and is still there. */
  client_greet (fd, NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES);
  assert_int_equal (client_ask (fd, NBD_OPT_STARTTLS, NULL, 0, &i),
                    NBD_REP_ACK);
  assert_int_equal (tls_client_start (&c, fd, "alice", ALICE_KEY, NORMAL_PSK,
                                      SIZE_MAX), 0);
  tls_client_end (&c);
  open_session (w, &c, "alice", ALICE_KEY);
  assert_int_equal (flush (&c), 0);
  tls_client_end (&c);
  for (i = 0; i < nr; i++)
    close (fds[i]);
}

/* Anywhere in the handshake, and idle after it: the end waits for nobody. */
static void
test_stop (void **state)
{
  struct tls_world *w = *state;
  struct tls_client idle;
  int fds[3];
  int64_t begin;

  open_session (w, &idle, "alice", ALICE_KEY);
  fds[0] = tcp_connect (w, 1);
  fds[1] = starttls (w, 1);
  fds[2] = starttls (w, 1);
  client_send (fds[2], "\x16\x03\x01\x02\x00\x01", 6);
  pause_ms (50);
  begin = transport_clock_ms ();
  control_listener_free (w->listener);
  w->listener = NULL;
  assert_true (transport_clock_ms () - begin < 2000);
  close (fds[0]);
  close (fds[1]);
  close (fds[2]);
  tls_client_end (&idle);
}

#define TEST(name) \
  cmocka_unit_test_setup_teardown (name, setup, teardown)
#define TEST_HASTY(name) \
  cmocka_unit_test_setup_teardown (name, setup_hasty, teardown)

int
main (void)
{
  const struct CMUnitTest tests[] = {
    TEST (test_roles),
    TEST (test_old_tls),
    TEST (test_wrong_key),
    TEST (test_not_on_list),
    TEST (test_options_before),
    TEST (test_options_injected),
    TEST (test_plain_after),
    TEST (test_renegotiation),
    TEST (test_leave_at_every_byte),
    TEST_HASTY (test_slow_drip),
    TEST (test_crowd),
    TEST (test_stop),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
