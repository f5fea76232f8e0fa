/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A list of runs of host clusters.  Plain memory, no lock of its own.
 */

#ifndef BATON_EXTENT_LIST_H
#define BATON_EXTENT_LIST_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"

struct extent {
  uint64_t first;               /* host cluster number */
  uint64_t nr_clusters;
};

struct extent_list {
  struct extent *v;
  size_t len;
  size_t capacity;
  uint64_t nr_clusters;         /* in all extents */
};

#define EXTENT_LIST_INIT { NULL, 0, 0, 0 }

/* Append, joining E to the last extent where they are adjacent. */
int extent_list_append (struct extent_list *l, struct extent e,
                        struct error *err);
/* Move all of FROM to the end of TO.  On failure both are as before. */
int extent_list_move (struct extent_list *to, struct extent_list *from,
                      struct error *err);
/* Take up to WANT adjacent clusters; the list must not be empty.  Prefers
 * an extent that is long enough. */
struct extent extent_list_take (struct extent_list *l, uint64_t want);
/* Sort by cluster and join neighbours that do not overlap. */
void extent_list_sort (struct extent_list *l);
void extent_list_clear (struct extent_list *l);

#endif /* BATON_EXTENT_LIST_H */
