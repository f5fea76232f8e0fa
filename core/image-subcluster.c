/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Image: writing in images with extended L2 entries, where copy-on-write
 * fills up no more than the subclusters that are written to.
 *
 * Where a cluster has a host cluster of its own (COPIED) with data in it, a
 * subcluster that had none gets its place there; otherwise a new cluster is
 * taken, and the data that an old one keeps is copied.
 *
 * R9 (docs/DURABILITY.md).  A bit that says "allocated" may be on the disk
 * before the data.  So it is written at once only where the guest reads zeros
 * and the place in the host cluster reads zeros, too, durably: both bits were
 * 0 ever since the cluster was new, in this activation (img->clean has its
 * number), or since it was made so.  Otherwise whole subclusters are written,
 * and synced, before their bits.
 *
 * img->clean: host clusters whose subclusters read zeros, durably, wherever
 * both bits are 0.  Bits of a cluster that is kept never become 0 both, so
 * there has been no writer in such places.  Changes of a cluster's membership
 * are made with its guest cluster in the range lock.
 *
 * Callers hold the guest clusters in the range lock.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "checked.h"
#include "cleanup.h"
#include "image-subcluster.h"

uint32_t
image_subcluster_mask (const struct image *img, uint64_t cluster,
                       uint64_t from, uint64_t to)
{
  const uint32_t bits = subcluster_bits (&img->header);
  const uint64_t start = cluster << img->header.cluster_bits;
  const uint64_t stop = start + img->header.cluster_size;

  from = (max_u64 (from, start) - start) >> bits;
  to = (min_u64 (to, stop) - 1 - start) >> bits;
  return (SUBCLUSTERS_ALL << from) & (SUBCLUSTERS_ALL >> (31 - to));
}

static struct span
span_of (const struct image *img, uint64_t offset, uint64_t len)
{
  const uint64_t size = UINT64_C (1) << subcluster_bits (&img->header);

  return (struct span) {
    .start = align_down (offset, size),
    .offset = offset,
    .end = offset + len,
    .stop = min_u64 (align_up (offset + len, size), img->header.virtual_size),
  };
}

/* Whether the guest reads zeros in [FROM, TO), but for what it may overwrite
 * in place. */
static bool
reads_zero (struct image *img, uint64_t from, uint64_t to)
{
  while (from < to) {
    struct run run;

    if (mapping_lookup (&img->mapping, from, to - from, &run, NULL) == -1 ||
        (!(run.type == CLUSTER_NORMAL && run.copied) &&
         !image_run_reads_zero (img, &run, from, run.len)))
      return false;
    from += run.len;
  }
  return true;
}

static int
write_over_zeros (struct image *img, const struct span *s, const void *buf,
                  uint64_t host, struct error *err)
{
  if (!buf)
    return 0;
  return io_pwrite (img->data, buf, s->end - s->offset,
                    host + (s->offset - s->start), 0, err);
}

/* -- in the host cluster that is there ----------------------------------- */

static bool
is_kept (const struct l2_entry *e, uint64_t bitmap)
{
  return e->type == CLUSTER_NORMAL && e->copied &&
    bitmap_allocated (bitmap) != 0;
}

/* Whether there is nothing left for img->clean to say. */
static bool
is_full (uint64_t bitmap)
{
  return (bitmap_allocated (bitmap) | bitmap_zero (bitmap)) ==
    SUBCLUSTERS_ALL;
}

/* Not remembering one, for want of memory, costs a sync later. */
static void
remember_clean (struct image *img, uint64_t host_cluster, uint64_t bitmap)
{
  if (is_full (bitmap))
    metadata_map_remove (img->clean, host_cluster, 1);
  else
    metadata_map_add (img->clean, host_cluster, 1, NULL);
}

/* Nobody knows what was in the places that nothing points to: make them read
 * zeros, once for all of a cluster. */
static int
make_clean (struct image *img, const struct l2_entry *e, uint64_t bitmap,
            struct error *err)
{
  const uint32_t bits = subcluster_bits (&img->header);
  const unsigned flags = img->options.keep_space ? 0 : IO_PUNCH;
  unsigned i, nr;

  for (i = 0; i < SUBCLUSTERS; i += nr) {
    nr = subcluster_run (bitmap, i);
    if (subcluster_type (e, bitmap, i) == CLUSTER_UNALLOCATED &&
        io_zero (img->data, e->host_offset + ((uint64_t) i << bits),
                 (uint64_t) nr << bits, flags, err) == -1)
      return -1;
  }
  return image_sync (img, err);
}

/* Whether the bits of MISSING may reach the disk before the data: 1 or 0;
 * -1: failed. */
static int
needs_no_order (struct image *img, const struct l2_entry *e, uint64_t bitmap,
                uint32_t missing, const struct span *s, struct error *err)
{
  const uint64_t host_cluster = e->host_offset >> img->header.cluster_bits;

  if ((missing & bitmap_zero (bitmap)) || !reads_zero (img, s->start, s->stop))
    return 0;
  if (metadata_map_touches (img->clean, host_cluster, 1))
    return 1;
  if (make_clean (img, e, bitmap, err) == -1)
    return -1;
  remember_clean (img, host_cluster, bitmap);
  return 1;
}

static int
write_data_kept (struct image *img, const struct l2_entry *e, uint64_t bitmap,
                 uint32_t missing, const struct span *s, const void *buf,
                 struct error *err)
{
  const uint64_t host = e->host_offset +
    (s->start & (img->header.cluster_size - 1));
  int r;

  if (image_check_overlap (img, host, s->stop - s->start, err) == -1)
    return -1;
  if (!buf)
    r = 0;                      /* only where data must become zeros */
  else
    r = needs_no_order (img, e, bitmap, missing, s, err);
  if (r == 0)
    return image_write_over_data (img, s, buf, host, false, err);
  return r == -1 ? -1 : write_over_zeros (img, s, buf, host, err);
}

/* One cluster, or the part of it that [OFFSET, OFFSET + LEN) has, the first
 * subcluster of which is not there yet: else it would be written in place. */
static int
write_kept (struct image *img, uint64_t cluster, const struct l2_entry *e,
            const struct raw_entry *old, const void *buf, uint64_t len,
            uint64_t offset, struct error *err)
{
  const uint64_t host_cluster = e->host_offset >> img->header.cluster_bits;
  const uint32_t there = bitmap_allocated (old->bitmap);
  const uint32_t missing =
    image_subcluster_mask (img, cluster, offset, offset + len) & ~there;
  struct span s = span_of (img, offset, len);
  struct raw_entry new = {
    old->entry,
    bitmap_of (there | missing, bitmap_zero (old->bitmap) & ~missing),
  };

  /* What is there already need not be filled up. */
  if (there & image_subcluster_mask (img, cluster, s.end - 1, s.end))
    s.stop = s.end;
  if (write_data_kept (img, e, old->bitmap, missing, &s, buf, err) == -1) {
    /* Some of it may be where both bits are 0. */
    metadata_map_remove (img->clean, host_cluster, 1);
    return -1;
  }
  if (is_full (new.bitmap))
    metadata_map_remove (img->clean, host_cluster, 1);
  return image_replace (img, cluster, 1, old, &new, err);
}

/* -- in new clusters ------------------------------------------------------- */

/* Copy what has data in [FROM, TO); its place is at HOST.  *RET_COPIED is set
 * where there was any. */
static int
copy_data (struct image *img, uint64_t from, uint64_t to, uint64_t host,
           bool *ret_copied, struct error *err)
{
  while (from < to) {
    CLEANUP_FREE void *buf = NULL;
    struct run run;

    if (mapping_lookup (&img->mapping, from, to - from, &run, err) == -1)
      return -1;
    if (run.type == CLUSTER_NORMAL || run.type == CLUSTER_COMPRESSED) {
      buf = malloc (run.len);
      if (!buf)
        return error_set (err, ENOMEM, "no memory for copy-on-write");
      if (image_read_run (img, &run, buf, run.len, from, err) == -1 ||
          io_pwrite (img->data, buf, run.len, host, 0, err) == -1)
        return -1;
      *ret_copied = true;
    }
    from += run.len;
    host += run.len;
  }
  return 0;
}

/* What the guest will read in the new clusters E, the first of which is for
 * CLUSTER. */
static int
write_data_new (struct image *img, uint64_t cluster, const struct extent *e,
                const struct span *s, const void *buf, struct error *err)
{
  const uint32_t bits = img->header.cluster_bits;
  const uint64_t first = cluster << bits;
  const uint64_t last = min_u64 (first + (e->nr_clusters << bits),
                                 img->header.virtual_size);
  const uint64_t host = e->first << bits;
  bool copied = false;

  if (copy_data (img, first, s->start, host, &copied, err) == -1 ||
      copy_data (img, s->stop, last, host + (s->stop - first), &copied,
                 err) == -1)
    return -1;
  if (img->fresh_reads_zero && !copied &&
      reads_zero (img, s->start, s->stop))
    return write_over_zeros (img, s, buf, host + (s->start - first), err);
  return image_write_over_data (img, s, buf, host + (s->start - first),
                                img->fresh_reads_zero && !copied, err);
}

/* Point the guest clusters from CLUSTER on, which have the entries OLD, to
 * E. */
static int
publish (struct image *img, uint64_t cluster, const struct extent *e,
         const struct span *s, const struct raw_entry *old,
         struct error *err)
{
  struct raw_entry new[MAPPING_MAX_BATCH];
  uint32_t i;

  for (i = 0; i < e->nr_clusters; ++i) {
    uint32_t allocated = bitmap_allocated (old[i].bitmap) |
      image_subcluster_mask (img, cluster + i, s->offset, s->end);

    if (old[i].entry & QCOW2_ENTRY_COMPRESSED)
      allocated = SUBCLUSTERS_ALL;
    new[i].entry =
      l2_entry_normal ((e->first + i) << img->header.cluster_bits);
    new[i].bitmap = bitmap_of (allocated,
                               bitmap_zero (old[i].bitmap) & ~allocated);
  }
  if (image_replace (img, cluster, e->nr_clusters, old, new, err) == -1)
    return -1;
  for (i = 0; img->fresh_reads_zero && i < e->nr_clusters; ++i)
    remember_clean (img, e->first + i, new[i].bitmap);
  return 0;
}

/* Up to WANT clusters; *RET_LEN of LEN bytes. */
static int
write_new (struct image *img, uint64_t cluster, uint32_t want,
           const struct raw_entry *old, const void *buf, uint64_t len,
           uint64_t offset, size_t *ret_len, struct error *err)
{
  struct extent e;
  struct span s;

  if (image_place_take (img, cluster, want, &e, err) == -1)
    return -1;
  len = min_u64 (len, ((cluster + e.nr_clusters) << img->header.cluster_bits)
                 - offset);
  s = span_of (img, offset, len);
  if (write_data_new (img, cluster, &e, &s, buf, err) == 0 &&
      publish (img, cluster, &e, &s, old, err) == 0) {
    *ret_len = len;
    return 0;
  }
  /* Poisoned: nobody knows whether something points to it. */
  if (!atomic_load (&img->poison.set))
    image_place_give_back (img, e);
  return -1;
}

/* Decode the entries RAW of NR clusters from CLUSTER on, as far as they need
 * new clusters: *RET_NR.  FIRST is the first one, whatever it needs. */
static int
count_new (struct image *img, uint64_t cluster, const struct raw_entry *raw,
           uint32_t nr, struct l2_entry *first, uint32_t *ret_nr,
           struct error *err)
{
  struct l2_entry e;
  uint32_t i;

  if (raw_entry_decode (&img->header, &raw[0], first, err) == -1)
    return error_prefix (err, "guest offset %" PRIu64,
                         cluster << img->header.cluster_bits);
  for (i = 0; i < nr; ++i)
    if (raw_entry_decode (&img->header, &raw[i], &e, NULL) == -1 ||
        is_kept (&e, raw[i].bitmap))
      break;
  *ret_nr = i;
  return 0;
}

int
image_write_subclusters (struct image *img, const void *buf, size_t len,
                         uint64_t offset, size_t *ret_len, struct error *err)
{
  const uint32_t bits = img->header.cluster_bits;
  const uint64_t cluster = offset >> bits;
  const uint32_t nr =
    mapping_batch (&img->mapping, cluster,
                   ((offset + len - 1) >> bits) - cluster + 1);
  struct raw_entry old[MAPPING_MAX_BATCH];
  struct l2_entry e;
  uint32_t nr_new = 0;

  if (mapping_get (&img->mapping, cluster, nr, old, err) == -1 ||
      count_new (img, cluster, old, nr, &e, &nr_new, err) == -1)
    return -1;
  if (nr_new > 0)
    return write_new (img, cluster, nr_new, old, buf, len, offset, ret_len,
                      err);
  *ret_len = min_u64 (len, ((cluster + 1) << bits) - offset);
  return write_kept (img, cluster, &e, &old[0], buf, *ret_len, offset, err);
}
