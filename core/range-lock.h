/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A lock on ranges of guest clusters whose mapping is being changed.
 *
 * Requests that allocate, zero or trim hold the clusters concerned; others
 * that want to change the mapping of one of them wait for it alone.  Reads
 * and writes in place take nothing.
 *
 * A thread holds at most one range at a time, so there is no order to keep.
 * The holder's `struct range` lives on its stack.
 */

#ifndef BATON_RANGE_LOCK_H
#define BATON_RANGE_LOCK_H

#include <stdint.h>

#include "mutex.h"

struct range {
  uint64_t first;
  uint64_t last;                /* inclusive */
  struct range *next;
};

struct range_lock {
  struct mutex lock;
  struct cond released;
  struct range *held GUARDED_BY (lock);
};

void range_lock_init (struct range_lock *l);
void range_lock_destroy (struct range_lock *l);
/* Fill R and hold [FIRST, LAST]. */
void range_lock_take (struct range_lock *l, struct range *r, uint64_t first,
                      uint64_t last);
void range_lock_drop (struct range_lock *l, struct range *r);

#endif /* BATON_RANGE_LOCK_H */
