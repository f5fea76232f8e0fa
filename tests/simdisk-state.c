/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Simulated disk: what it holds and what of that is durable.
 *
 * Invariants:
 *   1. `newest` is what reads see.  A sector without an entry in `pending` is
 *      durable as it is there.
 *   2. A pending entry's last version, if it has any, is what is in `newest`.
 *   3. Bytes beyond `size` in the last sector are zero.
 *   4. No durable sector of a file begins beyond durable_size.
 */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "checked.h"
#include "random.h"
#include "simdisk-internal.h"

void *
simdisk_realloc (void *p, size_t nr, size_t size_bytes)
{
  p = reallocarray (p, nr, size_bytes);
  if (!p)
    abort ();
  return p;
}

static void
fill (const struct simdisk *d, const struct sector *s, void *buf, size_t len,
      size_t skip)
{
  if (s)
    memcpy (buf, s->data + skip, len);
  else
    memset (buf, d->stale, len);
}

void
state_read (const struct simdisk *d, void *buf, size_t len, uint64_t offset)
{
  const uint32_t bytes = d->sector_bytes;
  uint8_t *to = buf;

  /* Beyond the end a file's missing sectors read zeros by themselves. */
  if (d->device && offset + len > d->size) {
    const size_t inside = offset < d->size ? d->size - offset : 0;

    memset (to + inside, 0, len - inside);
    len = inside;
  }
  while (len > 0) {
    const size_t skip = offset % bytes;
    const size_t n = min_u64 (len, bytes - skip);

    fill (d, tree_get (&d->newest, offset / bytes), to, n, skip);
    to += n;
    offset += n;
    len -= n;
  }
}

uint64_t
simdisk_sum (struct simdisk *d)
{
  uint64_t sum;

  mutex_lock (&d->lock);
  sum = d->newest.sum ^ (d->size + 1) * UINT64_C (0x9e3779b97f4a7c15);
  mutex_unlock (&d->lock);
  return sum;
}

/* A file keeps nothing where no sector was written. */
static bool
is_hole (const struct simdisk *d, uint64_t offset)
{
  return !d->device && (offset >= d->size ||
                        !tree_get (&d->newest, offset / d->sector_bytes));
}

bool
state_hole (const struct simdisk *d, uint64_t offset, uint64_t len,
            uint64_t *ret_len)
{
  const bool hole = is_hole (d, offset);
  uint64_t n = 0;

  do
    n += d->sector_bytes - (offset + n) % d->sector_bytes;
  while (n < len && is_hole (d, offset + n) == hole);
  *ret_len = min_u64 (n, len);
  return hole;
}

static struct pending *
find_or_add (struct simdisk *d, uint64_t number)
{
  struct pending *p;

  HASH_FIND (hh, d->pending, &number, sizeof number, p);
  if (p)
    return p;
  p = simdisk_realloc (NULL, 1, sizeof *p);
  memset (p, 0, sizeof *p);
  p->number = number;
  p->durable = sector_ref (tree_get (&d->newest, number));
  HASH_ADD (hh, d->pending, number, sizeof p->number, p);
  return p;
}

/* Takes over the reference to S. */
static void
push (struct simdisk *d, uint64_t number, uint64_t op, struct sector *s)
{
  struct pending *p = find_or_add (d, number);

  if (p->nr == p->max) {
    p->max = p->max ? 2 * p->max : 2;
    p->versions = simdisk_realloc (p->versions, p->max, sizeof *p->versions);
  }
  p->versions[p->nr++] = (struct version) { op, sector_ref (s) };
  tree_set (&d->newest, number, s);
}

static void
push_length (struct simdisk *d, uint64_t op, uint64_t end)
{
  d->size = max_u64 (d->size, end);
  if (end <= d->durable_size)
    return;
  /* While no sync runs, two of the same end go the same way. */
  if (d->nr_syncing == 0 && d->nr_lengths > 0 &&
      d->lengths[d->nr_lengths - 1].end == end)
    return;
  if (d->nr_lengths == d->max_lengths) {
    d->max_lengths = d->max_lengths ? 2 * d->max_lengths : 8;
    d->lengths = simdisk_realloc (d->lengths, d->max_lengths,
                                  sizeof *d->lengths);
  }
  d->lengths[d->nr_lengths++] = (struct length) { op, end };
}

struct source {
  const struct iovec *iov;
  size_t skip;
};

static void
copy_out (struct source *s, uint8_t *to, size_t len)
{
  while (len > 0) {
    const size_t n = min_u64 (s->iov->iov_len - s->skip, len);

    if (to) {
      memcpy (to, (const uint8_t *) s->iov->iov_base + s->skip, n);
      to += n;
    }
    s->skip += n;
    len -= n;
    if (s->skip == s->iov->iov_len) {
      s->iov++;
      s->skip = 0;
    }
  }
}

static struct sector *
copy_of (const struct simdisk *d, uint64_t number)
{
  struct sector *s = sector_new (d->sector_bytes);

  fill (d, tree_get (&d->newest, number), s->data, d->sector_bytes, 0);
  return s;
}

uint64_t
state_write (struct simdisk *d, const struct iovec *iov, int nr_iov,
             uint64_t offset, uint64_t skip)
{
  const uint64_t op = ++d->last_op;
  struct random rnd = { skip };
  struct source source = { iov, 0 };
  uint64_t end = 0;
  size_t left = 0;
  int i;

  for (i = 0; i < nr_iov; ++i)
    left += iov[i].iov_len;
  while (left > 0) {
    const uint64_t number = offset / d->sector_bytes;
    const size_t at = offset % d->sector_bytes;
    const size_t n = min_u64 (left, d->sector_bytes - at);

    if (skip && random_chance (&rnd, 1, 2))
      copy_out (&source, NULL, n);
    else {
      struct sector *s = copy_of (d, number);

      copy_out (&source, s->data + at, n);
      push (d, number, op, s);
      end = offset + n;
    }
    offset += n;
    left -= n;
  }
  push_length (d, op, end);
  return op;
}

struct numbers {
  uint64_t *number;
  size_t nr, max;
};

static void
collect (void *opaque, uint64_t number, struct sector *s)
{
  struct numbers *n = opaque;

  (void) s;
  if (n->nr == n->max) {
    n->max = n->max ? 2 * n->max : 64;
    n->number = simdisk_realloc (n->number, n->max, sizeof *n->number);
  }
  n->number[n->nr++] = number;
}

/* The sectors of [FIRST, LAST] that zeroing makes pending: those that are
 * there, and those that are zero only for as long as nobody pulls the plug,
 * because the sync that was to make it durable failed. */
static void
collect_nonzero (struct simdisk *d, uint64_t first, uint64_t last,
                 struct numbers *ret)
{
  const struct pending *p;
  uint64_t i;

  if (d->device)
    for (i = first; i <= last; ++i)
      collect (ret, i, NULL);
  else
    tree_each (&d->newest, first, last, collect, ret);
  if (!d->device && d->lost)
    for (p = d->pending; p; p = p->hh.next)
      if (p->number >= first && p->number <= last &&
          !tree_get (&d->newest, p->number))
        collect (ret, p->number, NULL);
}

static void
zero_part (struct simdisk *d, uint64_t op, uint64_t offset, size_t len)
{
  const uint64_t number = offset / d->sector_bytes;
  struct sector *s;

  if (len == 0 || (!d->device && !d->lost && !tree_get (&d->newest, number)))
    return;
  s = copy_of (d, number);
  memset (s->data + offset % d->sector_bytes, 0, len);
  push (d, number, op, s);
}

void
state_zero (struct simdisk *d, uint64_t offset, uint64_t len)
{
  const uint32_t bytes = d->sector_bytes;
  const uint64_t op = ++d->last_op;
  /* Nothing is behind the end of a file in its last sector. */
  const uint64_t end = offset + len < d->size ? offset + len
                       : align_up (d->size, bytes);
  const uint64_t first = align_up (offset, bytes);
  const uint64_t last = align_down (end, bytes);
  struct numbers n = { NULL, 0, 0 };
  size_t i;

  if (first > last) {           /* inside one sector */
    zero_part (d, op, offset, len);
    return;
  }
  zero_part (d, op, offset, first - offset);
  if (first < last)
    collect_nonzero (d, first / bytes, last / bytes - 1, &n);
  for (i = 0; i < n.nr; ++i)
    push (d, n.number[i], op, sector_ref (d->zeros));
  zero_part (d, op, last, end - last);
  free (n.number);
}

static void
drop_versions (struct pending *p, size_t nr)
{
  size_t i;

  for (i = 0; i < nr; ++i)
    sector_unref (p->versions[i].data);
  p->nr -= nr;
  if (p->nr > 0 && nr > 0)
    memmove (p->versions, p->versions + nr, p->nr * sizeof *p->versions);
}

static void
pending_free (struct simdisk *d, struct pending *p)
{
  HASH_DEL (d->pending, p);
  drop_versions (p, p->nr);
  sector_unref (p->durable);
  free (p->versions);
  free (p);
}

void
pending_free_all (struct simdisk *d)
{
  struct pending *p, *tmp;

  HASH_ITER (hh, d->pending, p, tmp)
    pending_free (d, p);
}

static size_t
nr_versions_up_to (const struct pending *p, uint64_t op)
{
  size_t n = 0;

  while (n < p->nr && p->versions[n].op <= op)
    ++n;
  return n;
}

/* P's versions up to OP are on the disk. */
static void
settle (struct simdisk *d, struct pending *p, uint64_t op)
{
  const size_t n = nr_versions_up_to (p, op);

  if (n == 0)
    return;
  sector_unref (p->durable);
  p->durable = sector_ref (p->versions[n - 1].data);
  drop_versions (p, n);
  if (p->nr == 0)
    pending_free (d, p);
}

static void
settle_length (struct simdisk *d, uint64_t end)
{
  size_t i, n = 0;

  d->durable_size = max_u64 (d->durable_size, end);
  for (i = 0; i < d->nr_lengths; ++i)
    if (d->lengths[i].end > d->durable_size)
      d->lengths[n++] = d->lengths[i];
  d->nr_lengths = n;
}

void
state_sync (struct simdisk *d, uint64_t op)
{
  struct pending *p, *tmp;
  uint64_t end = 0;
  size_t i;

  HASH_ITER (hh, d->pending, p, tmp)
    settle (d, p, op);
  for (i = 0; i < d->nr_lengths; ++i)
    if (d->lengths[i].op <= op)
      end = max_u64 (end, d->lengths[i].end);
  settle_length (d, end);
}

void
state_sync_failed (struct simdisk *d, uint64_t op)
{
  struct pending *p;
  size_t i, n = 0;

  d->lost = true;
  for (p = d->pending; p; p = p->hh.next)
    drop_versions (p, nr_versions_up_to (p, op));
  for (i = 0; i < d->nr_lengths; ++i)
    if (d->lengths[i].op > op)
      d->lengths[n++] = d->lengths[i];
  d->nr_lengths = n;
}

void
state_write_durable (struct simdisk *d, uint64_t op, uint64_t offset,
                     uint64_t len)
{
  const uint64_t end = offset + len;
  uint64_t number;
  struct pending *p;

  if (len == 0)
    return;
  for (number = offset / d->sector_bytes;
       number <= (end - 1) / d->sector_bytes; ++number) {
    HASH_FIND (hh, d->pending, &number, sizeof number, p);
    if (p)
      settle (d, p, op);
  }
  settle_length (d, end);
}
