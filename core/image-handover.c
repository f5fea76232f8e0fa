/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Image: what a hand-over asks of it beyond opening and closing.
 *
 * The backing chain is never written while it is one, so two servers that
 * find the same digest here have the same chain, unless somebody rewrote data
 * of it in place, which breaks any overlay anywhere.  Paths and inodes do not
 * count: hosts may well have copies of their own.
 */

#include <config.h>

#include <errno.h>
#include <string.h>

#include "checked.h"
#include "cleanup.h"
#include "image-internal.h"
#include "view.h"

#define RAW_SAMPLE_BYTES ((size_t) 64 << 10)

static int
add_raw (struct digest *d, struct backing *b, struct error *err)
{
  CLEANUP_FREE void *buf = malloc (RAW_SAMPLE_BYTES);

  if (!buf)
    return error_set_errno (err, ENOMEM, "looking at a backing file");
  if (io_pread (backing_io (b), buf, RAW_SAMPLE_BYTES, 0, err) == -1)
    return -1;
  digest_add (d, buf, RAW_SAMPLE_BYTES);
  return 0;
}

static int
add_qcow2 (struct digest *d, const struct image *overlay, struct error *err)
{
  struct view v;

  if (view_read (backing_io (overlay->backing), overlay->options.spare, &v,
                 err) == -1)
    return -1;
  digest_add (d, v.digests.header, DIGEST_BYTES);
  digest_add (d, v.digests.l1, DIGEST_BYTES);
  view_clear (&v);
  return 0;
}

static int
add_layer (struct digest *d, const struct image *overlay, struct error *err)
{
  const struct qcow2_header *h = &overlay->header;
  struct backing *b = overlay->backing;

  /* With their NULs, so that the two cannot run into each other. */
  digest_add (d, h->backing_name, strlen (h->backing_name) + 1);
  digest_add (d, h->backing_format, strlen (h->backing_format) + 1);
  digest_add_u64 (d, backing_size (b));
  return backing_image (b) ? add_qcow2 (d, overlay, err) : add_raw (d, b, err);
}

int
image_digest_backing (struct image *img, bool *ret_has,
                      uint8_t ret[DIGEST_BYTES], struct error *err)
{
  const struct image *layer = img;
  struct digest *d;

  *ret_has = img->backing != NULL;
  if (!img->backing)
    return 0;
  if (digest_new (&d, err) == -1)
    return -1;
  for (; layer && layer->backing; layer = backing_image (layer->backing))
    if (add_layer (d, layer, err) == -1) {
      digest_free (d);
      return -1;
    }
  return digest_end (d, ret, err);
}

int
image_poison (struct image *img, struct error *err)
{
  return poison_set (&img->poison, err);
}
