/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Image: writing.
 *
 * A cluster that is ours alone (COPIED) is overwritten in place with no
 * lock.  All else goes to new clusters (image-alloc.c) under the range lock;
 * what is found there is looked up again, for another request may have
 * allocated it meanwhile.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>

#include "image-pack.h"
#include "image-subcluster.h"

/* How much is held in the range lock at a time. */
#define MAX_LOCKED_BYTES (UINT64_C (16) << 20)

static bool
in_place (const struct run *run)
{
  return run->type == CLUSTER_NORMAL && run->copied;
}

int
image_check_overlap (struct image *img, uint64_t host_offset, uint64_t len,
                     struct error *err)
{
  const uint32_t bits = img->header.cluster_bits;
  const uint64_t first = host_offset >> bits;
  const uint64_t last = (host_offset + len - 1) >> bits;

  /* "No data write may touch header, L1, L2, reftable, refblocks."  A data
   * file has none of these. */
  if (!img->data_file &&
      metadata_map_touches (img->metadata, first, last - first + 1))
    return error_set (err, EIO, "refused to write guest data at host offset "
                      "%" PRIu64 ", where the image has metadata: it is "
                      "damaged, check it with qemu-img check", host_offset);
  return 0;
}

static int
write_in_place (struct image *img, const struct run *run, const void *buf,
                struct error *err)
{
  if (image_check_overlap (img, run->host_offset, run->len, err) == -1)
    return -1;
  return io_pwrite (img->data, buf, run->len, run->host_offset, 0, err);
}

/* With the clusters of [OFFSET, OFFSET + LEN) held in the range lock. */
static int
write_held (struct image *img, const uint8_t *buf, size_t len,
            uint64_t offset, struct error *err)
{
  while (len > 0) {
    struct run run;
    size_t done;
    int r;

    if (mapping_lookup (&img->mapping, offset, len, &run, err) == -1)
      return -1;
    done = run.len;
    if (in_place (&run))
      r = write_in_place (img, &run, buf, err);
    else if (image_is_packed (img, &run, offset))
      r = image_write_packed (img, &run, buf, offset, &done, err);
    else if (has_subclusters (&img->header))
      r = image_write_subclusters (img, buf, img->options.compress ? run.len
                                   : len, offset, &done, err);
    else
      r = image_write_new (img, &run, buf, run.len, offset, &done, err);
    if (r == -1)
      return -1;
    buf += done;
    offset += done;
    len -= done;
  }
  return 0;
}

static int
write_changing (struct image *img, const void *buf, size_t len,
                uint64_t offset, struct error *err)
{
  const uint32_t bits = img->header.cluster_bits;
  struct range range;
  int r;

  range_lock_take (&img->ranges, &range, offset >> bits,
                   (offset + len - 1) >> bits);
  r = write_held (img, buf, len, offset, err);
  range_lock_drop (&img->ranges, &range);
  return r;
}

static int
write_in_grace (struct image *img, const uint8_t *buf, size_t len,
                uint64_t offset, struct error *err)
{
  while (len > 0) {
    struct run run;
    int r;

    if (mapping_lookup (&img->mapping, offset, len, &run, err) == -1)
      return -1;
    if (in_place (&run))
      r = write_in_place (img, &run, buf, err);
    else {
      /* One slice at a time tells the run's end, but the rest is likely to
       * need allocating too: hold as much as is wanted. */
      run.len = len < MAX_LOCKED_BYTES ? len : MAX_LOCKED_BYTES;
      r = write_changing (img, buf, run.len, offset, err);
    }
    if (r == -1)
      return -1;
    buf += run.len;
    offset += run.len;
    len -= run.len;
  }
  return 0;
}

int
image_write (struct image *img, const void *buf, size_t len, uint64_t offset,
             unsigned flags, struct error *err)
{
  struct error mine;
  unsigned parity, tries = 0;
  int r;

  error_clear (&mine);
  err = err ? err : &mine;
  if (image_check_change (img, len, offset, err) == -1)
    return -1;
  image_record (&img->bitmaps, len, offset);
  do {
    parity = grace_enter (&img->grace);
    r = write_in_grace (img, buf, len, offset, err);
    grace_leave (&img->grace, parity);
  } while (r == -1 && image_space_came_back (img, tries++, err));
  return image_end_change (img, r, flags, err);
}
