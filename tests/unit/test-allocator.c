/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The life of a host cluster, as drawn in allocator.h, step by step.  Where
 * the pool comes from and goes to is in test-allocator-pool.c; random lives
 * are in test-allocator-random.c.
 */

#include <config.h>

#include <errno.h>

#include "allocator-fixture.h"

static void
new_file (struct engine *e)
{
  engine_new (e, &(struct engine_shape) { .cluster_bits = 9 });
}

static void
test_taken_is_clean (void **state)
{
  struct engine e, after;
  struct extent r;
  uint64_t seed, c;

  (void) state;
  new_file (&e);
  r = take (&e, 7);
  assert_int_equal (r.nr_clusters, 7);
  assert_true (r.first >= FIRST_FREE_CLUSTER);
  for (seed = 1; seed <= 4; ++seed) {
    engine_crash (&e, seed, &after);
    for (c = r.first; c < r.first + 7; ++c) {
      assert_int_equal (engine_refcount_on_disk (&after, c), 1);
      assert_true (engine_cluster_is_zero (&after, c));
    }
    engine_free (&after);
  }
  engine_free (&e);
}

static void
test_put_back (void **state)
{
  struct engine e;
  struct extent r;
  uint64_t before;

  (void) state;
  new_file (&e);
  r = take (&e, 3);
  before = reserved (&e);
  allocator_put_back (&e.allocator, r);
  assert_stats (&e, before + 3, 0);
  engine_free (&e);
}

static void
test_way_back (void **state)
{
  struct engine e, after;
  struct extent r;
  uint64_t seed;

  (void) state;
  new_file (&e);
  r = take (&e, 1);
  drain (&e);
  engine_fill_cluster (&e, r.first, 0xaa);
  assert_false (allocator_release (&e.allocator, r));
  assert_stats (&e, 0, 1);
  assert_false (engine_cluster_is_zero (&e, r.first));

  engine_sync (&e);             /* unlinked, and punched */
  assert_true (engine_cluster_is_zero (&e, r.first));
  assert_stats (&e, 0, 1);
  assert_int_equal (refcount (&e, r.first), 1);

  engine_sync (&e);             /* the punch is durable: clean */
  assert_stats (&e, 1, 0);
  for (seed = 1; seed <= 4; ++seed) {
    engine_crash (&e, seed, &after);
    assert_true (engine_cluster_is_zero (&after, r.first));
    assert_int_equal (engine_refcount_on_disk (&after, r.first), 1);
    engine_free (&after);
  }
  assert_int_equal (take (&e, 1).first, r.first);
  engine_free (&e);
}

/* Released while a sync runs: that sync proves nothing about it. */
static void
test_sync_must_begin_later (void **state)
{
  struct engine e;
  struct extent r;

  (void) state;
  new_file (&e);
  r = take (&e, 1);
  drain (&e);
  engine_fill_cluster (&e, r.first, 0xaa);
  allocator_before_sync (&e.allocator);
  allocator_release (&e.allocator, r);
  assert_int_equal (io_sync (e.io, NULL), 0);
  allocator_after_sync (&e.allocator);
  allocator_reclaim (&e.allocator);
  assert_false (engine_cluster_is_zero (&e, r.first));
  assert_stats (&e, 0, 1);
  engine_sync (&e);
  assert_true (engine_cluster_is_zero (&e, r.first));
  assert_stats (&e, 0, 1);
  engine_sync (&e);
  assert_stats (&e, 1, 0);
  engine_free (&e);
}

/* A sync that failed: nothing moves on. */
static void
test_failed_sync (void **state)
{
  struct engine e;
  struct extent r;

  (void) state;
  new_file (&e);
  r = take (&e, 1);
  engine_fill_cluster (&e, r.first, 0xaa);
  allocator_release (&e.allocator, r);
  allocator_before_sync (&e.allocator);
  allocator_reclaim (&e.allocator);
  assert_false (engine_cluster_is_zero (&e, r.first));
  assert_int_equal (allocator_quarantined (&e.allocator), 1);
  engine_free (&e);
}

static void
test_readers_hold_it_up (void **state)
{
  struct engine e;
  struct extent r;
  unsigned parity, i;

  (void) state;
  new_file (&e);
  r = take (&e, 1);
  drain (&e);
  engine_fill_cluster (&e, r.first, 0xaa);
  parity = grace_enter (&e.grace);
  allocator_release (&e.allocator, r);
  for (i = 0; i < 5; ++i) {
    engine_sync (&e);
    assert_false (engine_cluster_is_zero (&e, r.first));
  }
  assert_stats (&e, 0, 1);
  grace_leave (&e.grace, parity);
  engine_sync (&e);
  assert_true (engine_cluster_is_zero (&e, r.first));
  engine_sync (&e);
  assert_stats (&e, 1, 0);
  engine_free (&e);
}

static void
test_shared_is_only_counted_down (void **state)
{
  struct engine e;
  struct extent r;

  (void) state;
  new_file (&e);
  r = take (&e, 1);
  drain (&e);
  engine_fill_cluster (&e, r.first, 0xaa);
  count_up (&e, r.first);
  count_up (&e, r.first);
  allocator_release (&e.allocator, r);
  engine_sync (&e);
  assert_int_equal (refcount (&e, r.first), 2);
  engine_sync (&e);
  assert_false (engine_cluster_is_zero (&e, r.first));
  assert_stats (&e, 0, 0);
  /* Its last two users go at once. */
  allocator_release (&e.allocator, r);
  allocator_release (&e.allocator, r);
  engine_sync (&e);
  assert_true (engine_cluster_is_zero (&e, r.first));
  engine_sync (&e);
  assert_int_equal (refcount (&e, r.first), 1);
  assert_stats (&e, 1, 0);
  engine_free (&e);
}

/* A damaged image has two pointers to a cluster of refcount 1. */
static void
test_freed_twice (void **state)
{
  struct engine e;
  struct extent r;

  (void) state;
  new_file (&e);
  r = take (&e, 3);
  drain (&e);
  allocator_release (&e.allocator, r);
  allocator_release (&e.allocator, (struct extent) { r.first + 1, 1 });
  engine_sync (&e);
  engine_sync (&e);
  assert_stats (&e, 3, 0);
  assert_int_equal (take (&e, 3).first, r.first);
  assert_true (take (&e, 1).first >= r.first + 3);
  engine_free (&e);
}

static void
test_refcount_0_is_not_reused (void **state)
{
  struct engine e;

  (void) state;
  new_file (&e);
  take (&e, 1);
  drain (&e);
  /* Beyond all that was taken, within the first block. */
  allocator_release (&e.allocator, (struct extent) { 250000, 1 });
  engine_sync (&e);
  engine_sync (&e);
  assert_stats (&e, 0, 0);
  assert_int_equal (e.allocator.nr_stuck, 1);
  engine_free (&e);
}

static void
test_tables_are_forgotten (void **state)
{
  struct engine e;
  struct extent r;
  uint8_t byte;

  (void) state;
  new_file (&e);
  r = take (&e, 1);
  engine_fill_cluster (&e, r.first, 0xaa);
  assert_int_equal (table_cache_read (e.cache, &byte, 1, r.first * 512, NULL),
                    0);
  assert_int_equal (metadata_map_add (e.metadata, r.first, 1, NULL), 0);
  allocator_release (&e.allocator, r);
  engine_sync (&e);
  assert_false (metadata_map_touches (e.metadata, r.first, 1));
  assert_int_equal (table_cache_read (e.cache, &byte, 1, r.first * 512, NULL),
                    0);
  assert_int_equal (byte, 0);
  engine_free (&e);
}

static void
test_failed_punch_leaks (void **state)
{
  struct engine e;
  struct extent r;

  (void) state;
  new_file (&e);
  r = take (&e, 2);
  drain (&e);
  allocator_release (&e.allocator, r);
  simdisk_fail (e.disk, SIMDISK_ZERO, 1, EIO, false);
  engine_sync (&e);
  engine_sync (&e);
  assert_stats (&e, 0, 0);
  assert_int_equal (e.allocator.nr_stuck, 2);
  assert_int_equal (refcount (&e, r.first), 1);
  engine_free (&e);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_taken_is_clean),
    cmocka_unit_test (test_put_back),
    cmocka_unit_test (test_way_back),
    cmocka_unit_test (test_sync_must_begin_later),
    cmocka_unit_test (test_failed_sync),
    cmocka_unit_test (test_readers_hold_it_up),
    cmocka_unit_test (test_shared_is_only_counted_down),
    cmocka_unit_test (test_freed_twice),
    cmocka_unit_test (test_refcount_0_is_not_reused),
    cmocka_unit_test (test_tables_are_forgotten),
    cmocka_unit_test (test_failed_punch_leaks),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
