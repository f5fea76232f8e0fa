/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The control socket's file: its mode, what may be in its way, and whose
 * file is removed at the end.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "socket-file.h"

struct place {
  char dir[64];
  char path[96];
};

/* The mode of the last file given to chmod, before that: socket-file.c
 * calls this function instead of the C library's. */
static mode_t mode_before_chmod;

int
chmod (const char *path, mode_t mode)
{
  struct stat st;

  if (lstat (path, &st) == 0)
    mode_before_chmod = st.st_mode;
  return fchmodat (AT_FDCWD, path, mode, 0);
}

static int
setup (void **state)
{
  struct place *p = calloc (1, sizeof *p);

  *state = p;
  if (p == NULL)
    return -1;
  strcpy (p->dir, "/tmp/baton-test-XXXXXX");
  if (mkdtemp (p->dir) == NULL)
    return -1;
  snprintf (p->path, sizeof p->path, "%s/s", p->dir);
  return 0;
}

static int
teardown (void **state)
{
  struct place *p = *state;

  unlink (p->path);
  rmdir (p->dir);
  free (p);
  return 0;
}

static int
try_connect (const char *path, int type)
{
  struct sockaddr_un addr = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, type, 0), r;

  assert_true (strlen (path) < sizeof addr.sun_path);
  strcpy (addr.sun_path, path);
  r = connect (fd, (struct sockaddr *) &addr, sizeof addr);
  close (fd);
  return r;
}

/* A socket file that is bound; the descriptor. */
static int
make_socket (const char *path, int type)
{
  struct sockaddr_un addr = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, type, 0);

  assert_true (strlen (path) < sizeof addr.sun_path);
  strcpy (addr.sun_path, path);
  assert_int_equal (bind (fd, (struct sockaddr *) &addr, sizeof addr), 0);
  return fd;
}

static void
assert_refused (const char *path, int errnum, const char *text)
{
  struct socket_file s = { .fd = -1 };
  struct error err = ERROR_INIT;

  assert_int_equal (socket_file_listen (path, 0600, &s, &err), -1);
  assert_int_equal (err.errnum, errnum);
  assert_non_null (strstr (err.text, text));
  assert_non_null (strstr (err.text, path));
  assert_int_equal (s.fd, -1);
}

static void
test_private (void **state)
{
  struct place *p = *state;
  struct socket_file s;
  struct stat st;
  mode_t before = umask (0);

  assert_int_equal (socket_file_listen (p->path, 0600, &s, NULL), 0);
  umask (before);
  assert_int_equal (stat (p->path, &st), 0);
  assert_int_equal (st.st_mode, S_IFSOCK | 0600);
  /* ... from the first moment. */
  assert_int_equal (mode_before_chmod, S_IFSOCK | 0600);
  assert_int_equal (try_connect (p->path, SOCK_STREAM), 0);
  socket_file_close (&s);
  assert_int_equal (stat (p->path, &st), -1);
  assert_int_equal (s.fd, -1);
  socket_file_close (&s);
  socket_file_close (NULL);
}

static void
test_stale (void **state)
{
  struct place *p = *state;
  struct socket_file s;

  close (make_socket (p->path, SOCK_STREAM));
  assert_int_equal (socket_file_listen (p->path, 0600, &s, NULL), 0);
  assert_int_equal (try_connect (p->path, SOCK_STREAM), 0);
  socket_file_close (&s);
}

static void
test_live (void **state)
{
  struct place *p = *state;
  struct socket_file s;

  assert_int_equal (socket_file_listen (p->path, 0600, &s, NULL), 0);
  assert_refused (p->path, EADDRINUSE, "another server answers on");
  assert_int_equal (try_connect (p->path, SOCK_STREAM), 0);
  socket_file_close (&s);
}

/* A server whose queue is full is alive, too. */
static void
test_live_and_busy (void **state)
{
  struct place *p = *state;
  int fd = make_socket (p->path, SOCK_STREAM);

  assert_int_equal (listen (fd, 0), 0);
  assert_int_equal (try_connect (p->path, SOCK_STREAM), 0);
  assert_refused (p->path, EADDRINUSE, "another server answers on");
  assert_int_equal (access (p->path, F_OK), 0);
  close (fd);
}

static void
test_socket_of_another_kind (void **state)
{
  struct place *p = *state;
  int fd = make_socket (p->path, SOCK_DGRAM);

  assert_refused (p->path, EPROTOTYPE, "cannot be asked");
  assert_int_equal (try_connect (p->path, SOCK_DGRAM), 0);
  close (fd);
}

static void
test_not_a_socket (void **state)
{
  struct place *p = *state;

  close (open (p->path, O_CREAT | O_WRONLY, 0600));
  assert_refused (p->path, EEXIST, "not a socket");
  assert_int_equal (access (p->path, F_OK), 0);
  assert_refused (p->dir, EEXIST, "not a socket");
  unlink (p->path);
  /* Not followed, wherever it points. */
  assert_int_equal (symlink ("/nowhere", p->path), 0);
  assert_refused (p->path, EEXIST, "not a socket");
}

static void
test_bad_paths (void **state)
{
  struct place *p = *state;
  char path[128];

  memset (path, 'x', sizeof path);
  path[108] = '\0';
  assert_refused (path, ENAMETOOLONG, "at most 107");
  assert_refused ("", EINVAL, "empty");
  snprintf (path, sizeof path, "%s/none/s", p->dir);
  assert_refused (path, ENOENT, "No such file");
}

/* As long as it may be. */
static void
test_longest_path (void **state)
{
  struct place *p = *state;
  struct socket_file s;
  char path[108];

  memset (path, 'x', sizeof path);
  memcpy (path, p->dir, strlen (p->dir));
  path[strlen (p->dir)] = '/';
  path[107] = '\0';
  assert_int_equal (socket_file_listen (path, 0600, &s, NULL), 0);
  assert_int_equal (access (path, F_OK), 0);
  socket_file_close (&s);
  assert_int_equal (access (path, F_OK), -1);
}

/* Somebody replaced the file: theirs stays. */
static void
test_not_ours_any_more (void **state)
{
  struct place *p = *state;
  struct socket_file s;
  int fd;

  assert_int_equal (socket_file_listen (p->path, 0600, &s, NULL), 0);
  unlink (p->path);
  fd = make_socket (p->path, SOCK_STREAM);
  socket_file_close (&s);
  assert_int_equal (access (p->path, F_OK), 0);
  close (fd);
  unlink (p->path);

  assert_int_equal (socket_file_listen (p->path, 0600, &s, NULL), 0);
  unlink (p->path);
  socket_file_close (&s);       /* nothing there: fine */
}

/* Two that start at once: a lock on the directory is waited for, though not
 * for ever. */
static void
test_directory_lock (void **state)
{
  struct place *p = *state;
  struct socket_file s;
  int dir = open (p->dir, O_RDONLY | O_DIRECTORY);

  assert_int_equal (flock (dir, LOCK_EX), 0);
  assert_int_equal (socket_file_listen (p->path, 0600, &s, NULL), 0);
  socket_file_close (&s);
  close (dir);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown (test_private, setup, teardown),
    cmocka_unit_test_setup_teardown (test_stale, setup, teardown),
    cmocka_unit_test_setup_teardown (test_live, setup, teardown),
    cmocka_unit_test_setup_teardown (test_live_and_busy, setup, teardown),
    cmocka_unit_test_setup_teardown (test_socket_of_another_kind, setup,
                                     teardown),
    cmocka_unit_test_setup_teardown (test_not_a_socket, setup, teardown),
    cmocka_unit_test_setup_teardown (test_bad_paths, setup, teardown),
    cmocka_unit_test_setup_teardown (test_longest_path, setup, teardown),
    cmocka_unit_test_setup_teardown (test_not_ours_any_more, setup,
                                     teardown),
    cmocka_unit_test_setup_teardown (test_directory_lock, setup, teardown),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
