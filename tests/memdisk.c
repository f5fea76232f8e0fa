/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Disks in memory: see memdisk.h.  No lock.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "checked.h"
#include "memdisk.h"

struct mem_io {
  struct io base;
  struct memdisk *disk;
};

static void *
must (void *p)
{
  if (!p)
    abort ();
  return p;
}

void
memdisk_init (struct memdisk *d)
{
  *d = (struct memdisk) {
    .pages = must (calloc (MEMDISK_PAGES, sizeof *d->pages)),
    .used = must (calloc (MEMDISK_PAGES, sizeof *d->used)),
  };
}

void
memdisk_reset (struct memdisk *d, const void *base, uint64_t len)
{
  size_t i;

  for (i = 0; i < d->nr_used; ++i) {
    free (d->pages[d->used[i]]);
    d->pages[d->used[i]] = NULL;
  }
  d->nr_used = 0;
  d->base = base;
  d->base_len = d->size = len;
  d->nr_changes = d->nr_syncs = 0;
}

void
memdisk_destroy (struct memdisk *d)
{
  memdisk_reset (d, NULL, 0);
  free (d->pages);
  free (d->used);
}

/* LEN bytes of BASE at OFFSET, zeros where it has none. */
static void
copy_base (const struct memdisk *d, uint8_t *buf, size_t len, uint64_t offset)
{
  size_t n = 0;

  if (offset < d->base_len) {
    n = min_u64 (len, d->base_len - offset);
    memcpy (buf, d->base + offset, n);
  }
  memset (buf + n, 0, len - n);
}

static uint8_t *
get_page (struct memdisk *d, uint64_t nr)
{
  if (!d->pages[nr]) {
    d->pages[nr] = must (malloc (MEMDISK_PAGE_BYTES));
    copy_base (d, d->pages[nr], MEMDISK_PAGE_BYTES, nr * MEMDISK_PAGE_BYTES);
    d->used[d->nr_used++] = nr;
  }
  return d->pages[nr];
}

/* From OFFSET to the end of its page, or of LEN. */
static size_t
in_page (uint64_t offset, size_t len)
{
  return min_u64 (len, MEMDISK_PAGE_BYTES - offset % MEMDISK_PAGE_BYTES);
}

/* DATA NULL: zeros. */
static void
fill (struct memdisk *d, const uint8_t *data, uint64_t len, uint64_t offset)
{
  uint64_t done, n;

  for (done = 0; done < len; done += n) {
    uint8_t *page = get_page (d, (offset + done) / MEMDISK_PAGE_BYTES);

    n = in_page (offset + done, len - done);
    page += (offset + done) % MEMDISK_PAGE_BYTES;
    if (data)
      memcpy (page, data + done, n);
    else
      memset (page, 0, n);
  }
}

void
memdisk_poke (struct memdisk *d, const void *data, size_t len,
              uint64_t offset)
{
  fill (d, data, len, offset);
  d->size = max_u64 (d->size, offset + len);
}

/* What was cut off is zeros should the file grow again. */
void
memdisk_resize (struct memdisk *d, uint64_t size)
{
  if (size < d->size && size < MEMDISK_BYTES)
    fill (d, NULL, min_u64 (d->size, MEMDISK_BYTES) - size, size);
  d->size = size;
}

void
memdisk_peek (const struct memdisk *d, void *buf, size_t len, uint64_t offset)
{
  uint8_t *p = buf;
  size_t done, n;

  for (done = 0; done < len; done += n) {
    const uint64_t at = offset + done;
    const uint8_t *page = at < MEMDISK_BYTES
      ? d->pages[at / MEMDISK_PAGE_BYTES] : NULL;

    n = in_page (at, len - done);
    if (page)
      memcpy (p + done, page + at % MEMDISK_PAGE_BYTES, n);
    else
      copy_base (d, p + done, n, at);
  }
}

/* -- io ------------------------------------------------------------------ */

static struct memdisk *
disk_of (const struct io *io)
{
  return ((const struct mem_io *) io)->disk;
}

static int
mem_pread (struct io *io, void *buf, size_t len, uint64_t offset,
           struct error *err)
{
  const struct memdisk *d = disk_of (io);
  const size_t there =
    offset < d->size ? min_u64 (len, d->size - offset) : 0;

  if (offset > INT64_MAX - len)
    return error_set (err, EINVAL, "read behind 2^63");
  memdisk_peek (d, buf, there, offset);
  memset ((uint8_t *) buf + there, 0, len - there);
  return 0;
}

static int
check_write (struct io *io, uint64_t len, uint64_t offset, struct error *err)
{
  if (io->read_only)
    return error_set (err, EBADF, "opened for reading");
  if (offset > MEMDISK_BYTES || len > MEMDISK_BYTES - offset)
    return error_set (err, ENOSPC, "the disk in memory is full");
  ++disk_of (io)->nr_changes;
  return 0;
}

static int
mem_pwritev (struct io *io, const struct iovec *iov, int nr_iov,
             uint64_t offset, unsigned flags, struct error *err)
{
  uint64_t len = 0;
  int i;

  (void) flags;
  for (i = 0; i < nr_iov; ++i)
    len += iov[i].iov_len;
  if (check_write (io, len, offset, err) == -1)
    return -1;
  for (i = 0; i < nr_iov; ++i) {
    memdisk_poke (disk_of (io), iov[i].iov_base, iov[i].iov_len, offset);
    offset += iov[i].iov_len;
  }
  return 0;
}

static int
mem_zero (struct io *io, uint64_t offset, uint64_t len, unsigned flags,
          struct error *err)
{
  struct memdisk *d = disk_of (io);

  (void) flags;
  if (offset >= d->size)
    return 0;
  len = min_u64 (len, d->size - offset);
  if (check_write (io, len, offset, err) == -1)
    return -1;
  fill (d, NULL, len, offset);
  return 0;
}

static int
mem_sync (struct io *io, struct error *err)
{
  (void) err;
  ++disk_of (io)->nr_syncs;
  return 0;
}

static int
mem_size (struct io *io, uint64_t *ret_size, struct error *err)
{
  (void) err;
  *ret_size = disk_of (io)->size;
  return 0;
}

static int
mem_truncate (struct io *io, uint64_t size, struct error *err)
{
  if (check_write (io, 0, 0, err) == -1)
    return -1;
  memdisk_resize (disk_of (io), size);
  return 0;
}

static void
mem_prefetch (struct io *io, uint64_t offset, uint64_t len)
{
  (void) io;
  (void) offset;
  (void) len;
}

static int
mem_lock (struct io *io, enum lock_mode mode, struct error *err)
{
  (void) io;
  (void) mode;
  (void) err;
  return 0;
}

static void
mem_unlock (struct io *io)
{
  (void) io;
}

static void
mem_close (struct io *io)
{
  free (io);
}

static const struct io_ops mem_ops = {
  .pread = mem_pread,
  .pwritev = mem_pwritev,
  .zero = mem_zero,
  .sync = mem_sync,
  .size = mem_size,
  .truncate = mem_truncate,
  .prefetch = mem_prefetch,
  .lock = mem_lock,
  .unlock = mem_unlock,
  .close = mem_close,
};

struct io *
memdisk_open (struct memdisk *d, unsigned flags, uint64_t id)
{
  struct mem_io *m = must (calloc (1, sizeof *m));

  m->base = (struct io) {
    .ops = &mem_ops,
    .read_only = !(flags & IO_OPEN_WRITE),
    .fresh_reads_zero = true,
    .identity = { 1, id },
  };
  m->disk = d;
  return &m->base;
}
