/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Check: an L1 table, its L2 tables, and what they refer to.  Writes nothing.
 *
 * Raw entries are looked at bit by bit here and not through the decoders of
 * qcow2-entry.h: those refuse what is to be reported.
 */

#include <config.h>

#include <inttypes.h>

#include "check-internal.h"
#include "checked.h"
#include "cursor.h"

#define L1_RESERVED UINT64_C (0x7f000000000001ff)
#define L2_RESERVED UINT64_C (0x3f000000000001fe)
/* Entries of an L1 table that are read at a time. */
#define BATCH 512u

struct walk {
  struct check *c;
  bool active;
  uint64_t table;               /* that is being looked at */
  uint64_t next_offset;         /* that would continue the last cluster */
};

static bool
has_data_file (const struct check *c)
{
  return c->h.incompatible_features & QCOW2_INCOMPAT_DATA_FILE;
}

static bool
is_extended (const struct check *c)
{
  return c->h.incompatible_features & QCOW2_INCOMPAT_EXTENDED_L2;
}

bool
check_is_allocated (const struct check *c, uint64_t raw)
{
  return (raw & QCOW2_ENTRY_OFFSET_MASK) ||
    (has_data_file (c) && (raw & QCOW2_ENTRY_COPIED));
}

/* What is not repaired later, when COPIED is; it is not where the header
 * should be. */
static bool
is_copied_wrongly (const struct walk *w, uint64_t raw)
{
  return (raw & QCOW2_ENTRY_COPIED) &&
    !(w->active && w->table != 0 && w->c->options->repair == CHECK_REPAIR_ALL);
}

static int
count_compressed (struct walk *w, uint64_t raw, uint64_t bitmap,
                  struct error *err)
{
  struct check *c = w->c;
  const uint32_t x = 62 - (c->h.cluster_bits - 8);
  const uint64_t offset = raw & ((UINT64_C (1) << x) - 1);
  const uint64_t nr_sectors = ((raw & ~(UINT64_C (3) << 62)) >> x) + 1;

  /* Rule 20. */
  if (is_copied_wrongly (w, raw))
    check_corruption (c, "ERROR: coffset=0x%" PRIx64 ": copied flag must "
                      "never be set for compressed clusters", offset);
  if (has_data_file (c) || bitmap != 0) {
    check_corruption (c, "ERROR compressed cluster with %s, entry=0x%016"
                      PRIx64, bitmap ? "non-zero subcluster allocation bitmap"
                      : "data file", raw);
    return 0;
  }
  if (w->active) {
    c->result->allocated_clusters++;
    c->result->compressed_clusters++;
    c->result->fragmented_clusters++;
  }
  /* Rule 34: "every host cluster touched". */
  return check_refer (c, offset, nr_sectors * 512 - offset % 512, 1, err);
}

static void
look_at_bitmap (struct check *c, uint64_t raw, uint64_t bitmap)
{
  const bool allocated = check_is_allocated (c, raw);

  /* Rule 30. */
  if (allocated && ((bitmap >> 32) & bitmap))
    check_corruption (c, "ERROR offset=%" PRIx64 ": Allocated cluster has "
                      "corrupted subcluster allocation bitmap",
                      raw & QCOW2_ENTRY_OFFSET_MASK);
  if (!allocated && (bitmap & UINT32_MAX))
    check_corruption (c, "ERROR: Unallocated cluster has non-zero subcluster "
                      "allocation map");
}

static void
note_fragment (struct walk *w, uint64_t offset)
{
  struct check_result *r = w->c->result;

  if (!w->active)
    return;
  r->allocated_clusters++;
  if (w->next_offset && offset != w->next_offset)
    r->fragmented_clusters++;
  w->next_offset = offset + w->c->h.cluster_size;
}

static int
count_entry (struct walk *w, uint64_t raw, uint64_t bitmap,
             struct error *err)
{
  const uint64_t offset = raw & QCOW2_ENTRY_OFFSET_MASK;
  struct check *c = w->c;

  if (raw & QCOW2_ENTRY_COMPRESSED)
    return count_compressed (w, raw, bitmap, err);
  /* Rule 17; bit 0 is the zero flag, but of extended entries (rule 30). */
  if (raw & L2_RESERVED)
    check_corruption (c, "ERROR found l2 entry with reserved bits set: %"
                      PRIx64, raw);
  if (bitmap)
    look_at_bitmap (c, raw, bitmap);
  if (!check_is_allocated (c, raw))
    return 0;
  note_fragment (w, offset);
  if (!is_aligned (offset, c->h.cluster_size))
    check_corruption (c, "ERROR offset=%" PRIx64 ": cluster is not properly "
                      "aligned; L2 entry corrupted", offset);
  /* Rule 38: "Data-file clusters are not refcounted". */
  return has_data_file (c) ? 0
    : check_refer (c, offset, c->h.cluster_size, 1, err);
}

static int
count_l2 (struct walk *w, uint64_t offset, struct error *err)
{
  struct check *c = w->c;
  const uint32_t step = c->h.l2_entry_bytes;
  uint64_t i;

  if (io_pread (c->io, c->buf, c->h.cluster_size, offset, err) == -1)
    return error_prefix (err, "L2 table at 0x%" PRIx64, offset);
  w->next_offset = 0;
  w->table = offset;
  for (i = 0; i < c->h.cluster_size; i += step) {
    const uint64_t raw = load_be64 (c->buf + i);
    const uint64_t bitmap = is_extended (c) ? load_be64 (c->buf + i + 8) : 0;

    if ((raw || bitmap) && count_entry (w, raw, bitmap, err) == -1)
      return -1;
  }
  return 0;
}

/* What is counted here need not be in the file: nobody asks then. */
static int
note_table (struct check *c, uint64_t offset, struct error *err)
{
  const uint64_t cluster = offset >> c->h.cluster_bits;

  if (cluster >= c->nr_clusters)
    return 0;
  return census_set (c->tables, cluster, census_get (c->tables, cluster) + 1,
                     err);
}

static int
count_l1_entry (struct walk *w, uint64_t raw, struct error *err)
{
  const uint64_t offset = raw & QCOW2_ENTRY_OFFSET_MASK;
  struct check *c = w->c;

  if (raw & L1_RESERVED)
    check_corruption (c, "ERROR found L1 entry with reserved bits set: %"
                      PRIx64, raw);
  if (check_refer (c, offset, c->h.cluster_size, 1, err) == -1 ||
      note_table (c, offset, err) == -1)
    return -1;
  if (!is_aligned (offset, c->h.cluster_size))
    check_corruption (c, "ERROR l2_offset=%" PRIx64 ": Table is not cluster "
                      "aligned; L1 entry corrupted", offset);
  return count_l2 (w, offset, err);
}

int
check_count_l1 (struct check *c, uint64_t offset, uint32_t nr_entries,
                bool active, struct error *err)
{
  struct walk w = { .c = c, .active = active };
  uint64_t raw[BATCH];
  uint32_t i;

  if (check_refer (c, offset, nr_entries * UINT64_C (8), 1, err) == -1)
    return -1;
  for (i = 0; i < nr_entries; ++i) {
    if (i % BATCH == 0 &&
        io_pread (c->io, raw, min_u64 (BATCH, nr_entries - i) * sizeof *raw,
                  offset + i * UINT64_C (8), err) == -1)
      return error_prefix (err, "L1 table at 0x%" PRIx64, offset);
    if (raw[i % BATCH] == 0)
      continue;
    if (check_step (c, active ? "counting" : "snapshots", active ? i : 0,
                    nr_entries, err) == -1 ||
        count_l1_entry (&w, load_be64 (raw + i % BATCH), err) == -1)
      return -1;
  }
  return 0;
}
