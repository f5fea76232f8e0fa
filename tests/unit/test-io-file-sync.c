/* SPDX-License-Identifier: BSD-3-Clause
 *
 * io-file: syncs, and durable writes, that fail: never retried into success,
 * and told to all whom they concern.
 *
 * This program has its own pwritev2 and fdatasync, which the engine's library
 * then calls.
 */

#include <config.h>

#include <pthread.h>
#include <time.h>

#include "io-file-fixture.h"

static struct {
  int sync;                     /* errno of the next fdatasync alone */
  bool sync_waits;              /* that one fails late, and tells another 0 */
  int dsync;                    /* errno of pwritev2 */
} fault;

static _Atomic bool waiting;

static void
reset (void)
{
  memset (&fault, 0, sizeof fault);
  waiting = false;
}

ssize_t
pwritev2 (int fd, const struct iovec *iov, int nr_iov, off_t offset, int flags)
{
  assert_int_equal (flags, RWF_DSYNC);
  errno = fault.dsync;
  return fault.dsync ? -1 : pwritev (fd, iov, nr_iov, offset);
}

int
fdatasync (int fd)
{
  const struct timespec ts = { .tv_nsec = 50000000 };
  const int errnum = fault.sync;

  (void) fd;
  fault.sync = 0;
  if (errnum && fault.sync_waits) {
    waiting = true;
    nanosleep (&ts, NULL);
  }
  errno = errnum;
  return errnum ? -1 : 0;
}

static void
sync_fails (struct io *io, const char *text)
{
  struct error err = ERROR_INIT;

  assert_int_equal (io_sync (io, &err), -1);
  assert_int_equal (err.errnum, EIO);
  if (!strstr (err.text, text))
    fail_msg ("\"%s\"", err.text);
}

/* "Never retried into success." */
static void
test_failed_sync_stays (void **state)
{
  struct io *io = fresh_io (BUFFERED, 100);

  (void) state;
  reset ();
  fault.sync = EIO;
  sync_fails (io, "Input/output error");
  sync_fails (io, "an earlier sync of this file failed");
  io_close (io);
  io = open_io (BUFFERED, IO_OPEN_WRITE);
  assert_int_equal (io_sync (io, NULL), 0);
  io_close (io);
}

static void
test_failed_dsync_stays (void **state)
{
  static const int full[] = { ENOSPC, EDQUOT, EFBIG };
  struct io *io = fresh_io (BUFFERED, 100);
  struct error err = ERROR_INIT;
  size_t i;

  (void) state;
  reset ();
  /* A full disk is no reason: it may be tried again. */
  for (i = 0; i < 3; ++i) {
    fault.dsync = full[i];
    assert_int_equal (io_pwrite (io, "a", 1, 7, IO_DSYNC, &err), -1);
    assert_int_equal (err.errnum, full[i]);
  }
  fault.dsync = 0;
  assert_int_equal (io_pwrite (io, "a", 1, 7, IO_DSYNC, NULL), 0);
  fault.dsync = EIO;
  assert_int_equal (io_pwrite (io, "a", 1, 7, IO_DSYNC, NULL), -1);
  fault.dsync = 0;
  assert_int_equal (io_pwrite (io, "a", 1, 7, IO_DSYNC, &err), -1);
  assert_int_equal (err.errnum, EIO);
  assert_non_null (strstr (err.text, "an earlier durable write"));
  /* The kernel tells a flush of it separately. */
  assert_int_equal (io_sync (io, NULL), 0);
  io_close (io);
}

struct waiter {
  struct sync_group *g;
  struct sync_op op;
  _Atomic bool ended;
};

static void *
end_well (void *arg)
{
  struct waiter *w = arg;

  assert_int_equal (sync_group_end (w->g, &w->op, 0), SYNC_EARLIER_FAILED);
  w->ended = true;
  return NULL;
}

static bool
is_alone (struct sync_group *g, const struct sync_op *op)
{
  bool r;

  mutex_lock (&g->lock);
  r = g->running == op && !op->next;
  mutex_unlock (&g->lock);
  return r;
}

/* It waits for those that had begun when it ended, whatever begins later. */
static void
test_group (void **state)
{
  struct sync_group g;
  struct sync_op second, third;
  struct waiter w = { .g = &g };
  pthread_t thread;

  (void) state;
  sync_group_init (&g, -1);
  sync_group_begin (&g, &w.op);
  sync_group_begin (&g, &second);
  assert_int_equal (pthread_create (&thread, NULL, end_well, &w), 0);
  while (!is_alone (&g, &second))
    sched_yield ();
  sync_group_begin (&g, &third);
  assert_false (w.ended);
  assert_int_equal (sync_group_end (&g, &second, EIO), EIO);
  pthread_join (thread, NULL);
  assert_true (w.ended);
  /* A second failure is told as what it is. */
  assert_int_equal (sync_group_end (&g, &third, EBADF), EBADF);
  sync_group_destroy (&g);
}

static void *
sync_late (void *arg)
{
  sync_fails (arg, "Input/output error");
  return NULL;
}

/* Two syncs at once: the kernel tells one of them, and 0 to the other. */
static void
test_concurrent_sync_sees_the_failure (void **state)
{
  struct io *io = fresh_io (BUFFERED, 100);
  pthread_t thread;

  (void) state;
  reset ();
  fault.sync = EIO;
  fault.sync_waits = true;
  assert_int_equal (pthread_create (&thread, NULL, sync_late, io), 0);
  while (!waiting)
    sched_yield ();
  sync_fails (io, "an earlier sync of this file failed");
  pthread_join (thread, NULL);
  io_close (io);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_failed_sync_stays),
    cmocka_unit_test (test_failed_dsync_stays),
    cmocka_unit_test (test_concurrent_sync_sees_the_failure),
    cmocka_unit_test (test_group),
  };

  return cmocka_run_group_tests (tests, make_dir, remove_dir);
}
