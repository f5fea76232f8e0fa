/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Allocator: the way of released clusters back to the pool.
 *
 * Runs in the one thread that is the leader of a sync, so the lists named
 * "leader's" in allocator.h need no lock.  Each function moves clusters one
 * place on in the diagram there; what it may assume is what that place says.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>

#include "allocator-internal.h"
#include "checked.h"

/* The pool keeps what this many bytes of writes need; the rest is freed. */
#define MAX_POOL_BYTES (UINT64_C (256) << 20)
/* How many refcounts one scavenge looks at while there is other space. */
#define SCAVENGE_CLUSTERS 65536
/* How many clusters are counted down at a time. */
#define LOCKED_CLUSTERS 256

static void
leak_locked (struct allocator *a, uint64_t nr_clusters)
  REQUIRES (a->lock)
{
  a->nr_stuck += nr_clusters;
  a->nr_quarantined -= nr_clusters;
}

static void
move (struct allocator *a, struct extent_list *to, struct extent_list *from)
  EXCLUDES (a->lock)
{
  if (extent_list_move (to, from, NULL) == 0)
    return;
  mutex_lock (&a->lock);
  leak_locked (a, from->nr_clusters);
  mutex_unlock (&a->lock);
  extent_list_clear (from);
}

/* What is released, or punched, from now on is not for this sync. */
void
allocator_before_sync (struct allocator *a)
{
  struct extent_list taken;

  mutex_lock (&a->lock);
  taken = a->released;
  a->released = (struct extent_list) EXTENT_LIST_INIT;
  mutex_unlock (&a->lock);
  move (a, &a->syncing, &taken);
  move (a, &a->punched_syncing, &a->punched);
}

/* Give E to the pool, or count it down to free where the pool has enough. */
static void
settle_locked (struct allocator *a, struct extent e)
  REQUIRES (a->lock)
{
  const uint64_t max =
    MAX_POOL_BYTES >> a->refcounts.header->cluster_bits;
  const uint64_t n = allocator_pool_clusters (a);
  const struct extent kept =
    { e.first, min_u64 (e.nr_clusters, n < max ? max - n : 0) };

  a->nr_quarantined -= e.nr_clusters;
  if (allocator_pool_add (a, kept)) {
    e.first += kept.nr_clusters;
    e.nr_clusters -= kept.nr_clusters;
  }
  if (e.nr_clusters == 0)
    return;
  if (refcounts_add (&a->refcounts, e, -1, 0, NULL) == -1)
    a->nr_stuck += e.nr_clusters;
  else
    a->scan = min_u64 (a->scan, e.first);
}

void
allocator_after_sync (struct allocator *a)
{
  size_t i;

  move (a, &a->unlinked, &a->syncing);
  mutex_lock (&a->lock);
  for (i = 0; i < a->punched_syncing.len; ++i)
    settle_locked (a, a->punched_syncing.v[i]);
  mutex_unlock (&a->lock);
  extent_list_clear (&a->punched_syncing);
}

/* One cluster that lost a pointer: count it down, unless that pointer was
 * the last; then it keeps its refcount until it is clean. */
static void
drop_reference_locked (struct allocator *a, uint64_t cluster,
                       struct extent_list *to_punch)
  REQUIRES (a->lock)
{
  const struct extent e = { cluster, 1 };
  uint64_t n;

  if (refcounts_get (&a->refcounts, cluster, &n, NULL) == -1)
    leak_locked (a, 1);
  else if (n > 1 && refcounts_add (&a->refcounts, e, -1, 0, NULL) == 0)
    a->nr_quarantined--;
  else if (n != 1 || extent_list_append (to_punch, e, NULL) == -1)
    leak_locked (a, 1);
}

static void
drop_references (struct allocator *a, const struct extent_list *from,
                 struct extent_list *to_punch)
{
  uint64_t done = 0;
  size_t i;

  mutex_lock (&a->lock);
  for (i = 0; i < from->len; ++i) {
    const struct extent e = from->v[i];
    uint64_t c;

    for (c = e.first; c < e.first + e.nr_clusters; ++c) {
      drop_reference_locked (a, c, to_punch);
      /* Let those who allocate in between. */
      if (++done % LOCKED_CLUSTERS == 0) {
        mutex_unlock (&a->lock);
        mutex_lock (&a->lock);
      }
    }
  }
  mutex_unlock (&a->lock);
}

/* A cluster freed twice in one batch by pointers that a damaged image made
 * equal would be handed out twice. */
static void
drop_duplicates (struct allocator *a, struct extent_list *l)
{
  const uint64_t before = l->nr_clusters;
  size_t i, n = 0;
  uint64_t total = 0, end = 0;

  extent_list_sort (l);
  for (i = 0; i < l->len; ++i) {
    struct extent e = l->v[i];
    const uint64_t e_end = e.first + e.nr_clusters;

    if (e_end <= end)
      continue;
    if (e.first < end)
      e = (struct extent) { end, e_end - end };
    end = e_end;
    total += e.nr_clusters;
    l->v[n++] = e;
  }
  l->len = n;
  l->nr_clusters = total;
  mutex_lock (&a->lock);
  leak_locked (a, before - total);
  mutex_unlock (&a->lock);
}

/* Punch all of L; what cannot be is left counted, as a leak. */
static void
punch (struct allocator *a, const struct extent_list *l)
{
  const uint32_t bits = a->refcounts.header->cluster_bits;
  size_t i;

  for (i = 0; i < l->len; ++i) {
    const struct extent e = l->v[i];

    /* It may have been a table, or compressed data. */
    table_cache_forget (a->refcounts.cache, e.first << bits,
                        e.nr_clusters << bits);
    if (a->inflated)
      inflate_cache_forget (a->inflated, e.first << bits,
                            e.nr_clusters << bits);
    metadata_map_remove (a->refcounts.metadata, e.first, e.nr_clusters);
    if (io_zero (a->io, e.first << bits, e.nr_clusters << bits,
                 a->punch ? IO_PUNCH : 0, NULL) == 0 &&
        extent_list_append (&a->punched, e, NULL) == 0)
      continue;
    mutex_lock (&a->lock);
    leak_locked (a, e.nr_clusters);
    mutex_unlock (&a->lock);
  }
}

static void
reclaim_unlinked (struct allocator *a)
{
  struct extent_list to_punch = EXTENT_LIST_INIT;

  if (a->waiting.len == 0 && a->unlinked.len > 0) {
    a->waiting = a->unlinked;
    a->unlinked = (struct extent_list) EXTENT_LIST_INIT;
    a->waiting_epoch = grace_now (a->grace);
  }
  grace_advance (a->grace);
  if (a->waiting.len == 0 || !grace_passed (a->grace, a->waiting_epoch))
    return;

  drop_references (a, &a->waiting, &to_punch);
  extent_list_clear (&a->waiting);
  drop_duplicates (a, &to_punch);
  punch (a, &to_punch);
  extent_list_clear (&to_punch);
}

/* Find free clusters inside the file, as many as were lately taken, and
 * count them up: the next sync makes that and their emptiness durable. */
static void
scavenge_locked (struct allocator *a, struct extent_list *ret)
  REQUIRES (a->lock)
{
  /* Somebody may be waiting for space: then all of it. */
  const uint64_t window =
    allocator_pool_clusters (a) > 0 ? SCAVENGE_CLUSTERS : a->fresh;
  const uint64_t end = min_u64 (a->fresh, a->scan + window);
  uint64_t wanted = allocator_pool_demand (a);
  struct extent e;
  bool covered;

  while (wanted > 0 && a->scan < end) {
    if (refcounts_find_free (&a->refcounts, a->scan, end, wanted, &e,
                             &covered, NULL) == -1)
      return;
    if (e.nr_clusters == 0) {
      a->scan = end;
      return;
    }
    a->scan = e.first + e.nr_clusters;
    if (!covered || metadata_map_touches (a->refcounts.metadata, e.first,
                                          e.nr_clusters))
      continue;
    if (refcounts_add (&a->refcounts, e, 1, 0, NULL) == -1)
      return;
    a->nr_quarantined += e.nr_clusters;
    if (extent_list_append (ret, e, NULL) == -1)
      leak_locked (a, e.nr_clusters);
    wanted -= e.nr_clusters;
  }
}

static void
scavenge (struct allocator *a)
{
  struct extent_list found = EXTENT_LIST_INIT;

  mutex_lock (&a->lock);
  scavenge_locked (a, &found);
  mutex_unlock (&a->lock);
  punch (a, &found);
  extent_list_clear (&found);
}

void
allocator_stop_scavenging (struct allocator *a)
{
  allocator_pool_demand (a);
}

void
allocator_reclaim (struct allocator *a)
{
  reclaim_unlinked (a);
  scavenge (a);
}
