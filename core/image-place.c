/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Image: where guest data has its place, and what entries point to.
 *
 * Guest data goes to img->data.  Its clusters come from the allocator, and
 * go back there by R4 (docs/DURABILITY.md): the pointer changes first, then
 * the old cluster is released.
 *
 * Callers hold the guest clusters in the range lock.
 */

#include <config.h>

#include "image-internal.h"

int
image_place_take (struct image *img, uint64_t cluster, uint64_t want,
                  struct extent *ret, struct error *err)
{
  (void) cluster;
  return allocator_take (&img->allocator, want, ret, err);
}

void
image_place_give_back (struct image *img, struct extent e)
{
  if (allocator_release (&img->allocator, e))
    atomic_store (&img->crowded, true);
}

/* The host clusters that a raw entry points to; none: nr_clusters is 0. */
static struct extent
clusters_of (const struct image *img, const struct raw_entry *raw)
{
  const uint32_t bits = img->header.cluster_bits;
  struct extent e = { 0, 0 };
  struct l2_entry entry;

  if (raw_entry_decode (&img->header, raw, &entry, NULL) == -1)
    return e;
  switch (entry.type) {
  case CLUSTER_NORMAL:
  case CLUSTER_ZERO_ALLOCATED:
    e = (struct extent) { entry.host_offset >> bits, 1 };
    break;
  case CLUSTER_COMPRESSED:
    /* "Free: decrement every touched host cluster." */
    e.first = entry.host_offset >> bits;
    e.nr_clusters = ((entry.host_offset + entry.compressed_bytes - 1) >> bits)
      - e.first + 1;
    break;
  case CLUSTER_UNALLOCATED:
  case CLUSTER_ZERO_PLAIN:
    break;
  }
  return e;
}

static void
release (struct image *img, struct extent e)
{
  /* A damaged image may say that data is where a table is: never free it. */
  if (e.nr_clusters == 0 ||
      metadata_map_touches (img->metadata, e.first, e.nr_clusters))
    return;
  image_place_give_back (img, e);
}

int
image_replace (struct image *img, uint64_t cluster, uint32_t nr,
               const struct raw_entry *old, const struct raw_entry *new,
               struct error *err)
{
  struct extent gone = { 0, 0 };
  uint32_t i;

  if (mapping_set (&img->mapping, cluster, nr, new, err) == -1)
    return -1;
  for (i = 0; i < nr; ++i) {
    const struct extent e = clusters_of (img, &old[i]);

    if (e.nr_clusters == 0 || e.first == clusters_of (img, &new[i]).first)
      continue;
    if (gone.first + gone.nr_clusters != e.first) {
      release (img, gone);
      gone = (struct extent) { e.first, 0 };
    }
    gone.nr_clusters += e.nr_clusters;
  }
  release (img, gone);
  return 0;
}
