/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The allocator's rare ways: no memory to remember a cluster, refcounts that
 * cannot be read or written, pools that are full, space that is not punched.
 * What it cannot give back leaks, is counted as stuck, and is never handed
 * out twice.
 */

#include <config.h>

#include <errno.h>

#include "allocator-fixture.h"
#include "failing-calls.h"

/* More clusters of 512 bytes than the pool keeps, or may wait in quarantine. */
#define TOO_MANY ((UINT64_C (256) << 20) / 512 + 1)

static void
new_file (struct engine *e)
{
  engine_new (e, &(struct engine_shape) { .cluster_bits = 9 });
}

static uint64_t
stuck (struct engine *e) NO_TSA
{
  return e->allocator.nr_stuck;
}

/* The next look at a refcount reads the disk. */
static void
forget_refcounts (struct engine *e)
{
  table_cache_forget (e->cache, 0, UINT64_C (1) << 30);
}

/* N clusters of which no two are adjacent, so that lists of them get long. */
static void
take_apart (struct engine *e, struct extent *ret, unsigned n)
{
  unsigned i;

  for (i = 0; i < n; ++i) {
    ret[i] = take (e, 1);
    take (e, 1);
  }
}

/* -- memory -------------------------------------------------------------- */

static void
test_no_memory_to_put_back (void **state)
{
  struct extent apart[64];
  struct engine e;
  unsigned i;

  (void) state;
  new_file (&e);
  take_apart (&e, apart, 64);
  fail_calls_from (1);
  for (i = 0; i < 64; ++i)
    allocator_put_back (&e.allocator, apart[i]);
  assert_true (fail_call_struck ());
  assert_true (stuck (&e) > 0 && stuck (&e) < 64);
  assert_int_equal (refcount (&e, apart[63].first), 1);
  engine_free (&e);
}

static void
test_no_memory_to_release (void **state)
{
  struct extent r;
  struct engine e;

  (void) state;
  new_file (&e);
  r = take (&e, 2);
  fail_call (1);
  assert_false (allocator_release (&e.allocator, r));
  assert_true (fail_call_struck ());
  assert_int_equal (stuck (&e), r.nr_clusters);
  assert_stats (&e, reserved (&e), 0);
  engine_free (&e);
}

/* Each step of the way back needs memory: whichever lacks it, what was
 * released comes back or is stuck. */
static void
test_no_memory_on_the_way_back (void **state)
{
  unsigned nth, i, nr_stuck = 0;

  (void) state;
  for (nth = 1; nth < 12; ++nth) {
    struct extent apart[20];
    struct engine e;

    new_file (&e);
    take_apart (&e, apart, 20);
    for (i = 0; i < 20; ++i)
      allocator_release (&e.allocator, apart[i]);
    fail_call (nth);
    for (i = 0; i < 4; ++i)
      engine_sync (&e);
    fail_call_struck ();
    nr_stuck += stuck (&e) > 0;
    assert_int_equal (allocator_quarantined (&e.allocator), 0);
    engine_free (&e);
  }
  assert_true (nr_stuck > 2);
}

/* -- packing --------------------------------------------------------------- */

static uint64_t
pack (struct engine *e, uint32_t len)
{
  struct error err = ERROR_INIT;
  uint64_t offset = 0;

  if (allocator_pack (&e->allocator, len, &offset, &err) == -1)
    fail_msg ("%s", err.text);
  return offset;
}

static void
test_packing_fails (void **state)
{
  struct error err = ERROR_INIT;
  struct engine e;
  uint64_t offset;

  (void) state;
  new_file (&e);
  /* There is no cluster. */
  simdisk_fail (e.disk, SIMDISK_WRITE, 1, EIO, false);
  assert_int_equal (allocator_pack (&e.allocator, 100, &offset, &err), -1);
  engine_free (&e);

  /* Nobody knows how many use it. */
  new_file (&e);
  pack (&e, 100);
  forget_refcounts (&e);
  simdisk_fail (e.disk, SIMDISK_READ, 1, EIO, false);
  assert_int_equal (allocator_pack (&e.allocator, 100, &offset, &err), -1);
  assert_int_equal (err.errnum, EIO);
  assert_int_equal (pack (&e, 100) % 512, 100);
  engine_free (&e);
}

/* The packing's own count of a cluster that is not full cannot go. */
static void
test_packing_ends_badly (void **state)
{
  struct engine e;
  uint64_t at;

  (void) state;
  new_file (&e);
  pack (&e, 100);
  forget_refcounts (&e);
  simdisk_fail (e.disk, SIMDISK_READ, 1, EIO, false);
  allocator_stop_packing (&e.allocator);
  assert_int_equal (stuck (&e), 1);
  engine_free (&e);

  new_file (&e);
  at = pack (&e, 100);
  simdisk_fail (e.disk, SIMDISK_WRITE, 1, EIO, false);
  allocator_stop_packing (&e.allocator);
  assert_int_equal (stuck (&e), 1);
  assert_int_equal (engine_refcount_on_disk (&e, at / 512), 2);
  engine_free (&e);

  /* Its user is gone: it is released, but there is no memory for that. */
  new_file (&e);
  at = pack (&e, 100);
  allocator_release (&e.allocator, (struct extent) { at / 512, 1 });
  engine_sync (&e);
  engine_sync (&e);
  assert_int_equal (refcount (&e, at / 512), 1);
  fail_call (1);
  allocator_stop_packing (&e.allocator);
  assert_true (fail_call_struck ());
  assert_int_equal (stuck (&e), 1);
  engine_free (&e);
}

/* Nor is there memory to give back what was taken ahead. */
static void
test_packing_ahead_is_stuck (void **state) NO_TSA
{
  struct engine e;

  (void) state;
  new_file (&e);
  pack (&e, 100);
  drain (&e);
  extent_list_clear (&e.allocator.pool);
  fail_call (1);
  allocator_stop_packing (&e.allocator);
  assert_true (fail_call_struck ());
  assert_true (stuck (&e) > 0);
  engine_free (&e);
}

/* -- bounds ---------------------------------------------------------------- */

static void
test_quarantine_is_bounded (void **state)
{
  struct engine e;
  unsigned i, nr = 0;

  (void) state;
  new_file (&e);
  assert_true (allocator_release (&e.allocator, (struct extent) {
    1000, TOO_MANY }));
  engine_free (&e);

  /* Each cluster by itself. */
  new_file (&e);
  for (i = 0; !allocator_release (&e.allocator, (struct extent) {
           1000 + 2 * i, 1 }); ++i)
    nr++;
  assert_int_equal (nr, 16384);
  engine_free (&e);
}

/* What is more is counted down, or where that fails stuck. */
static void
test_pool_is_bounded (void **state) NO_TSA
{
  struct extent r, s;
  struct engine e;

  (void) state;
  new_file (&e);
  r = take (&e, 1);
  s = take (&e, 1);
  e.allocator.demand = 0;       /* or it is found, and taken again */
  allocator_release (&e.allocator, r);
  allocator_put_back (&e.allocator, (struct extent) { 1 << 30, TOO_MANY });
  engine_sync (&e);
  engine_sync (&e);
  engine_sync (&e);
  assert_int_equal (refcount (&e, r.first), 0);

  allocator_release (&e.allocator, s);
  engine_sync (&e);
  allocator_before_sync (&e.allocator);
  simdisk_fail (e.disk, SIMDISK_WRITE, 1, EIO, false);
  allocator_after_sync (&e.allocator);
  assert_int_equal (stuck (&e), 1);
  assert_int_equal (engine_refcount_on_disk (&e, s.first), 1);
  engine_free (&e);
}

/* -- damage ---------------------------------------------------------------- */

/* Two pointers of a damaged image led to overlapping clusters. */
static void
test_overlapping_releases (void **state)
{
  struct engine e;
  struct extent r;

  (void) state;
  new_file (&e);
  r = take (&e, 3);
  assert_int_equal (r.nr_clusters, 3);
  drain (&e);
  allocator_release (&e.allocator, (struct extent) { r.first, 2 });
  allocator_release (&e.allocator, (struct extent) { r.first + 1, 2 });
  engine_sync (&e);
  engine_sync (&e);
  engine_sync (&e);
  assert_int_equal (reserved (&e), 3);
  assert_int_equal (stuck (&e), 1);
  engine_free (&e);
}

/* Free clusters are looked for neither where there is no refcount block nor
 * where there is metadata. */
static void
test_scavenging_passes_by (void **state) NO_TSA
{
  struct engine e;
  struct extent r;

  (void) state;
  new_file (&e);
  r = take (&e, 2);
  drain (&e);
  assert_int_equal (metadata_map_add (e.metadata, r.first, 1, NULL), 0);
  assert_int_equal (refcounts_add (&e.allocator.refcounts, r, -1, 0, NULL), 0);
  e.allocator.scan = 0;
  e.allocator.fresh = 100000;
  e.allocator.demand = 1000;
  engine_sync (&e);
  assert_int_equal (refcount (&e, r.first), 0);
  engine_free (&e);
}

/* -- space ------------------------------------------------------------------ */

/* discard=off: zeroed and not punched, on a device from the beginning. */
static void
test_nothing_is_punched (void **state)
{
  struct engine e;
  struct extent r;

  (void) state;
  engine_new (&e, &(struct engine_shape) {
    .cluster_bits = 9, .device_bytes = 400 * 512 });
  e.allocator.punch = false;
  r = take (&e, 1);
  assert_true (engine_cluster_is_zero (&e, r.first));
  engine_fill_cluster (&e, r.first, 7);
  allocator_release (&e.allocator, r);
  engine_sync (&e);
  engine_sync (&e);
  assert_true (engine_cluster_is_zero (&e, r.first));
  engine_free (&e);
}

/* A file that may not get longer: there is no place for a refcount block, with
 * however little it is tried; later there may be. */
static void
test_file_is_too_large (void **state) NO_TSA
{
  struct error err = ERROR_INIT;
  struct engine e;
  struct extent r;

  (void) state;
  new_file (&e);
  /* The rest of the first block, and nothing ahead. */
  mutex_lock (&e.allocator.lock);
  assert_int_equal (allocator_take_locked (&e.allocator, 1, &r, NULL), 0);
  mutex_unlock (&e.allocator.lock);
  drain (&e);
  simdisk_fail (e.disk, SIMDISK_WRITE, 1, EFBIG, true);
  assert_int_equal (allocator_take (&e.allocator, 1, &r, &err), -1);
  assert_int_equal (err.errnum, EFBIG);
  assert_int_equal (allocator_take (&e.allocator, 1, &r, NULL), -1);
  simdisk_fail (e.disk, 0, 0, 0, false);
  take (&e, 1);
  engine_free (&e);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_no_memory_to_put_back),
    cmocka_unit_test (test_no_memory_to_release),
    cmocka_unit_test (test_no_memory_on_the_way_back),
    cmocka_unit_test (test_packing_fails),
    cmocka_unit_test (test_packing_ends_badly),
    cmocka_unit_test (test_packing_ahead_is_stuck),
    cmocka_unit_test (test_quarantine_is_bounded),
    cmocka_unit_test (test_pool_is_bounded),
    cmocka_unit_test (test_overlapping_releases),
    cmocka_unit_test (test_scavenging_passes_by),
    cmocka_unit_test (test_nothing_is_punched),
    cmocka_unit_test (test_file_is_too_large),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
