/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Between the files that build images.
 */

#ifndef BATON_TESTS_BASE_IMAGE_INTERNAL_H
#define BATON_TESTS_BASE_IMAGE_INTERNAL_H

#include "base-image.h"

static inline bool
base_has (const struct base_image *b, unsigned flags)
{
  return b->shape->flags & flags;
}

/* Puts VALUE there, and remembers the place as a field. */
void base_put (struct base_image *b, const char *name, uint64_t offset,
               unsigned width, uint64_t value);
/* A pointer to that place, with FLAGS. */
void base_point (struct base_image *b, const char *name, uint64_t offset,
                 enum base_place_id to, uint64_t flags);

/* The header and its extensions. */
void base_put_header (struct base_image *b);

#endif /* BATON_TESTS_BASE_IMAGE_INTERNAL_H */
