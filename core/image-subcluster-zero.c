/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Image: zero and trim of subclusters, by their bits.
 *
 * A host cluster stays as long as one of its subclusters has data, and the
 * place of the others is given back where a trim allows it.  Setting a zero
 * bit replaces data by zeros, which is what was asked for: in any order with
 * the punch, the guest reads one or the other (R6).
 */

#include <config.h>

#include <inttypes.h>
#include <string.h>

#include "checked.h"
#include "image-subcluster.h"

/* What the entry OLD, which decoded to E, becomes when the subclusters of
 * MASK read zeros. */
static struct raw_entry
zeroed (const struct image *img, const struct raw_entry *old,
        const struct l2_entry *e, uint32_t mask, unsigned flags)
{
  uint32_t allocated = bitmap_allocated (old->bitmap);
  uint32_t zero = bitmap_zero (old->bitmap);

  if (e->type == CLUSTER_COMPRESSED)
    return (struct raw_entry) { 0, bitmap_of (0, mask) };
  /* Without a backing file, what was never written reads zeros as it is; but
   * what was written must not become so: the host cluster holds it. */
  zero |= img->backing ? mask : mask & allocated;
  allocated &= ~mask;
  /* Nothing is in the host cluster any more. */
  if (allocated == 0 && (flags & IMAGE_MAY_TRIM || !e->copied))
    return (struct raw_entry) { 0, bitmap_of (0, zero) };
  return (struct raw_entry) { old->entry, bitmap_of (allocated, zero) };
}

/* The host cluster stays, but not all of it is used any more.  This is for
 * the host's space only: nothing depends on it. */
static void
punch (struct image *img, const struct raw_entry *old,
       const struct raw_entry *new)
{
  const uint32_t bits = subcluster_bits (&img->header);
  const uint64_t gone = bitmap_allocated (old->bitmap & ~new->bitmap);
  struct l2_entry e;
  unsigned i, nr;

  if (gone == 0 ||
      raw_entry_decode (&img->header, new, &e, NULL) == -1 ||
      e.type != CLUSTER_NORMAL || !e.copied ||
      image_check_overlap (img, e.host_offset, 1, NULL) == -1)
    return;
  for (i = 0; i < SUBCLUSTERS; i += nr) {
    nr = subcluster_run (gone, i);
    if (gone >> i & 1)
      io_zero (img->data, e.host_offset + ((uint64_t) i << bits),
               (uint64_t) nr << bits, IO_PUNCH, NULL);
  }
}

/* Entries of the NR clusters from CLUSTER on: what they become in NEW.
 * *RET_NR: as far as bits alone will do. */
static int
plan (struct image *img, uint64_t cluster, uint32_t nr, uint64_t from,
      uint64_t to, unsigned flags, const struct raw_entry *old,
      struct raw_entry *new, uint32_t *ret_nr, struct error *err)
{
  uint32_t i;

  for (i = 0; i < nr; ++i) {
    const uint32_t mask = image_subcluster_mask (img, cluster + i, from, to);
    struct l2_entry e;

    if (raw_entry_decode (&img->header, &old[i], &e, err) == -1)
      return error_prefix (err, "guest offset %" PRIu64,
                           (cluster + i) << img->header.cluster_bits);
    if (e.type == CLUSTER_COMPRESSED && mask != SUBCLUSTERS_ALL)
      break;
    new[i] = zeroed (img, &old[i], &e, mask, flags);
  }
  *ret_nr = i;
  return 0;
}

/* A part of a compressed cluster: it must be inflated for the rest of it. */
static int
zero_as_data (struct image *img, uint64_t from, uint64_t to,
              uint64_t *ret_len, struct error *err)
{
  size_t done;

  if (image_write_subclusters (img, NULL, min_u64 (to,
                                                   img->header.virtual_size)
                               - from, from, &done, err) == -1)
    return -1;
  *ret_len = align_up (done, UINT64_C (1) << subcluster_bits (&img->header));
  return 0;
}

static int
zero_locked (struct image *img, uint64_t from, uint64_t to, uint32_t nr,
             unsigned flags, uint64_t *ret_len, struct error *err)
{
  const uint32_t bits = img->header.cluster_bits;
  const uint64_t cluster = from >> bits;
  struct raw_entry old[MAPPING_MAX_BATCH], new[MAPPING_MAX_BATCH];
  uint32_t i;

  if (mapping_get (&img->mapping, cluster, nr, old, err) == -1 ||
      plan (img, cluster, nr, from, to, flags, old, new, &nr, err) == -1)
    return -1;
  if (nr == 0)
    return zero_as_data (img, from, min_u64 (to, (cluster + 1) << bits),
                         ret_len, err);
  *ret_len = min_u64 (to, (cluster + nr) << bits) - from;
  if (memcmp (old, new, nr * sizeof *old) == 0)
    return 0;
  if (image_replace (img, cluster, nr, old, new, err) == -1)
    return -1;
  for (i = 0; flags & IMAGE_MAY_TRIM && !(flags & IMAGE_FAST) && i < nr; ++i)
    punch (img, &old[i], &new[i]);
  return 0;
}

int
image_zero_subclusters (struct image *img, uint64_t from, uint64_t to,
                        unsigned flags, uint64_t *ret_len, struct error *err)
{
  const uint32_t bits = img->header.cluster_bits;
  const uint64_t cluster = from >> bits;
  struct range range;
  uint32_t nr;
  int r;

  if (!img->backing && !mapping_has_table (&img->mapping, cluster)) {
    *ret_len = min_u64 (to, mapping_next_table (&img->mapping, cluster)
                        << bits) - from;
    return 0;
  }
  nr = mapping_batch (&img->mapping, cluster, ((to - 1) >> bits) - cluster + 1);
  range_lock_take (&img->ranges, &range, cluster, cluster + nr - 1);
  r = zero_locked (img, from, to, nr, flags, ret_len, err);
  range_lock_drop (&img->ranges, &range);
  return r;
}
