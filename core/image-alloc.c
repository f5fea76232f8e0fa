/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Image: writing to clusters that are new, and changing what guest clusters
 * point to.  Callers hold the guest clusters in the range lock.
 *
 * Order (docs/DURABILITY.md):
 *   R1  A new cluster reads zeros, durably, and its refcount is durable,
 *       before it is here (allocator.h).  Where what it replaces read zeros
 *       too, data and pointer may so reach the disk in any order.  Where it
 *       replaces flushed data (of a backing file, a compressed cluster, a
 *       cluster shared with a snapshot), the new data is synced before the
 *       pointer is written.
 *   R4  The pointer changes first, then the old cluster is released.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "checked.h"
#include "cleanup.h"
#include "image-internal.h"

static int
fail_if_not_zero (void *opaque, uint64_t offset, uint64_t len, unsigned type,
                  struct error *err)
{
  (void) opaque; (void) offset; (void) len; (void) err;
  return type & IMAGE_EXTENT_ZERO ? 0 : -1;
}

bool
image_run_reads_zero (struct image *img, const struct run *run,
                      uint64_t offset, uint64_t len)
{
  switch (run->type) {
  case CLUSTER_ZERO_PLAIN:
  case CLUSTER_ZERO_ALLOCATED:
    return true;
  case CLUSTER_UNALLOCATED:
    return !img->backing ||
      backing_extents (img->backing, len, offset, fail_if_not_zero, NULL,
                       NULL) == 0;
  case CLUSTER_NORMAL:
  case CLUSTER_COMPRESSED:
    break;
  }
  return false;
}

/* Point the NR guest clusters from CLUSTER on, all in one slice, to E. */
static int
publish (struct image *img, uint64_t cluster, const struct extent *e,
         struct error *err)
{
  const uint32_t bits = img->header.cluster_bits;
  struct raw_entry old[MAPPING_MAX_BATCH], new[MAPPING_MAX_BATCH];
  uint32_t i;

  if (mapping_get (&img->mapping, cluster, e->nr_clusters, old, err) == -1)
    return -1;
  for (i = 0; i < e->nr_clusters; ++i)
    new[i] = (struct raw_entry) { l2_entry_normal ((e->first + i) << bits), 0 };
  return image_replace (img, cluster, e->nr_clusters, old, new, err);
}

/* The request itself must not be in its grace period: what it waits for is
 * punched when all requests that began before have ended. */
bool
image_space_came_back (struct image *img, unsigned tries, struct error *err)
{
  if (tries == 3 || (err->errnum != ENOSPC && err->errnum != EFBIG) ||
      (tries > 0 && allocator_quarantined (&img->allocator) == 0))
    return false;
  allocator_stop_packing (&img->allocator);
  return image_sync (img, err) == 0;
}

static struct span
span_of (const struct image *img, uint64_t offset, uint64_t len)
{
  const uint64_t size = img->header.cluster_size;

  return (struct span) {
    .start = align_down (offset, size),
    .offset = offset,
    .end = offset + len,
    .stop = min_u64 (align_up (offset + len, size), img->header.virtual_size),
  };
}

/* Write head, data and tail in one go.  BUF NULL: the middle is zeros, which
 * are there already where CLEAN. */
static int
write_around (struct image *img, const struct span *s, const uint8_t *head,
              const void *buf, const uint8_t *tail, uint64_t host,
              bool clean, struct error *err)
{
  const size_t head_len = s->offset - s->start;
  const size_t tail_len = s->stop - s->end;
  const struct iovec iov[3] = {
    { (void *) head, head_len },
    { (void *) buf, s->end - s->offset },
    { (void *) tail, tail_len },
  };

  if (buf)
    return io_pwritev (img->data, iov, 3, host, 0, err);
  if (!clean &&
      io_zero (img->data, host + head_len, s->end - s->offset, 0, err) == -1)
    return -1;
  if (head_len && io_pwrite (img->data, head, head_len, host, 0, err) == -1)
    return -1;
  if (tail_len && io_pwrite (img->data, tail, tail_len,
                             host + (s->end - s->start), 0, err) == -1)
    return -1;
  return 0;
}

/* Behind the disk's end the last cluster reads zeros by itself, unless it is
 * encrypted; the disk may grow into it one day. */
static int
zero_rest (struct image *img, const struct span *s, uint64_t host,
           struct error *err)
{
  const uint64_t unit = UINT64_C (1) << subcluster_bits (&img->header);
  const uint64_t end = align_up (s->stop, unit);

  if (!img->crypt || s->stop != img->header.virtual_size || end == s->stop)
    return 0;
  return io_zero (img->data, host + (s->stop - s->start), end - s->stop, 0,
                  err);
}

int
image_write_over_data (struct image *img, const struct span *s,
                       const void *buf, uint64_t host, bool clean,
                       struct error *err)
{
  const size_t head_len = s->offset - s->start;
  const size_t tail_len = s->stop - s->end;
  CLEANUP_FREE uint8_t *edges = malloc (head_len + tail_len + 1);

  if (!edges)
    return error_set (err, ENOMEM, "no memory for copy-on-write");
  if (image_read_in_grace (img, edges, head_len, s->start, err) == -1 ||
      image_read_in_grace (img, edges + head_len, tail_len, s->end,
                           err) == -1 ||
      write_around (img, s, edges, buf, edges + head_len, host, clean,
                    err) == -1 ||
      zero_rest (img, s, host, err) == -1)
    return -1;
  if (!buf && head_len == 0 && tail_len == 0 && clean)
    return 0;
  return image_sync (img, err);
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

int
image_write_new (struct image *img, const struct run *run, const void *buf,
                 size_t len, uint64_t offset, size_t *ret_len,
                 struct error *err)
{
  const uint32_t bits = img->header.cluster_bits;
  const uint64_t cluster = offset >> bits;
  const uint64_t nr = ((offset + len - 1) >> bits) - cluster + 1;
  struct extent e;
  struct span s;
  int r;

  if (image_place_take (img, cluster,
                        mapping_batch (&img->mapping, cluster, nr), &e,
                        err) == -1)
    return -1;
  len = min_u64 (len, ((cluster + e.nr_clusters) << bits) - offset);
  s = span_of (img, offset, len);
  if (img->fresh_reads_zero &&
      image_run_reads_zero (img, run, s.start, s.stop - s.start))
    r = write_over_zeros (img, &s, buf, e.first << bits, err);
  else
    r = image_write_over_data (img, &s, buf, e.first << bits,
                               img->fresh_reads_zero, err);
  if (r == 0)
    r = publish (img, cluster, &e, err);
  if (r == -1) {
    /* Poisoned: nobody knows whether something points to it. */
    if (!atomic_load (&img->poison.set))
      image_place_give_back (img, e);
    return -1;
  }
  *ret_len = len;
  return 0;
}
