/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What an image knows of its persistent dirty bitmaps, and when what is done
 * to them: image-bitmaps.c.  Private to core/image*.c.
 *
 * All but image_record is for one thread with no request in flight.
 */

#ifndef BATON_IMAGE_BITMAPS_H
#define BATON_IMAGE_BITMAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "bitmaps.h"
#include "error.h"

struct image;

struct image_bitmaps {
  struct error why_not;         /* none is kept valid; errnum 0: they are, or
                                 * there are none */
  uint32_t nr_inconsistent;     /* in use already when opened */
  bool started;                 /* the rest is valid */
  struct bitmaps *recording;    /* owned; NULL: none */
  uint32_t nr_lost;             /* of these, by the last store */
  struct error why_lost;        /* the first of them */
};

/* The part of image_claim_areas that is for bitmaps.  Those that make no sense
 * are no failure, but why_not. */
int image_claim_bitmaps (struct image *img, uint64_t file_size,
                         struct error *err);

/* Autoclear bits: that of the bitmaps stays set where they can be kept valid;
 * those that are enabled are loaded then, unless they are from before.  What
 * Baton does not maintain is cleared, durably. */
int image_start_bitmaps (struct image *img, struct error *err);
/* The last of all that may fail before the first write: from now on nobody
 * believes them, and they record. */
int image_begin_bitmaps (struct image *img, struct error *err);

/* Write what was recorded; and, when that and all else is durable, say that it
 * is valid.  What cannot be written stays in use, for which there is a
 * notice: the guest's data do not wait for bitmaps.  The second one only
 * where bitmaps record. */
int image_store_bitmaps (struct image *img, struct error *err);
int image_finish_bitmaps (struct image *img, struct error *err);

/* [OFFSET, OFFSET + LEN) of the disk is about to change. */
static inline void
image_record (struct image_bitmaps *b, uint64_t len, uint64_t offset)
{
  if (b->recording && len > 0)
    bitmaps_set (b->recording, offset, len);
}

#endif /* BATON_IMAGE_BITMAPS_H */
