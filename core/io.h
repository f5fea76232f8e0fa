/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The backing file, as everything above sees it.
 *
 * One table of functions stands between the engine and the operating
 * system, so that a simulated disk (tests/simdisk.c) can take its place
 * and lose power, fail the Nth call or reorder what was not synced.
 *
 * Offsets and lengths are bytes.  Every call either does all that was
 * asked (0) or fails (-1, error filled): no short counts.  Calls may come
 * from many threads at once; there is no file position.
 *
 *   pread   reads; beyond the end of the file it yields zeros.
 *   pwritev writes all of IOV at OFFSET, extending the file if need be.
 *           IO_DSYNC: durable when the call returns (this range alone;
 *           far cheaper than sync while other data is dirty).
 *   zero    makes the range read zeros, giving the space back to the host
 *           where IO_PUNCH is set and the file can.  Never extends the
 *           file: the part of the range beyond its end is left alone.
 *           Durable after the next sync.
 *   sync    makes durable all writes that completed before the call.
 *           After a failed sync nothing about earlier writes is known;
 *           the engine poisons the image (docs/DURABILITY.md).
 *   size    current size of the file or device.
 *   truncate cuts the file off at SIZE, below its present size.  May be NULL
 *           where that cannot be done.
 *   prefetch starts reading a range ahead; a hint, cannot fail.
 *   lock, unlock  QEMU's byte locks (lock.h) on the open file.
 *   close   frees IO itself.  Does not sync.  Locks vanish.
 *
 * The rest may be NULL (io-optional.h):
 *   has_lock    whether locks that others can see are held now.
 *   mtime       when it was last written, in ns by the storage's clock.
 *   drop_cache  forget what is cached of the file, so that the next read asks
 *               the storage; a hint, and it cannot say whether it worked.
 *   check_cache does that, and makes sure: what stays cached nevertheless
 *               is what the storage has, or it fails with "StaleView".
 *   hole        where the file keeps nothing and reads zeros.
 *
 * Without a lock of its own; implementations say theirs.
 */

#ifndef BATON_IO_H
#define BATON_IO_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "error.h"
#include "io-opener.h"
#include "lock.h"

#define IO_DSYNC 1u
#define IO_PUNCH 2u

struct io;

struct io_ops {
  int (*pread) (struct io *io, void *buf, size_t len, uint64_t offset,
                struct error *err);
  int (*pwritev) (struct io *io, const struct iovec *iov, int nr_iov,
                  uint64_t offset, unsigned flags, struct error *err);
  int (*zero) (struct io *io, uint64_t offset, uint64_t len,
               unsigned flags, struct error *err);
  int (*sync) (struct io *io, struct error *err);
  int (*size) (struct io *io, uint64_t *ret_size, struct error *err);
  int (*truncate) (struct io *io, uint64_t size, struct error *err);
  void (*prefetch) (struct io *io, uint64_t offset, uint64_t len);
  int (*lock) (struct io *io, enum lock_mode mode, struct error *err);
  void (*unlock) (struct io *io);
  void (*close) (struct io *io);
  bool (*has_lock) (const struct io *io);
  uint64_t (*mtime) (struct io *io);
  void (*drop_cache) (struct io *io);
  bool (*hole) (struct io *io, uint64_t offset, uint64_t len,
                uint64_t *ret_len);
  int (*check_cache) (struct io *io, struct error *err);
};

/* Implementations embed this as their first member. */
struct io {
  const struct io_ops *ops;
  bool read_only;               /* pwritev, zero: EBADF */
  bool fresh_reads_zero;        /* space never written reads zeros, also
                                 * after a crash: true of regular files,
                                 * not of block devices */
  bool fixed_size;              /* cannot grow: a block device */
  bool may_be_stale;            /* what is cached of it here may be, too */
  uint64_t identity[2];         /* which file it is, by any name (st_dev,
                                 * st_ino); both 0: not known */
  _Atomic bool clean;           /* what has returned by now is durable, if
                                 * nothing is in flight (image-flush.c) */
};

static inline int
io_pread (struct io *io, void *buf, size_t len, uint64_t offset,
          struct error *err)
{
  return io->ops->pread (io, buf, len, offset, err);
}

/* Said after each change, failed ones too, before its caller knows of it.
 * Looks first: many threads write, and few of them have news. */
static inline void
io_note_change (struct io *io)
{
  if (atomic_load (&io->clean))
    atomic_store (&io->clean, false);
}

static inline int
io_pwritev (struct io *io, const struct iovec *iov, int nr_iov,
            uint64_t offset, unsigned flags, struct error *err)
{
  const int r = io->ops->pwritev (io, iov, nr_iov, offset, flags, err);

  if (r == -1 || !(flags & IO_DSYNC))
    io_note_change (io);
  return r;
}

static inline int
io_pwrite (struct io *io, const void *buf, size_t len, uint64_t offset,
           unsigned flags, struct error *err)
{
  return io_pwritev (io, &(struct iovec) { (void *) buf, len }, 1, offset,
                     flags, err);
}

static inline int
io_zero (struct io *io, uint64_t offset, uint64_t len, unsigned flags,
         struct error *err)
{
  const int r = io->ops->zero (io, offset, len, flags, err);

  io_note_change (io);
  return r;
}

static inline int
io_sync (struct io *io, struct error *err)
{
  return io->ops->sync (io, err);
}

static inline int
io_size (struct io *io, uint64_t *ret_size, struct error *err)
{
  return io->ops->size (io, ret_size, err);
}

static inline void
io_prefetch (struct io *io, uint64_t offset, uint64_t len)
{
  io->ops->prefetch (io, offset, len);
}

static inline int
io_lock (struct io *io, enum lock_mode mode, struct error *err)
{
  return io->ops->lock (io, mode, err);
}

static inline void
io_unlock (struct io *io)
{
  io->ops->unlock (io);
}

static inline void
io_close (struct io *io)
{
  if (io)
    io->ops->close (io);
}

#endif /* BATON_IO_H */
