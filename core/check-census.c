/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Census: see check-census.h.  A group's counts are packed as in a refcount
 * block, so its codec is used.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check-census.h"
#include "checked.h"
#include "qcow2-entry.h"

#define GROUP_BITS 13
#define GROUP_CLUSTERS (UINT64_C (1) << GROUP_BITS)
#define FIRST_ORDER 1u

struct group {
  uint32_t order;               /* a count has 1 << order bits */
  uint8_t counts[];
};

struct census {
  struct group **groups;        /* NULL: all 0 */
  uint64_t nr_groups;
  uint64_t bytes;
};

static size_t
group_bytes (uint32_t order)
{
  return sizeof (struct group) + ((GROUP_CLUSTERS << order) / 8);
}

int
census_new (struct census **ret, struct error *err)
{
  *ret = calloc (1, sizeof **ret);
  if (!*ret)
    return error_set (err, ENOMEM, "no memory to count references");
  return 0;
}

void
census_free (struct census *s)
{
  uint64_t i;

  if (!s)
    return;
  for (i = 0; i < s->nr_groups; ++i)
    free (s->groups[i]);
  free (s->groups);
  free (s);
}

uint64_t
census_get (const struct census *s, uint64_t cluster)
{
  const uint64_t i = cluster >> GROUP_BITS;

  if (i >= s->nr_groups || !s->groups[i])
    return 0;
  return refcount_get (s->groups[i]->counts, s->groups[i]->order,
                       cluster & (GROUP_CLUSTERS - 1));
}

static int
no_memory (const struct census *s, struct error *err)
{
  return error_set (err, ENOMEM, "no memory to count references: %llu MiB "
                    "are in use, and more is needed",
                    (unsigned long long) (s->bytes >> 20));
}

static int
reach (struct census *s, uint64_t index, struct error *err)
{
  const uint64_t nr = max_u64 (index + 1, s->nr_groups * 2);
  struct group **groups;

  if (index < s->nr_groups)
    return 0;
  groups = realloc (s->groups, nr * sizeof *groups);
  if (!groups)
    return no_memory (s, err);
  memset (groups + s->nr_groups, 0, (nr - s->nr_groups) * sizeof *groups);
  s->bytes += (nr - s->nr_groups) * sizeof *groups;
  s->groups = groups;
  s->nr_groups = nr;
  return 0;
}

static uint32_t
order_for (uint64_t count)
{
  return count <= refcount_max (1) ? 1 : count <= refcount_max (3) ? 3
       : count <= refcount_max (4) ? 4 : 6;
}

/* Make group INDEX wide enough for COUNT. */
static int
widen (struct census *s, uint64_t index, uint64_t count, struct error *err)
{
  struct group *old = s->groups[index], *g;
  const uint32_t order = max_u64 (order_for (count), FIRST_ORDER);
  uint64_t i;

  if (old && old->order >= order)
    return 0;
  g = calloc (1, group_bytes (order));
  if (!g)
    return no_memory (s, err);
  g->order = order;
  for (i = 0; old && i < GROUP_CLUSTERS; ++i)
    refcount_set (g->counts, order, i,
                  refcount_get (old->counts, old->order, i));
  s->bytes += group_bytes (order) - (old ? group_bytes (old->order) : 0);
  s->groups[index] = g;
  free (old);
  return 0;
}

int
census_set (struct census *s, uint64_t cluster, uint64_t count,
            struct error *err)
{
  const uint64_t i = cluster >> GROUP_BITS;

  if (reach (s, i, err) == -1 || widen (s, i, count, err) == -1)
    return -1;
  refcount_set (s->groups[i]->counts, s->groups[i]->order,
                cluster & (GROUP_CLUSTERS - 1), count);
  return 0;
}

uint64_t
census_bytes (const struct census *s)
{
  return s->bytes;
}
