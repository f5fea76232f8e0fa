/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Image: structures that are not used for serving, and that guest data must
 * not be written over all the same: the snapshot table, the snapshots' L1 and
 * L2 tables, the encryption header, persistent bitmaps (image-bitmaps.c).
 *
 * They go into the metadata map when an image is opened for writing, so that
 * the check of each write stays one look-up.  An L2 table may have several
 * users (the active table and snapshots); any other meeting of two structures
 * is damage, and refused.  Memory: as metadata-map.h says, twice that while
 * this runs.  Runs before any request, so it takes no lock of its own.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>

#include "checked.h"
#include "cursor.h"
#include "image-internal.h"
#include "snapshot-table.h"

/* Of all snapshots' L1 tables together: they are read here.  64 TiB of disk
 * with 64 KiB clusters have 1 MiB. */
#define MAX_SNAPSHOT_L1_BYTES (UINT64_C (256) << 20)
#define BATCH 512u

struct claims {
  struct image *img;
  uint64_t file_size;
  struct metadata_map *l2_tables;       /* those that were seen */
  uint64_t l1_bytes;
};

static int
claim (struct claims *k, uint64_t offset, uint64_t bytes, const char *what,
       struct error *err)
{
  const uint32_t bits = k->img->header.cluster_bits;

  if (bytes == 0)
    return 0;
  if (offset > k->file_size || bytes > k->file_size - offset)
    return error_set (err, EIO, "%s ends at offset %" PRIu64 " but the file "
                      "has %" PRIu64 " bytes: it is truncated or damaged",
                      what, offset + bytes, k->file_size);
  return metadata_map_claim (k->img->metadata, offset >> bits,
                             div_round_up (bytes, k->img->header.cluster_size),
                             what, err);
}

/* -- snapshots --------------------------------------------------------- */

static int
claim_l1 (void *opaque, const struct snapshot *s, struct error *err)
{
  struct claims *k = opaque;
  const uint64_t bytes = s->nr_l1_entries * UINT64_C (8);

  if (snapshot_check_l1 (s, &k->img->header, err) == -1)
    return -1;
  k->l1_bytes += bytes;
  if (k->l1_bytes > MAX_SNAPSHOT_L1_BYTES)
    return error_set (err, EFBIG, "the L1 tables of the snapshots have more "
                      "than %" PRIu64 " bytes: serve the image read-only, or "
                      "delete snapshots", MAX_SNAPSHOT_L1_BYTES);
  return claim (k, s->l1_table_offset, bytes, "the L1 table of a snapshot",
                err);
}

static int
note_l2 (struct claims *k, uint64_t cluster, struct error *err)
{
  return metadata_map_add (k->l2_tables, cluster, 1, err);
}

static int
claim_l2 (struct claims *k, uint64_t raw, struct error *err)
{
  const struct qcow2_header *h = &k->img->header;
  uint64_t table;
  bool copied;

  if (l1_entry_decode (h, raw, &table, &copied, err) == -1)
    return -1;
  if (table == 0 ||
      metadata_map_touches (k->l2_tables, table >> h->cluster_bits, 1))
    return 0;
  if (claim (k, table, 1, "an L2 table of a snapshot", err) == -1)
    return -1;
  return note_l2 (k, table >> h->cluster_bits, err);
}

static int
claim_l2_tables (void *opaque, const struct snapshot *s, struct error *err)
{
  struct claims *k = opaque;
  uint64_t raw[BATCH];
  uint32_t i;

  for (i = 0; i < s->nr_l1_entries; ++i) {
    if (i % BATCH == 0 &&
        io_pread (k->img->io, raw, min_u64 (BATCH, s->nr_l1_entries - i) *
                  sizeof *raw, s->l1_table_offset + i * UINT64_C (8),
                  err) == -1)
      return -1;
    if (raw[i % BATCH] != 0 &&
        claim_l2 (k, load_be64 (raw + i % BATCH), err) == -1)
      return error_prefix (err, "snapshot %" PRIu32 ", L1 entry %" PRIu32,
                           s->index, i);
  }
  return 0;
}

static int
note_active_tables (struct claims *k, struct error *err)
{
  const struct mapping *m = &k->img->mapping;
  uint32_t i;

  for (i = 0; i < m->header->nr_l1_entries; ++i) {
    const uint64_t table = atomic_load (&m->l1[i]) & QCOW2_ENTRY_OFFSET_MASK;

    if (table && note_l2 (k, table >> m->header->cluster_bits, err) == -1)
      return -1;
  }
  return 0;
}

static int
walk_snapshots (struct claims *k, snapshot_fn *fn, uint64_t *ret_bytes,
                struct error *err)
{
  return snapshot_table_walk (k->img->io, &k->img->header, k->file_size, fn,
                              k, ret_bytes, err);
}

static int
claim_snapshots (struct claims *k, struct error *err)
{
  const struct qcow2_header *h = &k->img->header;
  uint64_t bytes;
  int r;

  if (h->nr_snapshots == 0)
    return 0;
  if (walk_snapshots (k, claim_l1, &bytes, err) == -1 ||
      claim (k, h->snapshots_offset, bytes, "the snapshot table", err) == -1 ||
      metadata_map_new (&k->l2_tables, err) == -1)
    return -1;
  r = note_active_tables (k, err);
  if (r == 0)
    r = walk_snapshots (k, claim_l2_tables, NULL, err);
  metadata_map_free (k->l2_tables);
  return r;
}

/* -- all ---------------------------------------------------------------- */

int
image_claim_areas (struct image *img, uint64_t file_size, struct error *err)
{
  struct claims k = { .img = img, .file_size = file_size };

  if (claim (&k, img->header.crypto_offset, img->header.crypto_bytes,
             "the encryption header", err) == -1 ||
      claim_snapshots (&k, err) == -1)
    return -1;
  return image_claim_bitmaps (img, file_size, err);
}
