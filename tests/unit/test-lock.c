/* SPDX-License-Identifier: BSD-3-Clause
 *
 * QEMU's image locks: which pairs keep each other out, the bytes one by one,
 * and QEMU's own programs, where they are installed, as the other side.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lock.h"

static char dir[] = "/tmp/baton-lock-XXXXXX";
static char path[64];

static int
open_file (int flags)
{
  int fd = open (path, flags | O_CREAT | O_CLOEXEC, 0600);

  assert_true (fd >= 0);
  return fd;
}

/* The program's exit code; its output goes nowhere. */
static int
run (const char *fmt)
{
  char command[256];
  int status;

  snprintf (command, sizeof command, fmt, path);
  status = system (command);
  assert_true (WIFEXITED (status));
  return WEXITSTATUS (status);
}

static void
require_held (int r, const struct error *err, const char *text)
{
  if (r != -1 || err->errnum != EAGAIN || !err->class ||
      strcmp (err->class, "LockHeld") != 0 || !strstr (err->text, text))
    fail_msg ("returned %d, errno %d, class %s, \"%s\"; expected \"%s\"", r,
              err->errnum, err->class ? err->class : "none", err->text, text);
}

/* Which bytes another description sees held, as "100 101 ...". */
static const char *
held_bytes (void)
{
  static char text[256];
  int fd = open_file (O_RDWR);
  int byte;

  text[0] = '\0';
  for (byte = 0; byte < 300; ++byte) {
    struct flock fl = { .l_type = F_WRLCK, .l_start = byte, .l_len = 1 };

    assert_int_equal (fcntl (fd, F_OFD_GETLK, &fl), 0);
    if (fl.l_type != F_UNLCK)
      sprintf (text + strlen (text), "%d ", byte);
  }
  close (fd);
  return text;
}

static void
test_bytes (void **state)
{
  int fd = open_file (O_RDWR);

  (void) state;
  assert_int_equal (lock_take (fd, LOCK_WRITER, NULL), 0);
  assert_string_equal (held_bytes (), "100 101 103 201 203 ");
  lock_release (fd);
  assert_string_equal (held_bytes (), "");
  assert_int_equal (lock_take (fd, LOCK_READER, NULL), 0);
  assert_string_equal (held_bytes (), "100 201 203 ");
  close (fd);
  assert_string_equal (held_bytes (), "");
}

static void
test_two_writers (void **state)
{
  int a = open_file (O_RDWR), b = open_file (O_RDWR);
  struct error err = ERROR_INIT;

  (void) state;
  assert_int_equal (lock_take (a, LOCK_WRITER, &err), 0);
  require_held (lock_take (b, LOCK_WRITER, &err), &err,
                "writing to it (lock byte 101)");
  /* "On failure nothing is held." */
  close (a);
  assert_string_equal (held_bytes (), "");
  assert_int_equal (lock_take (b, LOCK_WRITER, &err), 0);
  close (b);
}

static void
test_readers_share (void **state)
{
  int a = open_file (O_RDWR), b = open_file (O_RDONLY);

  (void) state;
  assert_int_equal (lock_take (a, LOCK_READER, NULL), 0);
  assert_int_equal (lock_take (b, LOCK_READER, NULL), 0);
  close (a);
  close (b);
}

static void
test_reader_against_writer (void **state)
{
  int a = open_file (O_RDWR), b = open_file (O_RDONLY);
  struct error err = ERROR_INIT;

  (void) state;
  assert_int_equal (lock_take (b, LOCK_READER, &err), 0);
  require_held (lock_take (a, LOCK_WRITER, &err), &err,
                "does not let others write to it (lock byte 201)");
  lock_release (b);
  assert_int_equal (lock_take (a, LOCK_WRITER, &err), 0);
  require_held (lock_take (b, LOCK_READER, &err), &err,
                "writing to it (lock byte 101)");
  close (a);
  close (b);
}

/* Locks that others hold one at a time, and what is said of them. */
static void
test_each_conflict (void **state)
{
  static const struct {
    int byte;
    const char *text;           /* NULL: no conflict with a writer */
  } cases[] = {
    { 0, NULL }, { 100, NULL }, { 101, "another process is writing to it (lock byte 101): stop that process, "
      "or let it hand the image over, first" },
    { 102, NULL }, { 103, "is resizing it" },
    { 200, "does not let others read it" },
    { 201, "does not let others write to it" }, { 202, NULL },
    { 203, "does not let others resize it" },
  };
  size_t i;

  (void) state;
  for (i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    struct flock fl = { .l_type = F_RDLCK, .l_start = cases[i].byte,
                        .l_len = 1 };
    int a = open_file (O_RDWR), b = open_file (O_RDWR), r;
    struct error err = ERROR_INIT;

    assert_int_equal (fcntl (a, F_OFD_SETLK, &fl), 0);
    r = lock_take (b, LOCK_WRITER, &err);
    if (cases[i].text)
      require_held (r, &err, cases[i].text);
    else
      assert_int_equal (r, 0);
    close (a);
    close (b);
  }
}

/* A program that knows nothing of QEMU and locks the whole file. */
static void
test_foreign_write_lock (void **state)
{
  struct flock fl = { .l_type = F_WRLCK };
  int a = open_file (O_RDWR), b = open_file (O_RDWR);
  struct error err = ERROR_INIT;

  (void) state;
  assert_int_equal (fcntl (a, F_OFD_SETLK, &fl), 0);
  require_held (lock_take (b, LOCK_WRITER, &err), &err,
                "another process has locked it (lock byte 100): stop that "
                "process, or let it hand the image over, first");
  close (a);
  close (b);
}

static void *
release_soon (void *arg)
{
  const struct timespec ts = { .tv_nsec = 60000000 };

  nanosleep (&ts, NULL);
  lock_release (*(int *) arg);
  return NULL;
}

/* Long enough for a racer that gives up. */
static void
test_retries (void **state)
{
  int a = open_file (O_RDWR), b = open_file (O_RDWR);
  pthread_t thread;

  (void) state;
  assert_int_equal (lock_take (a, LOCK_WRITER, NULL), 0);
  assert_int_equal (pthread_create (&thread, NULL, release_soon, &a), 0);
  assert_int_equal (lock_take (b, LOCK_WRITER, NULL), 0);
  pthread_join (thread, NULL);
  close (a);
  close (b);
}

static void
test_not_a_file (void **state)
{
  struct error err = ERROR_INIT;

  (void) state;
  assert_int_equal (lock_take (-1, LOCK_WRITER, &err), -1);
  assert_int_equal (err.errnum, EBADF);
  assert_null (err.class);
}

static bool
have_qemu (void)
{
  return system ("qemu-img --version >/dev/null 2>&1 && "
                 "qemu-io --version >/dev/null 2>&1") == 0;
}

static void
test_qemu_sees_us (void **state)
{
  int fd;

  (void) state;
  if (!have_qemu ())
    skip ();
  assert_int_equal (run ("qemu-img create -q -f qcow2 %s 1M"), 0);
  fd = open_file (O_RDWR);
  assert_int_equal (lock_take (fd, LOCK_WRITER, NULL), 0);
  assert_int_not_equal (run ("qemu-img info %s >/dev/null 2>&1"), 0);
  assert_int_equal (run ("qemu-img info -U %s >/dev/null"), 0);
  assert_int_not_equal (run ("qemu-io -c 'write 0 512' %s >/dev/null 2>&1"),
                        0);
  lock_release (fd);
  assert_int_equal (run ("qemu-io -c 'write 0 512' %s >/dev/null"), 0);
  assert_int_equal (lock_take (fd, LOCK_READER, NULL), 0);
  assert_int_equal (run ("qemu-img info %s >/dev/null"), 0);
  assert_int_not_equal (run ("qemu-io -c 'write 0 512' %s >/dev/null 2>&1"),
                        0);
  close (fd);
}

static void
wait_until_held (void)
{
  const struct timespec ts = { .tv_nsec = 5000000 };
  int i;

  for (i = 0; i < 1000 && !strstr (held_bytes (), "203"); ++i)
    nanosleep (&ts, NULL);
}

/* FMT holds the image open until its input ends. */
static void
require_conflict_with (const char *fmt, enum lock_mode mode, const char *text)
{
  char command[256];
  struct error err = ERROR_INIT;
  int fd = open_file (O_RDWR);
  FILE *p;

  snprintf (command, sizeof command, fmt, path);
  p = popen (command, "w");
  assert_non_null (p);
  wait_until_held ();
  require_held (lock_take (fd, mode, &err), &err, text);
  pclose (p);
  assert_int_equal (lock_take (fd, mode, &err), 0);
  close (fd);
}

static void
test_we_see_qemu (void **state)
{
  (void) state;
  if (!have_qemu ())
    skip ();
  require_conflict_with ("qemu-io %s >/dev/null",
                         LOCK_READER, "writing to it");
  require_conflict_with ("qemu-io %s >/dev/null",
                         LOCK_WRITER, "writing to it");
  require_conflict_with ("qemu-io -r %s >/dev/null",
                         LOCK_WRITER, "does not let others write to it");
}

static int
make_dir (void **state)
{
  (void) state;
  if (!mkdtemp (dir))
    return -1;
  snprintf (path, sizeof path, "%s/disk", dir);
  return 0;
}

static int
remove_dir (void **state)
{
  (void) state;
  unlink (path);
  return rmdir (dir);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_bytes),
    cmocka_unit_test (test_two_writers),
    cmocka_unit_test (test_readers_share),
    cmocka_unit_test (test_reader_against_writer),
    cmocka_unit_test (test_each_conflict),
    cmocka_unit_test (test_foreign_write_lock),
    cmocka_unit_test (test_retries),
    cmocka_unit_test (test_not_a_file),
    cmocka_unit_test (test_qemu_sees_us),
    cmocka_unit_test (test_we_see_qemu),
  };

  return cmocka_run_group_tests (tests, make_dir, remove_dir);
}
