/* SPDX-License-Identifier: BSD-3-Clause
 *
 * image_finish in two steps, for who writes something in between that is
 * durable with the second: the ownership record.  Of an image that writes,
 * while no request is in flight.
 */

#ifndef BATON_IMAGE_FINISH_H
#define BATON_IMAGE_FINISH_H

#include <stdbool.h>

#include "image.h"

/* All that was acknowledged is durable; what was reserved and freed has been
 * given back, and bitmaps are marked as valid, which a power cut may undo.  On
 * failure as image_finish.  The way back is image_start_writing. */
int image_settle (struct image *img, struct error *err);
/* All that has been written is durable.  A failure poisons. */
int image_seal (struct image *img, struct error *err);
/* Whether a sync would find nothing to do. */
bool image_is_clean (const struct image *img);

#endif /* BATON_IMAGE_FINISH_H */
