/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Range lock: a list of what is held, which is never longer than the number
 * of requests in flight.  l->lock guards the list.
 */

#include <config.h>

#include <stdbool.h>

#include "range-lock.h"

void
range_lock_init (struct range_lock *l) NO_TSA
{
  mutex_init (&l->lock);
  cond_init (&l->released);
  l->held = NULL;
}

void
range_lock_destroy (struct range_lock *l)
{
  cond_destroy (&l->released);
  mutex_destroy (&l->lock);
}

static bool
overlaps_locked (struct range_lock *l, const struct range *r)
  REQUIRES (l->lock)
{
  const struct range *h;

  for (h = l->held; h; h = h->next)
    if (h->first <= r->last && r->first <= h->last)
      return true;
  return false;
}

void
range_lock_take (struct range_lock *l, struct range *r, uint64_t first,
                 uint64_t last)
{
  r->first = first;
  r->last = last;
  mutex_lock (&l->lock);
  while (overlaps_locked (l, r))
    cond_wait (&l->released, &l->lock);
  r->next = l->held;
  l->held = r;
  mutex_unlock (&l->lock);
}

void
range_lock_drop (struct range_lock *l, struct range *r)
{
  struct range **p;

  mutex_lock (&l->lock);
  for (p = &l->held; *p != r; p = &(*p)->next)
    ;
  *p = r->next;
  cond_broadcast (&l->released);
  mutex_unlock (&l->lock);
}
