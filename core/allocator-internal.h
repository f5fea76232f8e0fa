/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to allocator*.c.
 */

#ifndef BATON_ALLOCATOR_INTERNAL_H
#define BATON_ALLOCATOR_INTERNAL_H

#include "allocator.h"

/* allocator_take, with the lock. */
int allocator_take_locked (struct allocator *a, uint64_t want,
                           struct extent *ret, struct error *err)
  REQUIRES (a->lock);

#endif /* BATON_ALLOCATOR_INTERNAL_H */
