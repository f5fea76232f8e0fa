/* SPDX-License-Identifier: BSD-3-Clause
 *
 * io-file: zeroing, by the cheapest means that works.
 *
 *   IO_PUNCH   a hole, else a zero range, else zeros
 *   without    a zero range, else zeros
 *
 * The kernel zeroes the partial blocks at the edges of a file's range
 * itself.  A device takes whole blocks only; there the edges are written.
 *
 * The caller holds the blocks (io-file-direct.c) and has clipped the range
 * to the file; so writing zeros never makes it longer, but for what O_DIRECT
 * adds to a last partial block.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include "checked.h"
#include "io-file-internal.h"

#define ZEROS_BYTES 65536
#define ZEROS_IOVS 16

static const _Alignas (4096) char zeros[ZEROS_BYTES];

static int
write_zeros (struct io_file *f, uint64_t offset, uint64_t len,
             struct error *err)
{
  struct iovec iov[ZEROS_IOVS];
  int n;

  while (len > 0) {
    const uint64_t begin = offset;

    for (n = 0; n < ZEROS_IOVS && len > 0; ++n) {
      iov[n].iov_base = (void *) zeros;
      iov[n].iov_len = min_u64 (len, ZEROS_BYTES);
      offset += iov[n].iov_len;
      len -= iov[n].iov_len;
    }
    if (file_write (f, iov, n, begin, 0, err) == -1)
      return -1;
  }
  return 0;
}

/* 0, or errno. */
static int
try_fallocate (int fd, int mode, uint64_t offset, uint64_t len)
{
  while (fallocate (fd, mode | FALLOC_FL_KEEP_SIZE, (off_t) offset,
                    (off_t) len) == -1)
    if (errno != EINTR)
      return errno;
  return 0;
}

static bool
means_unsupported (int errnum)
{
  return errnum == EOPNOTSUPP || errnum == ENOSYS || errnum == EINVAL ||
         errnum == ENODEV || errnum == ENOTTY;
}

static int
zero_middle (struct io_file *f, uint64_t offset, uint64_t len, unsigned flags,
             struct error *err)
{
  int e = EOPNOTSUPP;

  if (flags & IO_PUNCH)
    e = try_fallocate (f->fd, FALLOC_FL_PUNCH_HOLE, offset, len);
  if (means_unsupported (e))
    e = try_fallocate (f->fd, FALLOC_FL_ZERO_RANGE, offset, len);
  if (means_unsupported (e))
    return write_zeros (f, offset, len, err);
  if (e)
    return error_set_errno (err, e, "zeroing %llu bytes at offset %llu",
                            (unsigned long long) len,
                            (unsigned long long) offset);
  return 0;
}

int
file_zero (struct io_file *f, uint64_t offset, uint64_t len, unsigned flags,
           struct error *err)
{
  const uint64_t end = offset + len;
  const uint64_t middle = align_up (offset, f->zero_align);
  const uint64_t tail = align_down (end, f->zero_align);

  if (middle >= tail)
    return write_zeros (f, offset, len, err);
  if (write_zeros (f, offset, middle - offset, err) == -1 ||
      zero_middle (f, middle, tail - middle, flags, err) == -1)
    return -1;
  return write_zeros (f, tail, end - tail, err);
}

void
zero_probe (struct io_file *f)
{
  int sector;

  if (f->device)
    f->zero_align = ioctl (f->fd, BLKSSZGET, &sector) == 0 && sector > 0
                    ? (uint32_t) sector : 4096;
}
