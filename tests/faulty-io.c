/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Lets the Nth read, write, sync, allocation, lock or open of one file fail
 * with EIO (faulty-io.h).  Loaded into a server with LD_PRELOAD.
 *
 * Each function asks the plan and then calls the one that libc has, or fails
 * without having done anything.  Any thread; the plan is changed atomically.
 */

#include <config.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "faulty-io.h"

static struct faulty_io *plan;

static int (*real_open) (const char *path, int flags, ...);

/* Before main, and before the server has threads. */
__attribute__ ((constructor)) static void
find_plan (void)
{
  const char *path = getenv ("FAULTY_IO");
  void *p;
  int fd;

  real_open = (int (*) (const char *, int, ...)) dlsym (RTLD_NEXT, "open");
  if (!path)
    return;
  fd = real_open (path, O_RDWR | O_CLOEXEC);
  if (fd == -1)
    return;
  p = mmap (NULL, sizeof *plan, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close (fd);
  if (p != MAP_FAILED)
    plan = p;
}

/* -- the plan ---------------------------------------------------------- */

static bool
is_armed (enum io_class c)
{
  return plan && __atomic_load_n (&plan->class_plus_1, __ATOMIC_SEQ_CST) ==
    (uint32_t) c + 1;
}

/* True where it is this one's turn. */
static bool
count (void)
{
  uint32_t left = __atomic_load_n (&plan->countdown, __ATOMIC_SEQ_CST);

  while (left > 0)
    if (__atomic_compare_exchange_n (&plan->countdown, &left, left - 1, false,
                                     __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
      return false;
  if (!plan->forever)
    __atomic_store_n (&plan->class_plus_1, 0, __ATOMIC_SEQ_CST);
  __atomic_fetch_add (&plan->nr_failed, 1, __ATOMIC_SEQ_CST);
  errno = EIO;
  return true;
}

static bool
fails (enum io_class c, int fd)
{
  struct stat st;

  return is_armed (c) && fstat (fd, &st) == 0 && st.st_ino == plan->inode &&
    count ();
}

static bool
open_fails (const char *path)
{
  struct stat st;

  return is_armed (IO_OPEN) && stat (path, &st) == 0 &&
    st.st_ino == plan->inode && count ();
}

/* -- the functions ------------------------------------------------------ */

#define REAL(name) ((__typeof__ (&name)) dlsym (RTLD_NEXT, #name))

ssize_t
pread (int fd, void *buf, size_t len, off_t offset)
{
  return fails (IO_READ, fd) ? -1 : REAL (pread) (fd, buf, len, offset);
}

ssize_t
pwritev (int fd, const struct iovec *iov, int nr_iov, off_t offset)
{
  return fails (IO_WRITE, fd) ? -1
                              : REAL (pwritev) (fd, iov, nr_iov, offset);
}

ssize_t
pwritev2 (int fd, const struct iovec *iov, int nr_iov, off_t offset,
          int flags)
{
  return fails (IO_WRITE, fd) ? -1
    : REAL (pwritev2) (fd, iov, nr_iov, offset, flags);
}

int
fdatasync (int fd)
{
  return fails (IO_SYNC, fd) ? -1 : REAL (fdatasync) (fd);
}

int
fallocate (int fd, int mode, off_t offset, off_t len)
{
  return fails (IO_SPACE, fd) ? -1 : REAL (fallocate) (fd, mode, offset, len);
}

int
fcntl (int fd, int command, ...)
{
  va_list args;
  void *arg;

  va_start (args, command);
  arg = va_arg (args, void *);
  va_end (args);
  if ((command == F_OFD_SETLK || command == F_OFD_GETLK) &&
      fails (IO_LOCK, fd))
    return -1;
  return REAL (fcntl) (fd, command, arg);
}

int
open (const char *path, int flags, ...)
{
  va_list args;
  mode_t mode = 0;

  va_start (args, flags);
  if (flags & O_CREAT)
    mode = va_arg (args, mode_t);
  va_end (args);
  return open_fails (path) ? -1 : real_open (path, flags, mode);
}
