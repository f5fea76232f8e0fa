/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to allocator*.c.
 */

#ifndef BATON_ALLOCATOR_INTERNAL_H
#define BATON_ALLOCATOR_INTERNAL_H

#include "allocator.h"

/* allocator_take, with the lock, and reserving nothing ahead. */
int allocator_take_locked (struct allocator *a, uint64_t want,
                           struct extent *ret, struct error *err)
  REQUIRES (a->lock) EXCLUDES (a->pool_lock);

/* -- allocator-pool.c: each takes a->pool_lock --------------------------- */

/* What is there, as allocator_take.  False: there is nothing. */
bool allocator_pool_take (struct allocator *a, uint64_t want,
                          struct extent *ret) EXCLUDES (a->pool_lock);
/* Nothing was to be had: what is found by the next scavenge is wanted. */
void allocator_pool_miss (struct allocator *a, uint64_t wanted)
  EXCLUDES (a->pool_lock);
/* False where E does not go back: no memory to remember it. */
bool allocator_pool_add (struct allocator *a, struct extent e)
  EXCLUDES (a->pool_lock);
/* E has just been reserved; with less than LOW clusters it is time for more. */
int allocator_pool_grow (struct allocator *a, struct extent e, uint64_t low,
                         struct error *err) EXCLUDES (a->pool_lock);
/* Whether it is time, and nobody reserves; then the caller does, and says
 * when it has, and whether there was MORE. */
bool allocator_pool_begin_reserving (struct allocator *a)
  EXCLUDES (a->pool_lock);
void allocator_pool_end_reserving (struct allocator *a, bool more)
  EXCLUDES (a->pool_lock);
uint64_t allocator_pool_clusters (struct allocator *a)
  EXCLUDES (a->pool_lock);
/* How many were taken since this was last asked. */
uint64_t allocator_pool_demand (struct allocator *a) EXCLUDES (a->pool_lock);
/* L for what is there, at the end, when nobody takes or puts back. */
struct extent_list allocator_pool_exchange (struct allocator *a,
                                            struct extent_list l)
  EXCLUDES (a->pool_lock);

#endif /* BATON_ALLOCATOR_INTERNAL_H */
