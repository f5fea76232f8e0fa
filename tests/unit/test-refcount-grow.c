/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Growth of refcounts: new blocks describe themselves, a full table is
 * replaced, every step is durable before the next (R3), and a failure in any
 * of them changes nothing or poisons.
 */

#include <config.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cursor.h"
#include "engine-fixture.h"
#include "random.h"

#define NO_END UINT64_MAX

static struct refcounts *
refcounts_of (struct engine *e) NO_TSA
{
  return &e->allocator.refcounts;
}

static void
new_engine (struct engine *e, uint32_t order)
{
  engine_new (e, &(struct engine_shape) {
    .refcount_order = order, .narrow = order == 0, .cluster_bits = 9,
    .nr_slots = 2 });
}

static uint64_t
get (struct engine *e, uint64_t cluster)
{
  struct error err = ERROR_INIT;
  uint64_t n = 0;

  if (refcounts_get (refcounts_of (e), cluster, &n, &err) == -1)
    fail_msg ("%s", err.text);
  return n;
}

static struct extent
extend (struct engine *e, uint64_t from, uint64_t want)
{
  struct error err = ERROR_INIT;
  struct extent r = { 0, 0 };

  if (refcounts_extend (refcounts_of (e), from, NO_END, want, &r, &err) == -1)
    fail_msg ("%s", err.text);
  return r;
}

/* All of [FROM, end of R) counts 1, in memory and in the file, and what is
 * before R is metadata. */
static void
check_extended (struct engine *e, uint64_t from, struct extent r)
{
  uint64_t c;

  assert_true (r.first > from);
  for (c = from; c < r.first + r.nr_clusters; ++c) {
    assert_int_equal (get (e, c), 1);
    assert_int_equal (engine_refcount_on_disk (e, c), 1);
  }
  assert_int_equal (get (e, c), 0);
  for (c = from; c < r.first; ++c)
    assert_true (metadata_map_touches (e->metadata, c, 1));
  assert_false (metadata_map_touches (e->metadata, r.first, r.nr_clusters));
}

/* What nothing points to is a leak; counted down again, the image is clean. */
static void
check_with_qemu (struct engine *e, struct extent r)
{
  struct error err = ERROR_INIT;
  int status;

  /* QEMU looks for leaks in the file only. */
  engine_fill_cluster (e, r.first + r.nr_clusters - 1, 1);
  status = engine_qemu_check (e->disk);
  if (status == -1)
    return;
  assert_int_equal (status, 3);
  if (refcounts_add (refcounts_of (e), r, -1, 0, &err) == -1)
    fail_msg ("%s", err.text);
  assert_int_equal (engine_qemu_check (e->disk), 0);
}

static void
test_new_blocks (void **state)
{
  uint32_t order;

  (void) state;
  for (order = 0; order <= 6; ++order) {
    struct engine e, after;
    struct extent r;
    uint64_t per_block, seed;

    new_engine (&e, order);
    per_block = UINT64_C (1) << e.header.refblock_bits;
    r = extend (&e, per_block + 5, 3 * per_block);
    assert_int_equal (r.nr_clusters, 3 * per_block);
    check_extended (&e, per_block + 5, r);
    for (seed = 1; seed <= 3; ++seed) {
      engine_crash (&e, seed, &after);
      assert_int_equal (get (&after, r.first), 1);
      assert_int_equal (get (&after, r.first + r.nr_clusters - 1), 1);
      engine_free (&after);
    }
    check_with_qemu (&e, r);
    engine_free (&e);
  }
}

/* 64-bit refcounts in clusters of 512 bytes: a table of one cluster covers
 * 64 * 64 clusters. */
static void
test_larger_table (void **state)
{
  struct engine e, after;
  struct extent r;
  uint8_t raw[12];
  uint64_t c;

  (void) state;
  new_engine (&e, 6);
  r = extend (&e, 4096 - 64, 200);
  check_extended (&e, 4096 - 64, r);
  assert_true (r.first + r.nr_clusters > 4096);
  assert_int_equal (io_pread (e.io, raw, 12, QCOW2_HDR_REFTABLE_OFFSET, NULL),
                    0);
  assert_int_equal (load_be64 (raw), refcounts_of (&e)->table_offset);
  assert_int_equal (load_be32 (raw + 8), refcounts_of (&e)->nr_table_clusters);
  assert_in_range (load_be64 (raw) / 512, 4096 - 64, r.first - 1);
  assert_true (load_be32 (raw + 8) >= 2);
  /* The old one is free, and no longer metadata. */
  assert_int_equal (get (&e, 1), 0);
  assert_false (metadata_map_touches (e.metadata, 1, 1));
  for (c = 1; c <= 3; ++c) {
    engine_crash (&e, c, &after);
    assert_int_equal (get (&after, r.first), 1);
    assert_int_equal (get (&after, r.first + r.nr_clusters - 1), 1);
    assert_int_equal (get (&after, 2), 1);
    engine_free (&after);
  }
  check_with_qemu (&e, r);
  engine_free (&e);
}

static void
test_many_times (void **state)
{
  struct random rng = { 7 };
  struct engine e, after;
  uint64_t from, start;
  unsigned i;

  (void) state;
  new_engine (&e, 6);
  from = start = 64;
  for (i = 0; i < 60; ++i) {
    const struct extent r = extend (&e, from, 1 + random_below (&rng, 700));
    const uint64_t end = r.first + r.nr_clusters;

    check_extended (&e, from, r);
    from = (end + 63) / 64 * 64;        /* the next uncovered one */
  }
  assert_true (refcounts_of (&e)->nr_table_clusters > 2);
  engine_reopen (&e, &after);
  for (i = start; i < from; i += 11)
    assert_int_equal (get (&after, i), get (&e, i));
  engine_free (&after);
  if (engine_qemu_check (e.disk) != -1)
    assert_int_equal (engine_qemu_check (e.disk), 3);
  engine_free (&e);
}

/* A block further on ends what can be made. */
static void
test_up_to_a_block_that_exists (void **state)
{
  struct extent far, r;
  struct engine e;

  (void) state;
  new_engine (&e, 6);
  far = extend (&e, 10 * 64, 20);
  r = extend (&e, 8 * 64, 1000);
  assert_int_equal (r.first + r.nr_clusters, 10 * 64);
  check_extended (&e, 10 * 64, far);
  assert_int_equal (get (&e, 8 * 64), 1);
  assert_int_equal (get (&e, 10 * 64 - 1), 1);
  assert_int_equal (get (&e, 10 * 64), 1);
  engine_free (&e);
}

static void
test_below_the_end (void **state)
{
  struct error err = ERROR_INIT;
  struct extent r = { 7, 7 };
  struct engine e;

  (void) state;
  new_engine (&e, 6);
  assert_int_equal (refcounts_extend (refcounts_of (&e), 128, 140, 100, &r,
                                      &err), 0);
  assert_int_equal (r.first + r.nr_clusters, 140);
  assert_int_equal (get (&e, 139), 1);
  assert_int_equal (get (&e, 140), 0);
  r = (struct extent) { 7, 7 };
  assert_int_equal (refcounts_extend (refcounts_of (&e), 256, 257, 100, &r,
                                      &err), -1);
  assert_int_equal (err.errnum, ENOSPC);
  assert_string_equal (err.text, "no space is left for refcount blocks");
  assert_int_equal (r.first, 7);
  assert_int_equal (get (&e, 256), 0);
  engine_free (&e);
}

static void
test_limit_of_the_table (void **state)
{
  const uint64_t end = (QCOW2_MAX_REFTABLE_BYTES / 8) << 6;
  struct error err = ERROR_INIT;
  struct extent r = { 7, 7 };
  struct engine e;

  (void) state;
  new_engine (&e, 6);
  assert_int_equal (refcounts_extend (refcounts_of (&e), end, NO_END, 1, &r,
                                      &err), -1);
  assert_int_equal (err.errnum, EFBIG);
  assert_non_null (strstr (err.text, "the image is full: its refcount "
                           "table would exceed 8388608 bytes; larger"));
  /* The largest table, and then the last block that it can name. */
  r = extend (&e, end - 64000, 46553);
  assert_int_equal (refcounts_of (&e)->nr_table_clusters,
                    QCOW2_MAX_REFTABLE_BYTES / 512);
  assert_int_equal (refcounts_extend (refcounts_of (&e), end - 64, NO_END, 70,
                                      &r, &err), -1);
  assert_int_equal (err.errnum, EFBIG);
  r = extend (&e, end - 64, 63);
  assert_int_equal (r.first + r.nr_clusters, end);
  assert_int_equal (get (&e, end - 1), 1);
  engine_free (&e);
}

/* -- faults ---------------------------------------- */

static void
check_unchanged (struct engine *e, uint64_t from, uint64_t nr)
{
  struct engine after;
  uint64_t c;

  for (c = 0; c < FIRST_FREE_CLUSTER; ++c)
    assert_int_equal (get (e, c), 1);
  for (c = from; c < from + nr; ++c)
    assert_int_equal (get (e, c), 0);
  assert_false (metadata_map_touches (e->metadata, from, nr));
  engine_reopen (e, &after);
  for (c = from; c < from + nr; ++c)
    assert_int_equal (get (&after, c), 0);
  engine_free (&after);
}

/* Whether the fault struck. */
static bool
extend_with_fault (uint64_t from, uint64_t want, unsigned kind, uint64_t nth,
                   bool torn)
{
  struct extent r = { 7, 7 };
  struct error err = ERROR_INIT;
  struct engine e;
  bool struck;
  int result;

  new_engine (&e, 6);
  if (torn)
    simdisk_fail_torn (e.disk, nth, ENOSPC, nth + 1, false);
  else
    simdisk_fail (e.disk, kind, nth, ENOSPC, false);
  result = refcounts_extend (refcounts_of (&e), from, NO_END, want, &r, &err);
  struck = simdisk_fault_struck (e.disk);
  simdisk_fail (e.disk, 0, 0, 0, false);
  if (result == 0)
    check_extended (&e, from, r);
  else if (poison_check (&e.poison, NULL) == -1)
    assert_string_equal (err.class, "Poisoned");
  else {
    assert_true (struck);
    assert_int_equal (err.errnum, ENOSPC);
    assert_int_equal (r.first, 7);
    check_unchanged (&e, from, want);
    check_extended (&e, from, extend (&e, from, want));
  }
  engine_free (&e);
  return struck;
}

static void
test_faults (void **state)
{
  static const unsigned kinds[] = { SIMDISK_READ, SIMDISK_WRITE, SIMDISK_ALL };
  unsigned k, points = 0;
  uint64_t nth;

  (void) state;
  for (k = 0; k < 3; ++k) {
    for (nth = 1; extend_with_fault (64, 150, kinds[k], nth, false); ++nth)
      points++;
    for (nth = 1; extend_with_fault (4032, 150, kinds[k], nth, false); ++nth)
      points++;
  }
  for (nth = 1; extend_with_fault (4032, 150, SIMDISK_WRITE, nth, true); ++nth)
    points++;
  assert_true (points > 8);
  print_message ("%u points of failure\n", points);
}

/* Half of a run is counted up, and neither the rest nor that half can be read
 * any more: nobody may go on. */
static void
test_undoing_fails (void **state)
{
  struct error err = ERROR_INIT;
  struct extent r;
  struct engine e;
  uint64_t nth = 0;

  (void) state;
  new_engine (&e, 6);
  r = extend (&e, 64, 150);
  assert_true (r.nr_clusters > 2 * 64);
  do {
    table_cache_forget (e.cache, 0, UINT64_C (1) << 30);
    simdisk_fail (e.disk, SIMDISK_READ, ++nth, EIO, true);
    assert_int_equal (refcounts_add (refcounts_of (&e), r, 1, 0, &err), -1);
    assert_int_equal (err.errnum, EIO);
    assert_in_range (nth, 1, 3);
  } while (poison_check (&e.poison, &err) == 0);
  assert_string_equal (err.class, "Poisoned");
  simdisk_fail (e.disk, SIMDISK_READ, 0, 0, false);
  engine_free (&e);
}

/* Behind the last cluster that is counted, in whichever block that is. */
static void
test_end_of_what_is_counted (void **state)
{
  struct error err = ERROR_INIT;
  uint64_t c, end = 0;
  struct extent r;
  struct engine e;

  (void) state;
  new_engine (&e, 6);
  r = extend (&e, 64, 150);
  assert_int_equal (refcounts_end (refcounts_of (&e), &end, &err), 0);
  assert_int_equal (end, r.first + r.nr_clusters);
  table_cache_forget (e.cache, 0, UINT64_C (1) << 30);
  simdisk_fail (e.disk, SIMDISK_READ, 1, EIO, false);
  assert_int_equal (refcounts_end (refcounts_of (&e), &end, &err), -1);
  assert_int_equal (err.errnum, EIO);
  assert_int_equal (refcounts_add (refcounts_of (&e), r, -1, 0, &err), 0);
  assert_int_equal (refcounts_end (refcounts_of (&e), &end, &err), 0);
  assert_int_equal (end, r.first);
  /* Blocks that count nothing, not even themselves. */
  for (c = 0; c < r.first; ++c)
    if (get (&e, c) > 0)
      assert_int_equal (refcounts_add (refcounts_of (&e),
                                       (struct extent) { c, 1 }, -1, 0, &err),
                        0);
  assert_int_equal (refcounts_end (refcounts_of (&e), &end, &err), 0);
  assert_int_equal (end, 0);
  engine_free (&e);
}

/* The first step may fail for want of space, the second one poisons. */
static void
test_which_step_poisons (void **state)
{
  struct extent r;
  struct engine e;

  (void) state;
  new_engine (&e, 6);
  simdisk_fail (e.disk, SIMDISK_WRITE, 1, ENOSPC, false);
  assert_int_equal (refcounts_extend (refcounts_of (&e), 64, NO_END, 9, &r,
                                      NULL), -1);
  assert_int_equal (poison_check (&e.poison, NULL), 0);
  simdisk_fail (e.disk, SIMDISK_WRITE, 2, ENOSPC, false);
  assert_int_equal (refcounts_extend (refcounts_of (&e), 64, NO_END, 9, &r,
                                      NULL), -1);
  assert_int_equal (poison_check (&e.poison, NULL), -1);
  engine_free (&e);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_new_blocks),
    cmocka_unit_test (test_larger_table),
    cmocka_unit_test (test_many_times),
    cmocka_unit_test (test_up_to_a_block_that_exists),
    cmocka_unit_test (test_below_the_end),
    cmocka_unit_test (test_limit_of_the_table),
    cmocka_unit_test (test_faults),
    cmocka_unit_test (test_which_step_poisons),
    cmocka_unit_test (test_undoing_fails),
    cmocka_unit_test (test_end_of_what_is_counted),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
