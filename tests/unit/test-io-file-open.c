/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What io-file opens, what it refuses and in which words.
 */

#include <config.h>

#include <sys/socket.h>
#include <sys/un.h>

#include "io-file-fixture.h"

static void
refused (const char *name, unsigned flags, int errnum, const char *text)
{
  struct io_file_opener opener;
  struct error err = ERROR_INIT;
  struct io *io = (struct io *) &opener;
  int r;

  io_file_opener_init (&opener, false, LOCKING_AUTO);
  r = opener.base.open (&opener.base, name, flags, &io, &err);
  if (r != -1 || err.errnum != errnum || !strstr (err.text, text))
    fail_msg ("%s: returned %d, errno %d, \"%s\"", name, r, err.errnum,
              err.text);
  assert_ptr_equal (io, &opener);       /* untouched */
}

static void
test_refusals (void **state)
{
  struct sockaddr_un sa = { .sun_family = AF_UNIX };
  char name[400];
  int s = socket (AF_UNIX, SOCK_STREAM, 0);

  (void) state;
  refused (dir, 0, EISDIR, "is a directory, not a regular file or a block");
  refused (dir, IO_OPEN_WRITE, EISDIR, "is a directory");
  refused ("/dev/null", 0, EINVAL, "is a character device, not a regular file "
           "or a block device");
  snprintf (name, sizeof name, "%s/fifo", dir);
  assert_int_equal (mkfifo (name, 0600), 0);
  refused (name, 0, EINVAL, "is a FIFO");
  refused (name, IO_OPEN_WRITE, EINVAL, "is a FIFO");
  unlink (name);
  snprintf (sa.sun_path, sizeof sa.sun_path, "%.100s/s", dir);
  assert_int_equal (bind (s, (struct sockaddr *) &sa, sizeof sa), 0);
  refused (sa.sun_path, 0, EINVAL, "is a socket");
  unlink (sa.sun_path);
  close (s);
  snprintf (name, sizeof name, "%s/none", dir);
  refused (name, 0, ENOENT, "cannot be opened for reading: No such file");
  refused (name, IO_OPEN_WRITE, ENOENT, "for writing: No such file");
  assert_int_equal (access (name, F_OK), -1);   /* nothing was created */
}

/* Root may do anything, so only others can be refused. */
static void
test_no_permission (void **state)
{
  (void) state;
  io_close (fresh_io (BUFFERED, 100));
  if (geteuid () == 0)
    skip ();
  chmod (path, 0400);
  refused (path, IO_OPEN_WRITE, EACCES, "for writing: Permission denied");
}

static void
test_opened_flags (void **state)
{
  struct io *io = fresh_io (BUFFERED, 100);
  const struct io_file *f = (struct io_file *) io;

  (void) state;
  assert_true (io->fresh_reads_zero);
  assert_false (io->fixed_size);
  assert_false (io->read_only);
  assert_int_equal (fcntl (f->fd, F_GETFL) & O_NONBLOCK, 0);
  assert_int_equal (fcntl (f->fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  assert_int_equal (fcntl (f->durable.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  assert_int_equal (size_of (io), 100);
  io_close (io);
  io_close (NULL);
}

static void
test_read_only (void **state)
{
  struct error err = ERROR_INIT;
  struct io *io;

  (void) state;
  io_close (fresh_io (BUFFERED, 100));
  io = open_io (BUFFERED, 0);
  assert_true (io->read_only);
  assert_int_equal (io_pwrite (io, "x", 1, 0, 0, &err), -1);
  assert_int_equal (err.errnum, EBADF);
  assert_string_equal (err.text, "it is open for reading only");
  err.errnum = 0;
  assert_int_equal (io_zero (io, 0, 1, 0, &err), -1);
  assert_int_equal (err.errnum, EBADF);
  require_bytes (io, 0, 100, 0xaa);
  assert_int_equal (io_sync (io, NULL), 0);
  io_close (io);
}

static void
test_no_direct_io (void **state)
{
  struct io_file_opener opener;
  struct error err = ERROR_INIT;
  struct io *io;

  (void) state;
  io_file_opener_init (&opener, true, LOCKING_AUTO);
  assert_int_equal (opener.base.open (&opener.base, "/proc/version", 0, &io,
                                      &err), -1);
  assert_int_equal (err.errnum, EINVAL);
  assert_non_null (strstr (err.text, "cannot be opened past the page cache "
                           "(O_DIRECT) on this filesystem: do not use "
                           "cache=none"));
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_refusals),
    cmocka_unit_test (test_no_permission),
    cmocka_unit_test (test_opened_flags),
    cmocka_unit_test (test_read_only),
    cmocka_unit_test (test_no_direct_io),
  };

  return cmocka_run_group_tests (tests, make_dir, remove_dir);
}
