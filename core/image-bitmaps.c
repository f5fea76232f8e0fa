/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Image: persistent dirty bitmaps, and the autoclear bits.
 *
 * All bitmaps of an image that make sense, enabled or not, are claimed: their
 * directory, tables and data go into the metadata map, after it is clear that
 * nothing else is there and that they are counted.  Then the enabled ones can
 * record (bitmaps.h).  Where anything of them makes no sense or is over a
 * limit, none is kept: the autoclear bit is cleared, durably, before the first
 * write, and the user is told.  Nothing depends on them but backups.
 *
 * Order (docs/DURABILITY.md, R13): in use, durably, before the first write;
 * data and tables, durably, before they are valid again.
 *
 * Runs while no request does, so it takes no lock of its own.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "checked.h"
#include "cursor.h"
#include "image-internal.h"

/* Of all tables together; they are read, and each entry is remembered. */
#define MAX_TABLE_ENTRIES (UINT32_C (1) << 20)
#define BATCH 512u

struct claims {
  struct image *img;
  uint64_t file_size;
  struct extent_list claimed;
  uint64_t nr_entries;
  uint32_t nr_inconsistent;
};

/* -- claiming ---------------------------------------------------------- */

static int
check_counts (struct claims *k, struct extent e, const char *what,
              struct error *err) NO_TSA
{
  uint64_t c, n;

  for (c = e.first; c < e.first + e.nr_clusters; ++c) {
    if (refcounts_get (&k->img->allocator.refcounts, c, &n, err) == -1)
      return -1;
    if (n != 1)
      return error_set (err, EIO, "the refcount of %s at host cluster %"
                        PRIu64 " is %" PRIu64 ", not 1", what, c, n);
  }
  return 0;
}

static int
claim (struct claims *k, uint64_t offset, uint64_t bytes, const char *what,
       struct error *err)
{
  const uint32_t bits = k->img->header.cluster_bits;
  const struct extent e = {
    offset >> bits, div_round_up (bytes, k->img->header.cluster_size)
  };

  if (offset > k->file_size || bytes > k->file_size - offset)
    return error_set (err, EIO, "%s at %" PRIu64 " is beyond the end of the "
                      "file", what, offset);
  if (check_counts (k, e, what, err) == -1 ||
      metadata_map_claim (k->img->metadata, e.first, e.nr_clusters, what,
                          err) == -1)
    return -1;
  if (extent_list_append (&k->claimed, e, err) == 0)
    return 0;
  metadata_map_remove (k->img->metadata, e.first, e.nr_clusters);
  return -1;
}

static int
claim_data (struct claims *k, const struct bitmap *b, struct error *err)
{
  const struct qcow2_header *h = &k->img->header;
  uint64_t raw[BATCH], offset;
  uint32_t i;

  for (i = 0; i < b->nr_table_entries; ++i) {
    if (i % BATCH == 0 &&
        io_pread (k->img->io, raw, min_u64 (BATCH, b->nr_table_entries - i) *
                  sizeof *raw, b->table_offset + i * UINT64_C (8), err) == -1)
      return -1;
    if (!bitmap_table_entry_decode (h, load_be64 (&raw[i % BATCH]), &offset))
      return error_set (err, EINVAL, "entry %" PRIu32 " of the table of a "
                        "bitmap is malformed", i);
    /* Who wrote the last cluster need not have filled it. */
    if (offset != 0 && claim (k, offset, 1, "data of a bitmap", err) == -1)
      return -1;
  }
  return 0;
}

static int
claim_bitmap (void *opaque, const struct bitmap *b, struct error *err)
{
  struct claims *k = opaque;

  k->nr_entries += b->nr_table_entries;
  if (k->nr_entries > MAX_TABLE_ENTRIES)
    return error_set (err, EFBIG, "the tables of the bitmaps have more than %"
                      PRIu32 " entries", MAX_TABLE_ENTRIES);
  if (b->flags & BITMAP_IN_USE)
    k->nr_inconsistent++;
  if (claim (k, b->table_offset, b->nr_table_entries * UINT64_C (8),
             "the table of a bitmap", err) == -1)
    return -1;
  return claim_data (k, b, err);
}

static void
unclaim (struct claims *k)
{
  size_t i;

  for (i = 0; i < k->claimed.len; ++i)
    metadata_map_remove (k->img->metadata, k->claimed.v[i].first,
                         k->claimed.v[i].nr_clusters);
}

/* Rule 50: bitmaps that make no sense are no bitmaps.  ERR itself is for what
 * they cannot be blamed for. */
static int
give_up (struct image *img, const struct error *why, struct error *err)
{
  if (why->errnum == ENOMEM)
    return error_set (err, ENOMEM, "%s", why->text);
  img->bitmaps.why_not = *why;
  return 0;
}

int
image_claim_bitmaps (struct image *img, uint64_t file_size,
                     struct error *err)
{
  const struct qcow2_areas *a = &img->areas;
  struct claims k = { .img = img, .file_size = file_size };
  struct error why = ERROR_INIT;
  int r = 0;

  if (a->nr_bitmaps == 0)
    return 0;
  if (claim (&k, a->bitmap_directory_offset, a->bitmap_directory_bytes,
             "the bitmap directory", &why) == -1 ||
      bitmap_directory_walk (img->io, &img->header, a, claim_bitmap, &k,
                             &why) == -1) {
    unclaim (&k);
    r = give_up (img, &why, err);
  }
  extent_list_clear (&k.claimed);
  img->bitmaps.nr_inconsistent = k.nr_inconsistent;
  return r;
}

/* -- start ------------------------------------------------------------- */

/* Whether there are bitmaps that are kept valid. */
static bool
is_kept (const struct image *img)
{
  return img->areas.nr_bitmaps > 0 && img->bitmaps.why_not.errnum == 0;
}

static int
load_bitmaps (struct image *img, struct error *err)
{
  struct error why = ERROR_INIT;

  if (is_kept (img) &&
      bitmaps_load (img->io, &img->header, &img->areas,
                    &img->bitmaps.recording, &why) == -1)
    return give_up (img, &why, err);
  return 0;
}

static void
note_bitmaps (struct image *img)
{
  const struct qcow2_header *h = &img->header;
  const struct image_bitmaps *b = &img->bitmaps;

  if (is_kept (img) && b->nr_inconsistent > 0)
    image_notices_add (&img->notices, "%" PRIu32 " of the image's persistent "
                       "dirty bitmaps cannot be used, because whoever wrote "
                       "to the image last did not save them: remove them and "
                       "start a new full backup", b->nr_inconsistent);
  /* Rule 50: the bit without the extension means that there are none. */
  if (!is_kept (img) && h->autoclear_features & QCOW2_AUTOCLEAR_BITMAPS &&
      h->has_bitmaps_extension)
    image_notices_add (&img->notices, "the image's persistent dirty bitmaps "
                       "are no longer valid: start a new full backup; "
                       "'qemu-img check -r leaks' frees their space (%s)",
                       b->why_not.text);
}

/* "Unknown autoclear: clear at read-write open, even with no write."  Of
 * those that are known Baton maintains two, that a data file is a raw disk
 * and the dirty bitmaps; and the options may name its own. */
static int
set_autoclear_bits (struct image *img, struct error *err)
{
  const uint64_t raw = qcow2_data_file_is_raw (&img->header)
    ? QCOW2_AUTOCLEAR_DATA_FILE_RAW : 0;
  const uint64_t ours =
    img->header.version > 2 ? img->options.autoclear_features : 0;
  const uint64_t wanted =
    raw | ours | (is_kept (img) ? QCOW2_AUTOCLEAR_BITMAPS : 0);
  uint8_t be[8];

  if (img->header.autoclear_features == wanted)
    return 0;
  store_be64 (be, wanted);
  if (io_pwrite (img->io, be, sizeof be, QCOW2_HDR_AUTOCLEAR, IO_DSYNC,
                 err) == -1)
    return poison_set (&img->poison, err);
  img->header.autoclear_features = wanted;
  return 0;
}

/* Once finished and started again, as after a release that failed, what is in
 * memory is what is in the file. */
int
image_start_bitmaps (struct image *img, struct error *err)
{
  if (!img->bitmaps.started) {
    if (load_bitmaps (img, err) == -1)
      return -1;
    note_bitmaps (img);
    img->bitmaps.started = true;
  }
  return set_autoclear_bits (img, err);
}

int
image_begin_bitmaps (struct image *img, struct error *err)
{
  if (!img->bitmaps.recording)
    return 0;
  if (poison_check (&img->poison, err) == -1)
    return -1;
  if (bitmaps_begin (img->bitmaps.recording, err) == -1)
    return poison_set (&img->poison, err);
  return 0;
}

/* -- end --------------------------------------------------------------- */

int
image_store_bitmaps (struct image *img, struct error *err)
{
  struct image_bitmaps *b = &img->bitmaps;

  if (!b->recording)
    return 0;
  if (poison_check (&img->poison, err) == -1)
    return -1;
  b->nr_lost = bitmaps_store (b->recording, &img->allocator, img->metadata,
                              &b->why_lost);
  return 0;
}

/* A failure may leave bitmaps that look valid: nothing may be written that
 * they would miss. */
int
image_finish_bitmaps (struct image *img, struct error *err)
{
  const struct image_bitmaps *b = &img->bitmaps;

  if (bitmaps_end (b->recording, err) == -1)
    return poison_set (&img->poison, err);
  if (b->nr_lost > 0)
    image_notices_add (&img->notices, "%" PRIu32 " of the image's persistent "
                       "dirty bitmaps could not be saved (%.80s): remove them "
                       "and start a new full backup", b->nr_lost,
                       b->why_lost.text);
  return 0;
}
