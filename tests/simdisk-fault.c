/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Simulated disk: which call is to fail, and how many there were.
 */

#include <config.h>

#include "simdisk-internal.h"

static void
set_fault (struct simdisk *d, const struct fault *fault)
{
  mutex_lock (&d->lock);
  d->fault = *fault;
  mutex_unlock (&d->lock);
}

void
simdisk_fail (struct simdisk *d, unsigned kinds, uint64_t nth, int errnum,
              bool forever)
{
  const struct fault f = {
    .kinds = kinds, .nth = errnum ? nth : 0, .errnum = errnum,
    .forever = forever,
  };

  set_fault (d, &f);
}

void
simdisk_fail_torn (struct simdisk *d, uint64_t nth, int errnum, uint64_t seed)
{
  const struct fault f = {
    .kinds = SIMDISK_WRITE, .nth = nth, .errnum = errnum, .torn = true,
    .seed = seed | 1,
  };

  set_fault (d, &f);
}

bool
simdisk_fault_struck (struct simdisk *d)
{
  bool struck;

  mutex_lock (&d->lock);
  struck = d->fault.struck;
  mutex_unlock (&d->lock);
  return struck;
}

uint64_t
simdisk_calls (struct simdisk *d, unsigned kinds)
{
  uint64_t nr = 0;
  unsigned i;

  mutex_lock (&d->lock);
  for (i = 0; i < SIMDISK_NR_KINDS; ++i)
    if (kinds & 1u << i)
      nr += d->nr_calls[i];
  mutex_unlock (&d->lock);
  return nr;
}
