/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Image: where guest data has its place, and what entries point to.
 *
 * Guest data goes to img->data.  Its clusters come from the allocator, and
 * go back there by R4 (docs/DURABILITY.md): the pointer changes first, then
 * the old cluster is released.
 *
 * In an external data file (R10) each guest cluster has its own place, which
 * nobody else can be given.  So there is nothing to allocate, and the space
 * of a cluster to which nothing points any more can go back at once: if a
 * power cut brings the pointer back, it leads to zeros, which is what took
 * the pointer away.  The range lock keeps away who would write there anew.
 *
 * Callers hold the guest clusters in the range lock.
 */

#include <config.h>

#include "image-internal.h"

int
image_place_take (struct image *img, uint64_t cluster, uint64_t want,
                  struct extent *ret, struct error *err)
{
  if (img->data_file) {
    *ret = (struct extent) { cluster, want };
    return 0;
  }
  return allocator_take (&img->allocator, want, ret, err);
}

/* Without effect where it fails: the space is lost, and nothing else. */
static void
punch_data_file (struct image *img, struct extent e)
{
  const uint32_t bits = img->header.cluster_bits;

  if (e.nr_clusters > 0 && !img->options.keep_space)
    io_zero (img->data_file, e.first << bits, e.nr_clusters << bits, IO_PUNCH,
             NULL);
}

void
image_place_give_back (struct image *img, struct extent e)
{
  if (img->data_file)
    punch_data_file (img, e);
  else if (allocator_release (&img->allocator, e))
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

static bool
has_place (const struct image *img, const struct raw_entry *raw)
{
  return clusters_of (img, raw).nr_clusters > 0;
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

/* Of NR entries, release what they pointed to and no longer do. */
static void
release_replaced (struct image *img, uint32_t nr, const struct raw_entry *old,
                  const struct raw_entry *new)
{
  struct extent gone = { 0, 0 };
  uint32_t i;

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
}

/* The same in a data file, where what entries say of places is not needed,
 * and place 0 is one. */
static void
punch_replaced (struct image *img, uint64_t cluster, uint32_t nr,
                const struct raw_entry *old, const struct raw_entry *new)
{
  struct extent gone = { cluster, 0 };
  uint32_t i;

  for (i = 0; i < nr; ++i)
    if (has_place (img, &old[i]) && !has_place (img, &new[i]))
      gone.nr_clusters++;
    else {
      punch_data_file (img, gone);
      gone = (struct extent) { cluster + i + 1, 0 };
    }
  punch_data_file (img, gone);
}

int
image_replace (struct image *img, uint64_t cluster, uint32_t nr,
               const struct raw_entry *old, const struct raw_entry *new,
               struct error *err)
{
  if (mapping_set (&img->mapping, cluster, nr, new, err) == -1)
    return -1;
  if (img->data_file)
    punch_replaced (img, cluster, nr, old, new);
  else
    release_replaced (img, nr, old, new);
  return 0;
}
