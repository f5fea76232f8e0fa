/* SPDX-License-Identifier: BSD-3-Clause
 *
 * io-file on a system that fails: interrupted and short calls, filesystems
 * that lack what is asked for, syncs that fail.
 *
 * This program has its own pread, pwritev, pwritev2, fallocate and fdatasync,
 * which the engine's library then calls.
 */

#include <config.h>

#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>

#include "io-file-fixture.h"

/* What the calls do; all zero: what they always do. */
static struct {
  int interrupted;              /* so many calls fail with EINTR first */
  size_t at_most;               /* bytes moved at once */
  int punch, zero_range, dsync; /* errno of those */
  int sync;                     /* errno of the next fdatasync alone */
  bool sync_waits;              /* that one fails late, and tells another 0 */
} fault;

static struct {
  int punch, zero_range, write, dsync, sync;
} calls;

static _Atomic bool waiting;

static void
reset (void)
{
  memset (&fault, 0, sizeof fault);
  memset (&calls, 0, sizeof calls);
  waiting = false;
}

static int
fails (int errnum)
{
  if (fault.interrupted > 0) {
    fault.interrupted--;
    errno = EINTR;
    return -1;
  }
  errno = errnum;
  return errnum ? -1 : 0;
}

/* A part of the first element only; and where that was cut off, the kernel
 * does not own up to its last 100 bytes, so that progress ends inside a
 * block. */
static ssize_t
write_some (int fd, const struct iovec *iov, int nr_iov, off_t offset)
{
  size_t len = iov[0].iov_len;
  ssize_t r;

  if (!fault.at_most)
    return syscall (SYS_pwritev, fd, iov, (long) nr_iov, (long) offset, 0L);
  if (len <= fault.at_most)
    return syscall (SYS_pwrite64, fd, iov[0].iov_base, len, offset);
  r = syscall (SYS_pwrite64, fd, iov[0].iov_base, fault.at_most, offset);
  return r > 100 ? r - 100 : r;
}

ssize_t
pread (int fd, void *buf, size_t len, off_t offset)
{
  ssize_t r;

  if (fails (0))
    return -1;
  if (!fault.at_most || len <= fault.at_most)
    return syscall (SYS_pread64, fd, buf, len, offset);
  r = syscall (SYS_pread64, fd, buf, fault.at_most, offset);
  if (r <= 100)
    return r;
  memset ((char *) buf + r - 100, 0x77, 100);
  return r - 100;
}

ssize_t
pwritev (int fd, const struct iovec *iov, int nr_iov, off_t offset)
{
  calls.write++;
  return fails (0) ? -1 : write_some (fd, iov, nr_iov, offset);
}

ssize_t
pwritev2 (int fd, const struct iovec *iov, int nr_iov, off_t offset, int flags)
{
  assert_int_equal (flags, RWF_DSYNC);
  calls.dsync++;
  return fails (fault.dsync) ? -1 : write_some (fd, iov, nr_iov, offset);
}

int
fallocate (int fd, int mode, off_t offset, off_t len)
{
  const bool punch = mode & FALLOC_FL_PUNCH_HOLE;

  assert_true (mode & FALLOC_FL_KEEP_SIZE);
  *(punch ? &calls.punch : &calls.zero_range) += 1;
  if (fails (punch ? fault.punch : fault.zero_range))
    return -1;
  /* tmpfs has no zero ranges; a hole reads the same. */
  return (int) syscall (SYS_fallocate, fd,
                        FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset,
                        len);
}

int
fdatasync (int fd)
{
  const struct timespec ts = { .tv_nsec = 50000000 };
  const int errnum = fault.sync;

  (void) fd;
  calls.sync++;
  if (fault.interrupted > 0)
    return fails (0);
  fault.sync = 0;
  if (errnum && fault.sync_waits) {
    waiting = true;
    nanosleep (&ts, NULL);
  }
  errno = errnum;
  return errnum ? -1 : 0;
}

static void
check_interrupted (enum mode mode)
{
  struct io *io = fresh_io (mode, 100000);

  reset ();
  fault.interrupted = 5;
  assert_int_equal (io_pwrite (io, "abc", 3, 5, 0, NULL), 0);
  fault.interrupted = 5;
  assert_int_equal (io_pwrite (io, "abc", 3, 8, IO_DSYNC, NULL), 0);
  fault.interrupted = 5;
  assert_int_equal (io_zero (io, 50000, 20000, IO_PUNCH, NULL), 0);
  fault.interrupted = 5;
  assert_int_equal (io_sync (io, NULL), 0);
  assert_int_equal (fault.interrupted, 0);
  require_bytes (io, 5, 1, 'a');
  require_bytes (io, 10, 1, 'c');
  require_bytes (io, 50000, 20000, 0);
  io_close (io);
}

static void
check_short (enum mode mode)
{
  static uint8_t data[30000], back[sizeof data];
  const struct iovec iov[] = {
    { data, 5000 }, { data + 5000, 1 }, { data + 5001, 24999 }
  };
  struct io *io = fresh_io (mode, 100000);
  size_t i;

  for (i = 0; i < sizeof data; ++i)
    data[i] = (uint8_t) (i % 251);
  reset ();
  fault.at_most = 8192;
  assert_int_equal (io_pwritev (io, iov, 3, 1234, 0, NULL), 0);
  assert_int_equal (io_pwritev (io, iov, 3, 50001, IO_DSYNC, NULL), 0);
  assert_int_equal (io_pread (io, back, sizeof back, 1234, NULL), 0);
  assert_memory_equal (back, data, sizeof data);
  assert_int_equal (io_pread (io, back, sizeof back, 50001, NULL), 0);
  assert_memory_equal (back, data, sizeof data);
  require_bytes (io, 0, 1234, 0xaa);
  require_bytes (io, 31234, 18767, 0xaa);
  require_bytes (io, 100000, 20000, 0);
  io_close (io);
}

static void
zero_with (enum mode mode, unsigned flags, int punch, int zero_range)
{
  struct io *io = fresh_io (mode, 300001);

  reset ();
  fault.punch = punch;
  fault.zero_range = zero_range;
  assert_int_equal (io_zero (io, 1001, 1 << 30, flags, NULL), 0);
  require_bytes (io, 0, 1001, 0xaa);
  require_bytes (io, 1001, 299000, 0);
  io_close (io);
}

/* Each means in turn, and no sooner than needed. */
static void
check_zero_falls_back (enum mode mode)
{
  static const int lacking[] = { EOPNOTSUPP, ENOSYS, EINVAL, ENOTTY };
  size_t i;

  zero_with (mode, 0, EIO, 0);
  assert_int_equal (calls.punch, 0);
  zero_with (mode, IO_PUNCH, 0, EIO);
  assert_int_equal (calls.zero_range, 0);
  for (i = 0; i < sizeof lacking / sizeof lacking[0]; ++i) {
    zero_with (mode, IO_PUNCH, lacking[i], 0);
    assert_int_equal (calls.zero_range, 1);
    assert_int_equal (calls.write, 0);
    zero_with (mode, IO_PUNCH, lacking[i], lacking[i]);
    assert_true (calls.write > 0);
    zero_with (mode, 0, EIO, lacking[i]);
    assert_true (calls.write > 0);
  }
}

/* Buffered, a file keeps its odd length even where zeros are written. */
static void
test_written_zeros_do_not_extend (void **state)
{
  struct io *io = fresh_io (BUFFERED, 5001);

  (void) state;
  reset ();
  fault.punch = fault.zero_range = EOPNOTSUPP;
  assert_int_equal (io_zero (io, 10, 1 << 20, IO_PUNCH, NULL), 0);
  assert_int_equal (size_of (io), 5001);
  io_close (io);
}

static void
test_zero_fails (void **state)
{
  struct io *io = fresh_io (BUFFERED, 5001);
  struct error err = ERROR_INIT;

  (void) state;
  reset ();
  fault.punch = EIO;
  assert_int_equal (io_zero (io, 10, 20, IO_PUNCH, &err), -1);
  assert_int_equal (err.errnum, EIO);
  assert_string_equal (err.text,
                       "zeroing 20 bytes at offset 10: Input/output error");
  assert_int_equal (calls.zero_range + calls.write, 0);
  io_close (io);
}

static void
check_dsync_falls_back (enum mode mode)
{
  static const int lacking[] = { EOPNOTSUPP, ENOSYS, EINVAL };
  struct io *io = fresh_io (mode, 5001);
  size_t i;

  for (i = 0; i < 3; ++i) {
    reset ();
    assert_int_equal (io_pwrite (io, "x", 1, 70 + i, IO_DSYNC, NULL), 0);
    assert_int_equal (calls.sync, 0);
    fault.dsync = lacking[i];
    assert_int_equal (io_pwrite (io, "a", 1, 7 + i, IO_DSYNC, NULL), 0);
    assert_int_equal (calls.sync, 1);
  }
  require_bytes (io, 7, 3, 'a');
  /* And its sync may fail too. */
  reset ();
  fault.dsync = EOPNOTSUPP;
  fault.sync = EIO;
  assert_int_equal (io_pwrite (io, "a", 1, 7, IO_DSYNC, NULL), -1);
  io_close (io);
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
  struct io *io = fresh_io (BUFFERED, 100);
  struct error err = ERROR_INIT;

  (void) state;
  reset ();
  /* A full disk is no reason: it may be tried again. */
  fault.dsync = ENOSPC;
  assert_int_equal (io_pwrite (io, "a", 1, 7, IO_DSYNC, &err), -1);
  assert_int_equal (err.errnum, ENOSPC);
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

ALL_MODES (interrupted)
ALL_MODES (short)
ALL_MODES (zero_falls_back)
ALL_MODES (dsync_falls_back)

int
main (void)
{
  const struct CMUnitTest tests[] = {
    UNIT_ALL_MODES (interrupted),
    UNIT_ALL_MODES (short),
    UNIT_ALL_MODES (zero_falls_back),
    UNIT_ALL_MODES (dsync_falls_back),
    cmocka_unit_test (test_written_zeros_do_not_extend),
    cmocka_unit_test (test_zero_fails),
    cmocka_unit_test (test_failed_sync_stays),
    cmocka_unit_test (test_failed_dsync_stays),
    cmocka_unit_test (test_concurrent_sync_sees_the_failure),
  };

  return cmocka_run_group_tests (tests, make_dir, remove_dir);
}
