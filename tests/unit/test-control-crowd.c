/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The control endpoint on TCP: clients that leave anywhere, drip, crowd, take
 * every place, and say nothing.
 */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "tls-fixture.h"

#define DRIP_MS 600

static int
setup_hasty (void **state)
{
  *state = malloc (sizeof (struct tls_world));
  return *state == NULL ? -1 : world_start (*state, DRIP_MS);
}

static void
pause_ms (long ms)
{
  const struct timespec t = { .tv_nsec = ms * 1000000 };

  nanosleep (&t, NULL);
}

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

/* Who may come in leaves after any byte of what is said then, without TLS's
 * goodbye: only the whole conversation reaches a callback. */
static void
test_leave_inside (void **state)
{
  struct tls_world *w = *state;
  uint8_t bytes[512], sink[4096];
  const uint8_t *words = bytes + CONVERSATION_FLAGS_BYTES;
  const size_t len = client_conversation (bytes) - CONVERSATION_FLAGS_BYTES;
  struct tls_client c;
  size_t n;

  for (n = 0; n <= len; n++) {
    assert_int_equal (dummies_nr_flush (&w->dummies), 0);
    assert_int_equal (tls_client_start (&c, starttls (w, 1), "alice",
                                        ALICE_KEY, NORMAL_PSK, SIZE_MAX), 0);
    if (n > 0)
      tls_client_send (&c, words, n);
    shutdown (c.fd, SHUT_WR);
    while (recv (c.fd, sink, sizeof sink, 0) > 0)
      ;
    tls_client_end (&c);
  }
  assert_int_equal (dummies_nr_flush (&w->dummies), 1);
}

/* A byte now and then does not push the deadline away: neither in the record
 * of a hello, nor with a new record each time, of which the hello of 0xf000
 * bytes would be the sum. */
static void
drip_a_byte (int fd, bool records, int i)
{
  static const uint8_t start[] = { 1, 0, 0xf0, 0 };
  const uint8_t record[] = { 22, 3, 1, 0, 1, i < 4 ? start[i] : 3 };

  if (records)
    client_send (fd, record, sizeof record);
  else
    client_send (fd, i == 0 ? "\x16" : i == 1 ? "\x03" : "\x01", 1);
}

static void
test_slow_drip (void **state)
{
  struct tls_world *w = *state;
  int64_t begin;
  int kind, i, fd;
  char sink[256];

  for (kind = 0; kind < 2; kind++) {
    begin = transport_clock_ms ();
    fd = starttls (w, 1);
    for (i = 0; i < 400; i++) {
      drip_a_byte (fd, kind == 1, i);
      if (recv (fd, sink, sizeof sink, MSG_DONTWAIT) == 0)
        break;
      pause_ms (10);
    }
    client_assert_closed (fd);
    assert_in_range (transport_clock_ms () - begin, DRIP_MS, DRIP_MS + 2500);
    close (fd);
    assert_refused (w, kind + 1, "took too long");
  }
}

/* Places that those who may only look cannot take. */
static void
test_lookers (void **state)
{
  struct tls_world *w = *state;
  struct tls_client bobs[CONTROL_MAX_LOOKERS], one, alice;
  char byte;
  int i;

  for (i = 0; i < CONTROL_MAX_LOOKERS; i++)
    open_session (w, &bobs[i], "bob", BOB_KEY);
  open_session (w, &one, "bob", BOB_KEY);
  assert_false (tls_client_recv (&one, &byte, 1));
  assert_refused (w, 1, "may only look");
  open_session (w, &alice, "alice", ALICE_KEY);
  assert_int_equal (flush (&alice), 0);
  tls_client_end (&alice);
  tls_client_end (&one);
  for (i = 0; i < CONTROL_MAX_LOOKERS; i++)
    tls_client_end (&bobs[i]);
  /* Their places are free again. */
  for (i = 0; i < CONTROL_MAX_LOOKERS; i++) {
    open_session (w, &one, "bob", BOB_KEY);
    tls_client_end (&one);
    pause_ms (i % 8 == 0 ? 50 : 0);
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
  assert_refused (w, CONTROL_MAX_PENDING, "too many connections that have not "
                  "said who they are");
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

#define TEST(name, setup) \
  cmocka_unit_test_setup_teardown (name, setup, teardown)

int
main (void)
{
  const struct CMUnitTest tests[] = {
    TEST (test_leave_at_every_byte, setup),
    TEST (test_leave_inside, setup),
    TEST (test_slow_drip, setup_hasty),
    TEST (test_lookers, setup),
    TEST (test_crowd, setup),
    TEST (test_stop, setup),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
