/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Refcounts: new blocks, and a larger table when the old one is full.
 *
 * What is made is laid out from a free cluster FROM on:
 *
 *     FROM: [new blocks][new table, if it must grow][the reserved run]
 *
 * and the new blocks say refcount 1 for all of it before anything points to
 * them.  Two ordered steps, each durable before the next (R3):
 *   1. the blocks and the table;
 *   2. the entries in the old table, or the header's pointer to the new one.
 * A crash after step 1 leaves clusters that nothing refers to and no block
 * counts: free ones.  Failing in step 1 (ENOSPC) therefore changes nothing;
 * failing in step 2 leaves the file in doubt and poisons.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "checked.h"
#include "cleanup.h"
#include "cursor.h"
#include "qcow2-entry.h"
#include "refcount.h"

/* What a disk writes whole. */
#define SECTOR_BYTES 512u

struct plan {
  uint64_t from;                /* first cluster of all that is made */
  uint64_t first_index;         /* entries of the table to fill */
  uint64_t nr_blocks;
  uint64_t nr_table_clusters;   /* 0: the table stays */
  uint64_t nr_entries;          /* of the table afterwards */
  struct extent reserved;
};

static uint64_t
plan_end (const struct plan *p)
{
  return p->reserved.first + p->reserved.nr_clusters;
}

/* How many entries from FIRST on have no block yet, at most MAX. */
static uint64_t
empty_entries (const struct refcounts *rc, uint64_t first, uint64_t max)
{
  uint64_t n = 0;

  while (n < max && (first + n >= rc->nr_entries || rc->table[first + n] == 0))
    n++;
  return n;
}

static uint64_t
grown_table_clusters (const struct refcounts *rc, uint64_t nr_needed)
{
  const uint64_t per_cluster = rc->header->cluster_size / 8;
  const uint64_t entries = max_u64 (nr_needed, rc->nr_entries * 3 / 2);

  return min_u64 (div_round_up (entries, per_cluster),
                  QCOW2_MAX_REFTABLE_BYTES >> rc->header->cluster_bits);
}

/* Blocks cover themselves, the table and the reserved run; the more there
 * are the more they must cover: repeat until it holds. */
static int
make_plan (const struct refcounts *rc, uint64_t from, uint64_t end,
           uint64_t want, struct plan *p, struct error *err)
{
  const uint32_t bits = rc->header->refblock_bits;
  uint64_t last, nr, limit;

  *p = (struct plan) {
    .from = from, .first_index = from >> bits, .nr_blocks = 1,
    .nr_entries = rc->nr_entries,
  };
  for (;;) {
    last = (from + p->nr_blocks + p->nr_table_clusters + want - 1) >> bits;
    if (last >= p->nr_entries) {
      p->nr_table_clusters = grown_table_clusters (rc, last + 1);
      p->nr_entries = p->nr_table_clusters * (rc->header->cluster_size / 8);
      if (last >= p->nr_entries)
        return error_set (err, EFBIG, "the image is full: its refcount table "
                          "would exceed %" PRIu64 " bytes; larger clusters "
                          "would allow for more",
                          QCOW2_MAX_REFTABLE_BYTES);
      continue;
    }
    nr = last - p->first_index + 1;
    if (nr <= p->nr_blocks)
      break;
    p->nr_blocks = nr;
  }

  /* A block that exists further on ends the uncovered range, and then the
   * table need not grow: that block has an entry in it. */
  nr = empty_entries (rc, p->first_index, p->nr_blocks);
  if (nr < p->nr_blocks) {
    p->nr_blocks = nr;
    p->nr_table_clusters = 0;
    p->nr_entries = rc->nr_entries;
  }
  limit = (p->first_index + p->nr_blocks) << bits;
  p->reserved.first = from + p->nr_blocks + p->nr_table_clusters;
  if (p->reserved.first >= end)
    return error_set (err, ENOSPC, "no space is left for refcount blocks");
  limit = min_u64 (limit, end);
  p->reserved.nr_clusters = min_u64 (want, limit - p->reserved.first);
  return 0;
}

static void
fill_blocks (const struct refcounts *rc, const struct plan *p, uint8_t *blocks)
{
  const struct qcow2_header *h = rc->header;
  const uint64_t base = p->first_index << h->refblock_bits;
  const uint64_t mask = (UINT64_C (1) << h->refblock_bits) - 1;
  uint64_t c;

  for (c = p->from; c < plan_end (p); ++c) {
    uint8_t *block = blocks
      + (((c - base) >> h->refblock_bits) << h->cluster_bits);

    refcount_set (block, h->refcount_order, c & mask, 1);
  }
}

static void
fill_table (const struct refcounts *rc, const struct plan *p, uint64_t *table)
{
  uint64_t i;

  memcpy (table, rc->table,
          min_u64 (rc->nr_entries, p->nr_entries) * sizeof *table);
  for (i = 0; i < p->nr_blocks; ++i)
    table[p->first_index + i] = (p->from + i) << rc->header->cluster_bits;
}

static void
encode_table (const uint64_t *table, uint64_t nr, uint8_t *raw)
{
  uint64_t i;

  for (i = 0; i < nr; ++i)
    store_be64 (raw + 8 * i, table[i]);
}

/* Step 1. */
static int
write_new_metadata (struct refcounts *rc, const struct plan *p,
                    const uint64_t *table, struct error *err)
{
  const uint32_t bits = rc->header->cluster_bits;
  const uint64_t blocks_bytes = p->nr_blocks << bits;
  const uint64_t bytes = blocks_bytes + (p->nr_table_clusters << bits);
  CLEANUP_FREE uint8_t *buf = calloc (1, bytes);

  if (!buf)
    return error_set (err, ENOMEM, "no memory for new refcount blocks");
  fill_blocks (rc, p, buf);
  if (p->nr_table_clusters)
    encode_table (table, p->nr_entries, buf + blocks_bytes);
  table_cache_forget (rc->cache, p->from << bits, bytes);
  return io_pwrite (rc->io, buf, bytes, p->from << bits, IO_DSYNC, err);
}

/* A power cut may keep any of the sectors that a write touches.  Each block
 * is counted by itself or by one before it, so entries must become durable
 * from the first on: one write a sector, each durable before the next. */
static int
write_entries (struct refcounts *rc, const struct plan *p,
               const uint64_t *table, struct error *err)
{
  const uint64_t per_sector = SECTOR_BYTES / 8;
  const uint64_t end = p->first_index + p->nr_blocks;
  uint8_t raw[SECTOR_BYTES];
  uint64_t i, nr;

  for (i = p->first_index; i < end; i += nr) {
    nr = min_u64 (end - i, per_sector - i % per_sector);
    encode_table (table + i, nr, raw);
    if (io_pwrite (rc->io, raw, nr * 8, rc->table_offset + i * 8, IO_DSYNC,
                   err) == -1)
      return poison_set (rc->poison, err);
  }
  return 0;
}

/* "should each be one write": offset and size of the table, 12 bytes. */
static int
write_header_pointer (struct refcounts *rc, const struct plan *p,
                      struct error *err)
{
  const uint64_t table = p->from + p->nr_blocks;
  uint8_t raw[12];

  store_be64 (raw, table << rc->header->cluster_bits);
  store_be32 (raw + 8, p->nr_table_clusters);
  if (io_pwrite (rc->io, raw, sizeof raw, QCOW2_HDR_REFTABLE_OFFSET, IO_DSYNC,
                 err) == -1)
    return poison_set (rc->poison, err);
  return 0;
}

/* The new table is in force; the old one's clusters become free.  Where they
 * cannot be counted down they leak, and nothing is in doubt. */
static int
retire_old_table (struct refcounts *rc, const struct plan *p,
                  struct error *err)
{
  const uint32_t bits = rc->header->cluster_bits;
  const struct extent old = {
    rc->table_offset >> bits, rc->nr_table_clusters
  };

  rc->table_offset = (p->from + p->nr_blocks) << bits;
  rc->nr_table_clusters = p->nr_table_clusters;
  metadata_map_remove (rc->metadata, old.first, old.nr_clusters);
  if (refcounts_add (rc, old, -1, 0, err) == 0)
    return 0;
  rc->nr_leaked += old.nr_clusters;
  return poison_check (rc->poison, err);
}

int
refcounts_extend (struct refcounts *rc, uint64_t from, uint64_t end,
                  uint64_t want, struct extent *ret, struct error *err)
{
  struct plan p;
  uint64_t *table;
  int r;

  if (make_plan (rc, from, end, want, &p, err) == -1)
    return -1;
  table = calloc (p.nr_entries, sizeof *table);
  if (!table)
    return error_set (err, ENOMEM, "no memory for the refcount table");
  fill_table (rc, &p, table);
  r = metadata_map_add (rc->metadata, from, p.nr_blocks + p.nr_table_clusters,
                        err);
  if (r == 0)
    r = write_new_metadata (rc, &p, table, err);
  if (r == 0)
    r = p.nr_table_clusters ? write_header_pointer (rc, &p, err)
      : write_entries (rc, &p, table, err);
  if (r == -1) {
    metadata_map_remove (rc->metadata, from,
                         p.nr_blocks + p.nr_table_clusters);
    free (table);
    return -1;
  }
  free (rc->table);
  rc->table = table;
  rc->nr_entries = p.nr_entries;
  *ret = p.reserved;
  return p.nr_table_clusters ? retire_old_table (rc, &p, err) : 0;
}
