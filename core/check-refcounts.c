/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Check: the refcount table and its blocks, held against what was counted.
 *
 * A block's changes are written as the sectors that changed; a refcount does
 * not cross a sector, so each is the old one or the right one.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "check-internal.h"
#include "checked.h"
#include "cursor.h"
#include "qcow2-entry.h"

#define REFTABLE_RESERVED UINT64_C (0x1ff)
#define SECTOR_BYTES UINT64_C (512)

/* -- the table ------------------------------------------------------- */

int
check_load_reftable (struct check *c, struct error *err)
{
  const uint64_t bytes =
    (uint64_t) c->h.nr_reftable_clusters << c->h.cluster_bits;
  uint64_t i;

  c->nr_reftable = bytes / 8;
  c->reftable = malloc (bytes);
  if (!c->reftable)
    return error_set (err, ENOMEM, "no memory for the refcount table");
  if (io_pread (c->io, c->reftable, bytes, c->h.reftable_offset, err) == -1)
    return error_prefix (err, "refcount table");
  for (i = 0; i < c->nr_reftable; ++i)
    c->reftable[i] = be64toh (c->reftable[i]);
  return 0;
}

static bool
is_in_file (const struct check *c, uint64_t raw)
{
  const uint64_t offset = raw & QCOW2_REFTABLE_OFFSET_MASK;

  return offset >> c->h.cluster_bits < c->nr_clusters;
}

uint64_t
check_block_offset (const struct check *c, uint64_t index)
{
  const uint64_t raw = index < c->nr_reftable ? c->reftable[index] : 0;
  const uint64_t offset = raw & QCOW2_REFTABLE_OFFSET_MASK;

  return is_aligned (offset, c->h.cluster_size) && is_in_file (c, raw)
    ? offset : 0;
}

/* Says why the entry RAW cannot be used. */
static bool
is_usable (struct check *c, uint64_t raw, uint64_t index)
{
  const char *why;

  if (raw & REFTABLE_RESERVED)
    why = "has reserved bits set";
  else if (!is_aligned (raw, c->h.cluster_size))
    why = "is not cluster aligned; refcount table entry corrupted";
  else if (!is_in_file (c, raw))
    why = "is outside image";
  else
    return true;
  c->nr_unusable++;
  check_corruption (c, "ERROR refcount block %" PRIu64 " %s", index, why);
  return false;
}

/* What is wrong with a place of theirs is no longer when they have moved. */
static int
refer_refcounts (struct check *c, uint64_t offset, uint64_t len, int delta,
                 struct error *err)
{
  const uint64_t before = c->result->corruptions;

  if (check_refer (c, offset, len, delta, err) == -1)
    return -1;
  c->nr_unusable += c->result->corruptions - before;
  return 0;
}

static int
count_block (struct check *c, uint64_t index, struct error *err)
{
  const uint64_t raw = c->reftable[index];
  uint64_t n;

  if (raw == 0 || !is_usable (c, raw, index))
    return 0;
  if (refer_refcounts (c, raw, c->h.cluster_size, 1, err) == -1)
    return -1;
  n = census_get (c->census, raw >> c->h.cluster_bits);
  if (n == 1)
    return 0;
  /* What is at the same time something else cannot be written to. */
  c->nr_unusable++;
  check_corruption (c, "ERROR refcount block %" PRIu64 " refcount=%" PRIu64,
                    index, n);
  return 0;
}

static int
uncount_block (struct check *c, uint64_t index, struct error *err)
{
  const uint64_t raw = c->reftable[index];

  if (raw == 0 || (raw & REFTABLE_RESERVED) ||
      check_block_offset (c, index) == 0)
    return 0;
  return check_refer (c, raw, c->h.cluster_size, -1, err);
}

int
check_count_reftable (struct check *c, int delta, struct error *err)
{
  uint64_t i;

  if (refer_refcounts (c, c->h.reftable_offset,
                       (uint64_t) c->h.nr_reftable_clusters
                       << c->h.cluster_bits, delta, err) == -1)
    return -1;
  for (i = 0; i < c->nr_reftable; ++i)
    if ((delta > 0 ? count_block : uncount_block) (c, i, err) == -1)
      return -1;
  return 0;
}

/* -- comparing ------------------------------------------------------- */

/* One block, or where there is none, one cluster of zeros. */
struct block {
  uint64_t index;
  uint64_t offset;              /* 0: there is none */
  uint64_t first, nr;           /* clusters that it counts and that are there */
};

static int
load_block (struct check *c, uint64_t index, struct block *ret,
            struct error *err)
{
  const uint64_t per_block = UINT64_C (1) << c->h.refblock_bits;
  const uint64_t first = index << c->h.refblock_bits;

  *ret = (struct block) {
    .index = index, .offset = check_block_offset (c, index),
    .first = first, .nr = min_u64 (per_block, c->nr_clusters - first),
  };
  if (ret->offset == 0) {
    memset (c->buf, 0, c->h.cluster_size);
    return 0;
  }
  if (io_pread (c->io, c->buf, c->h.cluster_size, ret->offset, err) == -1)
    return error_prefix (err, "refcount block %" PRIu64, index);
  return 0;
}

static void
compare_cluster (struct check *c, const struct block *b, uint64_t cluster,
                 uint64_t refcount, uint64_t references)
{
  const enum check_repair repair = c->options->repair;
  const bool low = refcount < references;

  if (low ? repair != CHECK_REPAIR_ALL : repair == CHECK_REPAIR_NONE)
    check_say (c, "%s cluster %" PRIu64 " refcount=%" PRIu64 " reference=%"
               PRIu64, low ? "ERROR" : "Leaked", cluster, refcount,
               references);
  if (low && b->offset == 0)
    c->nr_missing++;
  if (low) {
    c->nr_low++;
    c->result->corruptions++;
  } else {
    c->nr_high++;
    c->result->leaks++;
  }
}

static void
compare_block (struct check *c, const struct block *b)
{
  uint64_t i;

  for (i = 0; i < b->nr; ++i) {
    const uint64_t references = check_references (c, b->first + i);
    const uint64_t n = refcount_get (c->buf, c->h.refcount_order, i);

    if (n > 0 || references > 0)
      c->highest = b->first + i;
    if (n != references)
      compare_cluster (c, b, b->first + i, n, references);
  }
}

/* QEMU fails to read each refcount of a block that is not aligned. */
static bool
is_unreadable (const struct check *c, uint64_t index)
{
  return c->options->repair != CHECK_REPAIR_ALL && index < c->nr_reftable &&
    !is_aligned (c->reftable[index] & QCOW2_REFTABLE_OFFSET_MASK,
                 c->h.cluster_size);
}

static uint64_t
nr_blocks (const struct check *c)
{
  return div_round_up (c->nr_clusters, UINT64_C (1) << c->h.refblock_bits);
}

int
check_compare (struct check *c, struct error *err)
{
  struct block b;
  uint64_t i;

  for (i = 0; i < nr_blocks (c); ++i) {
    if (check_step (c, "comparing", i, nr_blocks (c), err) == -1 ||
        load_block (c, i, &b, err) == -1)
      return -1;
    if (is_unreadable (c, i))
      c->result->check_errors += b.nr;
    else
      compare_block (c, &b);
  }
  return 0;
}

/* -- repairing in place ---------------------------------------------- */

static int
write_sectors (struct check *c, const struct block *b, uint64_t first,
               uint64_t last, struct error *err)
{
  const uint32_t order = c->h.refcount_order;
  const uint64_t from = align_down ((first << order) / 8, SECTOR_BYTES);
  const uint64_t to =
    align_up (div_round_up ((last + 1) << order, 8), SECTOR_BYTES);

  return io_pwrite (c->io, c->buf + from, to - from, b->offset + from, 0,
                    err);
}

static void
count_fixed (struct check *c, bool raise)
{
  if (raise) {
    c->result->corruptions--;
    c->result->corruptions_fixed++;
  } else {
    c->result->leaks--;
    c->result->leaks_fixed++;
  }
}

/* Space that is free now goes back to the host: nothing refers to it, durably
 * (C1), so it does not matter which of the two is durable first.  But while
 * a pointer is damaged, what it should lead to seems free, and somebody may
 * want to look for it. */
static void
punch (struct check *c, uint64_t first, uint64_t nr)
{
  if (nr > 0 && c->result->corruptions == 0 && c->result->check_errors == 0)
    io_zero (c->io, first << c->h.cluster_bits, nr << c->h.cluster_bits,
             IO_PUNCH, NULL);
}

static int
change_block (struct check *c, const struct block *b, bool raise,
              struct error *err)
{
  const uint32_t order = c->h.refcount_order;
  uint64_t i, first = UINT64_MAX, last = 0, freed = 0, nr_freed = 0;

  for (i = 0; i < b->nr; ++i) {
    const uint64_t references = check_references (c, b->first + i);
    const uint64_t n = refcount_get (c->buf, order, i);

    if (raise ? n >= references : n <= references)
      continue;
    check_say (c, "Repairing cluster %" PRIu64 " refcount=%" PRIu64
               " reference=%" PRIu64, b->first + i, n, references);
    refcount_set (c->buf, order, i, references);
    first = min_u64 (first, i);
    last = i;
    count_fixed (c, raise);
    if (references > 0)
      continue;
    if (nr_freed > 0 && freed + nr_freed != b->first + i) {
      punch (c, freed, nr_freed);
      nr_freed = 0;
    }
    if (nr_freed++ == 0)
      freed = b->first + i;
  }
  punch (c, freed, nr_freed);
  return first == UINT64_MAX ? 0 : write_sectors (c, b, first, last, err);
}

static int
change_all (struct check *c, bool raise, struct error *err)
{
  struct block b;
  uint64_t i;

  for (i = 0; i < nr_blocks (c); ++i) {
    if (check_step (c, "repairing", i, nr_blocks (c), err) == -1 ||
        load_block (c, i, &b, err) == -1)
      return -1;
    if (b.offset != 0 && change_block (c, &b, raise, err) == -1)
      return -1;
  }
  return 0;
}

int
check_raise (struct check *c, struct error *err)
{
  return change_all (c, true, err);
}

int
check_lower (struct check *c, struct error *err)
{
  return change_all (c, false, err);
}
