/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the record and the end ask of the image that is none (fake-image.h).
 */

#include <config.h>

#include "fake-image.h"
#include "image-finish.h"

int
image_digest_backing (struct image *img, bool *ret_has,
                      uint8_t ret[DIGEST_BYTES], struct error *err)
{
  (void) img;
  (void) ret;
  (void) err;
  *ret_has = false;
  return 0;
}

int
image_poison (struct image *img, struct error *err)
{
  (void) img;
  (void) err;
  fake.poisoned = true;
  return -1;
}

int
image_settle (struct image *img, struct error *err)
{
  return image_finish (img, err);
}

int
image_seal (struct image *img, struct error *err)
{
  (void) img; (void) err;
  return 0;
}

bool
image_is_clean (const struct image *img)
{
  (void) img;
  return true;
}
