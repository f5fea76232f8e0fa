/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Allocator: the pool, clean clusters that are reserved.  See allocator.h.
 *
 * a->pool_lock guards it, and is held for some list operations only, so that
 * requests can take while somebody counts (a->lock) and waits for the disk.
 */

#include <config.h>

#include "allocator-internal.h"

bool
allocator_pool_take (struct allocator *a, uint64_t want, struct extent *ret)
{
  bool found;

  mutex_lock (&a->pool_lock);
  found = a->pool.len > 0;
  if (found)
    *ret = extent_list_take (&a->pool, want);
  a->demand += found ? ret->nr_clusters : 0;
  mutex_unlock (&a->pool_lock);
  return found;
}

void
allocator_pool_miss (struct allocator *a, uint64_t wanted)
{
  mutex_lock (&a->pool_lock);
  a->demand += wanted;
  mutex_unlock (&a->pool_lock);
}

bool
allocator_pool_add (struct allocator *a, struct extent e)
{
  int r;

  mutex_lock (&a->pool_lock);
  r = extent_list_append (&a->pool, e, NULL);
  mutex_unlock (&a->pool_lock);
  return r == 0;
}

int
allocator_pool_grow (struct allocator *a, struct extent e, uint64_t low,
                     struct error *err)
{
  int r;

  mutex_lock (&a->pool_lock);
  r = extent_list_append (&a->pool, e, err);
  if (r == 0)
    a->low = low;
  mutex_unlock (&a->pool_lock);
  return r;
}

bool
allocator_pool_begin_reserving (struct allocator *a)
{
  bool r;

  mutex_lock (&a->pool_lock);
  r = !a->reserving && a->pool.nr_clusters < a->low;
  a->reserving |= r;
  mutex_unlock (&a->pool_lock);
  return r;
}

void
allocator_pool_end_reserving (struct allocator *a, bool more)
{
  mutex_lock (&a->pool_lock);
  a->reserving = false;
  if (!more)
    a->low = 0;
  mutex_unlock (&a->pool_lock);
}

uint64_t
allocator_pool_clusters (struct allocator *a)
{
  uint64_t n;

  mutex_lock (&a->pool_lock);
  n = a->pool.nr_clusters;
  mutex_unlock (&a->pool_lock);
  return n;
}

uint64_t
allocator_pool_demand (struct allocator *a)
{
  uint64_t n;

  mutex_lock (&a->pool_lock);
  n = a->demand;
  a->demand = 0;
  mutex_unlock (&a->pool_lock);
  return n;
}

struct extent_list
allocator_pool_exchange (struct allocator *a, struct extent_list l)
{
  struct extent_list old;

  mutex_lock (&a->pool_lock);
  old = a->pool;
  a->pool = l;
  a->low = 0;
  mutex_unlock (&a->pool_lock);
  return old;
}
