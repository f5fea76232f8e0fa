/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The allocator's bytes for compressed clusters: where they are, and what the
 * host clusters that they share count.
 */

#include <config.h>

#include <errno.h>

#include "allocator-fixture.h"

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
drop (struct engine *e, uint64_t offset, uint32_t len)
{
  const uint64_t first = offset / 512;

  allocator_release (&e->allocator, (struct extent) {
    first, (offset + len - 1) / 512 - first + 1 });
}

static void
new_engine (struct engine *e, uint32_t order)
{
  engine_new (e, &(struct engine_shape) {
    .cluster_bits = 9, .refcount_order = order, .narrow = order == 0 });
}

/* Bytes follow each other, across clusters, and each cluster that is open
 * counts one more than it has users. */
static void
test_users_are_counted (void **state)
{
  struct engine e;
  uint64_t first, at;

  (void) state;
  new_engine (&e, 4);
  at = pack (&e, 200);
  first = at / 512;
  assert_int_equal (at % 512, 0);
  assert_int_equal (refcount (&e, first), 2);
  assert_int_equal (pack (&e, 200), at + 200);
  assert_int_equal (refcount (&e, first), 3);
  /* This one fills it, and inherits. */
  assert_int_equal (pack (&e, 200), at + 400);
  assert_int_equal (refcount (&e, first), 3);
  assert_int_equal (refcount (&e, first + 1), 2);
  assert_int_equal (pack (&e, 424), at + 600);
  assert_int_equal (refcount (&e, first + 1), 2);
  assert_int_equal (refcount (&e, first + 2), 1);
  allocator_stop_packing (&e.allocator);
  assert_int_equal (refcount (&e, first), 3);
  assert_int_equal (refcount (&e, first + 1), 2);
  assert_stats (&e, reserved (&e), 0);
  engine_free (&e);
}

/* "At the refcount's maximum a new cluster is started." */
static void
test_widths (void **state)
{
  struct engine e;
  uint64_t at;

  (void) state;
  new_engine (&e, 0);
  at = pack (&e, 10);
  assert_int_equal (pack (&e, 10), at + 512);
  assert_int_equal (refcount (&e, at / 512), 1);
  /* What goes on into the next cluster has that to itself, too. */
  assert_int_equal (pack (&e, 511), at + 1024);
  assert_int_equal (pack (&e, 511), at + 1536);
  engine_free (&e);

  new_engine (&e, 1);
  at = pack (&e, 10);
  assert_int_equal (pack (&e, 10), at + 10);
  assert_int_equal (pack (&e, 10), at + 20);
  assert_int_equal (pack (&e, 10), at + 512);
  assert_int_equal (refcount (&e, at / 512), 3);
  engine_free (&e);
}

/* Users come and go while others are added: it is not free until the last
 * has gone and nothing can be added any more. */
static void
test_open_cluster_is_kept (void **state)
{
  struct engine e;
  uint64_t at;
  unsigned i;

  (void) state;
  new_engine (&e, 4);
  at = pack (&e, 100);
  drop (&e, at, 100);
  for (i = 0; i < 4; ++i)
    engine_sync (&e);
  assert_int_equal (refcount (&e, at / 512), 1);
  assert_int_equal (pack (&e, 100), at + 100);
  assert_int_equal (refcount (&e, at / 512), 2);
  drop (&e, at + 100, 100);
  for (i = 0; i < 4; ++i)
    engine_sync (&e);
  engine_fill_cluster (&e, at / 512, 7);
  assert_false (engine_cluster_is_zero (&e, at / 512));

  allocator_stop_packing (&e.allocator);
  for (i = 0; i < 4; ++i)
    engine_sync (&e);
  assert_true (engine_cluster_is_zero (&e, at / 512));
  assert_int_equal (allocator_quarantined (&e.allocator), 0);
  engine_free (&e);
}

/* What was taken ahead and not used is clean, and there for others. */
static void
test_rest_goes_back (void **state)
{
  struct error err = ERROR_INIT;
  struct engine e;
  uint64_t before, at;

  (void) state;
  new_engine (&e, 4);
  allocator_put_back (&e.allocator, take (&e, 1));
  before = reserved (&e);
  at = pack (&e, 100);
  assert_true (reserved (&e) < before - 1);
  allocator_stop_packing (&e.allocator);
  assert_int_equal (reserved (&e), before - 1);
  assert_int_equal (refcount (&e, at / 512), 1);
  /* And again, somewhere else. */
  assert_true (pack (&e, 100) / 512 != at / 512);
  allocator_stop_packing (&e.allocator);
  if (allocator_empty_pool (&e.allocator, &err) == -1)
    fail_msg ("%s", err.text);
  engine_free (&e);
}

/* A failure leaves all as it was, or poisons. */
static void
test_faults (void **state)
{
  unsigned nth;
  bool struck = true;

  (void) state;
  for (nth = 1; struck; ++nth) {
    struct error err = ERROR_INIT;
    struct engine e;
    uint64_t at, next;
    int r;

    new_engine (&e, 4);
    at = pack (&e, 100);
    simdisk_fail (e.disk, SIMDISK_WRITE, nth, EIO, false);
    r = allocator_pack (&e.allocator, 100, &next, &err);
    struck = simdisk_fault_struck (e.disk);
    simdisk_fail (e.disk, 0, 0, 0, false);
    assert_int_equal (r, struck ? -1 : 0);
    if (r == -1)
      assert_true (atomic_load (&e.poison.set));
    else
      assert_int_equal (next, at + 100);
    engine_free (&e);
  }
  assert_true (nth > 2);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_users_are_counted),
    cmocka_unit_test (test_widths),
    cmocka_unit_test (test_open_cluster_is_kept),
    cmocka_unit_test (test_rest_goes_back),
    cmocka_unit_test (test_faults),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
