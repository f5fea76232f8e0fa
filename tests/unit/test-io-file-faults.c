/* SPDX-License-Identifier: BSD-3-Clause
 *
 * io-file on a system that fails: interrupted and short calls, filesystems
 * that lack what is asked for.  Syncs that fail: test-io-file-sync.c.
 *
 * This program has its own pread, pwritev, pwritev2, fallocate and fdatasync,
 * which the engine's library then calls.
 */

#include <config.h>

#include <sys/syscall.h>

#include "io-file-fixture.h"

/* What the calls do; all zero: what they always do. */
static struct {
  int interrupted;              /* so many calls fail with EINTR first */
  size_t at_most;               /* bytes moved at once */
  int read, write;              /* errno of pread, of pwritev */
  bool nothing;                 /* pwritev writes no byte, and says so */
  bool pretend;                 /* or none, and says that it has */
  int punch, zero_range, dsync; /* errno of those */
  int sync;                     /* errno of the next fdatasync alone */
} fault;

static struct {
  int punch, zero_range, write, dsync, sync;
  size_t largest;               /* pwritev, bytes */
} calls;

static void
reset (void)
{
  memset (&fault, 0, sizeof fault);
  memset (&calls, 0, sizeof calls);
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

  if (fails (fault.read))
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
  const struct iov_cursor all = { iov, nr_iov, 0 };
  const size_t len = iov_cursor_left (&all);

  calls.write++;
  calls.largest = len > calls.largest ? len : calls.largest;
  if (fails (fault.write))
    return -1;
  if (fault.nothing || fault.pretend)
    return fault.nothing ? 0 : (ssize_t) len;
  return write_some (fd, iov, nr_iov, offset);
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
  const int errnum = fault.sync;

  (void) fd;
  calls.sync++;
  if (fault.interrupted > 0)
    return fails (0);
  fault.sync = 0;
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
  static const int lacking[] = { EOPNOTSUPP, ENOSYS, EINVAL, ENOTTY,
                                 ENODEV };
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
  /* And its write; then nothing need be synced. */
  io = fresh_io (mode, 5001);
  reset ();
  fault.dsync = EOPNOTSUPP;
  fault.write = ENOSPC;
  assert_int_equal (io_pwrite (io, "a", 1, 7, IO_DSYNC, NULL), -1);
  assert_int_equal (calls.sync, 0);
  io_close (io);
}

/* Told as it is, and nothing is retried. */
static void
check_fails (enum mode mode)
{
  struct io *io = fresh_io (mode, 100000);
  struct error err = ERROR_INIT;
  char buf[10];

  reset ();
  fault.read = EIO;
  assert_int_equal (io_pread (io, buf, 10, 5, &err), -1);
  assert_int_equal (err.errnum, EIO);
  assert_non_null (strstr (err.text, "reading "));
  /* The rest of a block that is written in part. */
  if (mode == DIRECT_4K) {
    assert_int_equal (io_pwrite (io, "abc", 3, 8190, 0, &err), -1);
    assert_string_equal (err.text, "reading 4096 bytes at offset 4096: "
                         "Input/output error");
    assert_int_equal (io_pwrite (io, buf, 10, 4090, 0, NULL), -1);
    assert_int_equal (calls.write, 0);
  }
  reset ();
  fault.write = EIO;
  assert_int_equal (io_pwrite (io, "abc", 3, 5, 0, &err), -1);
  assert_int_equal (err.errnum, EIO);
  assert_non_null (strstr (err.text, "writing "));
  assert_int_equal (calls.write, 1);
  fault.punch = fault.zero_range = EOPNOTSUPP;
  assert_int_equal (io_zero (io, 100, 70000, 0, &err), -1);
  ((struct io_file *) io)->zero_align = 4096;
  assert_int_equal (io_zero (io, 100, 70000, 0, &err), -1);
  assert_int_equal (calls.write, 3);
  fault.write = 0;
  fault.nothing = true;
  assert_int_equal (io_pwrite (io, "abc", 3, 5, 0, &err), -1);
  assert_int_equal (err.errnum, EIO);
  reset ();
  require_bytes (io, 0, 100000, 0xaa);
  io_close (io);
}

/* Linux moves less than 2 GiB at once. */
static void
test_huge_write (void **state)
{
  enum { NR = 40 };
  static char data[64 << 20];
  struct io *io = fresh_io (BUFFERED, 0);
  struct iovec iov[NR];
  int i;

  (void) state;
  for (i = 0; i < NR; ++i)
    iov[i] = (struct iovec) { data, sizeof data };
  iov[0].iov_len = 5;
  reset ();
  fault.pretend = true;
  assert_int_equal (io_pwritev (io, iov, NR, 7, 0, NULL), 0);
  assert_int_equal (calls.write, 3);
  assert_int_equal (calls.largest, 1 << 30);
  io_close (io);
}

ALL_MODES (interrupted)
ALL_MODES (short)
ALL_MODES (zero_falls_back)
ALL_MODES (dsync_falls_back)
ALL_MODES (fails)

int
main (void)
{
  const struct CMUnitTest tests[] = {
    UNIT_ALL_MODES (interrupted),
    UNIT_ALL_MODES (short),
    UNIT_ALL_MODES (zero_falls_back),
    UNIT_ALL_MODES (dsync_falls_back),
    UNIT_ALL_MODES (fails),
    cmocka_unit_test (test_huge_write),
    cmocka_unit_test (test_written_zeros_do_not_extend),
    cmocka_unit_test (test_zero_fails),
  };

  return cmocka_run_group_tests (tests, make_dir, remove_dir);
}
