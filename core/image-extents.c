/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Image: block status across slices and layers.
 *
 * Adjacent runs of one type are joined before they are reported, so the
 * answer is as long as the request whatever the tables look like.  Only
 * metadata is read, in a grace period.
 */

#include <config.h>

#include "image-internal.h"

/* What is known but not yet reported. */
struct joiner {
  image_extent_fn fn;
  void *opaque;
  uint64_t offset;
  uint64_t len;
  unsigned type;
};

static int
report (struct joiner *j, struct error *err)
{
  const uint64_t len = j->len;

  if (len == 0)
    return 0;
  j->len = 0;
  return j->fn (j->opaque, j->offset, len, j->type, err);
}

static int
join (void *opaque, uint64_t offset, uint64_t len, unsigned type,
      struct error *err)
{
  struct joiner *j = opaque;

  if (j->len > 0 && j->type == type) {
    j->len += len;
    return 0;
  }
  if (report (j, err) == -1)
    return -1;
  j->offset = offset;
  j->len = len;
  j->type = type;
  return 0;
}

static int
join_run (struct image *img, struct joiner *j, const struct run *run,
          uint64_t offset, struct error *err)
{
  switch (run->type) {
  case CLUSTER_NORMAL:
  case CLUSTER_COMPRESSED:
    return join (j, offset, run->len, 0, err);
  case CLUSTER_ZERO_ALLOCATED:
    return join (j, offset, run->len, IMAGE_EXTENT_ZERO, err);
  case CLUSTER_UNALLOCATED:
    if (img->backing)
      return backing_extents (img->backing, run->len, offset, join, j, err);
    break;
  case CLUSTER_ZERO_PLAIN:
    break;
  }
  return join (j, offset, run->len, IMAGE_EXTENT_HOLE | IMAGE_EXTENT_ZERO,
               err);
}

static int
extents_in_grace (struct image *img, struct joiner *j, uint64_t len,
                  uint64_t offset, struct error *err)
{
  while (len > 0) {
    struct run run;

    if (mapping_lookup (&img->mapping, offset, len, &run, err) == -1 ||
        join_run (img, j, &run, offset, err) == -1)
      return -1;
    offset += run.len;
    len -= run.len;
  }
  return report (j, err);
}

int
image_extents (struct image *img, uint64_t len, uint64_t offset,
               image_extent_fn fn, void *opaque, struct error *err)
{
  struct joiner j = { .fn = fn, .opaque = opaque };
  unsigned parity;
  int r;

  if (image_check_range (img, len, offset, err) == -1)
    return -1;
  parity = grace_enter (&img->grace);
  r = extents_in_grace (img, &j, len, offset, err);
  grace_leave (&img->grace, parity);
  return r;
}
