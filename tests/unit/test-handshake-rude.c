/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The negotiation of the control endpoint with rude clients: they break
 * the protocol, send too much, leave at every byte, or dawdle.  Every test
 * has an endpoint of its own.
 */

#include <config.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "control-fixture.h"
#include "control-options.h"
#include "handshake.h"
#include "transport.h"

#define ARRAY_SIZE(a) (sizeof (a) / sizeof (a)[0])
#define FLAGS (NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES)

static int
setup (void **state)
{
  *state = malloc (sizeof (struct fixture));
  return *state == NULL ? -1 : fixture_start (*state);
}

static int
setup_hasty (void **state)
{
  *state = malloc (sizeof (struct fixture));
  return *state == NULL ? -1 : fixture_start_timed (*state, 400, 20000);
}

static int
teardown (void **state)
{
  fixture_stop (*state);
  free (*state);
  return 0;
}

static void
assert_alive (const struct fixture *f)
{
  int fd = client_start (f->path);

  client_go (fd);
  close (fd);
}

static void
pause_ms (long ms)
{
  const struct timespec t = { .tv_nsec = ms * 1000000 };

  nanosleep (&t, NULL);
}

/* -- refused by hanging up ------------------------------------------- */

static void
test_hang_up (void **state)
{
  static char name[HANDSHAKE_MAX_OPTION_BYTES + 1];
  static const struct {
    uint32_t flags;
    uint32_t option;
    const char *data;
    uint32_t len;
  } cases[] = {
    { 4, NBD_OPT_LIST, NULL, 0 },                       /* unknown flag */
    { 0x80000003, NBD_OPT_LIST, NULL, 0 },
    { 0, NBD_OPT_GO, "\0\0\0\0\0\0", 6 },               /* not fixed */
    { FLAGS, NBD_OPT_EXPORT_NAME, "other", 5 },
    { FLAGS, NBD_OPT_EXPORT_NAME, name, sizeof name },
    { FLAGS, NBD_OPT_INFO, NULL, HANDSHAKE_MAX_DRAIN_BYTES + 1 },
    { FLAGS, NBD_OPT_INFO, NULL, 0xffffffff },
  };
  struct fixture *f = *state;
  size_t i;

  for (i = 0; i < ARRAY_SIZE (cases); i++) {
    int fd = client_connect (f->path);

    client_greet (fd, cases[i].flags);
    client_option (fd, cases[i].option, cases[i].data, cases[i].len);
    client_assert_closed (fd);
    close (fd);
  }
  assert_alive (f);
}

static void
test_bad_magic (void **state)
{
  struct fixture *f = *state;
  int fd = client_start (f->path);

  client_send (fd, "IHAVEOPX\0\0\0\3\0\0\0\0", 16);
  client_assert_closed (fd);
  close (fd);
}

static void
test_too_many_options (void **state)
{
  struct fixture *f = *state;
  int fd = client_start (f->path), others, i;

  for (i = 0; i < HANDSHAKE_MAX_OPTIONS; i++)
    assert_int_equal (client_ask (fd, NBD_OPT_LIST, NULL, 0, &others),
                      NBD_REP_ACK);
  client_option (fd, NBD_OPT_LIST, NULL, 0);
  client_assert_closed (fd);
  close (fd);
}

/* -- long names and options ------------------------------------------ */

static uint32_t
info_of_name (int fd, uint32_t name_len)
{
  static uint8_t buf[4 + 5000 + 2];
  int others;

  assert_true (name_len <= 5000);
  memset (buf, 'n', sizeof buf);
  store_be32 (buf, name_len);
  store_be16 (buf + 4 + name_len, 0);
  return client_ask (fd, NBD_OPT_INFO, buf, 4 + name_len + 2, &others);
}

static void
test_long_names (void **state)
{
  struct fixture *f = *state;
  int fd = client_start (f->path);

  assert_int_equal (info_of_name (fd, 4096), NBD_REP_ERR_UNKNOWN);
  assert_int_equal (info_of_name (fd, 4097), NBD_REP_ERR_INVALID);
  assert_int_equal (info_of_name (fd, 5000), NBD_REP_ERR_INVALID);
  assert_int_equal (info_of_name (fd, 0), NBD_REP_ACK);
  client_go (fd);
  close (fd);
}

static void
test_long_options (void **state)
{
  static const uint32_t lens[] = {
    HANDSHAKE_MAX_OPTION_BYTES, HANDSHAKE_MAX_OPTION_BYTES + 1, 100000,
    HANDSHAKE_MAX_DRAIN_BYTES,
  };
  struct fixture *f = *state;
  int fd = client_start (f->path), others;
  uint8_t *data = calloc (1, HANDSHAKE_MAX_DRAIN_BYTES);
  size_t i;

  assert_non_null (data);
  for (i = 0; i < ARRAY_SIZE (lens); i++)
    assert_int_equal (client_ask (fd, 77, data, lens[i], &others),
                      lens[i] > HANDSHAKE_MAX_OPTION_BYTES
                      ? NBD_REP_ERR_TOO_BIG : NBD_REP_ERR_UNSUP);
  free (data);
  client_go (fd);
  close (fd);
}

/* -- leaving and dawdling -------------------------------------------- */

static void
test_leave_at_every_byte (void **state)
{
  struct fixture *f = *state;
  uint8_t bytes[512];
  size_t len = client_conversation (bytes), n;

  for (n = 0; n <= len; n++) {
    int fd = client_connect (f->path);

    client_send (fd, bytes, n);
    close (fd);
  }
  assert_alive (f);
}

/* The same, but the client stays to read until the server has ended: only
 * the whole conversation reaches a callback. */
static void
test_half_close_at_every_byte (void **state)
{
  struct fixture *f = *state;
  uint8_t bytes[512];
  size_t len = client_conversation (bytes), n;
  char sink[4096];

  for (n = 0; n <= len; n++) {
    int fd = client_connect (f->path);

    assert_int_equal (dummies_nr_flush (&f->dummies), 0);
    client_send (fd, bytes, n);
    shutdown (fd, SHUT_WR);
    while (recv (fd, sink, sizeof sink, 0) > 0)
      ;
    close (fd);
  }
  assert_int_equal (dummies_nr_flush (&f->dummies), 1);
}

/* A byte now and then does not push the deadline away. */
static void
drip (const struct fixture *f, const uint8_t *bytes, size_t len)
{
  int64_t begin = transport_clock_ms (), took;
  int fd = client_connect (f->path);
  ssize_t r = -1;
  size_t i;
  char c;

  for (i = 0; i < 200 && r == -1; i++) {
    client_send (fd, bytes + i % len, 1);
    pause_ms (10);
    do
      r = recv (fd, &c, 1, MSG_DONTWAIT);
    while (r == 1);
    if (r == -1 && errno == ECONNRESET)
      r = 0;
  }
  took = transport_clock_ms () - begin;
  assert_int_equal (r, 0);
  assert_in_range (took, 350, 1500);
  close (fd);
}

static void
test_slow_drip (void **state)
{
  static const uint8_t long_option[] = "\0\0\0\3IHAVEOPT\0\0\0\6\0\1\0\0";
  uint8_t bytes[512];
  size_t len = client_conversation (bytes);

  drip (*state, bytes, len);
  /* ... nor do the bytes of an option that is being drained. */
  memset (bytes, 'x', sizeof bytes);
  memcpy (bytes, long_option, sizeof long_option - 1);
  drip (*state, bytes, sizeof bytes);
}

static void
test_silence (void **state)
{
  struct fixture *f = *state;
  int silent = client_connect (f->path), greeted = client_start (f->path);
  int64_t begin = transport_clock_ms ();
  uint8_t buf[18];

  assert_true (client_recv (silent, buf, sizeof buf));
  client_assert_closed (silent);
  client_assert_closed (greeted);
  assert_in_range (transport_clock_ms () - begin, 300, 1500);
  close (silent);
  close (greeted);
}

#define TEST(name) \
  cmocka_unit_test_setup_teardown (name, setup, teardown)
#define TEST_HASTY(name) \
  cmocka_unit_test_setup_teardown (name, setup_hasty, teardown)

int
main (void)
{
  const struct CMUnitTest tests[] = {
    TEST (test_hang_up),
    TEST (test_bad_magic),
    TEST (test_too_many_options),
    TEST (test_long_names),
    TEST (test_long_options),
    TEST (test_leave_at_every_byte),
    TEST (test_half_close_at_every_byte),
    TEST_HASTY (test_slow_drip),
    TEST_HASTY (test_silence),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
