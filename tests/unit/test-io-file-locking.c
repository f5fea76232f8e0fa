/* SPDX-License-Identifier: BSD-3-Clause
 *
 * io-file's locking=auto|on|off, on filesystems with and without locks.
 *
 * This program has its own lock_take and lock_release: link it before the
 * engine's library.
 */

#include <config.h>

#include "io-file-fixture.h"
#include "io-optional.h"

/* What lock_take says. */
static int lock_errno;
static const char *lock_class;

static int nr_locked, nr_unlocked;

int
lock_take (int fd, enum lock_mode mode, struct error *err)
{
  (void) fd;
  (void) mode;
  nr_locked++;
  if (!lock_errno)
    return 0;
  return error_set_class (err, lock_errno, lock_class, "no");
}

void
lock_release (int fd)
{
  (void) fd;
  nr_unlocked++;
}

static void
reset (void)
{
  lock_errno = nr_locked = nr_unlocked = 0;
  lock_class = NULL;
}

static struct io *
open_locking (enum locking locking)
{
  struct io_file_opener opener;
  struct io *io = NULL;

  io_close (fresh_io (BUFFERED, 100));
  reset ();
  io_file_opener_init (&opener, false, locking);
  assert_int_equal (opener.base.open (&opener.base, path, IO_OPEN_WRITE, &io,
                                      NULL), 0);
  assert_false (io_has_lock (io));
  return io;
}

static void
test_locking (void **state)
{
  struct io *io = open_locking (LOCKING_ON);

  (void) state;
  assert_int_equal (io_lock (io, LOCK_WRITER, NULL), 0);
  assert_true (io_has_lock (io));
  io_unlock (io);
  assert_int_equal (nr_unlocked, 1);
  assert_false (io_has_lock (io));
  assert_int_equal (io_lock (io, LOCK_WRITER, NULL), 0);
  /* Told, before it is closed. */
  io_close (io);
  assert_int_equal (nr_unlocked, 2);

  io = open_locking (LOCKING_OFF);
  lock_errno = EAGAIN;
  lock_class = "LockHeld";
  assert_int_equal (io_lock (io, LOCK_WRITER, NULL), 0);
  assert_false (io_has_lock (io));
  io_unlock (io);
  assert_int_equal (nr_locked + nr_unlocked, 0);
  io_close (io);
}

static void
lock_with (enum locking locking, int errnum, const char *class, int want)
{
  struct io *io = open_locking (locking);
  struct error err = ERROR_INIT;

  lock_errno = errnum;
  lock_class = class;
  assert_int_equal (io_lock (io, LOCK_WRITER, &err), want);
  assert_int_equal (err.errnum, want == -1 ? errnum : 0);
  assert_int_equal (io_lock (io, LOCK_WRITER, NULL), want);
  assert_false (io_has_lock (io));
  io_close (io);
}

/* No locks here, or the lock is held: only the first is let pass, and only
 * with "auto". */
static void
test_locks_missing (void **state)
{
  static const int missing[] = { ENOLCK, EOPNOTSUPP, EINVAL, ENOSYS };
  size_t i;

  (void) state;
  for (i = 0; i < sizeof missing / sizeof missing[0]; ++i) {
    lock_with (LOCKING_AUTO, missing[i], NULL, 0);
    lock_with (LOCKING_ON, missing[i], NULL, -1);
  }
  lock_with (LOCKING_AUTO, EAGAIN, "LockHeld", -1);
  lock_with (LOCKING_ON, EAGAIN, "LockHeld", -1);
  lock_with (LOCKING_AUTO, EBADF, NULL, -1);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_locking),
    cmocka_unit_test (test_locks_missing),
  };

  return cmocka_run_group_tests (tests, make_dir, remove_dir);
}
