/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Extent list: an array.  Duplicates are kept (a shared cluster may be freed
 * twice in one batch), so joining never merges overlapping extents.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "extent-list.h"

/* How many extents a search for a long enough one looks at. */
#define MAX_PROBES 32

static int
reserve (struct extent_list *l, size_t capacity, struct error *err)
{
  struct extent *v;

  if (capacity <= l->capacity)
    return 0;
  if (capacity < 2 * l->capacity)
    capacity = 2 * l->capacity;
  if (capacity < 16)
    capacity = 16;
  v = realloc (l->v, capacity * sizeof *v);
  if (!v)
    return error_set (err, ENOMEM, "no memory for a list of clusters");
  l->v = v;
  l->capacity = capacity;
  return 0;
}

int
extent_list_append (struct extent_list *l, struct extent e, struct error *err)
{
  struct extent *last = l->len ? &l->v[l->len - 1] : NULL;

  if (e.nr_clusters == 0)
    return 0;
  if (last && last->first + last->nr_clusters == e.first) {
    last->nr_clusters += e.nr_clusters;
  }
  else {
    if (reserve (l, l->len + 1, err) == -1)
      return -1;
    l->v[l->len++] = e;
  }
  l->nr_clusters += e.nr_clusters;
  return 0;
}

int
extent_list_move (struct extent_list *to, struct extent_list *from,
                  struct error *err)
{
  if (from->len == 0)
    return 0;
  if (reserve (to, to->len + from->len, err) == -1)
    return -1;
  memcpy (to->v + to->len, from->v, from->len * sizeof *from->v);
  to->len += from->len;
  to->nr_clusters += from->nr_clusters;
  extent_list_clear (from);
  return 0;
}

static size_t
best_fit (const struct extent_list *l, uint64_t want)
{
  size_t best = 0, i;

  for (i = 0; i < l->len && i < MAX_PROBES; ++i) {
    if (l->v[i].nr_clusters >= want)
      return i;
    if (l->v[i].nr_clusters > l->v[best].nr_clusters)
      best = i;
  }
  return best;
}

struct extent
extent_list_take (struct extent_list *l, uint64_t want)
{
  struct extent *e = &l->v[best_fit (l, want)];
  struct extent r = *e;

  if (r.nr_clusters > want)
    r.nr_clusters = want;
  e->first += r.nr_clusters;
  e->nr_clusters -= r.nr_clusters;
  if (e->nr_clusters == 0)
    *e = l->v[--l->len];
  l->nr_clusters -= r.nr_clusters;
  return r;
}

static int
compare_extents (const void *pa, const void *pb)
{
  const struct extent *a = pa, *b = pb;

  return (a->first > b->first) - (a->first < b->first);
}

void
extent_list_sort (struct extent_list *l)
{
  size_t i, n = 0;

  if (l->len == 0)
    return;
  qsort (l->v, l->len, sizeof *l->v, compare_extents);
  for (i = 1; i < l->len; ++i) {
    if (l->v[n].first + l->v[n].nr_clusters == l->v[i].first)
      l->v[n].nr_clusters += l->v[i].nr_clusters;
    else
      l->v[++n] = l->v[i];
  }
  l->len = n + 1;
}

void
extent_list_clear (struct extent_list *l)
{
  free (l->v);
  *l = (struct extent_list) EXTENT_LIST_INIT;
}
