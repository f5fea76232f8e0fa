/* SPDX-License-Identifier: BSD-3-Clause
 *
 * io-file: O_DIRECT.
 *
 * The file is seen as blocks of f->block_bytes.  A request that begins and
 * ends at blocks, from buffers that the kernel accepts, passes through.  Any
 * other goes through an aligned bounce buffer; a write then reads the blocks
 * that it covers in part, and writes them back whole.
 *
 * Invariant: from reading a block for that until it is written back, nobody
 * else changes it.  f->blocks, a range lock, keeps it: *every* change through
 * this io, aligned writes and zeroing too, holds the blocks that it touches.
 * Changes of different blocks run in parallel.  Reads hold nothing: they may
 * see part of a write that runs at the same time, as with any file.
 *
 * A thread that holds blocks here takes no other lock but that of a sync
 * group.  It may hold guest clusters of the image's range lock: that one is
 * always outside.
 *
 * A write whose last block is partial and lies at the end of the file leaves
 * the file ending at that block's end, the rest reading zeros.  The qcow2
 * format asks nothing of a file's length, and taking the rest away again
 * would race with whoever makes the file longer.
 */

#include <config.h>

#include <errno.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <fcntl.h>

#include "checked.h"
#include "cleanup.h"
#include "io-file-internal.h"

#define BOUNCE_BYTES (UINT64_C (1) << 20)
#define USUAL_ALIGN 4096        /* no disk asks for more */

static bool
is_sane_align (uint64_t n)
{
  return n > 0 && n <= BOUNCE_BYTES / 4 && is_aligned (n, n);
}

/* Linux 6.1 can tell; false where it does not. */
static bool
probe_statx (int fd, uint32_t *ret_mem, uint32_t *ret_block)
{
#ifdef STATX_DIOALIGN
  struct statx st;

  if (statx (fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &st) == -1 ||
      !(st.stx_mask & STATX_DIOALIGN))
    return false;
  *ret_mem = st.stx_dio_mem_align;
  *ret_block = st.stx_dio_offset_align;
  return true;
#else
  (void) fd, (void) ret_mem, (void) ret_block;
  return false;
#endif
}

int
direct_probe (struct io_file *f, struct error *err)
{
  uint32_t mem = USUAL_ALIGN, block = USUAL_ALIGN;
  int sector;

  if (!probe_statx (f->fd, &mem, &block) && f->device &&
      ioctl (f->fd, BLKSSZGET, &sector) == 0)
    mem = block = (uint32_t) sector;
  if (!is_sane_align (mem) || !is_sane_align (block))
    return error_set (err, EINVAL, "cannot be read and written past the page "
                      "cache (O_DIRECT) on this filesystem: do not use "
                      "cache=none");
  f->mem_align = mem;
  f->block_bytes = block;
  return 0;
}

void
direct_take_blocks (struct io_file *f, struct range *range, uint64_t offset,
                    uint64_t len)
{
  range_lock_take (&f->blocks, range, offset / f->block_bytes,
                   (offset + len - 1) / f->block_bytes);
}

/* Direct I/O needs each element aligned, not only their sum. */
static bool
passes_through (const struct io_file *f, const struct iovec *iov, int nr_iov,
                uint64_t offset)
{
  int i;

  if (!is_aligned (offset, f->block_bytes))
    return false;
  for (i = 0; i < nr_iov; ++i)
    if (!is_aligned ((uintptr_t) iov[i].iov_base, f->mem_align) ||
        !is_aligned (iov[i].iov_len, f->block_bytes))
      return false;
  return true;
}

/* An aligned buffer for blocks up to LEN bytes. */
static void *
bounce_buffer (const struct io_file *f, uint64_t len, struct error *err)
{
  const size_t align = max_u64 (f->mem_align, sizeof (void *));
  void *p;

  if (posix_memalign (&p, align, len)) {
    error_set (err, ENOMEM, "out of memory for a buffer of %llu bytes",
               (unsigned long long) len);
    return NULL;
  }
  return p;
}

int
direct_pread (struct io_file *f, void *buf, size_t len, uint64_t offset,
              struct error *err)
{
  const struct iovec iov = { buf, len };
  const uint64_t end = offset + len;
  uint64_t pos = align_down (offset, f->block_bytes);
  const uint64_t stop = align_up (end, f->block_bytes);
  const uint64_t size = min_u64 (stop - pos, BOUNCE_BYTES);
  CLEANUP_FREE char *bounce = NULL;

  if (len == 0 || passes_through (f, &iov, 1, offset))
    return transfer_pread (f, buf, len, offset, err);
  bounce = bounce_buffer (f, size, err);
  if (!bounce)
    return -1;
  for (; pos < stop; pos += size) {
    const uint64_t lo = max_u64 (offset, pos);
    const uint64_t hi = min_u64 (end, pos + size);

    if (transfer_pread (f, bounce, min_u64 (size, stop - pos), pos, err) == -1)
      return -1;
    memcpy ((char *) buf + (lo - offset), bounce + (lo - pos), hi - lo);
  }
  return 0;
}

/* Read those of the N bytes at POS whose blocks [LO, HI) covers in part. */
static int
read_edges (struct io_file *f, char *bounce, uint64_t pos, uint64_t n,
            uint64_t lo, uint64_t hi, struct error *err)
{
  const uint64_t block = f->block_bytes;
  const uint64_t last = pos + n - block;
  const bool head = lo > pos;
  const bool tail = hi < pos + n;

  if (head && transfer_pread (f, bounce, block, pos, err) == -1)
    return -1;
  if (tail && !(head && last == pos))
    return transfer_pread (f, bounce + (last - pos), block, last, err);
  return 0;
}

static int
write_bounced (struct io_file *f, struct iov_cursor c, uint64_t offset,
               unsigned flags, struct error *err)
{
  const uint64_t end = offset + iov_cursor_left (&c);
  uint64_t pos = align_down (offset, f->block_bytes);
  const uint64_t stop = align_up (end, f->block_bytes);
  const uint64_t size = min_u64 (stop - pos, BOUNCE_BYTES);
  CLEANUP_FREE char *bounce = bounce_buffer (f, size, err);

  if (!bounce)
    return -1;
  for (; pos < stop; pos += size) {
    const uint64_t n = min_u64 (size, stop - pos);
    const uint64_t lo = max_u64 (offset, pos);
    const uint64_t hi = min_u64 (end, pos + n);
    const struct iovec whole = { bounce, n };

    if (read_edges (f, bounce, pos, n, lo, hi, err) == -1)
      return -1;
    iov_cursor_copy (&c, bounce + (lo - pos), hi - lo);
    if (transfer_pwritev (f, (struct iov_cursor) { &whole, 1, 0 }, pos, flags,
                          err) == -1)
      return -1;
  }
  return 0;
}

int
direct_pwritev (struct io_file *f, const struct iovec *iov, int nr_iov,
                uint64_t offset, unsigned flags, struct error *err)
{
  const struct iov_cursor c = { iov, nr_iov, 0 };

  if (iov_cursor_left (&c) == 0)
    return 0;
  if (passes_through (f, iov, nr_iov, offset))
    return transfer_pwritev (f, c, offset, flags, err);
  return write_bounced (f, c, offset, flags, err);
}
