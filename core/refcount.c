/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Refcounts: reading, changing and searching.  Growth is in
 * refcount-grow.c.  No lock of its own: the allocator's serialises all.
 *
 * The table in memory is exactly the one in the file, entry for entry.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "checked.h"
#include "cursor.h"
#include "qcow2-entry.h"
#include "refcount.h"

#define MAX_SLICE_BYTES 4096u

/* The part of one slice of one refcount block that holds the entries of a
 * run of clusters. */
struct piece {
  uint64_t slice_offset;        /* in the file, bytes */
  uint64_t first;               /* entry in the slice */
  uint64_t nr;
};

static uint64_t
entries_per_slice (const struct refcounts *rc)
{
  return ((uint64_t) table_cache_slice_bytes (rc->cache) * 8)
    >> rc->header->refcount_order;
}

static uint64_t
block_offset (const struct refcounts *rc, uint64_t cluster)
{
  const uint64_t index = cluster >> rc->header->refblock_bits;

  return index < rc->nr_entries ? rc->table[index] : 0;
}

/* The piece for as much of [CLUSTER, CLUSTER + NR) as one slice holds. */
static struct piece
piece_of (const struct refcounts *rc, uint64_t cluster, uint64_t nr)
{
  const uint64_t per_slice = entries_per_slice (rc);
  const uint64_t in_block =
    cluster & ((UINT64_C (1) << rc->header->refblock_bits) - 1);
  const uint64_t slice_bytes = table_cache_slice_bytes (rc->cache);
  struct piece p;

  p.first = in_block % per_slice;
  p.nr = min_u64 (nr, per_slice - p.first);
  p.slice_offset =
    block_offset (rc, cluster) + in_block / per_slice * slice_bytes;
  return p;
}

static int
read_slice (struct refcounts *rc, uint64_t slice_offset, uint8_t *slice,
            struct error *err)
{
  return table_cache_read (rc->cache, slice,
                           table_cache_slice_bytes (rc->cache),
                           slice_offset, err);
}

int
refcounts_get (struct refcounts *rc, uint64_t cluster, uint64_t *ret,
               struct error *err)
{
  uint8_t slice[MAX_SLICE_BYTES];
  struct piece p;

  if (block_offset (rc, cluster) == 0) {
    *ret = 0;
    return 0;
  }
  p = piece_of (rc, cluster, 1);
  if (read_slice (rc, p.slice_offset, slice, err) == -1)
    return -1;
  *ret = refcount_get (slice, rc->header->refcount_order, p.first);
  return 0;
}

static int
change_entries (struct refcounts *rc, uint8_t *slice, const struct piece *p,
                uint64_t cluster, int delta, struct error *err)
{
  const uint32_t order = rc->header->refcount_order;
  uint64_t i;

  for (i = p->first; i < p->first + p->nr; ++i) {
    const uint64_t n = refcount_get (slice, order, i);

    /* "Overflow of a refcount is an error, never a wrap." */
    if (delta < 0 ? n == 0 : n == refcount_max (order))
      return error_set (err, EIO, "refcount of host cluster %" PRIu64
                        " is %" PRIu64 " and cannot go %s: the image is "
                        "damaged, check it with qemu-img check",
                        cluster + i - p->first, n, delta < 0 ? "down" : "up");
    refcount_set (slice, order, i, n + delta);
  }
  return 0;
}

static int
change_piece (struct refcounts *rc, const struct piece *p, uint64_t cluster,
              int delta, unsigned flags, struct error *err)
{
  const uint32_t order = rc->header->refcount_order;
  const uint64_t from = (p->first << order) / 8;
  const uint64_t to = div_round_up ((p->first + p->nr) << order, 8);
  uint8_t slice[MAX_SLICE_BYTES];

  if (read_slice (rc, p->slice_offset, slice, err) == -1 ||
      change_entries (rc, slice, p, cluster, delta, err) == -1)
    return -1;
  if (table_cache_write (rc->cache, slice + from, to - from,
                         p->slice_offset + from, flags, err) == -1)
    return poison_set (rc->poison, err);
  return 0;
}

/* As far as it goes: *DONE clusters were changed. */
static int
change_run (struct refcounts *rc, struct extent e, int delta, unsigned flags,
            uint64_t *done, struct error *err)
{
  for (*done = 0; *done < e.nr_clusters;) {
    const uint64_t cluster = e.first + *done;
    struct piece p;

    if (block_offset (rc, cluster) == 0)
      return error_set (err, EIO, "host cluster %" PRIu64 " has no refcount "
                        "block: the image is damaged, check it with "
                        "qemu-img check", cluster);
    p = piece_of (rc, cluster, e.nr_clusters - *done);
    if (change_piece (rc, &p, cluster, delta, flags, err) == -1)
      return -1;
    *done += p.nr;
  }
  return 0;
}

int
refcounts_add (struct refcounts *rc, struct extent e, int delta,
               unsigned flags, struct error *err)
{
  struct error mine = ERROR_INIT, undoing = ERROR_INIT;
  uint64_t undone;

  err = err ? err : &mine;      /* the poison's reason */
  if (change_run (rc, e, delta, flags, &e.nr_clusters, err) == 0)
    return 0;
  /* Half counted is worse than failed: the caller would use, or count down
   * again, clusters that are free already. */
  if (!atomic_load (&rc->poison->set) &&
      change_run (rc, e, -delta, flags, &undone, &undoing) == -1)
    poison_set (rc->poison, err);
  return -1;
}

/* Clusters from CLUSTER on, below END, that no block covers.  END is near:
 * the time taken grows with the distance. */
static uint64_t
uncovered_run (const struct refcounts *rc, uint64_t cluster, uint64_t end)
{
  const uint32_t bits = rc->header->refblock_bits;
  uint64_t next = cluster;

  while (next < end && block_offset (rc, next) == 0)
    next = ((next >> bits) + 1) << bits;
  return min_u64 (next, end) - cluster;
}

/* In one slice: where the free run starts and how long it is. */
static void
search_slice (const struct refcounts *rc, const uint8_t *slice,
              const struct piece *p, uint64_t *ret_skip, uint64_t *ret_len)
{
  const uint32_t order = rc->header->refcount_order;
  uint64_t skip = 0, len = 0;

  while (skip < p->nr && refcount_get (slice, order, p->first + skip) != 0)
    skip++;
  while (skip + len < p->nr &&
         refcount_get (slice, order, p->first + skip + len) == 0)
    len++;
  *ret_skip = skip;
  *ret_len = len;
}

int
refcounts_find_free (struct refcounts *rc, uint64_t from, uint64_t end,
                     uint64_t max, struct extent *ret, bool *ret_covered,
                     struct error *err)
{
  struct extent found = { from, 0 };
  uint8_t slice[MAX_SLICE_BYTES];
  uint64_t at = from;

  while (at < end && found.nr_clusters < max) {
    uint64_t skip, len;
    struct piece p;

    if (block_offset (rc, at) == 0) {
      if (found.nr_clusters > 0)
        break;
      end = end - at > max ? at + max : end;
      *ret = (struct extent) { at, uncovered_run (rc, at, end) };
      *ret_covered = false;
      return 0;
    }
    p = piece_of (rc, at, end - at);
    if (read_slice (rc, p.slice_offset, slice, err) == -1)
      return -1;
    search_slice (rc, slice, &p, &skip, &len);
    if (found.nr_clusters > 0 && skip > 0)
      break;
    if (found.nr_clusters == 0)
      found.first = at + skip;
    found.nr_clusters += len;
    at += p.nr;
    if (len > 0 && skip + len < p.nr)
      break;
  }
  found.nr_clusters = min_u64 (found.nr_clusters, max);
  *ret = found;
  *ret_covered = true;
  return 0;
}

/* The last used cluster of the block at index I of the table, plus one; 0
 * where all its entries are 0. */
static int
block_end (struct refcounts *rc, uint64_t i, uint64_t *ret, struct error *err)
{
  const uint32_t bits = rc->header->refblock_bits;
  const uint64_t per_slice = entries_per_slice (rc);
  uint64_t at = (i + 1) << bits;
  uint8_t slice[MAX_SLICE_BYTES];

  while (at > i << bits) {
    const struct piece p = piece_of (rc, at - per_slice, per_slice);
    uint64_t n = p.nr;

    if (read_slice (rc, p.slice_offset, slice, err) == -1)
      return -1;
    while (n > 0 && refcount_get (slice, rc->header->refcount_order, n - 1) == 0)
      n--;
    at -= per_slice;
    if (n > 0) {
      *ret = at + n;
      return 0;
    }
  }
  *ret = 0;
  return 0;
}

int
refcounts_end (struct refcounts *rc, uint64_t *ret, struct error *err)
{
  uint64_t i, end = 0;

  for (i = rc->nr_entries; i > 0 && end == 0; --i)
    if (rc->table[i - 1] != 0 && block_end (rc, i - 1, &end, err) == -1)
      return -1;
  *ret = end;
  return 0;
}

/* From what was read into rc->table. */
static int
load_entries (struct refcounts *rc, uint64_t file_size, struct error *err)
{
  uint64_t i;

  for (i = 0; i < rc->nr_entries; ++i) {
    uint64_t offset;

    if (reftable_entry_decode (rc->header, be64toh (rc->table[i]), &offset,
                               err) == -1)
      return error_prefix (err, "refcount table entry %" PRIu64, i);
    if (offset >= file_size)
      return error_set (err, EIO, "refcount block %" PRIu64 " is at offset "
                        "%" PRIu64 ", beyond the end of the file (%" PRIu64
                        " bytes): the file is truncated or damaged",
                        i, offset, file_size);
    rc->table[i] = offset;
    if (offset &&
        metadata_map_claim (rc->metadata, offset >> rc->header->cluster_bits,
                            1, "a refcount block", err) == -1)
      return -1;
  }
  return 0;
}

int
refcounts_load (struct refcounts *rc, uint64_t file_size, struct error *err)
{
  const struct qcow2_header *h = rc->header;
  const uint64_t bytes = (uint64_t) h->nr_reftable_clusters << h->cluster_bits;

  if (h->reftable_offset + bytes > file_size)
    return error_set (err, EIO, "the refcount table ends at offset %" PRIu64
                      " but the file has %" PRIu64 " bytes: it is truncated, "
                      "restore it from a copy", h->reftable_offset + bytes,
                      file_size);
  rc->table_offset = h->reftable_offset;
  rc->nr_table_clusters = h->nr_reftable_clusters;
  rc->nr_entries = bytes / 8;
  rc->table = malloc (bytes + 1);
  if (!rc->table)
    return error_set (err, ENOMEM, "no memory for the refcount table");
  if (io_pread (rc->io, rc->table, bytes, rc->table_offset, err) == -1 ||
      metadata_map_claim (rc->metadata, rc->table_offset >> h->cluster_bits,
                          rc->nr_table_clusters, "the refcount table",
                          err) == -1)
    return -1;
  return load_entries (rc, file_size, err);
}

void
refcounts_free (struct refcounts *rc)
{
  free (rc->table);
  rc->table = NULL;
}
