/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The simulated disk: faults, counts, locks, names, and real files.
 */

#include <config.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "simdisk.h"

#define S 512u

static void
test_nth_call (void **state)
{
  struct simdisk *d = simdisk_new (S);
  struct io *io = simdisk_open (d, IO_OPEN_WRITE, NULL);
  struct error err = ERROR_INIT;
  char c = 'a';

  (void) state;
  simdisk_fail (d, SIMDISK_WRITE | SIMDISK_ZERO, 3, ENOSPC, false);
  assert_int_equal (io_pwrite (io, &c, 1, 0, 0, &err), 0);
  assert_int_equal (io_pread (io, &c, 1, 0, &err), 0);
  assert_int_equal (io_sync (io, &err), 0);
  assert_int_equal (io_zero (io, 0, 1, 0, &err), 0);
  assert_false (simdisk_fault_struck (d));
  assert_int_equal (io_pwrite (io, &c, 1, 0, 0, &err), -1);
  assert_int_equal (err.errnum, ENOSPC);
  assert_true (simdisk_fault_struck (d));
  /* It changed nothing, and it is over. */
  assert_int_equal (io_pread (io, &c, 1, 0, NULL), 0);
  assert_int_equal (c, 0);
  assert_int_equal (io_pwrite (io, &c, 1, 0, 0, NULL), 0);
  io_close (io);
  simdisk_free (d);
}

static void
test_for_ever (void **state)
{
  struct simdisk *d = simdisk_new (S);
  struct io *io = simdisk_open (d, IO_OPEN_WRITE, NULL);
  uint64_t size;
  char c = 'a';
  int i;

  (void) state;
  simdisk_fail (d, SIMDISK_ALL, 2, EIO, true);
  assert_int_equal (io_pwrite (io, &c, 1, 0, 0, NULL), 0);
  for (i = 0; i < 3; ++i) {
    assert_int_equal (io_pread (io, &c, 1, 0, NULL), -1);
    assert_int_equal (io_pwrite (io, &c, 1, 0, IO_DSYNC, NULL), -1);
    assert_int_equal (io_zero (io, 0, 1, 0, NULL), -1);
    assert_int_equal (io_sync (io, NULL), -1);
    assert_int_equal (io_size (io, &size, NULL), -1);
    assert_int_equal (io_lock (io, LOCK_READER, NULL), -1);
    assert_null (simdisk_open (d, 0, NULL));
  }
  simdisk_fail (d, 0, 0, 0, false);
  assert_false (simdisk_fault_struck (d));
  assert_int_equal (io_sync (io, NULL), 0);
  io_close (io);
  simdisk_free (d);
}

/* The loop that other tests are made of. */
static void
test_until_it_succeeds (void **state)
{
  uint64_t n;

  (void) state;
  for (n = 1;; ++n) {
    struct simdisk *d = simdisk_new (S);
    struct io *io = simdisk_open (d, IO_OPEN_WRITE, NULL);
    int r;

    simdisk_fail (d, SIMDISK_CHANGES, n, EIO, false);
    r = io_pwrite (io, "x", 1, 0, 0, NULL) == -1 ||
        io_zero (io, 0, 1, 0, NULL) == -1 || io_sync (io, NULL) == -1;
    assert_int_equal (r, simdisk_fault_struck (d));
    io_close (io);
    simdisk_free (d);
    if (!r)
      break;
  }
  assert_int_equal (n, 4);
}

static void
test_two (void **state)
{
  struct simdisk *d = simdisk_new (S);
  struct io *io = simdisk_open (d, IO_OPEN_WRITE, NULL);
  struct error err = ERROR_INIT;
  char c = 'a';

  (void) state;
  simdisk_fail (d, SIMDISK_WRITE, 2, EIO, false);
  simdisk_keep_fault (d);
  simdisk_fail (d, SIMDISK_CHANGES, 2, ENOSPC, true);
  assert_int_equal (io_pwrite (io, &c, 1, 0, 0, &err), 0);
  /* Either would strike: the other one waits for the next call. */
  assert_int_equal (io_pwrite (io, &c, 1, 0, 0, &err), -1);
  assert_int_equal (err.errnum, EIO);
  assert_true (simdisk_kept_fault_struck (d));
  assert_false (simdisk_fault_struck (d));
  assert_int_equal (io_pread (io, &c, 1, 0, &err), 0);
  assert_int_equal (io_sync (io, &err), -1);
  assert_int_equal (err.errnum, ENOSPC);
  assert_true (simdisk_fault_struck (d));
  assert_int_equal (io_pwrite (io, &c, 1, 0, 0, &err), -1);
  assert_int_equal (err.errnum, ENOSPC);
  simdisk_keep_fault (d);
  simdisk_fail (d, 0, 0, 0, false);
  assert_int_equal (io_pwrite (io, &c, 1, 0, 0, &err), 0);
  io_close (io);
  simdisk_free (d);
}

static void
test_torn (void **state)
{
  static char data[64 * S], back[sizeof data];
  struct simdisk *d = simdisk_new (S);
  struct io *io = simdisk_open (d, IO_OPEN_WRITE, NULL);
  unsigned i, nr = 0;

  (void) state;
  memset (data, 'a', sizeof data);
  simdisk_fail_torn (d, 1, EIO, 42, false);
  assert_int_equal (io_pwrite (io, data, sizeof data, 0, IO_DSYNC, NULL), -1);
  assert_int_equal (io_pread (io, back, sizeof back, 0, NULL), 0);
  for (i = 0; i < sizeof back; i += S) {
    assert_true (back[i] == back[i + S - 1]);
    nr += back[i] == 'a';
  }
  assert_in_range (nr, 16, 48);
  assert_true (simdisk_nr_states (d) > 1);
  io_close (io);
  simdisk_free (d);
}

static void
test_counts (void **state)
{
  struct simdisk *d = simdisk_new (S);
  struct io *io = simdisk_open (d, IO_OPEN_WRITE, NULL);
  char c = 'a';

  (void) state;
  assert_int_equal (io_pwrite (io, &c, 1, 0, 0, NULL), 0);
  assert_int_equal (io_pwrite (io, &c, 1, 0, IO_DSYNC, NULL), 0);
  assert_int_equal (io_pread (io, &c, 1, 0, NULL), 0);
  assert_int_equal (io_sync (io, NULL), 0);
  assert_int_equal (simdisk_calls (d, SIMDISK_WRITE), 2);
  assert_int_equal (simdisk_calls (d, SIMDISK_SYNC), 1);
  assert_int_equal (simdisk_calls (d, SIMDISK_CHANGES), 3);
  assert_int_equal (simdisk_calls (d, SIMDISK_ALL), 5);
  io_close (io);
  simdisk_free (d);
}

static void
test_contract (void **state)
{
  struct simdisk *d = simdisk_new (4096);
  struct io *io = simdisk_open (d, 0, NULL);
  struct error err = ERROR_INIT;
  char c = 'a';

  (void) state;
  assert_true (io->read_only);
  assert_true (io->fresh_reads_zero);
  assert_false (io->fixed_size);
  assert_int_equal (io_pwrite (io, &c, 1, 0, 0, &err), -1);
  assert_int_equal (err.errnum, EBADF);
  assert_int_equal (io_zero (io, 0, 1, 0, &err), -1);
  assert_int_equal (io_pread (io, &c, 1, UINT64_MAX, &err), -1);
  assert_int_equal (err.errnum, EINVAL);
  /* Far out is cheap. */
  assert_int_equal (io_pread (io, &c, 1, UINT64_C (1) << 62, NULL), 0);
  assert_int_equal (c, 0);
  io_close (io);
  io = simdisk_open (d, IO_OPEN_WRITE, NULL);
  assert_int_equal (io_pwrite (io, "z", 1, UINT64_C (1) << 62, 0, NULL), 0);
  assert_int_equal (io_zero (io, 0, UINT64_C (1) << 62, IO_PUNCH, NULL), 0);
  assert_int_equal (io_pread (io, &c, 1, UINT64_C (1) << 62, NULL), 0);
  assert_int_equal (c, 'z');
  io_close (io);
  simdisk_free (d);
}

static void
require_held (int r, const struct error *err)
{
  assert_int_equal (r, -1);
  assert_int_equal (err->errnum, EAGAIN);
  assert_string_equal (err->class, "LockHeld");
}

static void
test_locks (void **state)
{
  struct simdisk *d = simdisk_new (S);
  struct io *a = simdisk_open (d, IO_OPEN_WRITE, NULL);
  struct io *b = simdisk_open (d, 0, NULL);
  struct error err = ERROR_INIT;

  (void) state;
  assert_int_equal (io_lock (a, LOCK_WRITER, &err), 0);
  assert_int_equal (io_lock (a, LOCK_WRITER, &err), 0);
  require_held (io_lock (b, LOCK_WRITER, &err), &err);
  require_held (io_lock (b, LOCK_READER, &err), &err);
  io_unlock (a);
  assert_int_equal (io_lock (a, LOCK_READER, &err), 0);
  assert_int_equal (io_lock (b, LOCK_READER, &err), 0);
  require_held (io_lock (a, LOCK_WRITER, &err), &err);
  io_close (b);
  assert_int_equal (io_lock (a, LOCK_WRITER, &err), 0);
  io_close (a);
  a = simdisk_open (d, IO_OPEN_WRITE, NULL);
  assert_int_equal (io_lock (a, LOCK_WRITER, &err), 0);
  io_close (a);
  simdisk_free (d);
}

static void
test_opener (void **state)
{
  struct simdisk *a = simdisk_new (S), *b = simdisk_new (S);
  struct simdisk_opener o;
  struct error err = ERROR_INIT;
  struct io *io = NULL;

  (void) state;
  simdisk_opener_init (&o);
  simdisk_opener_put (&o, "/x/a", a);
  simdisk_opener_put (&o, "/x/b", b);
  assert_int_equal (o.base.open (&o.base, "/x", 0, &io, &err), -1);
  assert_int_equal (err.errnum, ENOENT);
  assert_null (io);
  assert_int_equal (o.base.open (&o.base, "/x/b", IO_OPEN_WRITE, &io, &err),
                    0);
  assert_int_equal (simdisk_calls (b, SIMDISK_OPEN), 1);
  assert_int_equal (simdisk_calls (a, SIMDISK_OPEN), 0);
  io_close (io);
  simdisk_opener_put (&o, "/x/b", a);
  assert_int_equal (o.base.open (&o.base, "/x/b", 0, &io, &err), 0);
  assert_int_equal (simdisk_calls (a, SIMDISK_OPEN), 1);
  io_close (io);
  simdisk_opener_put (&o, "/x/b", NULL);
  assert_int_equal (o.base.open (&o.base, "/x/b", 0, &io, &err), -1);
  simdisk_fail (a, SIMDISK_OPEN, 1, EMFILE, false);
  assert_int_equal (o.base.open (&o.base, "/x/a", 0, &io, &err), -1);
  assert_int_equal (err.errnum, EMFILE);
  simdisk_opener_destroy (&o);
  simdisk_free (a);
  simdisk_free (b);
}

/* In the directory. */
static void
run (const char *dir, const char *what)
{
  char command[512];

  snprintf (command, sizeof command, "cd %s && %s", dir, what);
  if (system (command) != 0)
    fail_msg ("%s", command);
}

static void
load_and_save (const char *dir, uint32_t sector_bytes)
{
  char from[64], to[64];
  struct error err = ERROR_INIT;
  struct simdisk *d;

  snprintf (from, sizeof from, "%s/a", dir);
  snprintf (to, sizeof to, "%s/b", dir);
  d = simdisk_load_file (from, sector_bytes, &err);
  if (!d)
    fail_msg ("%s", err.text);
  assert_true (simdisk_nr_states (d) == 1);
  assert_int_equal (simdisk_save_file (d, to, &err), 0);
  run (dir, "cmp a b");
  simdisk_free (d);
}

static void
test_files (void **state)
{
  char dir[] = "/tmp/baton-sim-XXXXXX";
  struct error err = ERROR_INIT;

  (void) state;
  assert_non_null (mkdtemp (dir));
  assert_null (simdisk_load_file ("/none/x", S, &err));
  assert_int_equal (err.errnum, ENOENT);
  run (dir, "truncate -s 300M a");
  load_and_save (dir, S);
  run (dir, "printf x >>a && truncate -s 500M a && printf abc >>a");
  load_and_save (dir, S);
  run (dir, "seq 1 100000 >a");
  load_and_save (dir, S);
  load_and_save (dir, 4096);
  if (system ("qemu-img --version >/dev/null 2>&1") == 0) {
    run (dir, "qemu-img create -q -f qcow2 a 10M");
    run (dir, "qemu-io -c 'write -q -P 7 1M 1M' a");
    load_and_save (dir, S);
    run (dir, "qemu-img check -q b");
  }
  run (dir, "rm a b");
  assert_int_equal (rmdir (dir), 0);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_nth_call),
    cmocka_unit_test (test_for_ever),
    cmocka_unit_test (test_until_it_succeeds),
    cmocka_unit_test (test_two),
    cmocka_unit_test (test_torn),
    cmocka_unit_test (test_counts),
    cmocka_unit_test (test_contract),
    cmocka_unit_test (test_locks),
    cmocka_unit_test (test_opener),
    cmocka_unit_test (test_files),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
