/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The threads of the control endpoint: clients that die during a command,
 * too many of them, slow ones, and the end of the endpoint in the middle of
 * everything.
 */

#include <config.h>

#include <errno.h>
#include <linux/sockios.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include <cmocka.h>

#include "control-fixture.h"
#include "control-requests.h"
#include "handshake.h"
#include "session.h"
#include "transport.h"

#define FLUSH "{\"execute\":\"flush\"}"
#define WAIT "{\"execute\":\"inactivate\"," \
             "\"arguments\":{\"drain-timeout-ms\":2}}"

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
  return *state == NULL ? -1 : fixture_start_timed (*state, 20000, 300);
}

static int
teardown (void **state)
{
  fixture_stop (*state);
  free (*state);
  return 0;
}

static void
pause_ms (long ms)
{
  const struct timespec t = { .tv_nsec = ms * 1000000 };

  nanosleep (&t, NULL);
}

/* Free the listener; how long it took. */
static int64_t
stop (struct fixture *f)
{
  int64_t begin = transport_clock_ms ();

  control_listener_free (f->listener);
  f->listener = NULL;
  return transport_clock_ms () - begin;
}

/* A client whose command waits in the callback. */
static int
open_waiting (struct fixture *f)
{
  int fd = client_open (f->path, true, true);

  client_write (fd, 0, WAIT, strlen (WAIT));
  dummies_await_command (&f->dummies);
  return fd;
}

/* Wait until the command has ended. */
static void
await_end (struct dummies *d)
{
  mutex_lock (&d->lock);
  while (d->nr_inactivate == 0)
    cond_wait (&d->changed, &d->lock);
  mutex_unlock (&d->lock);
}

/* -- dying during a command ------------------------------------------ */

static void
test_die_in_command (void **state)
{
  struct fixture *f = *state;
  int dying = open_waiting (f), other = client_open (f->path, true, true);
  json_t *doc;

  close (dying);
  /* The other is served while that command waits, and after. */
  doc = client_document (other);
  json_decref (doc);
  assert_int_equal (client_command (other, FLUSH), 0);
  dummies_release (&f->dummies);
  await_end (&f->dummies);
  assert_int_equal (client_command (other, FLUSH), 0);
  doc = client_document (other);
  json_decref (doc);
  close (other);
}

/* It may also have sent more before it died: nothing of that runs twice,
 * and no signal ends the process when the reply finds nobody. */
static void
test_die_with_pipeline (void **state)
{
  struct fixture *f = *state;
  int dying = open_waiting (f), i;

  for (i = 0; i < 100; i++)
    client_request (dying, NBD_CMD_READ, 0, 65536);
  close (dying);
  dummies_release (&f->dummies);
  await_end (&f->dummies);
  stop (f);
  assert_int_equal (f->dummies.nr_inactivate, 1);
}

/* The transport itself raises no signal either: endpoint threads block all
 * of them, others do not. */
static void
test_no_sigpipe (void **state)
{
  struct transport *t;
  struct error err = ERROR_INIT;
  int fds[2], stop_fds[2];

  (void) state;
  assert_int_equal (socketpair (AF_UNIX, SOCK_STREAM, 0, fds), 0);
  assert_int_equal (pipe (stop_fds), 0);
  assert_int_equal (transport_socket_new (fds[0], stop_fds[0], &t, &err), 0);
  close (fds[1]);
  assert_int_equal (transport_send (t, "x", 1, TRANSPORT_NO_DEADLINE, &err),
                    -1);
  assert_int_equal (err.errnum, EPIPE);
  transport_close (t);
  close (stop_fds[0]);
  close (stop_fds[1]);
}

/* -- how many -------------------------------------------------------- */

static void
test_limit (void **state)
{
  struct fixture *f = *state;
  int fds[CONTROL_MAX_CLIENTS], fd, i;
  const int64_t limit_ms = transport_clock_ms () + 20000;
  char c = 0;

  for (i = 0; i < CONTROL_MAX_CLIENTS; i++) {
    fds[i] = client_open (f->path, true, false);
    /* One that is answered has been counted. */
    json_decref (client_document (fds[i]));
  }
  fd = client_connect (f->path);
  client_assert_closed (fd);
  close (fd);
  client_request (fds[7], NBD_CMD_DISC, 0, 0);
  client_assert_closed (fds[7]);
  close (fds[7]);
  /* On a busy machine its thread ends when it gets to run. */
  while (c != 'N') {
    assert_true (transport_clock_ms () < limit_ms);
    fd = client_connect (f->path);
    if (recv (fd, &c, 1, 0) != 1)
      pause_ms (10);
    close (fd);
  }
  for (i = 0; i < CONTROL_MAX_CLIENTS; i++)
    if (i != 7)
      close (fds[i]);
}

/* Slots are used again, more often than there are. */
static void
test_many_in_turn (void **state)
{
  struct fixture *f = *state;
  int i;

  for (i = 0; i < 5 * CONTROL_MAX_CLIENTS; i++) {
    int fd = client_open (f->path, true, true);

    if (i % 2 == 0) {
      client_request (fd, NBD_CMD_DISC, 0, 0);
      client_assert_closed (fd);
    }
    close (fd);
    if (i % 16 == 0)
      pause_ms (20);
  }
}

/* -- slow ------------------------------------------------------------ */

static void
test_slow_request (void **state)
{
  struct fixture *f = *state;
  int half = client_open (f->path, true, true);
  int unfinished = client_open (f->path, true, true);
  int idle = client_open (f->path, true, true);
  int64_t begin = transport_clock_ms ();

  client_send (half, "\x25\x60\x95", 3);
  client_request (unfinished, NBD_CMD_WRITE, 0, 1000);
  client_send (unfinished, FLUSH, strlen (FLUSH));
  client_assert_closed (half);
  client_assert_closed (unfinished);
  assert_in_range (transport_clock_ms () - begin, 250, 2000);
  /* One that is silent between requests is left alone. */
  pause_ms (400);
  assert_int_equal (client_command (idle, FLUSH), 0);
  assert_int_equal (dummies_nr_flush (&f->dummies), 1);
  close (half);
  close (unfinished);
  close (idle);
}

/* One that never reads its replies loses the connection. */
static void
test_slow_reader (void **state)
{
  struct fixture *f = *state;
  int fd = client_open (f->path, true, true), i;
  static char sink[65536];

  for (i = 0; i < 100; i++)
    client_request (fd, NBD_CMD_READ, 0, 65536);
  pause_ms (900);
  while (recv (fd, sink, sizeof sink, MSG_DONTWAIT) > 0)
    ;
  client_assert_closed (fd);
  close (fd);
}

/* -- much is announced ------------------------------------------------ */

/* Of all arenas.  A sanitizer's malloc is not asked. */
static size_t
allocated (void)
{
  const struct mallinfo2 info = mallinfo2 ();

  return info.uordblks + info.hblkhd;
}

/* Wait until all that was sent has been read. */
static void
await_read (int fd)
{
  const int64_t limit_ms = transport_clock_ms () + 20000;
  int unread = 0;

  while (ioctl (fd, SIOCOUTQ, &unread) == 0 && unread > 0) {
    assert_true (transport_clock_ms () < limit_ms);
    pause_ms (1);
  }
}

/* What a client says that it will send takes no memory: each of them is in the
 * middle of the longest option, or the longest request, that is drained. */
static void
test_announced (void **state)
{
  struct fixture *f = *state;
  int options[CONTROL_MAX_PENDING - 1], requests[CONTROL_MAX_PENDING], i;
  size_t before, after;

  for (i = 0; i < CONTROL_MAX_PENDING; i++) {
    requests[i] = client_open (f->path, true, true);
    json_decref (client_document (requests[i]));
  }
  for (i = 0; i < CONTROL_MAX_PENDING - 1; i++)
    options[i] = client_start (f->path);
  before = allocated ();
  for (i = 0; i < CONTROL_MAX_PENDING - 1; i++) {
    client_option (options[i], NBD_OPT_INFO, NULL, HANDSHAKE_MAX_DRAIN_BYTES);
    client_send (options[i], "x", 1);
    await_read (options[i]);
  }
  for (i = 0; i < CONTROL_MAX_PENDING; i++) {
    client_request (requests[i], NBD_CMD_WRITE, 0, SESSION_MAX_DRAIN_BYTES);
    client_send (requests[i], "x", 1);
    await_read (requests[i]);
  }
  after = allocated ();
  for (i = 0; i < CONTROL_MAX_PENDING; i++)
    close (requests[i]);
  for (i = 0; i < CONTROL_MAX_PENDING - 1; i++)
    close (options[i]);
  if (after > before + 1024 * 1024)
    fail_msg ("%zu bytes before, %zu after", before, after);
}

/* -- the end --------------------------------------------------------- */

static void
test_stop_with_idle_clients (void **state)
{
  struct fixture *f = *state;
  int fds[7], i;

  fds[0] = client_connect (f->path);            /* silent */
  fds[1] = client_start (f->path);              /* half negotiated */
  fds[2] = client_start (f->path);              /* within an option */
  client_option (fds[2], NBD_OPT_INFO, NULL, 1000);
  client_send (fds[2], "xx", 2);
  fds[3] = client_open (f->path, true, true);   /* idle */
  fds[4] = client_open (f->path, true, true);   /* within a request */
  client_send (fds[4], "\x25", 1);
  fds[5] = client_open (f->path, true, true);   /* within a payload */
  client_request (fds[5], NBD_CMD_WRITE, 0, 1000);
  fds[6] = client_open (f->path, true, true);   /* does not read */
  for (i = 0; i < 100; i++)
    client_request (fds[6], NBD_CMD_READ, 0, 65536);
  pause_ms (50);
  assert_in_range (stop (f), 0, 1000);
  assert_int_equal (access (f->path, F_OK), -1);
  for (i = 0; i < 7; i++)
    close (fds[i]);
}

/* One that always has another request ready: it sends as much as fits. */
static void
test_stop_with_busy_client (void **state)
{
  struct fixture *f = *state;
  int fd = client_open (f->path, false, false);
  static uint8_t requests[28 * 5000];
  size_t i;

  for (i = 0; i < sizeof requests; i += 28) {
    store_be32 (requests + i, NBD_REQUEST_MAGIC);
    store_be16 (requests + i + 6, NBD_CMD_TRIM);
  }
  assert_true (send (fd, requests, sizeof requests, MSG_DONTWAIT) > 2800);
  assert_in_range (stop (f), 0, 1000);
  close (fd);
}

static void *
release_later (void *arg)
{
  pause_ms (300);
  dummies_release (arg);
  return NULL;
}

/* A command in progress is waited for, and its reply is sent. */
static void
test_stop_with_command (void **state)
{
  struct fixture *f = *state;
  int fd = open_waiting (f);
  pthread_t thread;

  assert_int_equal (pthread_create (&thread, NULL, release_later,
                                    &f->dummies), 0);
  assert_in_range (stop (f), 250, 2000);
  pthread_join (thread, NULL);
  assert_int_equal (f->dummies.nr_inactivate, 1);
  assert_int_equal (client_error (fd), 0);
  client_assert_closed (fd);
  close (fd);
}

static void
test_stop_unstarted (void **state)
{
  struct fixture *f = *state;
  struct control_config config = {
    .callbacks = &dummy_callbacks,
    .opaque = &f->dummies,
  };
  struct control_listener *l;
  char path[128];
  int fd;

  control_listener_free (NULL);
  snprintf (path, sizeof path, "%s/second.sock", f->dir);
  config.path = path;
  assert_int_equal (control_listener_new (&config, &l, NULL), 0);
  fd = client_connect (path);
  control_listener_free (l);
  client_assert_closed (fd);
  assert_int_equal (access (path, F_OK), -1);
  close (fd);
}

#define TEST(name) \
  cmocka_unit_test_setup_teardown (name, setup, teardown)
#define TEST_HASTY(name) \
  cmocka_unit_test_setup_teardown (name, setup_hasty, teardown)

int
main (void)
{
  const struct CMUnitTest tests[] = {
    TEST (test_die_in_command),
    TEST (test_die_with_pipeline),
    cmocka_unit_test (test_no_sigpipe),
    TEST (test_limit),
    TEST (test_many_in_turn),
    TEST_HASTY (test_slow_request),
    TEST_HASTY (test_slow_reader),
    TEST (test_announced),
    TEST (test_stop_with_idle_clients),
    TEST (test_stop_with_busy_client),
    TEST (test_stop_with_command),
    TEST (test_stop_unstarted),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
