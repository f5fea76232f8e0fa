/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The allocator's pool: how it is given back, and how it is filled where
 * space is bounded and nothing reads zeros by itself.
 */

#include <config.h>

#include <errno.h>
#include <unistd.h>

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

/* -- ahead of need ----------------------------------------------------------- */

/* As few as may be left before more are reserved. */
static void
take_to_the_mark (struct engine *e) NO_TSA
{
  do
    take (e, 1);
  while (reserved (e) > e->allocator.low);
  assert_int_equal (reserved (e), e->allocator.low);
}

/* All of the pool, and the file's length up to there. */
static void
assert_pool_is_durable (struct engine *e) NO_TSA
{
  const struct extent_list *l = &e->allocator.pool;
  struct engine after;
  uint64_t seed, c, size;
  size_t i;

  for (seed = 1; seed <= 4; ++seed) {
    engine_crash (e, seed, &after);
    assert_int_equal (io_size (after.io, &size, NULL), 0);
    for (i = 0; i < l->len; ++i) {
      assert_true (size >= (l->v[i].first + l->v[i].nr_clusters) * 512);
      for (c = l->v[i].first; c < l->v[i].first + l->v[i].nr_clusters; ++c)
        assert_int_equal (engine_refcount_on_disk (&after, c), 1);
    }
    engine_free (&after);
  }
}

struct taker {
  struct engine *e;
  unsigned nr_taken;
};

/* Some other request, while a reservation waits for the disk.  One that waited
 * for the same would wait for ever: it is the same thread. */
static void
take_meanwhile (void *opaque, const struct simdisk_event *event)
{
  struct taker *t = opaque;

  if (event->kind != SIMDISK_WRITE || event->phase != SIMDISK_BEGIN)
    return;
  assert_true (event->flags & IO_DSYNC);
  take (t->e, 1);
  t->nr_taken++;
}

static void
test_reserved_ahead (void **state)
{
  struct engine e;
  struct taker t = { &e, 0 };
  uint64_t before, calls;

  (void) state;
  new_file (&e);
  take_to_the_mark (&e);
  before = reserved (&e);
  simdisk_trace (e.disk, take_meanwhile, &t);
  alarm (60);
  take (&e, 1);
  alarm (0);
  simdisk_trace (e.disk, NULL, NULL);
  assert_true (t.nr_taken >= 2);        /* for refcounts, for the length */
  assert_true (reserved (&e) > before);
  assert_pool_is_durable (&e);

  /* The first ones are short: they end with a refcount block. */
  while (reserved (&e) < 2 * before)
    take (&e, 1);
  calls = simdisk_calls (e.disk, SIMDISK_CHANGES);
  take (&e, 1);
  assert_int_equal (simdisk_calls (e.disk, SIMDISK_CHANGES), calls);
  engine_free (&e);
}

/* Who has what it wanted is not told; the next try is made by one that finds
 * nothing, and from then on as before. */
static void
test_reserving_ahead_fails (void **state)
{
  struct engine e;
  uint64_t calls, n;

  (void) state;
  new_file (&e);
  take_to_the_mark (&e);
  n = reserved (&e);
  simdisk_fail (e.disk, SIMDISK_WRITE, 2, ENOSPC, false);
  take (&e, 1);
  assert_true (simdisk_fault_struck (e.disk));
  assert_int_equal (reserved (&e), n - 1);
  calls = simdisk_calls (e.disk, SIMDISK_CHANGES);
  drain (&e);
  assert_int_equal (simdisk_calls (e.disk, SIMDISK_CHANGES), calls);
  take_to_the_mark (&e);
  n = reserved (&e);
  assert_true (n > 0);
  take (&e, 1);
  assert_true (reserved (&e) > n);
  engine_free (&e);
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
    cmocka_unit_test (test_reserved_ahead),
    cmocka_unit_test (test_reserving_ahead_fails),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
