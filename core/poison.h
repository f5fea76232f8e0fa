/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The end of trust in an image's file.
 *
 * After a failed sync the kernel may have thrown the pages away and says
 * success the next time; after a failed metadata write nobody knows what is
 * in the file.  Neither may be retried into success.  So the first such
 * failure poisons the image: every later change and flush fails, with the
 * first reason, until the image is opened afresh.
 *
 * Thread-safe.  `set` may be read without the lock: it never goes back.
 */

#ifndef BATON_POISON_H
#define BATON_POISON_H

#include <stdatomic.h>
#include <stdbool.h>

#include "error.h"
#include "mutex.h"

struct poison {
  _Atomic bool set;
  struct mutex lock;
  struct error reason GUARDED_BY (lock);
};

void poison_init (struct poison *p);
void poison_destroy (struct poison *p);

/* Poison, because of ERR (kept if it is the first).  Returns -1, and leaves
 * ERR saying that the image is now unusable for writing. */
int poison_set (struct poison *p, struct error *err);

/* 0, or -1 with EIO and the first reason. */
int poison_check (struct poison *p, struct error *err);

#endif /* BATON_POISON_H */
