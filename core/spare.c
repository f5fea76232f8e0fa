/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Spare buffers: see spare.h.  What was given back last is taken first: its
 * pages are the likeliest to be there.
 */

#include <config.h>

#include <stdlib.h>

#include "spare.h"

#define ALIGN_BYTES 4096

void
spare_init (struct spare *s) NO_TSA
{
  mutex_init (&s->lock);
  s->nr_kept = 0;
}

void
spare_destroy (struct spare *s) NO_TSA
{
  while (s->nr_kept > 0)
    free (s->kept[--s->nr_kept]);
  mutex_destroy (&s->lock);
}

static void *
new_buffer (size_t len)
{
  void *p;

  return posix_memalign (&p, ALIGN_BYTES, len) == 0 ? p : NULL;
}

void *
spare_take (struct spare *s, size_t len)
{
  void *p = NULL;

  if (!s || len > SPARE_BYTES)
    return new_buffer (len);
  mutex_lock (&s->lock);
  if (s->nr_kept > 0)
    p = s->kept[--s->nr_kept];
  mutex_unlock (&s->lock);
  return p ? p : new_buffer (SPARE_BYTES);
}

void
spare_give (struct spare *s, void *p, size_t len)
{
  if (s && p && len <= SPARE_BYTES) {
    mutex_lock (&s->lock);
    if (s->nr_kept < SPARE_KEPT) {
      s->kept[s->nr_kept++] = p;
      p = NULL;
    }
    mutex_unlock (&s->lock);
  }
  free (p);
}
