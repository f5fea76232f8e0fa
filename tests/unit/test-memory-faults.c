/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Modules of the engine, one by one, when memory runs out: the Nth call for it
 * fails, for N = 1, 2, ... until what was asked succeeds.  Each failure is
 * told, poisons nothing, leaves all as it was, and what failed can be asked
 * again.  What decodes images: test-decoder-faults.c; whole images:
 * test-image-faults.c, test-image-kinds.c.
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
#include "failing-calls.h"
#include "spare.h"

#define CLUSTER 512u

static void
require_enomem (int r, const struct error *err)
{
  assert_int_equal (r, -1);
  if (err->errnum != ENOMEM || strncmp (err->text, "no memory ", 10) != 0)
    fail_msg ("%d: \"%s\"", err->errnum, err->text);
}

/* -- without an engine ------------------------------------------------------ */

static void
test_table_cache (void **state)
{
  /* Memory of its own, and a mapping. */
  static const uint64_t budgets[] = { 1, 1 << 20 };
  struct table_cache_stats stats;
  struct simdisk *d = simdisk_new (512);
  struct io *io = simdisk_open (d, 0, NULL);
  struct table_cache *c = NULL;
  unsigned i, nth;

  (void) state;
  for (i = 0; i < 2; ++i) {
    for (nth = 1; nth <= 2; ++nth) {
      struct error err = ERROR_INIT;
      int r;

      fail_call (nth);
      r = table_cache_new (io, budgets[i], 512, &c, &err);
      assert_true (fail_call_struck ());
      require_enomem (r, &err);
      assert_null (c);
    }
    assert_int_equal (table_cache_new (io, budgets[i], 512, &c, NULL), 0);
    table_cache_get_stats (c, &stats);
    assert_int_equal (stats.used_bytes, 0);
    table_cache_free (c);
    c = NULL;
  }
  io_close (io);
  simdisk_free (d);
}

static void
test_new_metadata_map (void **state)
{
  struct metadata_map *m = NULL;
  struct error err = ERROR_INIT;
  unsigned nth;

  (void) state;
  for (nth = 1;; ++nth) {
    int r;

    fail_call (nth);
    r = metadata_map_new (&m, &err);
    if (!fail_call_struck ())
      break;
    require_enomem (r, &err);
    assert_null (m);
  }
  assert_int_equal (nth, 1 + 1 + 16);
  metadata_map_free (m);
}

/* Adding stops where it must, and claiming takes nothing. */
static void
test_metadata_map (void **state)
{
  struct error err = ERROR_INIT;
  struct metadata_map *m;
  uint64_t c, nr = 0;
  int r;

  (void) state;
  assert_int_equal (metadata_map_new (&m, NULL), 0);
  fail_call (1);
  r = metadata_map_reserve (m, 100000, &err);
  assert_true (fail_call_struck ());
  require_enomem (r, &err);
  fail_calls_from (1);
  r = metadata_map_add (m, 0, 4000, &err);
  assert_true (fail_call_struck ());
  require_enomem (r, &err);
  while (metadata_map_touches (m, nr, 1))
    nr++;
  assert_in_range (nr, 100, 3999);
  /* Wherever it begins: it may get far, or nowhere. */
  for (c = 10000; c < 10100; ++c) {
    fail_calls_from (1);
    r = metadata_map_claim (m, c, 4000, "a table", &err);
    assert_true (fail_call_struck ());
    require_enomem (r, &err);
    assert_false (metadata_map_touches (m, 10000, 4100));
  }
  /* What was in it is, and it grows again. */
  assert_int_equal (metadata_map_add (m, nr, 4000 - nr, &err), 0);
  for (c = 0; c < 4000; ++c)
    assert_true (metadata_map_touches (m, c, 1));
  assert_false (metadata_map_touches (m, 4000, 6000));
  metadata_map_free (m);
}

static void
test_spare (void **state)
{
  struct spare s;
  void *p;

  (void) state;
  spare_init (&s);
  fail_call (1);
  assert_null (spare_take (&s, 100));
  assert_true (fail_call_struck ());
  fail_call (1);
  assert_null (spare_take (NULL, 100));
  assert_true (fail_call_struck ());
  p = spare_take (&s, 100);
  assert_non_null (p);
  spare_give (&s, p, 100);
  /* What is kept needs none. */
  fail_call (1);
  assert_ptr_equal (spare_take (&s, 100), p);
  assert_false (fail_call_struck ());
  spare_give (&s, p, 100);
  spare_destroy (&s);
}

/* -- with one ---------------------------------------------------------------- */

typedef int attempt_fn (struct engine *e, struct error *err);

static void
new_engine (struct engine *e)
{
  engine_new (e, &(struct engine_shape) { .cluster_bits = 9 });
}

static bool
is_poisoned (struct engine *e)
{
  return atomic_load (&e->poison.set);
}

/* CHECK, unless NULL, is done after a failure and after the success that
 * follows it.  Returns how many tries failed. */
static unsigned
until_it_succeeds (void (*prepare) (struct engine *e), attempt_fn *attempt,
                   void (*check) (struct engine *e, bool done))
{
  unsigned nth, nr_failed = 0;
  bool struck = true;

  for (nth = 1; struck; ++nth) {
    struct error err = ERROR_INIT;
    struct engine e;
    int r;

    new_engine (&e);
    prepare (&e);
    fail_call (nth);
    r = attempt (&e, &err);
    struck = fail_call_struck ();
    assert_false (is_poisoned (&e));
    if (r == -1) {
      assert_true (struck);
      require_enomem (r, &err);
      nr_failed++;
      check (&e, false);
      if (attempt (&e, &err) == -1)
        fail_msg ("%s", err.text);
    }
    check (&e, true);
    engine_free (&e);
  }
  return nr_failed;
}

static void
nothing (struct engine *e)
{
  (void) e;
}

#define ENTRY (UINT64_C (1000) * CLUSTER | QCOW2_ENTRY_COPIED)

static uint64_t
get (struct engine *e, uint64_t cluster)
{
  struct error err = ERROR_INIT;
  struct raw_entry raw;

  if (mapping_get (&e->mapping, cluster, 1, &raw, &err) == -1)
    fail_msg ("%s", err.text);
  return raw.entry;
}

static int
set_entry (struct engine *e, struct error *err)
{
  const struct raw_entry raw = { ENTRY, 0 };

  return mapping_set (&e->mapping, 7, 1, &raw, err);
}

static void
check_entry (struct engine *e, bool done)
{
  struct engine after;

  assert_int_equal (get (e, 7), done ? ENTRY : 0);
  assert_int_equal (get (e, 8), 0);
  engine_reopen (e, &after);
  assert_int_equal (get (&after, 7), done ? ENTRY : 0);
  engine_free (&after);
}

static void
test_new_l2_table (void **state)
{
  (void) state;
  assert_true (until_it_succeeds (nothing, set_entry, check_entry) >= 1);
}

/* Entry 9 is set, and the table is shared with somebody. */
static void
share_table (struct engine *e)
{
  const struct raw_entry raw = { ENTRY + CLUSTER, 0 };
  struct error err = ERROR_INIT;
  uint8_t be[8];
  uint64_t l1;

  assert_int_equal (mapping_set (&e->mapping, 9, 1, &raw, &err), 0);
  l1 = atomic_load (&e->mapping.l1[0]) & ~QCOW2_ENTRY_COPIED;
  atomic_store (&e->mapping.l1[0], l1);
  store_be64 (be, l1);
  assert_int_equal (io_pwrite (e->io, be, 8, 3 * CLUSTER, 0, &err), 0);
}

static void
check_copied (struct engine *e, bool done)
{
  const uint64_t l1 = atomic_load (&e->mapping.l1[0]);

  check_entry (e, done);
  assert_int_equal (get (e, 9), ENTRY + CLUSTER);
  assert_int_equal ((l1 & QCOW2_ENTRY_COPIED) != 0, done);
}

static void
test_copied_l2_table (void **state)
{
  (void) state;
  assert_true (until_it_succeeds (share_table, set_entry, check_copied) >= 1);
}

/* More than the present refcount table can point to. */
static int
extend (struct engine *e, struct error *err) NO_TSA
{
  struct extent r;

  return refcounts_extend (&e->allocator.refcounts, 64 * 256, UINT64_MAX / 2,
                           4, &r, err);
}

static void
check_extended (struct engine *e, bool done) NO_TSA
{
  struct refcounts *rc = &e->allocator.refcounts;
  uint64_t n = 7;

  assert_int_equal (rc->table_offset != CLUSTER, done);
  assert_int_equal (refcounts_get (rc, 64 * 256, &n, NULL), 0);
  assert_int_equal (n, done);
  assert_int_equal (metadata_map_touches (e->metadata, 64 * 256, 1), done);
  assert_int_equal (metadata_map_touches (e->metadata, 1, 1), !done);
}

static void
test_larger_refcount_table (void **state)
{
  (void) state;
  assert_true (until_it_succeeds (nothing, extend, check_extended) >= 2);
}

static int
load_refcounts (struct engine *e, struct error *err) NO_TSA
{
  struct refcounts rc = {
    .io = e->io, .header = &e->header, .cache = e->cache,
    .poison = &e->poison,
  };
  int r = metadata_map_new (&rc.metadata, err);

  if (r == 0)
    r = refcounts_load (&rc, 4 * CLUSTER, err);
  metadata_map_free (rc.metadata);
  refcounts_free (&rc);
  return r;
}

static int
load_mapping (struct engine *e, struct error *err)
{
  struct mapping m = {
    .io = e->io, .header = &e->header, .cache = e->cache,
    .poison = &e->poison,
  };
  int r = metadata_map_new (&m.metadata, err);

  if (r == -1)
    return -1;
  r = mapping_load (&m, UINT64_C (1) << 40, true, err);
  metadata_map_free (m.metadata);
  mapping_destroy (&m);
  return r;
}

static void
no_check (struct engine *e, bool done)
{
  (void) e, (void) done;
}

static void
test_loading (void **state)
{
  (void) state;
  assert_int_equal (until_it_succeeds (nothing, load_refcounts, no_check),
                    18);
  assert_true (until_it_succeeds (share_table, load_mapping, no_check) >= 18);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_table_cache),
    cmocka_unit_test (test_new_metadata_map),
    cmocka_unit_test (test_metadata_map),
    cmocka_unit_test (test_spare),
    cmocka_unit_test (test_new_l2_table),
    cmocka_unit_test (test_copied_l2_table),
    cmocka_unit_test (test_larger_refcount_table),
    cmocka_unit_test (test_loading),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
