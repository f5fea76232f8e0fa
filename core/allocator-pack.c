/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Allocator: bytes for compressed clusters, which share host clusters.
 *
 * a->packing is a run of clusters that is being filled.  Invariant: each of
 * its clusters from `next` on has one count that is the packing's own, so
 * that it is not freed while something may still be added to it, whatever
 * becomes of those who use it already; and from `next` on it is clean.  "The
 * refcount is the number of users": who fills a cluster inherits that count,
 * all others add one.  "At the refcount's maximum a new cluster is started":
 * whoever cannot add one inherits it too, and the rest stays empty.
 *
 * The counts are raised in the page cache only.  Whoever takes bytes syncs
 * the file before it points to them (docs/DURABILITY.md, R12).
 */

#include <config.h>

#include "allocator-internal.h"
#include "checked.h"
#include "qcow2-entry.h"

/* Clusters are taken this far ahead, so that they are adjacent though others
 * take clusters meanwhile: data may go on into an adjacent one. */
#define AHEAD_CLUSTERS 4
#define MAX_AHEAD_BYTES (UINT64_C (256) << 10)

/* The packing's own count of CLUSTER goes.  Its users' are all counted by
 * now, so at no time is the count too low. */
static void
drop_own_locked (struct allocator *a, uint64_t cluster)
  REQUIRES (a->lock)
{
  const struct extent e = { cluster, 1 };
  uint64_t n;

  if (refcounts_get (&a->refcounts, cluster, &n, NULL) == -1)
    a->nr_stuck++;
  else if (n > 1) {
    if (refcounts_add (&a->refcounts, e, -1, 0, NULL) == -1)
      a->nr_stuck++;
  }
  else if (extent_list_append (&a->released, e, NULL) == -1)
    a->nr_stuck++;
  else
    a->nr_quarantined++;
}

static void
close_locked (struct allocator *a)
  REQUIRES (a->lock)
{
  const uint32_t bits = a->refcounts.header->cluster_bits;
  const uint64_t end = a->packing.end >> bits;
  uint64_t first = a->packing.next >> bits;

  if (!is_aligned (a->packing.next, UINT64_C (1) << bits))
    drop_own_locked (a, first++);
  if (first < end &&
      !allocator_pool_add (a, (struct extent) { first, end - first }))
    a->nr_stuck += end - first;
  a->packing.next = a->packing.end = 0;
}

/* One more cluster, at least: what is packed is less than that. */
static int
open_locked (struct allocator *a, struct error *err)
  REQUIRES (a->lock)
{
  const uint32_t bits = a->refcounts.header->cluster_bits;
  const uint64_t ahead = min_u64 (AHEAD_CLUSTERS, MAX_AHEAD_BYTES >> bits);
  struct extent e;

  if (allocator_take_locked (a, 1 + ahead, &e, err) == -1)
    return -1;
  if (e.first << bits != a->packing.end) {
    close_locked (a);
    a->packing.next = e.first << bits;
  }
  a->packing.end = (e.first + e.nr_clusters) << bits;
  return 0;
}

/* Count the user of the bytes up to END.  *RET_NEXT is where the next one starts. */
static int
count_user_locked (struct allocator *a, uint64_t end, uint64_t *ret_next,
                   struct error *err)
  REQUIRES (a->lock)
{
  const struct qcow2_header *h = a->refcounts.header;
  const struct extent last = { (end - 1) >> h->cluster_bits, 1 };
  uint64_t n;

  *ret_next = align_up (end, h->cluster_size);
  if (*ret_next == end)
    return 0;
  if (refcounts_get (&a->refcounts, last.first, &n, err) == -1)
    return -1;
  if (n >= refcount_max (h->refcount_order))
    return 0;
  *ret_next = end;
  return refcounts_add (&a->refcounts, last, 1, 0, err);
}

static int
pack_locked (struct allocator *a, uint32_t len, uint64_t *ret_offset,
             struct error *err)
  REQUIRES (a->lock)
{
  struct packing *p = &a->packing;
  uint64_t next;

  if (p->end - p->next < len && open_locked (a, err) == -1)
    return -1;
  if (count_user_locked (a, p->next + len, &next, err) == -1)
    return -1;
  *ret_offset = p->next;
  p->next = next;
  return 0;
}

int
allocator_pack (struct allocator *a, uint32_t len_bytes, uint64_t *ret_offset,
                struct error *err)
{
  int r;

  mutex_lock (&a->lock);
  r = pack_locked (a, len_bytes, ret_offset, err);
  mutex_unlock (&a->lock);
  return r;
}

void
allocator_stop_packing (struct allocator *a)
{
  mutex_lock (&a->lock);
  close_locked (a);
  mutex_unlock (&a->lock);
}
