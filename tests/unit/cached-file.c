/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See cached-file.h.
 */

#include <config.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#include "cached-file.h"

#ifndef SYS_cachestat
#define SYS_cachestat 451       /* but on Alpha */
#endif

struct cached_file here;
struct cached_calls calls;
char stored_path[320];
int stored_fd = -1;

static bool
is_cached (void)
{
  return here.to > here.from && calls.drops < here.nr_drops;
}

int
open (const char *name, int flags, ...)
{
  va_list args;
  mode_t mode = 0;

  va_start (args, flags);
  if (flags & O_CREAT)
    mode = va_arg (args, mode_t);
  va_end (args);
  if (strncmp (name, "/proc/self/fd/", 14) != 0)
    return openat (AT_FDCWD, name, flags, mode);
  assert_int_equal (flags, O_RDONLY | O_DIRECT | O_CLOEXEC);
  errno = EINVAL;
  if (!here.no_direct)
    stored_fd = openat (AT_FDCWD, stored_path, O_RDONLY | O_CLOEXEC);
  return stored_fd;
}

static ssize_t
read_at (int fd, void *buf, size_t len, off_t offset, int errnum)
{
  const struct iovec iov = { buf, len };

  errno = errnum;
  return errnum ? -1 : preadv (fd, &iov, 1, offset);
}

ssize_t
pread (int fd, void *buf, size_t len, off_t offset)
{
  if (fd != stored_fd)
    return read_at (fd, buf, len, offset, here.cached_errno);
  /* As O_DIRECT asks. */
  assert_int_equal ((uintptr_t) buf % 4096, 0);
  assert_int_equal (offset % 4096, 0);
  assert_int_equal (len % 4096, 0);
  calls.stored++;
  if (here.interrupted > 0) {
    here.interrupted--;
    return read_at (fd, buf, len, offset, EINTR);
  }
  if (here.at_most && len > here.at_most)
    len = here.at_most;
  return read_at (fd, buf, len, offset, here.stored_errno);
}

int
posix_fadvise (int fd, off_t offset, off_t len, int advice)
{
  (void) fd;
  assert_int_equal (offset + len, 0);
  assert_int_equal (advice, POSIX_FADV_DONTNEED);
  calls.drops++;
  return 0;
}

int
mincore (void *at, size_t len, unsigned char *ret)
{
  (void) at;
  calls.mincore++;
  if (here.no_mincore) {
    errno = EAGAIN;
    return -1;
  }
  if (is_cached () &&
      (here.nr_mincore == 0 || here.nr_mincore == calls.mincore))
    ret[(len - 1) / 4096] = 1;
  return 0;
}

static long
cachestat (const uint64_t *range, uint64_t *figures)
{
  calls.cachestat++;
  if (here.no_cachestat || (here.cachestat_ends && calls.cachestat > 1)) {
    errno = ENOSYS;
    return -1;
  }
  figures[0] = is_cached () && range[0] < here.to &&
    here.from < range[0] + range[1];
  return 0;
}

long
syscall (long number, ...)
{
  long (*const real) (long, ...) =
    (long (*) (long, ...)) dlsym (RTLD_NEXT, "syscall");
  va_list args;
  long a[6];
  unsigned i;

  va_start (args, number);
  for (i = 0; i < 6; ++i)
    a[i] = va_arg (args, long);
  va_end (args);
  return number == SYS_cachestat
    ? cachestat ((const uint64_t *) a[1], (uint64_t *) a[2])
    : real (number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
