/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Check: who refers to which host cluster, but for the refcounts themselves.
 * Writes nothing.
 */

#include <config.h>

#include <inttypes.h>

#include "bitmap-directory.h"
#include "check-internal.h"
#include "checked.h"
#include "cursor.h"
#include "snapshot-table.h"

/* Entries of a bitmap's table that are read at a time. */
#define BATCH 512u

static int
count_snapshot (void *opaque, const struct snapshot *s, struct error *err)
{
  struct check *c = opaque;

  if (!is_aligned (s->l1_table_offset, c->h.cluster_size)) {
    check_corruption (c, "ERROR snapshot %.*s l1_offset=0x%" PRIx64 ": L1 "
                      "table is not cluster aligned; snapshot table entry "
                      "corrupted", (int) min_u64 (s->id_len, 64), s->id,
                      s->l1_table_offset);
    return 0;
  }
  if (s->nr_l1_entries > QCOW2_MAX_L1_BYTES / 8) {
    check_corruption (c, "ERROR snapshot %.*s l1_size=%" PRIu32 ": L1 table "
                      "is too large; snapshot table entry corrupted",
                      (int) min_u64 (s->id_len, 64), s->id,
                      s->nr_l1_entries);
    return 0;
  }
  if (check_step (c, "snapshots", s->index, c->h.nr_snapshots, err) == -1)
    return -1;
  return check_count_l1 (c, s->l1_table_offset, s->nr_l1_entries, false,
                         err);
}

static int
count_snapshots (struct check *c, struct error *err)
{
  uint64_t bytes;

  if (c->h.nr_snapshots == 0)
    return 0;
  if (snapshot_table_walk (c->io, &c->h, c->file_bytes, count_snapshot, c,
                           &bytes, err) == -1)
    return -1;
  return check_refer (c, c->h.snapshots_offset, bytes, 1, err);
}

static int
count_bitmap_entries (struct check *c, const struct bitmap *b, uint32_t first,
                      uint32_t nr, struct error *err)
{
  uint64_t raw[BATCH], offset;
  uint32_t i;

  if (io_pread (c->io, raw, nr * sizeof *raw,
                b->table_offset + first * UINT64_C (8), err) == -1)
    return -1;
  for (i = 0; i < nr; ++i)
    if (!bitmap_table_entry_decode (&c->h, load_be64 (raw + i), &offset))
      check_corruption (c, "ERROR bitmap %.*s: table entry %" PRIu32
                        " is corrupted", (int) min_u64 (b->name_len, 64),
                        b->name, first + i);
    else if (offset != 0 &&
             check_refer (c, offset, c->h.cluster_size, 1, err) == -1)
      return -1;
  return 0;
}

static int
count_bitmap (void *opaque, const struct bitmap *b, struct error *err)
{
  struct check *c = opaque;
  uint32_t first;

  if (check_refer (c, b->table_offset, b->nr_table_entries * UINT64_C (8), 1,
                   err) == -1)
    return -1;
  for (first = 0; first < b->nr_table_entries; first += BATCH)
    if (check_step (c, "bitmaps", first, b->nr_table_entries, err) == -1 ||
        count_bitmap_entries (c, b, first,
                              min_u64 (BATCH, b->nr_table_entries - first),
                              err) == -1)
      return -1;
  return 0;
}

static int
count_bitmaps (struct check *c, struct error *err)
{
  const struct qcow2_areas *a = &c->areas;

  if (a->nr_bitmaps == 0)
    return 0;
  if (check_refer (c, a->bitmap_directory_offset, a->bitmap_directory_bytes,
                   1, err) == -1)
    return -1;
  return bitmap_directory_walk (c->io, &c->h, a, count_bitmap, c, err);
}

int
check_count_references (struct check *c, struct error *err)
{
  if (check_refer (c, 0, c->h.cluster_size, 1, err) == -1 ||
      check_count_l1 (c, c->h.l1_table_offset, c->h.nr_l1_entries, true,
                      err) == -1 ||
      count_snapshots (c, err) == -1 ||
      check_refer (c, c->h.crypto_offset, c->h.crypto_bytes, 1,
                   err) == -1)
    return -1;
  return count_bitmaps (c, err);
}
