/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Image: reading, read-ahead, and the checks common to all requests.
 *
 * A read looks a run up and then reads the host cluster with no lock held;
 * the grace period (grace.h) keeps that cluster from being given to somebody
 * else meanwhile.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "checked.h"
#include "image-internal.h"

int
image_check_range (const struct image *img, uint64_t len, uint64_t offset,
                   struct error *err)
{
  uint64_t end;

  if (!checked_add (offset, len, &end) || end > img->header.virtual_size)
    return error_set (err, EINVAL, "%" PRIu64 " bytes at %" PRIu64 " are "
                      "beyond the end of the disk (%" PRIu64 " bytes)",
                      len, offset, img->header.virtual_size);
  return 0;
}

int
image_check_change (struct image *img, uint64_t len, uint64_t offset,
                    struct error *err)
{
  if (poison_check (&img->poison, err) == -1)
    return -1;
  if (atomic_load (&img->mode) != IMAGE_WRITING)
    return error_set (err, EROFS, "the image is open read-only");
  return image_check_range (img, len, offset, err);
}

int
image_read_run (struct image *img, const struct run *run, void *buf,
                size_t len, uint64_t offset, struct error *err)
{
  switch (run->type) {
  case CLUSTER_NORMAL:
    return io_pread (img->data, buf, len, run->host_offset, err);
  case CLUSTER_COMPRESSED:
    return inflate_cache_read (img->inflated, run->host_offset,
                               run->compressed_bytes, buf, len,
                               offset & (img->header.cluster_size - 1), err);
  case CLUSTER_UNALLOCATED:
    if (img->backing)
      return backing_read (img->backing, buf, len, offset, err);
    break;
  case CLUSTER_ZERO_PLAIN:
  case CLUSTER_ZERO_ALLOCATED:
    break;
  }
  memset (buf, 0, len);
  return 0;
}

int
image_read_in_grace (struct image *img, void *buf, size_t len,
                     uint64_t offset, struct error *err)
{
  uint8_t *p = buf;

  while (len > 0) {
    struct run run;

    if (mapping_lookup (&img->mapping, offset, len, &run, err) == -1 ||
        image_read_run (img, &run, p, run.len, offset, err) == -1)
      return -1;
    p += run.len;
    offset += run.len;
    len -= run.len;
  }
  return 0;
}

int
image_read (struct image *img, void *buf, size_t len, uint64_t offset,
            struct error *err)
{
  unsigned parity;
  int r;

  if (image_check_range (img, len, offset, err) == -1)
    return -1;
  /* Nobody frees clusters of such an image.  A long chain has many of them. */
  if (!img->for_writing)
    return image_read_in_grace (img, buf, len, offset, err);
  parity = grace_enter (&img->grace);
  r = image_read_in_grace (img, buf, len, offset, err);
  grace_leave (&img->grace, parity);
  return r;
}

static void
prefetch_in_grace (struct image *img, uint64_t len, uint64_t offset)
{
  while (len > 0) {
    struct run run;

    if (mapping_lookup (&img->mapping, offset, len, &run, NULL) == -1)
      return;
    if (run.type == CLUSTER_NORMAL)
      io_prefetch (img->data, run.host_offset, run.len);
    offset += run.len;
    len -= run.len;
  }
}

void
image_prefetch (struct image *img, uint64_t len, uint64_t offset)
{
  unsigned parity;

  if (image_check_range (img, len, offset, NULL) == -1)
    return;
  parity = grace_enter (&img->grace);
  prefetch_in_grace (img, len, offset);
  grace_leave (&img->grace, parity);
}
