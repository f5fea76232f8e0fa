/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See device-file.h.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "device-file.h"

struct device_file here;
unsigned nr_fstat;

static int
failed (int errnum)
{
  errno = errnum;
  return -1;
}

static void
set_kind (struct stat *st, mode_t kind)
{
  if (kind)
    st->st_mode = kind | 0600;
  if (kind == S_IFBLK)
    st->st_rdev = 0x1234;
}

int
stat (const char *name, struct stat *ret)
{
  const int r = here.no_stat ? failed (here.no_stat)
    : fstatat (AT_FDCWD, name, ret, 0);

  if (r == 0)
    set_kind (ret, here.kind);
  return r;
}

int
fstat (int fd, struct stat *ret)
{
  if (++nr_fstat == here.no_fstat)
    return failed (EIO);
  if (fstatat (fd, "", ret, AT_EMPTY_PATH) == -1)
    return -1;
  set_kind (ret, here.opened_kind ? here.opened_kind : here.kind);
  if (here.other_fstat && nr_fstat >= here.other_fstat)
    *(here.other_device ? &ret->st_dev : &ret->st_ino) += 1;
  return 0;
}

int
fcntl (int fd, int command, ...)
{
  va_list args;
  long arg;

  va_start (args, command);
  arg = va_arg (args, long);
  va_end (args);
  if (command == F_SETFL && here.no_setfl)
    return failed (EPERM);
  return (int) syscall (SYS_fcntl, fd, command, arg);
}

int
ioctl (int fd, unsigned long request, ...)
{
  va_list args;
  void *arg;

  (void) fd;
  va_start (args, request);
  arg = va_arg (args, void *);
  va_end (args);
  if (request == BLKGETSIZE64 && !here.no_size)
    *(uint64_t *) arg = DEVICE_BYTES;
  else if (request == BLKSSZGET && !here.no_sector)
    *(int *) arg = here.sector;
  else
    return failed (ENOTTY);
  return 0;
}

/* A device has no holes to tell of; nor have some filesystems an end of
 * data. */
off_t
lseek (int fd, off_t offset, int whence)
{
  if (here.kind == S_IFBLK)
    return failed (EINVAL);
  if (whence == SEEK_HOLE && here.no_holes)
    return failed (EINVAL);
  return syscall (SYS_lseek, fd, offset, whence);
}

int
ftruncate (int fd, off_t size)
{
  return here.no_truncate ? failed (EPERM)
    : (int) syscall (SYS_ftruncate, fd, size);
}

#ifdef STATX_DIOALIGN
int
statx (int fd, const char *restrict name, int flags, unsigned mask,
       struct statx *restrict ret)
{
  (void) fd, (void) name, (void) flags;
  assert_int_equal (mask, STATX_DIOALIGN);
  memset (ret, 0, sizeof *ret);
  if (!here.has_dioalign)
    return here.mem_align ? failed (ENOSYS) : 0;
  ret->stx_mask = STATX_DIOALIGN;
  ret->stx_dio_mem_align = here.mem_align;
  ret->stx_dio_offset_align = here.offset_align;
  return 0;
}
#endif
