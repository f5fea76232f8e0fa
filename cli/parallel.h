/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The same work on several things at the same time.
 */

#ifndef BATON_PARALLEL_H
#define BATON_PARALLEL_H

#include <stddef.h>

typedef void (*parallel_work) (void *opaque, size_t i);

/* WORK (OPAQUE, i) for each i below NR, each on a thread of its own; returns
 * when all have ended.  Where no thread can be made, the caller's does it
 * later: slower, but all of it is done.  Not for work that waits for other
 * work. */
void parallel_each (size_t nr, parallel_work work, void *opaque);

#endif /* BATON_PARALLEL_H */
