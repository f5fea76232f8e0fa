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
  if (fault->nth == 0)
    d->kept = *fault;
  mutex_unlock (&d->lock);
}

/* TAKEN: another one fails this call. */
static bool
strikes (struct fault *f, unsigned kind, bool taken)
{
  if (f->nth == 0 || !(f->kinds & kind))
    return false;
  if (f->nth > 1) {
    f->nth--;
    return false;
  }
  if (taken)
    return false;
  f->struck = true;
  f->nth = f->forever;
  return true;
}

const struct fault *
fault_locked (struct simdisk *d, unsigned kind)
{
  bool by_kept;

  d->nr_calls[__builtin_ctz (kind)]++;
  by_kept = strikes (&d->kept, kind, false);
  if (strikes (&d->fault, kind, by_kept))
    return &d->fault;
  return by_kept ? &d->kept : NULL;
}

void
simdisk_keep_fault (struct simdisk *d)
{
  mutex_lock (&d->lock);
  d->kept = d->fault;
  d->fault = (struct fault) { 0 };
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
simdisk_fail_torn (struct simdisk *d, uint64_t nth, int errnum, uint64_t seed,
                   bool forever)
{
  const struct fault f = {
    .kinds = SIMDISK_WRITE, .nth = nth, .errnum = errnum, .torn = true,
    .forever = forever, .seed = seed | 1,
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

bool
simdisk_kept_fault_struck (struct simdisk *d)
{
  bool struck;

  mutex_lock (&d->lock);
  struck = d->kept.struck;
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
