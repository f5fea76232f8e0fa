/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Image: the last writes of an activation (docs/DURABILITY.md, R8).
 *
 * Guarantees: when image_settle has returned, all that was acknowledged is
 * durable, and what was reserved or freed has been given back, but that only
 * in the page cache: a power cut then leaks it.  image_seal makes that durable
 * as well, with whatever its caller wrote in between (the ownership record).
 * Neither waits for a sync that would find nothing to do.
 *
 * Bitmaps say that they are valid when what was recorded is durable (R13).
 *
 * No request is in flight.
 */

#include <config.h>

#include "image-finish.h"
#include "image-internal.h"

bool
image_is_clean (const struct image *img)
{
  return atomic_load (&img->io->clean) &&
    (!img->data_file || atomic_load (&img->data_file->clean));
}

static int
sync_changes (struct image *img, struct error *err)
{
  return image_is_clean (img) ? poison_check (&img->poison, err)
                              : image_sync (img, err);
}

/* Each sync moves what was released one place on; no request is in flight,
 * so four empty the quarantine.  What is in the pool needs none: nothing has
 * pointed to it since an earlier one. */
static int
empty_quarantine (struct image *img, struct error *err)
{
  unsigned i;

  for (i = 0; i < 4 && allocator_quarantined (&img->allocator) > 0; ++i)
    if (image_sync (img, err) == -1)
      return -1;
  return 0;
}

static int
end_bitmaps (struct image *img, struct error *err)
{
  if (!img->bitmaps.recording)
    return 0;
  return sync_changes (img, err) == -1 ? -1 : image_finish_bitmaps (img, err);
}

int
image_settle (struct image *img, struct error *err)
{
  allocator_stop_packing (&img->allocator);
  if (image_store_bitmaps (img, err) == -1)
    return -1;
  allocator_stop_scavenging (&img->allocator);
  if (sync_changes (img, err) == -1 ||
      empty_quarantine (img, err) == -1 ||
      allocator_empty_pool (&img->allocator, err) == -1 ||
      end_bitmaps (img, err) == -1)
    return -1;
  atomic_store (&img->mode, IMAGE_READ_ONLY);
  return 0;
}

int
image_seal (struct image *img, struct error *err)
{
  return sync_changes (img, err);
}

int
image_finish (struct image *img, struct error *err)
{
  if (atomic_load (&img->mode) != IMAGE_WRITING)
    return 0;
  if (image_settle (img, err) == -1)
    return -1;
  if (image_seal (img, err) == 0)
    return 0;
  atomic_store (&img->mode, IMAGE_WRITING);
  return -1;
}
