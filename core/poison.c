/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Poison: see poison.h.  The lock guards the reason.
 */

#include <config.h>

#include <errno.h>

#include "poison.h"

void
poison_init (struct poison *p)
{
  atomic_init (&p->set, false);
  mutex_init (&p->lock);
}

void
poison_destroy (struct poison *p)
{
  mutex_destroy (&p->lock);
}

int
poison_set (struct poison *p, struct error *err)
{
  mutex_lock (&p->lock);
  if (!atomic_load (&p->set)) {
    if (err)
      p->reason = *err;
    else
      error_set (&p->reason, EIO, "unknown failure");
    atomic_store (&p->set, true);
  }
  mutex_unlock (&p->lock);
  if (err) {
    error_prefix (err, "no further change is accepted until the image "
                  "is opened afresh");
    err->errnum = EIO;
    err->class = "Poisoned";
  }
  return -1;
}

int
poison_check (struct poison *p, struct error *err)
{
  if (!atomic_load_explicit (&p->set, memory_order_acquire))
    return 0;
  mutex_lock (&p->lock);
  error_set_class (err, EIO, "Poisoned",
                   "an earlier write or sync of this image failed (%.300s): "
                   "no further change is accepted until it is opened afresh",
                   p->reason.text);
  mutex_unlock (&p->lock);
  return -1;
}
