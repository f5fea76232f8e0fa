/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Image: zero and trim.
 *
 * Whole clusters change what they point to; the rest of the range is zeroed
 * where it is.  Afterwards all of the range reads zeros: in version 3 by
 * the zero flag wherever a backing file or old data could show through, in
 * version 2, which has no such flag, by unallocating without a backing file
 * and by real zeros with one.  A data file that others may read as a raw disk
 * is given real zeros, too, or holes.
 */

#include <config.h>

#include <errno.h>
#include <string.h>

#include "checked.h"
#include "image-subcluster.h"

static int
write_zeros (struct image *img, const struct run *run, uint64_t offset,
             size_t *ret_len, struct error *err)
{
  if (has_subclusters (&img->header))
    return image_write_subclusters (img, NULL, run->len, offset, ret_len, err);
  return image_write_new (img, run, NULL, run->len, offset, ret_len, err);
}

/* Zero one run's bytes where they are, or in a new cluster. */
static int
zero_held (struct image *img, uint64_t len, uint64_t offset, unsigned flags,
           struct error *err)
{
  const unsigned zero_flags = flags & IMAGE_MAY_TRIM ? IO_PUNCH : 0;

  while (len > 0) {
    struct run run;
    size_t done;
    int r = 0;

    if (mapping_lookup (&img->mapping, offset, len, &run, err) == -1)
      return -1;
    done = run.len;
    if (run.type == CLUSTER_NORMAL && run.copied) {
      r = image_check_overlap (img, run.host_offset, run.len, err);
      if (r == 0)
        r = io_zero (img->data, run.host_offset, run.len, zero_flags, err);
    }
    else if (!image_run_reads_zero (img, &run, offset, run.len))
      r = write_zeros (img, &run, offset, &done, err);
    else if (qcow2_data_file_is_raw (&img->header))
      r = io_zero (img->data, offset, run.len, zero_flags, err);
    if (r == -1)
      return -1;
    offset += done;
    len -= done;
  }
  return 0;
}

/* What the entry OLD becomes. */
static struct raw_entry
zeroed_entry (const struct image *img, struct raw_entry old,
              const struct l2_entry *entry, unsigned flags)
{
  switch (entry->type) {
  case CLUSTER_UNALLOCATED:
    if (!img->backing)
      return old;
    break;
  case CLUSTER_ZERO_PLAIN:
    return old;
  case CLUSTER_ZERO_ALLOCATED:
    if (!(flags & IMAGE_MAY_TRIM))
      return old;
    break;
  case CLUSTER_NORMAL:
    if (img->header.version >= 3 && entry->copied &&
        !(flags & IMAGE_MAY_TRIM))
      return (struct raw_entry) { old.entry | QCOW2_ENTRY_ZERO, 0 };
    break;
  case CLUSTER_COMPRESSED:
    break;
  }
  return (struct raw_entry) {
    img->header.version >= 3 ? L2_ENTRY_ZERO_PLAIN : L2_ENTRY_UNALLOCATED, 0
  };
}

/* NR clusters whose entries are in one slice. */
static int
zero_entries (struct image *img, uint64_t cluster, uint32_t nr,
              unsigned flags, struct error *err)
{
  struct raw_entry old[MAPPING_MAX_BATCH], new[MAPPING_MAX_BATCH];
  uint32_t i;

  if (mapping_get (&img->mapping, cluster, nr, old, err) == -1)
    return -1;
  for (i = 0; i < nr; ++i) {
    struct l2_entry entry;

    if (mapping_decode (&img->mapping, &old[i], cluster + i, &entry,
                        err) == -1)
      return -1;
    new[i] = zeroed_entry (img, old[i], &entry, flags);
  }
  if (memcmp (old, new, nr * sizeof *old) == 0)
    return 0;
  return image_replace (img, cluster, nr, old, new, err);
}

/* One step over whole clusters: *RET_NR of the NR from CLUSTER on. */
static int
zero_clusters (struct image *img, uint64_t cluster, uint64_t nr,
               unsigned flags, uint64_t *ret_nr, struct error *err)
{
  struct range range;
  int r;

  if (!img->backing && !mapping_has_table (&img->mapping, cluster)) {
    *ret_nr = min_u64 (nr, mapping_next_table (&img->mapping, cluster)
                       - cluster);
    return 0;
  }
  nr = mapping_batch (&img->mapping, cluster, nr);
  range_lock_take (&img->ranges, &range, cluster, cluster + nr - 1);
  r = zero_entries (img, cluster, nr, flags, err);
  range_lock_drop (&img->ranges, &range);
  *ret_nr = nr;
  return r;
}

/* One step over [FIRST, LAST), which are whole units: *RET_LEN of it. */
static int
zero_units (struct image *img, uint64_t first, uint64_t last, unsigned flags,
            uint64_t *ret_len, struct error *err)
{
  const uint32_t bits = img->header.cluster_bits;
  uint64_t nr;

  if (has_subclusters (&img->header))
    return image_zero_subclusters (img, first, last, flags, ret_len, err);
  if (zero_clusters (img, first >> bits, (last - first) >> bits, flags, &nr,
                     err) == -1)
    return -1;
  *ret_len = nr << bits;
  return 0;
}

/* Bytes that are not whole units, or must be zeroed as data. */
static int
zero_bytes (struct image *img, uint64_t len, uint64_t offset, unsigned flags,
            struct error *err)
{
  const uint32_t bits = img->header.cluster_bits;
  struct range range;
  int r;

  if (len == 0)
    return 0;
  range_lock_take (&img->ranges, &range, offset >> bits,
                   (offset + len - 1) >> bits);
  r = zero_held (img, len, offset, flags, err);
  range_lock_drop (&img->ranges, &range);
  return r;
}

/* Version 2 over a backing file: neither a zero flag nor a hole will do.
 * And whoever reads a raw data file does not see flags. */
static bool
needs_real_zeros (const struct image *img)
{
  return (img->header.version < 3 && img->backing) ||
    qcow2_data_file_is_raw (&img->header);
}

static int
zero_in_grace (struct image *img, uint64_t len, uint64_t offset,
               unsigned flags, struct error *err)
{
  const uint64_t unit = UINT64_C (1) << subcluster_bits (&img->header);
  const uint64_t end = offset + len;
  uint64_t first = align_up (offset, unit);
  uint64_t last = align_down (end, unit);
  uint64_t done;

  /* The disk's last cluster is whole even where the disk ends within it. */
  if (end == img->header.virtual_size)
    last = align_up (end, img->header.cluster_size);
  if (needs_real_zeros (img) || first >= last)
    return zero_bytes (img, len, offset, flags, err);

  if (zero_bytes (img, first - offset, offset, flags, err) == -1)
    return -1;
  for (; first < last; first += done)
    if (zero_units (img, first, last, flags, &done, err) == -1)
      return -1;
  return end > last ? zero_bytes (img, end - last, last, flags, err) : 0;
}

/* Whether a unit's bits are its own: those of a compressed cluster are not,
 * unless all of it becomes zeros. */
static bool
has_own_bits (struct image *img, uint64_t offset)
{
  struct run run;

  return mapping_lookup (&img->mapping, offset, 1, &run, NULL) == 0 &&
    run.type != CLUSTER_COMPRESSED;
}

static bool
is_fast_at (struct image *img, uint64_t border, uint64_t inside)
{
  return is_aligned (border, img->header.cluster_size) ||
    (is_aligned (border, UINT64_C (1) << subcluster_bits (&img->header)) &&
     has_own_bits (img, inside));
}

/* Fast: entries only, no data written. */
static bool
is_fast (struct image *img, uint64_t len, uint64_t offset)
{
  const uint64_t end = offset + len;

  if (needs_real_zeros (img) || len == 0)
    return !needs_real_zeros (img);
  return is_fast_at (img, offset, offset) &&
    (end == img->header.virtual_size || is_fast_at (img, end, end - 1));
}

int
image_zero (struct image *img, uint64_t len, uint64_t offset, unsigned flags,
            struct error *err)
{
  struct error mine = ERROR_INIT;
  unsigned parity, tries = 0;
  int r;

  err = err ? err : &mine;
  if (image_check_change (img, len, offset, err) == -1)
    return -1;
  if (flags & IMAGE_FAST && !is_fast (img, len, offset))
    return error_set (err, ENOTSUP, "this range cannot be zeroed faster than "
                      "by writing zeros");
  if (img->options.keep_space)
    flags &= ~IMAGE_MAY_TRIM;
  image_record (&img->bitmaps, len, offset);
  do {
    parity = grace_enter (&img->grace);
    r = zero_in_grace (img, len, offset, flags, err);
    grace_leave (&img->grace, parity);
  } while (r == -1 && image_space_came_back (img, tries++, err));
  return image_end_change (img, r, flags, err);
}

int
image_trim (struct image *img, uint64_t len, uint64_t offset, unsigned flags,
            struct error *err)
{
  return image_zero (img, len, offset, flags | IMAGE_MAY_TRIM, err);
}
