/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Makes one file look as if it were on other storage, or the kernel as if it
 * were older: a network filesystem without locks, or with locks that no other
 * host sees, which takes a kernel and a server that a test does not have.
 * Loaded into a server with LD_PRELOAD.
 *
 *   STAND_IN_FILE     the file
 *   STAND_IN          words: "no-locks", "nfs", "odd-direct" (it can be opened
 *                     with O_DIRECT, and then neither read nor written);
 *                     of all files "no-direct" (not even opened),
 *                     "no-cachestat", "no-mincore"
 *   STAND_IN_MOUNTS   what is read instead of /proc/self/mountinfo
 *
 * Nothing is changed after the start of the server; any thread.
 */

#include <config.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_cachestat
#define SYS_cachestat 451       /* but on Alpha */
#endif

#define REAL(name) ((__typeof__ (&name)) dlsym (RTLD_NEXT, #name))

static bool
is_asked_for (const char *word)
{
  const char *words = getenv ("STAND_IN");

  return words && strstr (words, word);
}

/* So that a test can see that what it asked for has come about. */
static void
tell (const char *word)
{
  fprintf (stderr, "stand-in: %s\n", word);
}

static bool
is_the_file (int fd)
{
  const char *path = getenv ("STAND_IN_FILE");
  struct stat st, its;

  return path && fstat (fd, &st) == 0 && stat (path, &its) == 0 &&
    st.st_dev == its.st_dev && st.st_ino == its.st_ino;
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
      is_asked_for ("no-locks") && is_the_file (fd)) {
    errno = ENOLCK;
    return -1;
  }
  return REAL (fcntl) (fd, command, arg);
}

int
fstatfs (int fd, struct statfs *ret)
{
  const int r = REAL (fstatfs) (fd, ret);

  if (r == 0 && is_asked_for ("nfs") && is_the_file (fd))
    ret->f_type = NFS_SUPER_MAGIC;
  return r;
}

FILE *
fopen (const char *path, const char *mode)
{
  const char *mounts = getenv ("STAND_IN_MOUNTS");

  if (mounts && strcmp (path, "/proc/self/mountinfo") == 0)
    path = mounts;
  return REAL (fopen) (path, mode);
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
  if (flags & O_DIRECT && is_asked_for ("no-direct")) {
    tell ("no-direct");
    errno = EINVAL;
    return -1;
  }
  return REAL (open) (path, flags, mode);
}

int
mincore (void *at, size_t len, unsigned char *ret)
{
  if (is_asked_for ("no-mincore")) {
    tell ("no-mincore");
    errno = EAGAIN;
    return -1;
  }
  return REAL (mincore) (at, len, ret);
}

/* None has more than six arguments. */
long
syscall (long number, ...)
{
  va_list args;
  long a[6];
  unsigned i;

  va_start (args, number);
  for (i = 0; i < 6; ++i)
    a[i] = va_arg (args, long);
  va_end (args);
  if (number == SYS_cachestat && is_asked_for ("no-cachestat")) {
    tell ("no-cachestat");
    errno = ENOSYS;
    return -1;
  }
  return REAL (syscall) (number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

#ifdef STATX_DIOALIGN
int
statx (int fd, const char *restrict path, int flags, unsigned mask,
       struct statx *restrict ret)
{
  const int r = REAL (statx) (fd, path, flags, mask, ret);

  if (r == 0 && mask & STATX_DIOALIGN && is_asked_for ("odd-direct") &&
      is_the_file (fd)) {
    ret->stx_mask |= STATX_DIOALIGN;
    ret->stx_dio_mem_align = ret->stx_dio_offset_align = 0;
  }
  return r;
}
#endif
