/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Allocator: taking, putting back and reserving ahead.  What is reserved is
 * in allocator-pool.c, the way back of released clusters in
 * allocator-reclaim.c.  See allocator.h for the life
 * of a cluster and for what each lock guards.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>

#include "allocator-internal.h"
#include "checked.h"
#include "io-optional.h"

/* The first reservation of an activation is small, so that a server that
 * lived briefly leaks little when it is killed; each next one doubles. */
#define MIN_BATCH_BYTES (UINT64_C (1) << 20)
#define MAX_BATCH_BYTES (UINT64_C (64) << 20)
#define MIN_BATCH_CLUSTERS 16

/* Flush when this much waits in quarantine. */
#define MAX_RELEASED_EXTENTS 16384
#define MAX_RELEASED_BYTES (UINT64_C (256) << 20)

/* -- reserving ------------------------------------------------------- */

static uint64_t
batch_clusters (const struct allocator *a, uint64_t bytes) NO_TSA
{
  return max_u64 (MIN_BATCH_CLUSTERS,
                  bytes >> a->refcounts.header->cluster_bits);
}

/* How far clusters may be used: 56-bit offsets, or the end of a device. */
static int
find_limit_locked (struct allocator *a, uint64_t *ret, struct error *err)
  REQUIRES (a->lock)
{
  const uint32_t bits = a->refcounts.header->cluster_bits;
  uint64_t size;

  *ret = (QCOW2_MAX_HOST_OFFSET + 1) >> bits;
  if (!a->io->fixed_size)
    return 0;
  if (io_size (a->io, &size, err) == -1)
    return -1;
  *ret = min_u64 (*ret, size >> bits);
  return 0;
}

/* Make the file reach to the end of E, durably: what points behind the end
 * of a file is an error in the eyes of qemu-img check. */
static int
extend_file_locked (struct allocator *a, struct extent e, struct error *err)
  REQUIRES (a->lock)
{
  static const uint8_t zeros[4096];
  const uint32_t bits = a->refcounts.header->cluster_bits;
  const uint64_t len = min_u64 (sizeof zeros, UINT64_C (1) << bits);

  return io_pwrite (a->io, zeros, len,
                    ((e.first + e.nr_clusters) << bits) - len, IO_DSYNC, err);
}

/* What was just reserved reads zeros, durably: in a file because it was never
 * written; a device must be made to. */
static int
make_clean_locked (struct allocator *a, struct extent e, struct error *err)
  REQUIRES (a->lock)
{
  const uint32_t bits = a->refcounts.header->cluster_bits;

  if (!a->io->fixed_size && extend_file_locked (a, e, err) == -1)
    return -1;
  if (a->io->fresh_reads_zero)
    return 0;
  if (io_zero (a->io, e.first << bits, e.nr_clusters << bits,
               a->punch ? IO_PUNCH : 0, err) == -1)
    return -1;
  if (io_sync (a->io, err) == -1)
    return poison_set (a->refcounts.poison, err);
  return 0;
}

/* Raise the refcounts of a run at a->fresh, durably. */
static int
reserve_run_locked (struct allocator *a, uint64_t limit, struct extent *ret,
                    struct error *err)
  REQUIRES (a->lock)
{
  struct extent e;
  bool covered;

  if (refcounts_find_free (&a->refcounts, a->fresh, limit, a->batch, &e,
                           &covered, err) == -1)
    return -1;
  if (e.nr_clusters == 0)
    return error_set (err, ENOSPC, "no free cluster is left in the image");
  if (metadata_map_touches (a->refcounts.metadata, e.first, e.nr_clusters))
    return error_set (err, EIO, "host clusters from %" PRIu64 " on hold "
                      "metadata but have refcount 0: the image is damaged, "
                      "check it with qemu-img check", e.first);
  if (covered) {
    *ret = e;
    return refcounts_add (&a->refcounts, e, 1, IO_DSYNC, err);
  }
  return refcounts_extend (&a->refcounts, e.first, limit, e.nr_clusters, ret,
                           err);
}

/* As much as is wanted may be too much near the end of what there can be. */
static int
reserve_some_locked (struct allocator *a, uint64_t limit, struct extent *ret,
                     struct error *err)
  REQUIRES (a->lock)
{
  struct error e = ERROR_INIT;

  while (reserve_run_locked (a, limit, ret, &e) == -1) {
    if ((e.errnum != ENOSPC && e.errnum != EFBIG) || a->batch == 1) {
      if (err)
        *err = e;
      return -1;
    }
    a->batch = max_u64 (1, a->batch / 2);
  }
  return 0;
}

/* The next run at the end of the file that can be handed out, reserved. */
static int
reserve_locked (struct allocator *a, struct extent *ret, struct error *err)
  REQUIRES (a->lock)
{
  uint64_t limit;

  if (find_limit_locked (a, &limit, err) == -1)
    return -1;
  for (;;) {
    if (reserve_some_locked (a, limit, ret, err) == -1)
      return -1;
    if (ret->nr_clusters > 0)
      return 0;
    /* A refcount block alone may have filled a gap. */
    a->fresh = ret->first;
  }
}

static int
fill_pool_locked (struct allocator *a, struct error *err)
  REQUIRES (a->lock)
{
  struct extent e;

  if (reserve_locked (a, &e, err) == -1)
    return -1;
  if (make_clean_locked (a, e, err) == -1 ||
      allocator_pool_grow (a, e, a->batch / 4, err) == -1) {
    /* Not handed out: free again, and tried again by the next request. */
    if (refcounts_add (&a->refcounts, e, -1, 0, NULL) == -1)
      a->nr_stuck += e.nr_clusters;
    return -1;
  }
  a->fresh = a->reserved_end = e.first + e.nr_clusters;
  /* One that ends with a refcount block says nothing of what is needed. */
  if (e.nr_clusters == a->batch)
    a->batch = min_u64 (a->batch * 2, batch_clusters (a, MAX_BATCH_BYTES));
  return 0;
}

int
allocator_take_locked (struct allocator *a, uint64_t want, struct extent *ret,
                       struct error *err)
{
  /* Others may take what was just reserved. */
  while (!allocator_pool_take (a, want, ret))
    if (fill_pool_locked (a, err) == -1) {
      allocator_pool_miss (a, want);
      return -1;
    }
  return 0;
}

/* One that takes reserves for those who come after it.  That it cannot is
 * for whoever finds the pool empty to tell. */
static void
reserve_ahead (struct allocator *a)
{
  int r;

  if (!allocator_pool_begin_reserving (a))
    return;
  mutex_lock (&a->lock);
  r = fill_pool_locked (a, NULL);
  mutex_unlock (&a->lock);
  allocator_pool_end_reserving (a, r == 0);
}

int
allocator_take (struct allocator *a, uint64_t want, struct extent *ret,
                struct error *err)
{
  int r = 0;

  if (!allocator_pool_take (a, want, ret)) {
    mutex_lock (&a->lock);
    r = allocator_take_locked (a, want, ret, err);
    mutex_unlock (&a->lock);
  }
  if (r == 0)
    reserve_ahead (a);
  return r;
}

void
allocator_put_back (struct allocator *a, struct extent e)
{
  if (allocator_pool_add (a, e))
    return;
  mutex_lock (&a->lock);
  a->nr_stuck += e.nr_clusters;
  mutex_unlock (&a->lock);
}

bool
allocator_release (struct allocator *a, struct extent e)
{
  bool crowded;

  mutex_lock (&a->lock);
  if (extent_list_append (&a->released, e, NULL) == -1)
    a->nr_stuck += e.nr_clusters;
  else
    a->nr_quarantined += e.nr_clusters;
  crowded = a->released.len > MAX_RELEASED_EXTENTS ||
    a->released.nr_clusters << a->refcounts.header->cluster_bits
    > MAX_RELEASED_BYTES;
  mutex_unlock (&a->lock);
  return crowded;
}

/* -- the end --------------------------------------------------------- */

static int
count_down_locked (struct allocator *a, struct extent_list *l,
                   struct error *err) REQUIRES (a->lock)
{
  extent_list_sort (l);
  while (l->len > 0) {
    const struct extent e = l->v[l->len - 1];

    if (refcounts_add (&a->refcounts, e, -1, 0, err) == -1)
      return -1;
    l->len--;
    l->nr_clusters -= e.nr_clusters;
    if (a->fresh == e.first + e.nr_clusters)
      a->fresh = e.first;
  }
  return 0;
}

static int
empty_pool_locked (struct allocator *a, struct error *err)
  REQUIRES (a->lock)
{
  struct extent_list l =
    allocator_pool_exchange (a, (struct extent_list) EXTENT_LIST_INIT);
  const int r = count_down_locked (a, &l, err);

  allocator_pool_exchange (a, l);
  return r;
}

/* Cut off what was reserved at the end and never used.  A file that goes on
 * behind that has been written to by a pointer that led there: such data are
 * not ours to cut. */
static int
cut_off_locked (struct allocator *a, struct error *err)
  REQUIRES (a->lock)
{
  const uint32_t bits = a->refcounts.header->cluster_bits;
  const uint64_t end = a->fresh << bits;
  uint64_t size;

  if (io_size (a->io, &size, err) == -1)
    return -1;
  if (size <= end || size > a->reserved_end << bits)
    return 0;
  return io_truncate (a->io, end, err);
}

int
allocator_empty_pool (struct allocator *a, struct error *err)
{
  int r;

  mutex_lock (&a->lock);
  r = empty_pool_locked (a, err);
  if (r == 0 && !a->io->fixed_size)
    r = cut_off_locked (a, err);
  mutex_unlock (&a->lock);
  return r;
}

uint64_t
allocator_quarantined (struct allocator *a)
{
  uint64_t n;

  mutex_lock (&a->lock);
  n = a->nr_quarantined;
  mutex_unlock (&a->lock);
  return n;
}

void
allocator_get_stats (struct allocator *a, uint64_t *ret_reserved,
                     uint64_t *ret_quarantined)
{
  *ret_quarantined = allocator_quarantined (a);
  *ret_reserved = allocator_pool_clusters (a);
}

/* Where never used space begins: the end of a file, which grows as it is
 * written; on a device, after the last cluster that is counted. */
static int
find_fresh (struct allocator *a, uint64_t file_size, struct error *err) NO_TSA
{
  if (a->io->fixed_size)
    return refcounts_end (&a->refcounts, &a->fresh, err);
  a->fresh = div_round_up (file_size, a->refcounts.header->cluster_size);
  return 0;
}

int
allocator_init (struct allocator *a, uint64_t file_size, struct error *err)
{
  mutex_init (&a->lock);
  mutex_init (&a->pool_lock);
  a->batch = batch_clusters (a, MIN_BATCH_BYTES);
  return find_fresh (a, file_size, err);
}

void
allocator_destroy (struct allocator *a)
{
  extent_list_clear (&a->pool);
  extent_list_clear (&a->released);
  extent_list_clear (&a->syncing);
  extent_list_clear (&a->unlinked);
  extent_list_clear (&a->waiting);
  extent_list_clear (&a->punched);
  extent_list_clear (&a->punched_syncing);
  refcounts_free (&a->refcounts);
  mutex_destroy (&a->pool_lock);
  mutex_destroy (&a->lock);
}
