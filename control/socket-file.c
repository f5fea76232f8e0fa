/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A listening Unix socket at a path (socket-file.h).
 *
 * Guarantees:
 *   1. Nobody whom the mode keeps out can connect, ever.  On Linux a socket
 *      file gets the mode of the socket's own inode less the umask, so the
 *      fchmod before bind makes it right from the first instant, without
 *      touching the process-wide umask.  Should another kernel not do so, the chmod
 *      after bind comes before listen, and a socket that does not listen
 *      refuses connections.
 *   2. A live server's file is never removed.  From the look at the old
 *      file until the new one listens, a lock on the directory keeps out
 *      other servers that start at the same time: to them a file that is
 *      bound and does not listen yet looks stale.
 *   3. The file is removed before the socket is closed, so that it cannot
 *      look stale, be replaced, and the replacement be removed.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "socket-file.h"

#define BACKLOG 64
#define LOCK_TRIES 50
#define LOCK_PAUSE_NS (20 * 1000 * 1000)

static int
set_address (const char *path, struct sockaddr_un *ret, struct error *err)
{
  const size_t max = sizeof ret->sun_path - 1;
  const size_t len = strlen (path);

  if (len == 0)
    return error_set (err, EINVAL, "the control socket's path is empty");
  if (len > max)
    return error_set (err, ENAMETOOLONG, "%s: the path has %zu bytes, but a "
                      "Unix socket's may have at most %zu: use a shorter one",
                      path, len, max);
  memset (ret, 0, sizeof *ret);
  ret->sun_family = AF_UNIX;
  memcpy (ret->sun_path, path, len);
  return 0;
}

static int
new_socket (const char *path, struct error *err)
{
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

  if (fd == -1)
    return error_set_errno (err, errno, "%s: socket", path);
  return fd;
}

/* -- the lock on the directory --------------------------------------- */

/* Returns a descriptor to close, or -1.  Advisory, and given up after a
 * second: in a directory like /tmp anybody may hold this lock, which must
 * not keep the server from starting. */
static int
lock_directory (const char *path)
{
  const struct timespec pause = { .tv_nsec = LOCK_PAUSE_NS };
  CLEANUP_FREE char *copy = strdup (path);
  int fd, i;

  if (copy == NULL)
    return -1;
  fd = open (dirname (copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd == -1)
    return -1;
  for (i = 0; i < LOCK_TRIES && flock (fd, LOCK_EX | LOCK_NB) == -1; i++)
    nanosleep (&pause, NULL);
  return fd;
}

static void
unlock_directory (int fd)
{
  if (fd != -1)
    close (fd);
}

/* -- what is there already ------------------------------------------- */

/* 0 and an errno value of connect, or 0 for "somebody answers". */
static int
probe (const struct sockaddr_un *addr, int *ret_errnum, struct error *err)
{
  int fd = new_socket (addr->sun_path, err);

  if (fd == -1)
    return -1;
  *ret_errnum = 0;
  if (connect (fd, (const struct sockaddr *) addr, sizeof *addr) == -1)
    *ret_errnum = errno;
  close (fd);
  return 0;
}

static int
remove_stale (const struct sockaddr_un *addr, struct error *err)
{
  const char *path = addr->sun_path;
  int errnum;

  if (probe (addr, &errnum, err) == -1)
    return -1;
  /* EAGAIN: it listens, and its queue is full. */
  if (errnum == 0 || errnum == EAGAIN)
    return error_set (err, EADDRINUSE, "another server answers on %s", path);
  if (errnum == ENOENT)
    return 0;
  if (errnum != ECONNREFUSED)
    return error_set_errno (err, errnum, "%s: a socket is there and cannot "
                            "be asked whether it is in use", path);
  if (unlink (path) == -1 && errno != ENOENT)
    return error_set_errno (err, errno, "%s: removing the socket file of a "
                            "server that is gone", path);
  return 0;
}

static int
make_room (const struct sockaddr_un *addr, struct error *err)
{
  const char *path = addr->sun_path;
  struct stat st;

  if (lstat (path, &st) == -1) {
    if (errno == ENOENT)
      return 0;
    return error_set_errno (err, errno, "%s", path);
  }
  if (!S_ISSOCK (st.st_mode))
    return error_set (err, EEXIST, "%s is there and is not a socket: remove "
                      "it, or choose another path", path);
  return remove_stale (addr, err);
}

/* -- binding --------------------------------------------------------- */

static int
bind_private (int fd, const struct sockaddr_un *addr, unsigned mode,
              struct stat *ret_st, struct error *err)
{
  const char *path = addr->sun_path;

  if (fchmod (fd, mode) == -1 ||
      bind (fd, (const struct sockaddr *) addr, sizeof *addr) == -1)
    return error_set_errno (err, errno, "%s: creating the socket", path);
  if (chmod (path, mode) == -1 || lstat (path, ret_st) == -1 ||
      listen (fd, BACKLOG) == -1) {
    error_set_errno (err, errno, "%s: listening", path);
    unlink (path);
    return -1;
  }
  return 0;
}

/* FD stays the caller's. */
static int
publish (int fd, const struct sockaddr_un *addr, unsigned mode,
         struct stat *ret_st, struct error *err)
{
  int lock = lock_directory (addr->sun_path);
  int r;

  r = make_room (addr, err);
  if (r == 0)
    r = bind_private (fd, addr, mode, ret_st, err);
  unlock_directory (lock);
  return r;
}

int
socket_file_listen (const char *path, unsigned mode, struct socket_file *ret,
                    struct error *err)
{
  struct sockaddr_un addr;
  struct stat st;
  char *copy;
  int fd;

  if (set_address (path, &addr, err) == -1)
    return -1;
  copy = strdup (path);
  if (copy == NULL)
    return error_set_errno (err, ENOMEM, "%s", path);
  fd = new_socket (path, err);
  if (fd == -1 || publish (fd, &addr, mode, &st, err) == -1) {
    if (fd != -1)
      close (fd);
    free (copy);
    return -1;
  }
  *ret = (struct socket_file) { .fd = fd, .path = copy, .dev = st.st_dev,
                                .ino = st.st_ino };
  return 0;
}

void
socket_file_close (struct socket_file *s)
{
  struct stat st;

  if (s == NULL || s->fd == -1)
    return;
  if (lstat (s->path, &st) == 0 && st.st_dev == s->dev && st.st_ino == s->ino)
    unlink (s->path);
  close (s->fd);
  free (s->path);
  s->path = NULL;
  s->fd = -1;
}
