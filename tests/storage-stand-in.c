/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Makes one file look as if it were on other storage: a network filesystem
 * without locks, or with locks that no other host sees, which takes a kernel
 * and a server that a test does not have.  Loaded into a server with
 * LD_PRELOAD.
 *
 *   STAND_IN_FILE     the file
 *   STAND_IN          words: "no-locks", "nfs", "odd-direct" (it can be opened
 *                     with O_DIRECT, and then neither read nor written)
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
#include <sys/stat.h>
#include <sys/statfs.h>

#define REAL(name) ((__typeof__ (&name)) dlsym (RTLD_NEXT, #name))

static bool
is_asked_for (const char *word)
{
  const char *words = getenv ("STAND_IN");

  return words && strstr (words, word);
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
