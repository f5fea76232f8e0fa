/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Mapping: writing entries, making L2 tables, copying those that are shared
 * with a snapshot; each with failures, and after power cuts.
 */

#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cursor.h"
#include "engine-fixture.h"

#define CLUSTER 512u
#define ENTRY(i) ((uint64_t) (1000 + (i)) * CLUSTER | QCOW2_ENTRY_COPIED)
#define OLD(i) ((uint64_t) (2000 + (i)) * CLUSTER)

static uint64_t
read_be64 (struct engine *e, uint64_t offset)
{
  uint8_t be[8];

  assert_int_equal (io_pread (e->io, be, 8, offset, NULL), 0);
  return load_be64 (be);
}

static uint64_t
l1_in_file (struct engine *e, uint64_t index)
{
  return read_be64 (e, 3 * CLUSTER + index * 8);
}

static uint64_t
get (struct engine *e, uint64_t cluster)
{
  struct error err = ERROR_INIT;
  struct raw_entry raw;

  if (mapping_get (&e->mapping, cluster, 1, &raw, &err) == -1)
    fail_msg ("%s", err.text);
  return raw.entry;
}

static void
set (struct engine *e, uint64_t cluster, uint32_t nr, uint64_t first)
{
  struct error err = ERROR_INIT;
  struct raw_entry raw[64];
  uint32_t i;

  for (i = 0; i < nr; ++i)
    raw[i] = (struct raw_entry) { first + i * CLUSTER, 0 };
  if (mapping_set (&e->mapping, cluster, nr, raw, &err) == -1)
    fail_msg ("%s", err.text);
}

static uint64_t
refcount (struct engine *e, uint64_t cluster) NO_TSA
{
  uint64_t n = 0;

  assert_int_equal (refcounts_get (&e->allocator.refcounts, cluster, &n,
                                   NULL), 0);
  return n;
}

static void
new_engine (struct engine *e)
{
  engine_new (e, &(struct engine_shape) { .cluster_bits = 9 });
}

static void
test_makes_a_table (void **state)
{
  struct engine e, after;
  uint64_t table;

  (void) state;
  new_engine (&e);
  set (&e, 64 + 10, 3, ENTRY (0));
  assert_int_equal (get (&e, 64 + 9), 0);
  assert_int_equal (get (&e, 64 + 10), ENTRY (0));
  assert_int_equal (get (&e, 64 + 12), ENTRY (2));
  assert_int_equal (get (&e, 64 + 13), 0);
  assert_int_equal (l1_in_file (&e, 0), 0);
  assert_true (l1_in_file (&e, 1) & QCOW2_ENTRY_COPIED);
  table = l1_in_file (&e, 1) & QCOW2_ENTRY_OFFSET_MASK;
  assert_true (metadata_map_touches (e.metadata, table / CLUSTER, 1));
  assert_int_equal (refcount (&e, table / CLUSTER), 1);
  assert_int_equal (read_be64 (&e, table + 11 * 8), ENTRY (1));
  /* Promise K: another process finds it. */
  engine_reopen (&e, &after);
  assert_int_equal (get (&after, 64 + 12), ENTRY (2));
  engine_free (&after);
  /* The next entries go to the same table. */
  set (&e, 64, 1, ENTRY (7));
  assert_int_equal (l1_in_file (&e, 1) & QCOW2_ENTRY_OFFSET_MASK, table);
  engine_free (&e);
}

/* Nothing is synced, and whatever of it survives, no L1 entry ever names
 * anything but an empty table, or this one. */
static void
test_new_table_and_power_cuts (void **state)
{
  struct engine e, after;
  uint64_t seed;

  (void) state;
  new_engine (&e);
  set (&e, 5, 2, ENTRY (0));
  for (seed = 1; seed <= 30; ++seed) {
    uint64_t i;

    engine_crash (&e, seed, &after);
    for (i = 0; i < 64; ++i)
      if (get (&after, i) != 0) {
        assert_in_range (i, 5, 6);
        assert_int_equal (get (&after, i), ENTRY (i - 5));
      }
    if (l1_in_file (&after, 0))
      assert_int_equal (engine_refcount_on_disk (
                          &after, (l1_in_file (&after, 0)
                                   & QCOW2_ENTRY_OFFSET_MASK) / CLUSTER), 1);
    engine_free (&after);
  }
  engine_free (&e);
}

static void
test_no_space (void **state)
{
  struct error err = ERROR_INIT;
  const struct raw_entry raw = { ENTRY (0), 0 };
  struct extent r;
  struct engine e;

  (void) state;
  engine_new (&e, &(struct engine_shape) {
    .cluster_bits = 9, .device_bytes = 64 * CLUSTER });
  while (allocator_take (&e.allocator, 99, &r, &err) == 0)
    ;
  assert_int_equal (mapping_set (&e.mapping, 0, 1, &raw, &err), -1);
  assert_int_equal (err.errnum, ENOSPC);
  assert_int_equal (l1_in_file (&e, 0), 0);
  assert_false (mapping_has_table (&e.mapping, 0));
  assert_int_equal (poison_check (&e.poison, &err), 0);
  allocator_put_back (&e.allocator, r);
  set (&e, 0, 1, ENTRY (0));
  engine_free (&e);
}

/* -- shared tables ---------------------------------------- */

/* The first table is there, with entries OLD (0), OLD (1), ..., all of it
 * durable, and a snapshot has it, too. */
static uint64_t NO_TSA
new_shared (struct engine *e)
{
  uint64_t table;
  uint8_t be[8];

  new_engine (e);
  set (e, 0, 64, OLD (0));
  table = l1_in_file (e, 0) & QCOW2_ENTRY_OFFSET_MASK;
  store_be64 (be, table);
  assert_int_equal (io_pwrite (e->io, be, 8, 3 * CLUSTER, 0, NULL), 0);
  atomic_store (&e->mapping.l1[0], table);
  assert_int_equal (refcounts_add (&e->allocator.refcounts,
                                   (struct extent) { table / CLUSTER, 1 }, 1,
                                   0, NULL), 0);
  assert_int_equal (io_sync (e->io, NULL), 0);
  return table;
}

static void
check_snapshot (struct engine *e, uint64_t table)
{
  uint64_t i;

  for (i = 0; i < 64; ++i)
    assert_int_equal (read_be64 (e, table + i * 8), OLD (i));
}

static void
test_shared_table_is_copied (void **state)
{
  struct engine e;
  uint64_t old, new, i;

  (void) state;
  old = new_shared (&e);
  set (&e, 7, 1, ENTRY (0));
  new = l1_in_file (&e, 0) & QCOW2_ENTRY_OFFSET_MASK;
  assert_int_not_equal (new, old);
  assert_true (l1_in_file (&e, 0) & QCOW2_ENTRY_COPIED);
  for (i = 0; i < 64; ++i)
    assert_int_equal (get (&e, i), i == 7 ? ENTRY (0) : OLD (i));
  check_snapshot (&e, old);
  assert_true (metadata_map_touches (e.metadata, new / CLUSTER, 1));
  engine_sync (&e);
  engine_sync (&e);
  assert_int_equal (refcount (&e, old / CLUSTER), 1);
  assert_int_equal (refcount (&e, new / CLUSTER), 1);
  assert_true (metadata_map_touches (e.metadata, old / CLUSTER, 1));
  check_snapshot (&e, old);
  engine_free (&e);
}

/* "A copy of a table that is shared is durable before its L1 entry." */
static void
test_copy_and_power_cuts (void **state)
{
  unsigned nr_new = 0;
  struct engine e, after;
  uint64_t old, seed, i;

  (void) state;
  old = new_shared (&e);
  set (&e, 7, 1, ENTRY (0));
  for (seed = 1; seed <= 40; ++seed) {
    engine_crash (&e, seed, &after);
    for (i = 0; i < 64; ++i)
      if (i != 7 || get (&after, i) != ENTRY (0))
        assert_int_equal (get (&after, i), OLD (i));
    check_snapshot (&after, old);
    nr_new += l1_in_file (&after, 0) != old;
    engine_free (&after);
  }
  assert_in_range (nr_new, 1, 39);
  engine_free (&e);
}

/* -- faults ---------------------------------------- */

static void
check_failed (struct engine *e, const struct error *err, bool shared,
              uint64_t old)
{
  struct engine after;
  uint64_t i;

  assert_true (err->errnum != 0 && err->text[0] != '\0');
  if (poison_check (&e->poison, NULL) == -1) {
    assert_string_equal (err->class, "Poisoned");
    engine_reopen (e, &after);
    for (i = 0; i < 64; ++i)
      if (i != 7 || get (&after, i) != ENTRY (0))
        assert_int_equal (get (&after, i), shared ? OLD (i) : 0);
    engine_free (&after);
  }
  else {
    for (i = 0; i < 64; ++i)
      assert_int_equal (get (e, i), shared ? OLD (i) : 0);
    set (e, 7, 1, ENTRY (0));
    assert_int_equal (get (e, 7), ENTRY (0));
    assert_int_equal (get (e, 8), shared ? OLD (8) : 0);
  }
  if (shared)
    check_snapshot (e, old);
}

static bool
set_with_fault (bool shared, unsigned kinds, uint64_t nth, bool torn)
{
  const struct raw_entry raw = { ENTRY (0), 0 };
  struct error err = ERROR_INIT;
  struct engine first, e;
  uint64_t old = 0;
  bool struck;
  int r;

  if (shared)
    old = new_shared (&first);
  else
    new_engine (&first);
  engine_reopen (&first, &e);
  if (torn)
    simdisk_fail_torn (e.disk, nth, EIO, nth, false);
  else
    simdisk_fail (e.disk, kinds, nth, EIO, false);
  r = mapping_set (&e.mapping, 7, 1, &raw, &err);
  struck = simdisk_fault_struck (e.disk);
  simdisk_fail (e.disk, 0, 0, 0, false);
  if (r == -1)
    check_failed (&e, &err, shared, old);
  /* A failed read leaves nothing in doubt. */
  if (kinds == SIMDISK_READ)
    assert_int_equal (poison_check (&e.poison, &err), 0);
  engine_free (&e);
  engine_free (&first);
  return struck;
}

static void
test_faults (void **state)
{
  static const unsigned kinds[] = { SIMDISK_READ, SIMDISK_WRITE, SIMDISK_ALL };
  unsigned k, points = 0;
  int shared;
  uint64_t nth;

  (void) state;
  for (shared = 0; shared <= 1; ++shared) {
    for (k = 0; k < 3; ++k)
      for (nth = 1; set_with_fault (shared, kinds[k], nth, false); ++nth)
        points++;
    for (nth = 1; set_with_fault (shared, SIMDISK_WRITE, nth, true); ++nth)
      points++;
  }
  assert_true (points > 16);
  print_message ("%u points of failure\n", points);
}

/* Two need the same table, and the second one waits while it is made. */
struct rival {
  struct engine *e;
  pthread_t thread;
  bool started;
};

static void *
set_8 (void *arg)
{
  set (arg, 8, 1, ENTRY (1));
  return NULL;
}

static void
start_rival (void *opaque, const struct simdisk_event *event)
{
  struct rival *r = opaque;

  if (r->started || event->kind != SIMDISK_WRITE)
    return;
  r->started = true;
  assert_int_equal (pthread_create (&r->thread, NULL, set_8, r->e), 0);
  usleep (20000);               /* until it waits, or nearly so */
}

static void
test_made_once (void **state)
{
  struct extent taken;
  struct rival rival;
  struct engine e;
  uint64_t l1;

  (void) state;
  new_engine (&e);
  /* So that the pool is full, and the first write is that of the table. */
  assert_int_equal (allocator_take (&e.allocator, 1, &taken, NULL), 0);
  rival = (struct rival) { .e = &e };
  simdisk_trace (e.disk, start_rival, &rival);
  set (&e, 7, 1, ENTRY (0));
  assert_true (rival.started);
  pthread_join (rival.thread, NULL);
  simdisk_trace (e.disk, NULL, NULL);
  l1 = l1_in_file (&e, 0) & QCOW2_ENTRY_OFFSET_MASK;
  assert_int_equal (read_be64 (&e, l1 + 7 * 8), ENTRY (0));
  assert_int_equal (read_be64 (&e, l1 + 8 * 8), ENTRY (1));
  /* The next cluster is not a second table. */
  assert_false (metadata_map_touches (e.metadata, l1 / CLUSTER + 1, 1));
  engine_free (&e);
}

/* An L1 entry that became nonsense after it was looked at. */
static void
test_damaged_l1 (void **state)
{
  const struct raw_entry raw = { ENTRY (0), 0 };
  struct error err = ERROR_INIT;
  struct engine e;

  (void) state;
  engine_new (&e, &(struct engine_shape) { .cluster_bits = 16 });
  atomic_store (&e.mapping.l1[0], (65536 + 512) | QCOW2_ENTRY_COPIED);
  assert_int_equal (mapping_set (&e.mapping, 7, 1, &raw, &err), -1);
  assert_int_equal (err.errnum, EIO);
  assert_non_null (strstr (err.text, "L1 entry 0: "));
  assert_int_equal (read_be64 (&e, 3 * 65536), 0);
  assert_int_equal (poison_check (&e.poison, NULL), 0);
  engine_free (&e);
}

/* The pool is full and the tables are cached: what is written is known. */
static void
assert_nth_write_poisons (bool shared, uint64_t nth, bool poisons)
{
  const struct raw_entry raw = { ENTRY (0), 0 };
  struct error err = ERROR_INIT;
  struct extent r;
  struct engine e;

  if (shared)
    new_shared (&e);
  else
    new_engine (&e);
  assert_int_equal (allocator_take (&e.allocator, 1, &r, NULL), 0);
  simdisk_fail (e.disk, SIMDISK_WRITE, nth, ENOSPC, false);
  assert_int_equal (mapping_set (&e.mapping, 7, 1, &raw, &err), -1);
  assert_int_equal (poison_check (&e.poison, NULL), poisons ? -1 : 0);
  if (poisons)
    assert_string_equal (err.class, "Poisoned");
  else
    assert_int_equal (err.errnum, ENOSPC);
  engine_free (&e);
}

static void
test_which_writes_poison (void **state)
{
  (void) state;
  assert_nth_write_poisons (false, 1, false);   /* the empty table */
  assert_nth_write_poisons (false, 2, true);    /* L1 */
  assert_nth_write_poisons (false, 3, true);    /* L2 */
  assert_nth_write_poisons (true, 1, false);    /* the copy */
  assert_nth_write_poisons (true, 2, true);     /* L1 */
  assert_nth_write_poisons (true, 3, true);     /* L2 */
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_makes_a_table),
    cmocka_unit_test (test_new_table_and_power_cuts),
    cmocka_unit_test (test_no_space),
    cmocka_unit_test (test_shared_table_is_copied),
    cmocka_unit_test (test_copy_and_power_cuts),
    cmocka_unit_test (test_faults),
    cmocka_unit_test (test_which_writes_poison),
    cmocka_unit_test (test_made_once),
    cmocka_unit_test (test_damaged_l1),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
