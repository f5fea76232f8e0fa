/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Simulated disk: struct io, the hook and locks.
 *
 * d->lock is held for the whole of a change; the hook runs without it.  So a
 * write is applied at one point in time, and a sync is two: when it is
 * issued, which fixes what it covers, and when it is done.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "checked.h"
#include "simdisk-internal.h"

struct simdisk_io {
  struct io base;
  struct simdisk *disk;
  bool reads;                   /* holds LOCK_READER; disk->writer: WRITER */
};

static struct simdisk *
disk_of (struct io *io)
{
  return ((struct simdisk_io *) io)->disk;
}

struct simdisk *
simdisk_alloc (uint32_t sector_bytes) NO_TSA
{
  struct simdisk *d = simdisk_realloc (NULL, 1, sizeof *d);

  memset (d, 0, sizeof *d);
  d->sector_bytes = sector_bytes;
  mutex_init (&d->lock);
  return d;
}

struct simdisk *
simdisk_new (uint32_t sector_bytes)
{
  if (!is_aligned (sector_bytes, sector_bytes) || sector_bytes < 16)
    abort ();
  return simdisk_alloc (sector_bytes);
}

struct simdisk *
simdisk_new_device (uint32_t sector_bytes, uint64_t size_bytes, uint8_t stale)
{
  struct simdisk *d = simdisk_new (sector_bytes);

  if (!is_aligned (size_bytes, sector_bytes))
    abort ();
  d->device = true;
  d->stale = stale;
  d->size = d->durable_size = size_bytes;
  d->zeros = sector_new (sector_bytes);
  memset (d->zeros->data, 0, sector_bytes);
  return d;
}

void
simdisk_free (struct simdisk *d)
{
  if (!d)
    return;
  if (d->nr_ios > 0)
    abort ();
  pending_free_all (d);
  tree_free (&d->newest);
  sector_unref (d->zeros);
  free (d->lengths);
  mutex_destroy (&d->lock);
  free (d);
}

/* Count a call of KIND (one bit); the errno that it fails with, or 0. */
static int
count_locked (struct simdisk *d, unsigned kind) REQUIRES (d->lock)
{
  const struct fault *f = fault_locked (d, kind);

  return f ? f->errnum : 0;
}

static int
simulated (struct error *err, int errnum, const char *what)
{
  return error_set_errno (err, errnum, "%s (simulated)", what);
}

static void
call_hook (struct simdisk *d, struct simdisk_event *event,
           enum simdisk_phase phase)
{
  event->disk = d;
  event->phase = phase;
  if (d->hook)
    d->hook (d->opaque, event);
}

static int
check_span (uint64_t offset, uint64_t len, struct error *err)
{
  uint64_t end;

  if (!checked_add (offset, len, &end) || end > INT64_MAX)
    return error_set (err, EINVAL, "beyond what a file can hold");
  return 0;
}

static int
check_change (const struct io *io, uint64_t offset, uint64_t len,
              struct error *err)
{
  if (io->read_only)
    return error_set (err, EBADF, "it is open for reading only");
  return check_span (offset, len, err);
}

static int
op_pread (struct io *io, void *buf, size_t len, uint64_t offset,
          struct error *err)
{
  struct simdisk *d = disk_of (io);
  int e;

  if (check_span (offset, len, err) == -1)
    return -1;
  mutex_lock (&d->lock);
  e = count_locked (d, SIMDISK_READ);
  if (e == 0)
    state_read (d, buf, len, offset);
  mutex_unlock (&d->lock);
  return e ? simulated (err, e, "reading") : 0;
}

/* 0 or errno; *RET_OP: the write's number, 0 where it failed. */
static int
write_locked (struct simdisk *d, const struct simdisk_event *event,
              uint64_t *ret_op) REQUIRES (d->lock)
{
  const struct fault *f = fault_locked (d, SIMDISK_WRITE);
  const int e = f ? f->errnum : 0;

  if (d->device && event->offset + event->len_bytes > d->size)
    return e ? e : ENOSPC;
  if (e == 0)
    *ret_op = state_write (d, event->iov, event->nr_iov, event->offset, 0);
  else if (f->torn)
    state_write (d, event->iov, event->nr_iov, event->offset, f->seed);
  return e;
}

static int
op_pwritev (struct io *io, const struct iovec *iov, int nr_iov,
            uint64_t offset, unsigned flags, struct error *err)
{
  struct simdisk *d = disk_of (io);
  struct simdisk_event event = {
    .kind = SIMDISK_WRITE, .offset = offset, .flags = flags, .iov = iov,
    .nr_iov = nr_iov,
  };
  uint64_t op = 0;
  int i;

  for (i = 0; i < nr_iov; ++i)
    event.len_bytes += iov[i].iov_len;
  if (check_change (io, offset, event.len_bytes, err) == -1)
    return -1;
  call_hook (d, &event, SIMDISK_BEGIN);
  mutex_lock (&d->lock);
  event.errnum = write_locked (d, &event, &op);
  mutex_unlock (&d->lock);
  if (event.errnum == 0 && flags & IO_DSYNC) {
    call_hook (d, &event, SIMDISK_APPLIED);
    mutex_lock (&d->lock);
    state_write_durable (d, op, offset, event.len_bytes);
    mutex_unlock (&d->lock);
  }
  call_hook (d, &event, SIMDISK_END);
  return event.errnum ? simulated (err, event.errnum, "writing") : 0;
}

static int
op_zero (struct io *io, uint64_t offset, uint64_t len, unsigned flags,
         struct error *err)
{
  struct simdisk *d = disk_of (io);
  struct simdisk_event event = {
    .kind = SIMDISK_ZERO, .offset = offset, .len_bytes = len, .flags = flags,
  };

  if (check_change (io, offset, len, err) == -1)
    return -1;
  call_hook (d, &event, SIMDISK_BEGIN);
  mutex_lock (&d->lock);
  event.errnum = count_locked (d, SIMDISK_ZERO);
  if (event.errnum == 0 && offset < d->size && len > 0)
    state_zero (d, offset, min_u64 (len, d->size - offset));
  mutex_unlock (&d->lock);
  call_hook (d, &event, SIMDISK_END);
  return event.errnum ? simulated (err, event.errnum, "zeroing") : 0;
}

static int
op_sync (struct io *io, struct error *err)
{
  struct simdisk *d = disk_of (io);
  struct simdisk_event event = { .kind = SIMDISK_SYNC };
  uint64_t op;

  mutex_lock (&d->lock);
  op = d->last_op;
  d->nr_syncing++;
  mutex_unlock (&d->lock);
  call_hook (d, &event, SIMDISK_BEGIN);
  mutex_lock (&d->lock);
  d->nr_syncing--;
  event.errnum = count_locked (d, SIMDISK_SYNC);
  if (event.errnum == 0)
    state_sync (d, op);
  else
    state_sync_failed (d, op);
  mutex_unlock (&d->lock);
  call_hook (d, &event, SIMDISK_END);
  return event.errnum ? simulated (err, event.errnum, "syncing") : 0;
}

static int
op_size (struct io *io, uint64_t *ret_size, struct error *err)
{
  struct simdisk *d = disk_of (io);
  int e;

  mutex_lock (&d->lock);
  e = count_locked (d, SIMDISK_SIZE);
  if (e == 0)
    *ret_size = d->size;
  mutex_unlock (&d->lock);
  return e ? simulated (err, e, "asking for the size") : 0;
}

static void
op_prefetch (struct io *io, uint64_t offset, uint64_t len)
{
  (void) io;
  (void) offset;
  (void) len;
}

static void
release_locked (struct simdisk_io *io) REQUIRES (io->disk->lock)
{
  if (io->disk->writer == &io->base)
    io->disk->writer = NULL;
  if (io->reads)
    io->disk->nr_readers--;
  io->reads = false;
}

static int
take_locked (struct simdisk_io *io, enum lock_mode mode, struct error *err)
  REQUIRES (io->disk->lock)
{
  struct simdisk *d = io->disk;

  release_locked (io);          /* "On failure nothing is held" */
  if (d->writer || (mode == LOCK_WRITER && d->nr_readers > 0))
    return error_set_class (err, EAGAIN, "LockHeld", "another process %s",
                            d->writer ? "is writing to it"
                            : "does not let others write to it");
  if (mode == LOCK_WRITER)
    d->writer = &io->base;
  else {
    io->reads = true;
    d->nr_readers++;
  }
  return 0;
}

static int
op_lock (struct io *base, enum lock_mode mode, struct error *err)
{
  struct simdisk_io *io = (struct simdisk_io *) base;
  int e, r = -1;

  mutex_lock (&io->disk->lock);
  e = count_locked (io->disk, SIMDISK_LOCK);
  if (e == 0)
    r = take_locked (io, mode, err);
  mutex_unlock (&io->disk->lock);
  return e ? simulated (err, e, "locking") : r;
}

static void
op_unlock (struct io *base)
{
  struct simdisk_io *io = (struct simdisk_io *) base;

  mutex_lock (&io->disk->lock);
  release_locked (io);
  mutex_unlock (&io->disk->lock);
}

static void
op_close (struct io *base)
{
  struct simdisk_io *io = (struct simdisk_io *) base;

  mutex_lock (&io->disk->lock);
  release_locked (io);
  io->disk->nr_ios--;
  mutex_unlock (&io->disk->lock);
  free (io);
}

static bool
op_has_lock (const struct io *base)
{
  struct simdisk_io *io = (struct simdisk_io *) base;
  bool has;

  mutex_lock (&io->disk->lock);
  has = io->reads || io->disk->writer == base;
  mutex_unlock (&io->disk->lock);
  return has;
}

static bool
op_hole (struct io *io, uint64_t offset, uint64_t len, uint64_t *ret_len)
{
  struct simdisk *d = disk_of (io);
  bool hole;

  mutex_lock (&d->lock);
  hole = state_hole (d, offset, len, ret_len);
  mutex_unlock (&d->lock);
  return hole;
}

static const struct io_ops simdisk_ops = {
  .hole = op_hole,
  .has_lock = op_has_lock,
  .pread = op_pread,
  .pwritev = op_pwritev,
  .zero = op_zero,
  .sync = op_sync,
  .size = op_size,
  .prefetch = op_prefetch,
  .lock = op_lock,
  .unlock = op_unlock,
  .close = op_close,
};

struct io *
simdisk_open (struct simdisk *d, unsigned flags, struct error *err)
{
  struct simdisk_io *io;
  int e;

  mutex_lock (&d->lock);
  e = count_locked (d, SIMDISK_OPEN);
  d->nr_ios += e == 0;
  mutex_unlock (&d->lock);
  if (e) {
    simulated (err, e, "cannot be opened");
    return NULL;
  }
  io = simdisk_realloc (NULL, 1, sizeof *io);
  *io = (struct simdisk_io) {
    .base = {
      .ops = &simdisk_ops,
      .read_only = !(flags & IO_OPEN_WRITE),
      .fresh_reads_zero = !d->device,
      .identity = { 1, (uintptr_t) d },
      .fixed_size = d->device,
    },
    .disk = d,
  };
  return &io->base;
}

void
simdisk_trace (struct simdisk *d, simdisk_hook *hook, void *opaque)
{
  d->hook = hook;
  d->opaque = opaque;
}
