/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Buffers that are kept for the next one who needs such a buffer.
 *
 * Whatever memory a hand-over touches for the first time it waits for: the
 * system has to find a page and clear it.  The C library gives large buffers
 * back to the system, so they would be new every time.  SPARE_KEPT are kept
 * at most, of SPARE_BYTES each.
 *
 * Aligned for O_DIRECT.  Thread-safe: `lock`, a leaf, guards all.
 */

#ifndef BATON_SPARE_H
#define BATON_SPARE_H

#include <stddef.h>

#include "mutex.h"

#define SPARE_BYTES ((size_t) 256 << 10)
#define SPARE_KEPT 3

struct spare {
  struct mutex lock;
  void *kept[SPARE_KEPT] GUARDED_BY (lock);
  unsigned nr_kept GUARDED_BY (lock);
};

void spare_init (struct spare *s);
/* Frees what is kept. */
void spare_destroy (struct spare *s);

/* LEN bytes, not cleared, or NULL; for spare_give.  S may be NULL for both:
 * nothing is kept. */
void *spare_take (struct spare *s, size_t len);
/* P, of LEN bytes when it was taken.  NULL is accepted. */
void spare_give (struct spare *s, void *p, size_t len);

#endif /* BATON_SPARE_H */
