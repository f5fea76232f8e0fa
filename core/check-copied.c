/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Check: COPIED of the active tables says "the refcount is 1", exactly.
 *
 * Rule C3 of check.c: refcounts are right and durable before this changes a
 * flag.  An entry is written whole and alone decides over its cluster, so the
 * order among them does not matter.  A table that is at the same time
 * something else, or not in its place, is not written to: setting a flag
 * there would damage that.
 */

#include <config.h>

#include <inttypes.h>

#include "check-internal.h"
#include "checked.h"
#include "cursor.h"
#include "qcow2-entry.h"
#include "table-cache.h"

#define CACHE_BYTES (UINT64_C (1) << 20)
#define MAX_SLICE_BYTES 4096u
#define SECTOR_BYTES UINT64_C (512)
#define BATCH 512u

struct copied {
  struct check *c;
  struct table_cache *cache;    /* of refcount blocks */
  bool may_repair;
  bool repair;                  /* in the table that is being looked at */
  bool wrote;
};

/* The refcount as the file has it, which is what QEMU goes by. */
static int
stored_refcount (struct copied *k, uint64_t cluster, uint64_t *ret,
                 struct error *err)
{
  const struct check *c = k->c;
  const uint32_t order = c->h.refcount_order;
  const uint64_t block = check_block_offset (c, cluster >> c->h.refblock_bits);
  const uint64_t bit =
    (cluster & ((UINT64_C (1) << c->h.refblock_bits) - 1)) << order;
  uint8_t bytes[8];

  *ret = 0;
  if (block == 0)
    return 0;
  if (table_cache_read (k->cache, bytes, max_u64 ((1u << order) / 8, 1),
                        block + bit / 8, err) == -1)
    return -1;
  *ret = refcount_get (bytes, order, (bit % 8) >> order);
  return 0;
}

/* What the entry should be; *RET is RAW where nothing is wrong. */
static int
right_entry (struct copied *k, uint64_t raw, bool counted, const char *what,
             uint64_t *ret, struct error *err)
{
  struct check *c = k->c;
  uint64_t n = 1;

  if (counted &&
      stored_refcount (k, (raw & QCOW2_ENTRY_OFFSET_MASK) >> c->h.cluster_bits,
                       &n, err) == -1)
    return -1;
  *ret = n == 1 ? raw | QCOW2_ENTRY_COPIED : raw & ~QCOW2_ENTRY_COPIED;
  if (*ret == raw)
    return 0;
  if (!k->repair) {
    check_corruption (c, "ERROR OFLAG_COPIED %s: entry=%016" PRIx64
                      " refcount=%" PRIu64, what, raw, n);
    *ret = raw;
    return 0;
  }
  check_say (c, "Repairing OFLAG_COPIED %s: entry=%016" PRIx64 " refcount=%"
             PRIu64, what, raw, n);
  c->result->corruptions_fixed++;
  return 0;
}

static int
right_l2_entry (struct copied *k, uint64_t raw, uint64_t *ret,
                struct error *err)
{
  struct check *c = k->c;

  *ret = raw;
  if (raw & QCOW2_ENTRY_COMPRESSED) {
    /* Rule 20; counted with the table unless it is repaired here. */
    if (!(raw & QCOW2_ENTRY_COPIED) ||
        c->options->repair != CHECK_REPAIR_ALL)
      return 0;
    if (!k->repair) {
      c->result->corruptions++;
      return 0;
    }
    *ret = raw & ~QCOW2_ENTRY_COPIED;
    c->result->corruptions_fixed++;
    check_say (c, "Repairing OFLAG_COPIED compressed cluster: entry=%016"
               PRIx64, raw);
    return 0;
  }
  if (!check_is_allocated (c, raw))
    return 0;
  return right_entry (k, raw,
                      !(c->h.incompatible_features & QCOW2_INCOMPAT_DATA_FILE),
                      "data cluster", ret, err);
}

static int
look_at_l2 (struct copied *k, uint64_t offset, struct error *err)
{
  struct check *c = k->c;
  uint64_t i, first = UINT64_MAX, last = 0;

  if (io_pread (c->io, c->buf, c->h.cluster_size, offset, err) == -1)
    return error_prefix (err, "L2 table at 0x%" PRIx64, offset);
  for (i = 0; i < c->h.cluster_size; i += c->h.l2_entry_bytes) {
    const uint64_t raw = load_be64 (c->buf + i);
    uint64_t right;

    if (raw == 0)
      continue;
    if (right_l2_entry (k, raw, &right, err) == -1)
      return -1;
    if (right == raw)
      continue;
    store_be64 (c->buf + i, right);
    first = min_u64 (first, i);
    last = i;
  }
  if (first == UINT64_MAX)
    return 0;
  k->wrote = true;
  first = align_down (first, SECTOR_BYTES);
  last = align_up (last + 8, SECTOR_BYTES);
  return io_pwrite (c->io, c->buf + first, last - first, offset + first, 0,
                    err);
}

/* Counted by tables alone: by each that has it, the snapshots' too. */
static bool
is_table_alone (const struct check *c, uint64_t offset)
{
  const uint64_t cluster = offset >> c->h.cluster_bits;

  return is_aligned (offset, c->h.cluster_size) &&
    census_get (c->census, cluster) == census_get (c->tables, cluster);
}

/* Each of its clusters is counted once, for itself. */
static bool
is_l1_alone (const struct check *c)
{
  const uint64_t first = c->h.l1_table_offset >> c->h.cluster_bits;
  const uint64_t nr = div_round_up (c->h.nr_l1_entries * UINT64_C (8),
                                    c->h.cluster_size);
  uint64_t i;

  for (i = first; i < first + nr; ++i)
    if (census_get (c->census, i) != 1)
      return false;
  return true;
}

static int
look_at_l1_entry (struct copied *k, uint32_t index, uint64_t raw,
                  struct error *err)
{
  const uint64_t table = raw & QCOW2_ENTRY_OFFSET_MASK;
  struct check *c = k->c;
  uint64_t right;
  uint8_t be[8];

  if (table == 0)
    return 0;
  if (check_step (c, "flags", index, c->h.nr_l1_entries, err) == -1 ||
      right_entry (k, raw, true, "L2 table", &right, err) == -1)
    return -1;
  if (right != raw) {
    k->wrote = true;
    store_be64 (be, right);
    if (io_pwrite (c->io, be, sizeof be, c->h.l1_table_offset +
                   index * UINT64_C (8), 0, err) == -1)
      return -1;
  }
  k->repair = k->may_repair && is_table_alone (c, table);
  return look_at_l2 (k, table, err);
}

static int
look_at_l1 (struct copied *k, struct error *err)
{
  const struct qcow2_header *h = &k->c->h;
  const bool alone = is_l1_alone (k->c);
  uint64_t raw[BATCH];
  uint32_t i;

  for (i = 0; i < h->nr_l1_entries; ++i) {
    if (i % BATCH == 0 &&
        io_pread (k->c->io, raw, min_u64 (BATCH, h->nr_l1_entries - i) *
                  sizeof *raw, h->l1_table_offset + i * UINT64_C (8),
                  err) == -1)
      return -1;
    k->repair = k->may_repair && alone;
    if (look_at_l1_entry (k, i, be64toh (raw[i % BATCH]), err) == -1)
      return -1;
  }
  return 0;
}

/* Lowering a refcount to 1 makes COPIED wrong where it was not; so leaks are
 * repaired with it, if all else is well. */
static bool
may_repair (const struct check *c)
{
  const struct check_result *r = c->result;

  return c->options->repair == CHECK_REPAIR_ALL ||
    (c->options->repair == CHECK_REPAIR_LEAKS && r->corruptions == 0 &&
     r->leaks == 0 && r->check_errors == 0);
}

int
check_copied (struct check *c, struct error *err)
{
  struct copied k = { .c = c, .may_repair = may_repair (c) };
  int r;

  if (table_cache_new (c->io, CACHE_BYTES,
                       min_u64 (c->h.cluster_size, MAX_SLICE_BYTES),
                       &k.cache, err) == -1)
    return -1;
  r = look_at_l1 (&k, err);
  table_cache_free (k.cache);
  if (r == 0 && k.wrote)
    r = io_sync (c->io, err);
  return r;
}
