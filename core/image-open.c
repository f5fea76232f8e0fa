/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Image: opening, the first writes of an activation, closing.
 *
 * Opening reads the header, the L1 table, for a writer the refcount table,
 * and opens the backing chain; it writes and locks nothing.  These functions
 * run while no request does, so they take no lock of their own.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "checked.h"
#include "cursor.h"
#include "data-file.h"
#include "image-pack.h"
#include "snapshot-table.h"
#include "spare.h"

#define FIRST_READ_BYTES (UINT64_C (64) << 10)
#define MAX_SLICE_BYTES 4096u
#define MIN_AUTO_CACHE_BYTES (UINT64_C (1) << 20)
#define MAX_AUTO_CACHE_BYTES (UINT64_C (64) << 20)
/* A chain may have many layers, and the lower ones are rarely the hot ones. */
#define BACKING_CACHE_SHARE 8

/* Rule 50: bitmaps that make no sense are no bitmaps. */
static int
read_areas (struct image *img, const void *buf, uint64_t len,
            struct error *err)
{
  struct qcow2_header h = img->header;

  if (qcow2_areas_parse (buf, len, &h, &img->areas, &img->bitmaps.why_not) == 0)
    return 0;
  h.autoclear_features &= ~QCOW2_AUTOCLEAR_BITMAPS;
  return qcow2_areas_parse (buf, len, &h, &img->areas, err);
}

static int
parse_header (struct image *img, const void *buf, uint64_t len,
              struct error *err)
{
  if (qcow2_header_parse (buf, len, &img->header, err) == -1 ||
      qcow2_header_unsupported (&img->header, img->for_writing &&
                                !img->options.allow_corrupt, err) == -1)
    return -1;
  if (image_check_compress (img, err) == -1)
    return -1;
  return img->for_writing ? read_areas (img, buf, len, err) : 0;
}

/* Names and extensions may fill a cluster larger than the first read. */
static bool
needs_more (const uint8_t *buf, uint64_t len)
{
  return len == FIRST_READ_BYTES && qcow2_header_probe (buf, len) &&
    load_be32 (buf + 20) > 16;
}

/* The first LEN bytes.  RET_MORE, unless NULL: nothing was parsed, for they
 * are too few. */
static int
read_start (struct image *img, uint64_t len, bool *ret_more,
            struct error *err)
{
  uint8_t *buf = spare_take (img->options.spare, len);
  int r;

  if (!buf)
    return error_set (err, ENOMEM, "no memory for the header");
  r = io_pread (img->io, buf, len, 0, err);
  if (ret_more)
    *ret_more = r == 0 && needs_more (buf, len);
  if (r == 0 && !(ret_more && *ret_more))
    r = parse_header (img, buf, len, err);
  spare_give (img->options.spare, buf, len);
  return r;
}

static int
read_header (struct image *img, uint64_t file_size, struct error *err)
{
  bool more;

  if (read_start (img, min_u64 (file_size, FIRST_READ_BYTES), &more,
                  err) == -1)
    return -1;
  return more ? read_start (img, min_u64 (file_size, QCOW2_HEADER_MAX_BYTES),
                            NULL, err) : 0;
}

/* A backing file is read as it is, whichever snapshot of the overlay. */
static int
choose_snapshot (struct image *img, uint64_t file_size, struct error *err)
{
  if (!img->options.snapshot || img->overlay)
    return 0;
  if (img->for_writing)
    return error_set (err, EROFS, "a snapshot can only be served read-only");
  return snapshot_table_apply (img->io, &img->header, file_size,
                               img->options.snapshot, err);
}

static uint64_t
cache_budget (const struct image *img)
{
  const struct qcow2_header *h = &img->header;
  const uint64_t covering =
    div_round_up (h->virtual_size, h->cluster_size) * h->l2_entry_bytes;

  const uint64_t share = img->overlay ? BACKING_CACHE_SHARE : 1;

  if (img->options.metadata_cache_bytes != METADATA_CACHE_AUTO)
    return img->options.metadata_cache_bytes / share;
  return max_u64 (MIN_AUTO_CACHE_BYTES / share,
                  min_u64 (covering, MAX_AUTO_CACHE_BYTES / share));
}

static int
make_caches (struct image *img, struct error *err)
{
  const uint32_t slice = min_u64 (img->header.cluster_size, MAX_SLICE_BYTES);

  if (table_cache_new (img->io, cache_budget (img), slice, &img->cache,
                       err) == -1 ||
      inflate_cache_new (img->io, &img->header, &img->inflated, err) == -1 ||
      (has_subclusters (&img->header) &&
       metadata_map_new (&img->clean, err) == -1))
    return -1;
  return metadata_map_new (&img->metadata, err);
}

static int
load_mapping (struct image *img, uint64_t file_size, struct error *err)
{
  struct mapping *m = &img->mapping;

  m->io = img->io;
  m->header = &img->header;
  m->cache = img->cache;
  m->metadata = img->metadata;
  m->poison = &img->poison;
  m->allocator = img->for_writing ? &img->allocator : NULL;
  /* A file that grows meanwhile may have pointers to where it has grown to;
   * so what the tables say is looked at only where nobody else writes. */
  return mapping_load (m, file_size,
                       img->for_writing || img->options.lock_backing, err);
}

/* A table that counts as free would be given to the guest. */
static int
check_counted (struct image *img, uint64_t offset, const char *what,
               struct error *err) NO_TSA
{
  uint64_t n;

  if (refcounts_get (&img->allocator.refcounts,
                     offset >> img->header.cluster_bits, &n, err) == -1)
    return -1;
  if (n == 0)
    return error_set (err, EIO, "the refcount of %s is 0: the image is "
                      "damaged, repair it with qemu-img check -r all", what);
  return 0;
}

static int
load_allocator (struct image *img, uint64_t file_size, struct error *err)
  NO_TSA
{
  struct allocator *a = &img->allocator;
  struct refcounts *rc = &a->refcounts;

  a->io = img->io;
  a->grace = &img->grace;
  a->inflated = img->inflated;
  a->punch = !img->options.keep_space;
  rc->io = img->io;
  rc->header = &img->header;
  rc->cache = img->cache;
  rc->metadata = img->metadata;
  rc->poison = &img->poison;
  if (metadata_map_claim (img->metadata, 0, 1, "the header", err) == -1 ||
      refcounts_load (rc, file_size, err) == -1 ||
      check_counted (img, 0, "the header", err) == -1 ||
      check_counted (img, rc->table_offset, "the refcount table", err) == -1 ||
      (img->header.nr_l1_entries > 0 &&
       check_counted (img, img->header.l1_table_offset, "the L1 table",
                      err) == -1))
    return -1;
  return allocator_init (a, file_size, err);
}

/* Named in the header, unless the name of this layer says otherwise. */
static bool
has_backing (const struct image *img, const struct file_spec *spec)
{
  if (spec && spec->has_backing)
    return spec->backing != NULL;
  return img->header.backing_name[0] != '\0';
}

static int
load_tables (struct image *img, uint64_t file_size, struct error *err)
{
  if (load_mapping (img, file_size, err) == -1)
    return -1;
  if (!img->for_writing)
    return 0;
  if (load_allocator (img, file_size, err) == -1)
    return -1;
  return image_claim_areas (img, file_size, err);
}

static int
load (struct image *img, const struct file_spec *spec, struct error *err)
{
  uint64_t file_size;

  if (io_size (img->io, &file_size, err) == -1 ||
      read_header (img, file_size, err) == -1 ||
      choose_snapshot (img, file_size, err) == -1 ||
      data_file_open (img, err) == -1 ||
      make_caches (img, err) == -1)
    return -1;
  img->needs_repair = img->for_writing &&
    (img->header.incompatible_features & QCOW2_INCOMPAT_DIRTY);
  if (!img->needs_repair && load_tables (img, file_size, err) == -1)
    return -1;
  if (image_crypt_open (img, file_size, err) == -1)
    return -1;
  if (!has_backing (img, spec))
    return 0;
  img->backing_spec = spec && spec->has_backing ? spec->backing : NULL;
  return backing_open (img, &img->backing, err);
}

static struct image *
new_image (struct io *io, const char *name, bool for_writing,
           const struct image_options *options,
           const struct image *overlay) NO_TSA
{
  struct image *img = calloc (1, sizeof *img);

  if (!img)
    return NULL;
  img->io = io;
  img->data = io;
  img->fresh_reads_zero = true;
  img->options = *options;
  img->for_writing = for_writing;
  img->overlay = overlay;
  img->name = strdup (name);
  poison_init (&img->poison);
  range_lock_init (&img->ranges);
  mutex_init (&img->flush.lock);
  cond_init (&img->flush.ended[0]);
  cond_init (&img->flush.ended[1]);
  return img;
}

/* Everything but the file, which is the caller's until opening succeeded. */
static void
free_image (struct image *img) NO_TSA
{
  backing_close (img->backing);
  io_close (img->crypt);
  io_close (img->data_file);
  bitmaps_free (img->bitmaps.recording);
  if (img->for_writing)
    allocator_destroy (&img->allocator);
  mapping_destroy (&img->mapping);
  metadata_map_free (img->metadata);
  metadata_map_free (img->clean);
  inflate_cache_free (img->inflated);
  table_cache_free (img->cache);
  cond_destroy (&img->flush.ended[0]);
  cond_destroy (&img->flush.ended[1]);
  mutex_destroy (&img->flush.lock);
  range_lock_destroy (&img->ranges);
  poison_destroy (&img->poison);
  free (img->name);
  free (img);
}

int
image_open_layer (struct io *io, const char *name, bool for_writing,
                  const struct image_options *options,
                  const struct image *overlay,
                  const struct file_spec *spec, struct image **ret,
                  struct error *err)
{
  struct image *img = new_image (io, name, for_writing, options, overlay);

  if (!img)
    return error_set (err, ENOMEM, "no memory for an image");
  if (!img->name)
    error_set (err, ENOMEM, "no memory for an image");
  else if (load (img, spec, err) == 0) {
    *ret = img;
    return 0;
  }
  free_image (img);
  return -1;
}

int
image_open (struct io *io, const char *name, bool for_writing,
            const struct image_options *options, struct image **ret,
            struct error *err)
{
  return image_open_layer (io, name, for_writing, options, NULL, NULL, ret,
                           err);
}

void
image_close (struct image *img)
{
  struct io *io;

  if (!img)
    return;
  io = img->io;
  free_image (img);
  io_close (io);
}

static int
repair_and_load (struct image *img, struct error *err)
{
  uint64_t file_size;

  if (image_repair (img, err) == -1 ||
      io_size (img->io, &file_size, err) == -1 ||
      read_header (img, file_size, err) == -1 ||
      load_tables (img, file_size, err) == -1)
    return -1;
  img->needs_repair = false;
  return 0;
}

int
image_start_writing (struct image *img, struct error *err)
{
  if (img->needs_repair && repair_and_load (img, err) == -1)
    return -1;
  if (img->header.incompatible_features & QCOW2_INCOMPAT_CORRUPT)
    image_notices_add (&img->notices, "the image is marked corrupt, and is "
                       "written to because that was allowed");
  if (image_start_bitmaps (img, err) == -1 ||
      data_file_start_writing (img, err) == -1 ||
      image_begin_bitmaps (img, err) == -1)
    return -1;
  atomic_store (&img->mode, IMAGE_WRITING);
  return 0;
}

uint64_t
image_size (const struct image *img)
{
  return img->header.virtual_size;
}

const struct qcow2_header *
image_header (const struct image *img)
{
  return &img->header;
}

const struct image_notices *
image_get_notices (const struct image *img)
{
  return &img->notices;
}

struct io *
image_io (struct image *img)
{
  return img->io;
}

struct io *
image_data_file (struct image *img)
{
  return img->data_file;
}

/* The unlock comes first and by itself: on NFS it is what tells the server,
 * and closing frees IO. */
static void
close_locked (struct io *io)
{
  if (io)
    io_unlock (io);
  io_close (io);
}

void
image_give_up (struct image *img)
{
  io_close (img->crypt);
  close_locked (img->data_file);
  close_locked (img->io);
  backing_give_up (img->backing);
  img->crypt = img->data_file = img->io = NULL;
}

void
image_get_stats (struct image *img, struct image_stats *ret)
{
  struct table_cache_stats cache;

  table_cache_get_stats (img->cache, &cache);
  *ret = (struct image_stats) {
    .cache_bytes = cache.used_bytes,
    .cache_budget_bytes = cache.budget_bytes,
    .cache_hits = cache.hits,
    .cache_misses = cache.misses,
    .metadata_writes = cache.writes,
    .syncs = atomic_load (&img->flush.nr_syncs),
    .poisoned = atomic_load (&img->poison.set),
  };
  if (img->for_writing)
    allocator_get_stats (&img->allocator, &ret->reserved_clusters,
                         &ret->quarantined_clusters);
}
