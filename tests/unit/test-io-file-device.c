/* SPDX-License-Identifier: BSD-3-Clause
 *
 * io-file on block devices, and on files that are replaced or fail while they
 * are opened: neither is to be had in a test.
 *
 * The system is that of device-file.h.
 */

#include <config.h>

#include "device-file.h"
#include "failing-calls.h"
#include "io-file-fixture.h"
#include "io-optional.h"

static void
reset (void)
{
  memset (&here, 0, sizeof here);
  nr_fstat = 0;
}

static int
try_open (bool direct, unsigned flags, struct io **ret, struct error *err)
{
  struct io_file_opener opener;

  io_file_opener_init (&opener, direct, LOCKING_AUTO);
  return opener.base.open (&opener.base, path, flags, ret, err);
}

/* Of a file of DEVICE_BYTES that is there, which stays as it is. */
static void
refused (bool direct, int errnum, const char *text)
{
  struct error err = ERROR_INIT;
  struct io *io = NULL;
  const int fd = openat (AT_FDCWD, path, O_RDONLY);

  assert_int_equal (close (fd), 0);
  nr_fstat = 0;
  assert_int_equal (try_open (direct, IO_OPEN_WRITE, &io, &err), -1);
  assert_null (io);
  assert_int_equal (err.errnum, errnum);
  assert_string_equal (err.text, text);
  reset ();
  assert_int_equal (try_open (false, 0, &io, &err), 0);
  /* No descriptor is left behind. */
  assert_int_equal (((struct io_file *) io)->fd, fd);
  require_bytes (io, 0, DEVICE_BYTES, 0xaa);
  io_close (io);
}

static struct io *
open_device (int sector, bool direct, unsigned flags)
{
  struct error err = ERROR_INIT;
  struct io *io;

  reset ();
  io_close (fresh_io (BUFFERED, DEVICE_BYTES));
  here.kind = S_IFBLK;
  here.sector = sector;
  here.no_sector = sector == 0;
  if (try_open (direct, flags, &io, &err) == -1)
    fail_msg ("%s", err.text);
  return io;
}

static void
test_device (void **state)
{
  struct io *io = open_device (512, false, IO_OPEN_WRITE);
  struct error err = ERROR_INIT;
  uint64_t n = 0;

  (void) state;
  assert_true (io->fixed_size);
  assert_false (io->fresh_reads_zero);
  assert_true (io->may_be_stale);
  /* By any of its nodes: the number of the device, not of the inode. */
  assert_true (io->identity[0] == 0x1234 && io->identity[1] == UINT64_MAX);
  assert_int_equal (size_of (io), DEVICE_BYTES);
  assert_int_equal (io_mtime (io), 0);
  assert_false (io_hole (io, 0, 77, &n));
  assert_int_equal (n, 77);
  here.no_size = true;
  assert_int_equal (io_size (io, &n, &err), -1);
  assert_int_equal (err.errnum, ENOTTY);
  assert_string_equal (err.text, "asking for the device's size: Inappropriate "
                       "ioctl for device");
  assert_int_equal (io_zero (io, 0, 5, 0, &err), -1);
  require_bytes (io, 0, DEVICE_BYTES, 0xaa);
  io_close (io);
}

/* Whole sectors by fallocate, the rest by writing; 4096 where the device does
 * not say what a sector is. */
static void
test_zero_align (void **state)
{
  static const struct { int sector; uint32_t align; } cases[] = {
    { 512, 512 }, { 4096, 4096 }, { 0, 4096 }, { -1, 4096 },
  };
  size_t i;

  (void) state;
  for (i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    struct io *io = open_device (cases[i].sector, false, IO_OPEN_WRITE);

    assert_int_equal (((struct io_file *) io)->zero_align, cases[i].align);
    assert_int_equal (io_zero (io, 1000, 50000, IO_PUNCH, NULL), 0);
    require_bytes (io, 0, 1000, 0xaa);
    require_bytes (io, 1000, 50000, 0);
    require_bytes (io, 51000, DEVICE_BYTES - 51000, 0xaa);
    io_close (io);
  }
}

#define NO_DIRECT "cannot be read and written past the page cache (O_DIRECT) " \
  "on this filesystem: do not use cache=none"

static void
require_aligned (uint32_t mem, uint32_t block)
{
  struct error err = ERROR_INIT;
  struct io_file *f;
  struct io *io;

  if (try_open (true, 0, &io, &err) == -1)
    fail_msg ("%s", err.text);
  f = (struct io_file *) io;
  assert_int_equal (f->mem_align, mem);
  assert_int_equal (f->block_bytes, block);
  io_close (io);
}

/* What O_DIRECT asks for: by the kernel, by the device, or a guess; nothing
 * that cannot be is believed. */
static void
test_direct_align (void **state)
{
  static const uint32_t wrong[][2] = {
    { 0, 512 }, { 512, 0 }, { 100, 512 }, { 512, 1000 }, { 512, 1 << 20 },
  };
  size_t i;

  (void) state;
  if (!have_direct)
    skip ();
  reset ();
  io_close (fresh_io (BUFFERED, DEVICE_BYTES));
  require_aligned (4096, 4096);
  here.mem_align = 1;           /* statx fails */
  require_aligned (4096, 4096);
  here.kind = S_IFBLK;
  here.sector = 512;
  require_aligned (512, 512);
  here.no_sector = true;
  require_aligned (4096, 4096);
  here.no_sector = false;
  here.sector = 0;
  refused (true, EINVAL, NO_DIRECT);
  if (!HAVE_DIOALIGN)
    return;
  here.has_dioalign = true;
  here.mem_align = 4;
  here.offset_align = 512;
  require_aligned (4, 512);
  for (i = 0; i < sizeof wrong / sizeof wrong[0]; ++i) {
    here.has_dioalign = true;
    here.mem_align = wrong[i][0];
    here.offset_align = wrong[i][1];
    refused (true, EINVAL, NO_DIRECT);
  }
}

/* "O_NONBLOCK, so that a FIFO which took the name's place between the two
 * cannot make it wait"; what was opened is what counts. */
static void
test_opening (void **state)
{
  (void) state;
  reset ();
  io_close (fresh_io (BUFFERED, DEVICE_BYTES));
  here.no_stat = EINVAL;
  refused (false, EINVAL, "cannot be opened for writing: Invalid argument");
  here.kind = S_IFLNK;
  refused (false, EINVAL, "is of an unknown kind, not a regular file or a "
           "block device");
  here.opened_kind = S_IFIFO;
  refused (false, EINVAL, "is a FIFO, not a regular file or a block device");
  here.no_fstat = 1;
  refused (false, EIO, "cannot be opened for writing: Input/output error");
  here.no_setfl = true;
  refused (false, EPERM, "cannot be opened for writing: Operation not "
           "permitted");
  /* The second description, for durable writes. */
  here.no_fstat = 2;
  refused (false, EIO, "cannot be opened for writing: Input/output error");
  here.other_fstat = 2;
  refused (false, EAGAIN, "was replaced by another file while it was being "
           "opened: try again");
  here.other_fstat = 2;
  here.other_device = true;
  refused (false, EAGAIN, "was replaced by another file while it was being "
           "opened: try again");
}

static void
test_no_memory (void **state)
{
  (void) state;
  reset ();
  io_close (fresh_io (BUFFERED, DEVICE_BYTES));
  fail_call (1);
  refused (false, ENOMEM, "out of memory");
  assert_true (fail_call_struck ());
}

/* Buffers that nobody has memory for: nothing is written. */
static void
test_no_buffer (void **state)
{
  struct error err = ERROR_INIT;
  struct io *io;
  char c;

  (void) state;
  if (!have_direct)
    skip ();
  reset ();
  io = fresh_io (DIRECT_4K, 10000);
  fail_call (1);
  assert_int_equal (io_pread (io, &c, 1, 5000, &err), -1);
  assert_true (fail_call_struck ());
  assert_int_equal (err.errnum, ENOMEM);
  assert_string_equal (err.text, "out of memory for a buffer of 4096 bytes");
  err.errnum = 0;
  fail_call (1);
  assert_int_equal (io_pwrite (io, "x", 1, 5000, 0, &err), -1);
  assert_true (fail_call_struck ());
  assert_int_equal (err.errnum, ENOMEM);
  require_bytes (io, 0, 10000, 0xaa);
  assert_int_equal (io_pwrite (io, "x", 1, 5000, 0, &err), 0);
  require_bytes (io, 5000, 1, 'x');
  io_close (io);
}

static void
test_fails_later (void **state)
{
  struct error err = ERROR_INIT;
  uint64_t size, n = 0;
  struct io *io;

  (void) state;
  reset ();
  io = fresh_io (BUFFERED, 10000);
  assert_true (io_mtime (io) > 0);
  here.no_fstat = nr_fstat + 1;
  assert_int_equal (io_mtime (io), 0);
  here.no_fstat = nr_fstat + 1;
  assert_int_equal (io_size (io, &size, &err), -1);
  assert_int_equal (err.errnum, EIO);
  assert_string_equal (err.text, "asking for the file's size: Input/output "
                       "error");
  here.no_truncate = true;
  assert_int_equal (io_truncate (io, 5000, &err), -1);
  assert_int_equal (err.errnum, EPERM);
  assert_string_equal (err.text, "cutting off the file's end: Operation not "
                       "permitted");
  assert_int_equal (size_of (io), 10000);
  here.no_truncate = false;
  assert_int_equal (io_truncate (io, 5000, &err), 0);
  assert_int_equal (size_of (io), 5000);
  /* Where it is not told how far data goes, all of it may be. */
  here.no_holes = true;
  assert_false (io_hole (io, 0, 5000, &n));
  assert_int_equal (n, 5000);
  io_close (io);
}

/* Past the cache, as far as that can be: else what is cached is dropped, and
 * errors are those of the last try. */
static void
test_past_cache (void **state)
{
  struct error err = ERROR_INIT;
  struct io *io = NULL;

  (void) state;
  if (!have_direct)
    skip ();
  reset ();
  io_close (fresh_io (BUFFERED, DEVICE_BYTES));
  assert_int_equal (try_open (false, IO_OPEN_PAST_CACHE, &io, &err), 0);
  assert_true (((struct io_file *) io)->direct);
  require_bytes (io, 0, DEVICE_BYTES, 0xaa);
  io_close (io);
  here.kind = S_IFBLK;          /* with a sector that cannot be */
  assert_int_equal (try_open (false, IO_OPEN_PAST_CACHE, &io, &err), 0);
  assert_false (((struct io_file *) io)->direct);
  require_bytes (io, 0, DEVICE_BYTES, 0xaa);
  io_close (io);
  io = NULL;
  here.kind = S_IFIFO;
  assert_int_equal (try_open (false, IO_OPEN_PAST_CACHE, &io, &err), -1);
  assert_null (io);
  assert_string_equal (err.text, "is a FIFO, not a regular file or a block "
                       "device");
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_device),
    cmocka_unit_test (test_zero_align),
    cmocka_unit_test (test_direct_align),
    cmocka_unit_test (test_opening),
    cmocka_unit_test (test_no_memory),
    cmocka_unit_test (test_no_buffer),
    cmocka_unit_test (test_fails_later),
    cmocka_unit_test (test_past_cache),
  };

  return cmocka_run_group_tests (tests, make_dir, remove_dir);
}
