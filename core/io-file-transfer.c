/* SPDX-License-Identifier: BSD-3-Clause
 *
 * io-file: transfers that are complete or failed.
 *
 * With O_DIRECT a transfer may stop short at an offset that is not a
 * multiple of the block; the next call would be refused there.  So progress
 * is counted in whole blocks, and the rest of a block is done again.
 *
 * No locks of its own.
 */

#include <config.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "checked.h"
#include "io-file-internal.h"

#define PIECE_IOVS 64
#define PIECE_BYTES ((size_t) 1 << 30)  /* Linux moves less than 2 GiB */

/* The next piece of C, at most PIECE_IOVS long: its number of elements. */
static int
next_piece (const struct iov_cursor *c, struct iovec piece[PIECE_IOVS])
{
  size_t skip = c->skip, left = PIECE_BYTES;
  int i, n = 0;

  for (i = 0; i < c->nr_iov && n < PIECE_IOVS && left > 0; ++i) {
    const size_t len = min_u64 (c->iov[i].iov_len - skip, left);

    if (len > 0)
      piece[n++] = (struct iovec) {
        .iov_base = (char *) c->iov[i].iov_base + skip,
        .iov_len = len,
      };
    left -= len;
    skip = 0;
  }
  return n;
}

size_t
iov_cursor_left (const struct iov_cursor *c)
{
  size_t len = 0;
  int i;

  for (i = 0; i < c->nr_iov; ++i)
    len += c->iov[i].iov_len;
  return len - c->skip;
}

void
iov_cursor_advance (struct iov_cursor *c, size_t len)
{
  c->skip += len;
  while (c->nr_iov > 0 && c->skip >= c->iov->iov_len) {
    c->skip -= c->iov->iov_len;
    c->iov++;
    c->nr_iov--;
  }
}

void
iov_cursor_copy (struct iov_cursor *c, void *buf, size_t len)
{
  char *to = buf;

  while (len > 0) {
    const size_t n = min_u64 (c->iov->iov_len - c->skip, len);

    memcpy (to, (const char *) c->iov->iov_base + c->skip, n);
    iov_cursor_advance (c, n);
    to += n;
    len -= n;
  }
}

static int
read_error (struct error *err, size_t len, uint64_t offset)
{
  return error_set_errno (err, errno, "reading %zu bytes at offset %llu", len,
                          (unsigned long long) offset);
}

int
transfer_pread (struct io_file *f, void *buf, size_t len, uint64_t offset,
                struct error *err)
{
  char *to = buf;

  while (len > 0) {
    const ssize_t r = pread (f->fd, to, min_u64 (len, PIECE_BYTES),
                             (off_t) offset);
    size_t done;

    if (r == -1 && errno == EINTR)
      continue;
    if (r == -1)
      return read_error (err, len, offset);
    done = align_down (r, f->block_bytes);
    if (done == 0) {
      /* The end of the file, perhaps inside this block. */
      memset (to + r, 0, len - r);
      return 0;
    }
    to += done;
    len -= done;
    offset += done;
  }
  return 0;
}

/* One durable write: bytes written, or -1 with errno set. */
static ssize_t
write_durably (struct io_file *f, const struct iovec *iov, int n,
               uint64_t offset)
{
  ssize_t r = pwritev2 (f->durable.fd, iov, n, (off_t) offset, RWF_DSYNC);

  if (r >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL))
    return r;
  r = pwritev (f->durable.fd, iov, n, (off_t) offset);
  if (r > 0 && fdatasync (f->durable.fd) == -1)
    return -1;
  return r;
}

/* 0, or an errno, or SYNC_EARLIER_FAILED. */
static int
write_piece_durably (struct io_file *f, const struct iovec *iov, int n,
                     uint64_t offset, size_t *ret_len)
{
  struct sync_op op;
  ssize_t r;
  int e;

  sync_group_begin (&f->durable, &op);
  do
    r = write_durably (f, iov, n, offset);
  while (r == -1 && errno == EINTR);
  e = sync_group_end (&f->durable, &op, r == -1 ? errno : 0);
  if (e == 0)
    *ret_len = (size_t) r;
  return e;
}

static int
write_piece (struct io_file *f, const struct iovec *iov, int n,
             uint64_t offset, size_t *ret_len)
{
  ssize_t r;

  do
    r = pwritev (f->fd, iov, n, (off_t) offset);
  while (r == -1 && errno == EINTR);
  if (r == -1)
    return errno;
  *ret_len = (size_t) r;
  return 0;
}

static int
write_error (struct error *err, int e, size_t len, uint64_t offset)
{
  if (e == SYNC_EARLIER_FAILED)
    return error_set (err, EIO, "writing %zu bytes at offset %llu: an earlier "
                      "durable write of this file failed", len,
                      (unsigned long long) offset);
  return error_set_errno (err, e, "writing %zu bytes at offset %llu", len,
                          (unsigned long long) offset);
}

int
transfer_pwritev (struct io_file *f, struct iov_cursor c, uint64_t offset,
                  unsigned flags, struct error *err)
{
  struct iovec piece[PIECE_IOVS];
  size_t done = 0;
  int n, e;

  while ((n = next_piece (&c, piece)) > 0) {
    if (flags & IO_DSYNC)
      e = write_piece_durably (f, piece, n, offset, &done);
    else
      e = write_piece (f, piece, n, offset, &done);
    if (e)
      return write_error (err, e, iov_cursor_left (&c), offset);
    done = align_down (done, f->block_bytes);
    if (done == 0)
      return write_error (err, EIO, iov_cursor_left (&c), offset);
    iov_cursor_advance (&c, done);
    offset += done;
  }
  return 0;
}
