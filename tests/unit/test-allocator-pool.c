/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The allocator's pool: how it is given back, and how it is filled where
 * space is bounded and nothing reads zeros by itself.
 */

#include <config.h>

#include <errno.h>

#include "allocator-fixture.h"

#define DEVICE_CLUSTERS 400u

static void
new_file (struct engine *e)
{
  engine_new (e, &(struct engine_shape) { .cluster_bits = 9 });
}

static void
new_device (struct engine *e, uint32_t order)
{
  engine_new (e, &(struct engine_shape) {
    .cluster_bits = 9, .refcount_order = order,
    .device_bytes = DEVICE_CLUSTERS * 512 });
}

static void
test_pool_is_given_back (void **state)
{
  struct error err = ERROR_INIT;
  struct engine e;
  struct extent r;
  uint64_t c;

  (void) state;
  new_file (&e);
  r = take (&e, 1);
  allocator_put_back (&e.allocator, r);
  if (allocator_empty_pool (&e.allocator, &err) == -1)
    fail_msg ("%s", err.text);
  assert_stats (&e, 0, 0);
  for (c = r.first; c < r.first + 100; ++c)
    assert_int_equal (engine_refcount_on_disk (&e, c), 0);
  engine_fill_cluster (&e, r.first + 4000, 1);  /* QEMU looks up to here */
  if (engine_qemu_check (e.disk) != -1)
    assert_int_equal (engine_qemu_check (e.disk), 0);
  /* And it may be reserved again. */
  take (&e, 1);
  engine_free (&e);
}

/* "Either all is as before, or poisoned": what is in the pool stays counted,
 * and a second try succeeds. */
static void
test_giving_back_fails (void **state)
{
  unsigned nth, points = 0;
  bool struck = true;

  (void) state;
  for (nth = 1; struck; ++nth) {
    struct error err = ERROR_INIT;
    struct engine e;
    uint64_t c, n;

    engine_new (&e, &(struct engine_shape) {
      .cluster_bits = 9, .refcount_order = 6, .nr_slots = 2 });
    take (&e, 1);
    drain (&e);                 /* the rest of the first block */
    take (&e, 1);
    simdisk_fail (e.disk, SIMDISK_READ, nth, EIO, false);
    n = allocator_empty_pool (&e.allocator, &err) == -1;
    struck = simdisk_fault_struck (e.disk);
    simdisk_fail (e.disk, 0, 0, 0, false);
    if (n) {
      points++;
      assert_true (struck && err.text[0]);
      for (n = reserved (&e); n > 0; --n) {
        const struct extent r = take (&e, 1);

        for (c = r.first; c < r.first + r.nr_clusters; ++c)
          assert_int_equal (refcount (&e, c), 1);
        allocator_put_back (&e.allocator, r);
      }
      assert_int_equal (allocator_empty_pool (&e.allocator, &err), 0);
    }
    assert_stats (&e, 0, 0);
    engine_free (&e);
  }
  assert_true (points > 5);
}

/* -- a device ---------------------------------------- */

static uint64_t
take_all (struct engine *e, struct extent_list *l)
{
  struct error err = ERROR_INIT;
  struct extent r;

  while (allocator_take (&e->allocator, 5, &r, &err) == 0) {
    assert_true (r.first + r.nr_clusters <= DEVICE_CLUSTERS);
    assert_int_equal (extent_list_append (l, r, NULL), 0);
  }
  assert_int_equal (err.errnum, ENOSPC);
  assert_string_equal (err.text, "no free cluster is left in the image");
  return l->nr_clusters;
}

static uint64_t
nr_metadata (struct engine *e)
{
  uint64_t c, n = 0;

  for (c = 0; c < DEVICE_CLUSTERS; ++c)
    n += metadata_map_touches (e->metadata, c, 1);
  return n;
}

/* Every cluster is used, whether a block has to be made at the end (order 6)
 * or the first one covers all (order 3); and all come back. */
static void
test_full_device (void **state)
{
  uint32_t order;

  (void) state;
  for (order = 3; order <= 6; ++order) {
    struct extent_list all = EXTENT_LIST_INIT, again = EXTENT_LIST_INIT;
    struct engine e;
    uint64_t n;
    size_t i;

    new_device (&e, order);
    n = take_all (&e, &all);
    /* The L1 table's cluster is in the map, too. */
    assert_in_range (n + nr_metadata (&e), DEVICE_CLUSTERS - 1,
                     DEVICE_CLUSTERS);
    for (i = 0; i < all.len; ++i)
      allocator_release (&e.allocator, all.v[i]);
    engine_sync (&e);
    engine_sync (&e);
    assert_int_equal (take_all (&e, &again), n);
    extent_list_clear (&all);
    extent_list_clear (&again);
    engine_free (&e);
  }
}

static void
test_device_is_cleaned (void **state)
{
  struct engine e, after;
  struct extent r;
  uint64_t seed, c;

  (void) state;
  new_device (&e, 4);
  r = take (&e, 9);
  for (seed = 1; seed <= 4; ++seed) {
    engine_crash (&e, seed, &after);
    for (c = r.first; c < r.first + r.nr_clusters; ++c)
      assert_true (engine_cluster_is_zero (&after, c));
    engine_free (&after);
  }
  engine_free (&e);
}

/* "After a flush there may be": free clusters below the last used one. */
static void
test_holes_are_found (void **state)
{
  struct error err = ERROR_INIT;
  struct engine e, full;
  struct extent r;
  unsigned i;

  (void) state;
  new_device (&full, 3);
  count_up (&full, DEVICE_CLUSTERS - 1);
  engine_reopen (&full, &e);
  assert_int_equal (allocator_take (&e.allocator, 10, &r, &err), -1);
  assert_int_equal (err.errnum, ENOSPC);
  for (i = 0; i < 3; ++i)
    engine_sync (&e);
  r = take (&e, 10);
  assert_int_equal (r.nr_clusters, 10);
  assert_int_equal (refcount (&e, r.first), 1);
  assert_true (engine_cluster_is_zero (&e, r.first));
  engine_free (&e);
  engine_free (&full);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_pool_is_given_back),
    cmocka_unit_test (test_giving_back_fails),
    cmocka_unit_test (test_full_device),
    cmocka_unit_test (test_device_is_cleaned),
    cmocka_unit_test (test_holes_are_found),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
