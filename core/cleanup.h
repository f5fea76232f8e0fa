/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Release memory when a variable leaves its scope.
 *
 * For memory only.  Locks are never released this way: clang's thread
 * safety analysis does not see through the cleanup attribute, and a
 * lock's extent should be readable.
 */

#ifndef BATON_CLEANUP_H
#define BATON_CLEANUP_H

#include <stdlib.h>

static inline void
cleanup_free_ (void *p)
{
  free (*(void **) p);
}

#define CLEANUP_FREE __attribute__ ((cleanup (cleanup_free_)))

#endif /* BATON_CLEANUP_H */
