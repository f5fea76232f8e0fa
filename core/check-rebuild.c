/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Check: a new refcount table, with blocks for the whole file, made of what
 * was counted.
 *
 * It is put where nothing is, by the old refcounts' own place too: behind the
 * end of a file, or on a device in a gap that nothing refers to.  The header
 * points to it when it is durable (C2 of check.c), and by that write all
 * refcounts become right at once; what the old table took is free then.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "check-internal.h"
#include "checked.h"
#include "cursor.h"
#include "qcow2-entry.h"

/* Cluster numbers: blocks [first, first + nr_blocks), then the table. */
struct plan {
  uint64_t first;
  uint64_t nr_blocks;
  uint64_t nr_table;
  uint64_t end;                 /* of the clusters that are counted */
};

static uint64_t
per_block (const struct check *c)
{
  return UINT64_C (1) << c->h.refblock_bits;
}

static uint64_t
taken (const struct plan *p)
{
  return p->nr_blocks + p->nr_table;
}

/* Sizes for a table that counts all clusters below P->end. */
static void
size_plan (const struct check *c, struct plan *p)
{
  p->nr_blocks = div_round_up (p->end, per_block (c));
  p->nr_table = div_round_up (p->nr_blocks * 8, c->h.cluster_size);
}

/* Each cluster more that they take must be counted, too. */
static void
plan_behind_end (const struct check *c, struct plan *p)
{
  p->first = p->end = max_u64 (c->nr_clusters, div_round_up (c->behind_end,
                                                         c->h.cluster_size));
  size_plan (c, p);
  while (p->end < p->first + taken (p)) {
    p->end = p->first + taken (p);
    size_plan (c, p);
  }
}

static int
plan_in_gap (const struct check *c, struct plan *p, struct error *err)
{
  uint64_t cluster, nr = 0;

  p->end = c->nr_clusters;
  size_plan (c, p);
  for (cluster = 0; cluster < c->file_bytes >> c->h.cluster_bits; ++cluster) {
    nr = census_get (c->census, cluster) == 0 ? nr + 1 : 0;
    if (nr == taken (p)) {
      p->first = cluster + 1 - nr;
      return 0;
    }
  }
  return error_set (err, ENOSPC, "no %" PRIu64 " adjacent clusters are free "
                    "on this device for a new refcount table", taken (p));
}

static int
make_plan (const struct check *c, struct plan *ret, struct error *err)
{
  if (c->io->fixed_size) {
    if (plan_in_gap (c, ret, err) == -1)
      return -1;
  } else {
    if (c->behind_end > c->file_bytes + CHECK_FAR_BYTES)
      return error_set (err, EIO, "a new refcount table would be put where "
                        "something should be that is behind the end of the "
                        "file: the image is truncated");
    plan_behind_end (c, ret);
  }
  if (ret->nr_table << c->h.cluster_bits > QCOW2_MAX_REFTABLE_BYTES)
    return error_set (err, EFBIG, "a new refcount table would have more than "
                      "%" PRIu64 " bytes", QCOW2_MAX_REFTABLE_BYTES);
  return 0;
}

static int
write_block (struct check *c, const struct plan *p, uint64_t index,
             struct error *err)
{
  const uint64_t first = index << c->h.refblock_bits;
  uint64_t i;

  for (i = 0; i < per_block (c); ++i)
    refcount_set (c->buf, c->h.refcount_order, i,
                  check_references (c, first + i));
  return io_pwrite (c->io, c->buf, c->h.cluster_size,
                    (p->first + index) << c->h.cluster_bits, 0, err);
}

static int
write_table (struct check *c, const struct plan *p, uint64_t *table,
             struct error *err)
{
  uint64_t i;

  for (i = 0; i < p->nr_blocks; ++i)
    table[i] = htobe64 ((p->first + i) << c->h.cluster_bits);
  if (io_pwrite (c->io, table, p->nr_table << c->h.cluster_bits,
                 (p->first + p->nr_blocks) << c->h.cluster_bits, 0,
                 err) == -1)
    return -1;
  for (i = 0; i < p->nr_blocks; ++i)
    table[i] = be64toh (table[i]);
  return 0;
}

static int
write_all (struct check *c, const struct plan *p, uint64_t *table,
           struct error *err)
{
  uint64_t i;

  for (i = 0; i < p->nr_blocks; ++i)
    if (check_step (c, "rebuilding", i, p->nr_blocks, err) == -1 ||
        write_block (c, p, i, err) == -1)
      return -1;
  if (write_table (c, p, table, err) == -1)
    return -1;
  return io_sync (c->io, err);
}

/* Rule 16: offset and length in one write. */
static int
point_to (struct check *c, const struct plan *p, struct error *err)
{
  uint8_t be[12];

  c->h.reftable_offset = (p->first + p->nr_blocks) << c->h.cluster_bits;
  c->h.nr_reftable_clusters = (uint32_t) p->nr_table;
  store_be64 (be, c->h.reftable_offset);
  store_be32 (be + 8, c->h.nr_reftable_clusters);
  return io_pwrite (c->io, be, sizeof be, QCOW2_HDR_REFTABLE_OFFSET, IO_DSYNC,
                    err);
}

/* From here on C describes the new table. */
static void
adopt (struct check *c, const struct plan *p, uint64_t *table)
{
  struct check_result *r = c->result;
  const uint64_t fixed = c->nr_low + c->nr_unusable;

  free (c->reftable);
  c->reftable = table;
  c->nr_reftable = p->nr_table << (c->h.cluster_bits - 3);
  r->corruptions -= fixed;
  r->corruptions_fixed += fixed;
  r->leaks_fixed += r->leaks;
  r->leaks = 0;
  r->rebuilt = true;
  /* The header is in cluster 0, and counted. */
  while (census_get (c->census, c->highest) == 0)
    c->highest--;
  c->highest = max_u64 (c->highest, p->first + taken (p) - 1);
}

int
check_rebuild (struct check *c, struct error *err)
{
  uint64_t *table;
  struct plan p = { 0 };

  check_say (c, "Rebuilding refcount structure");
  if (make_plan (c, &p, err) == -1 ||
      check_count_reftable (c, -1, err) == -1)
    return -1;
  c->file_bytes = max_u64 (c->file_bytes,
                           (p.first + taken (&p)) << c->h.cluster_bits);
  if (check_refer (c, p.first << c->h.cluster_bits,
                   taken (&p) << c->h.cluster_bits, 1, err) == -1)
    return -1;
  table = calloc (p.nr_table, c->h.cluster_size);
  if (!table)
    return error_set (err, ENOMEM, "no memory for a new refcount table");
  if (write_all (c, &p, table, err) == -1 || point_to (c, &p, err) == -1) {
    free (table);
    return -1;
  }
  adopt (c, &p, table);
  return 0;
}
