/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Refcounts of all widths against an array of numbers: reading, changing,
 * searching.  Their growth is in test-refcount-grow.c.
 */

#include <config.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cursor.h"
#include "engine-fixture.h"
#include "random.h"

#define MAX_CLUSTERS 16384u     /* that tests look at */

struct fixture {
  struct engine e;
  struct refcounts *rc;
  uint64_t nr;                  /* clusters that the first block covers, or
                                 * MAX_CLUSTERS */
  uint64_t *model;
  uint64_t max;                 /* refcount */
};

static void
setup (struct fixture *f, uint32_t order, uint32_t cluster_bits) NO_TSA
{
  uint64_t i;

  engine_new (&f->e, &(struct engine_shape) {
    .refcount_order = order, .narrow = order == 0,
    .cluster_bits = cluster_bits, .nr_slots = 2 });
  f->rc = &f->e.allocator.refcounts;
  f->nr = UINT64_C (1) << f->e.header.refblock_bits;
  f->nr = f->nr < MAX_CLUSTERS ? f->nr : MAX_CLUSTERS;
  f->model = calloc (f->nr, sizeof *f->model);
  f->max = order == 6 ? UINT64_MAX
    : (UINT64_C (1) << (1u << order)) - 1;
  assert_non_null (f->model);
  for (i = 0; i < FIRST_FREE_CLUSTER; ++i)
    f->model[i] = 1;
}

static void
teardown (struct fixture *f)
{
  free (f->model);
  engine_free (&f->e);
}

static uint64_t
get (struct fixture *f, uint64_t cluster)
{
  struct error err = ERROR_INIT;
  uint64_t n = 12345;

  if (refcounts_get (f->rc, cluster, &n, &err) == -1)
    fail_msg ("%s", err.text);
  return n;
}

static void
check_all (struct fixture *f)
{
  uint64_t i;

  for (i = 0; i < f->nr; ++i)
    if (get (f, i) != f->model[i])
      fail_msg ("cluster %u: %u, not %u", (unsigned) i, (unsigned) get (f, i),
                (unsigned) f->model[i]);
}

/* Put one entry of the first block to N, behind the engine's back. */
static void
force (struct fixture *f, uint64_t cluster, uint64_t n)
{
  const uint64_t size = f->e.header.cluster_size;
  uint8_t *block = malloc (size);

  assert_non_null (block);
  assert_int_equal (io_pread (f->e.io, block, size, 2 * size, NULL), 0);
  refcount_set (block, f->e.header.refcount_order, cluster, n);
  assert_int_equal (io_pwrite (f->e.io, block, size, 2 * size, 0, NULL), 0);
  table_cache_forget (f->e.cache, 2 * size, size);
  f->model[cluster] = n;
  free (block);
}

static struct extent
random_extent (struct fixture *f, struct random *r)
{
  const uint64_t first = random_below (r, f->nr);
  const uint64_t longest = random_chance (r, 1, 4) ? f->nr : 20;
  const uint64_t left = f->nr - first < longest ? f->nr - first : longest;

  return (struct extent) { first, 1 + random_below (r, left) };
}

static bool
may_change (struct fixture *f, struct extent e, int delta)
{
  uint64_t c;

  for (c = e.first; c < e.first + e.nr_clusters; ++c)
    if (f->model[c] == (delta < 0 ? 0 : f->max))
      return false;
  return true;
}

static void
random_change (struct fixture *f, struct random *r)
{
  const struct extent e = random_extent (f, r);
  const int delta = random_chance (r, 2, 5) ? -1 : 1;
  struct error err = ERROR_INIT;
  uint64_t c;

  if (!may_change (f, e, delta)) {
    assert_int_equal (refcounts_add (f->rc, e, delta, 0, &err), -1);
    assert_int_equal (err.errnum, EIO);
    assert_non_null (strstr (err.text, delta < 0 ? " and cannot go down: the image"
                             : " and cannot go up: the image is damaged"));
    assert_non_null (strstr (err.text, "refcount of host cluster "));
    return;
  }
  if (refcounts_add (f->rc, e, delta, 0, &err) == -1)
    fail_msg ("%s", err.text);
  for (c = e.first; c < e.first + e.nr_clusters; ++c)
    f->model[c] += delta;
}

/* Half of the time just before the end of a slice. */
static uint64_t
random_start (struct fixture *f, struct random *r)
{
  const uint64_t per_slice = ((uint64_t) table_cache_slice_bytes (f->e.cache)
                              * 8) >> f->e.header.refcount_order;

  if (random_chance (r, 1, 2) && per_slice < f->nr)
    return per_slice - 1 - random_below (r, 20);
  return random_below (r, f->nr);
}

static void
check_find_free (struct fixture *f, struct random *r)
{
  const uint64_t from = random_start (f, r);
  const uint64_t end = from + random_below (r, f->nr - from + 1);
  const uint64_t max = 1 + random_below (r, 40);
  struct extent found, expected = { from, 0 };
  struct error err = ERROR_INIT;
  bool covered = true;

  while (expected.first < end && f->model[expected.first] != 0)
    expected.first++;
  while (expected.first + expected.nr_clusters < end &&
         expected.nr_clusters < max &&
         f->model[expected.first + expected.nr_clusters] == 0)
    expected.nr_clusters++;
  if (refcounts_find_free (f->rc, from, end, max, &found, &covered,
                           &err) == -1)
    fail_msg ("%s", err.text);
  assert_int_equal (found.nr_clusters, expected.nr_clusters);
  if (found.nr_clusters > 0) {
    assert_int_equal (found.first, expected.first);
    assert_true (covered);
  }
}

static void
run (uint32_t order, uint32_t cluster_bits)
{
  struct random r = { order * 100 + cluster_bits };
  struct fixture f;
  unsigned i;

  setup (&f, order, cluster_bits);
  for (i = 0; i < 400; ++i) {
    random_change (&f, &r);
    check_find_free (&f, &r);
    if (i % 50 == 0)
      check_all (&f);
  }
  check_all (&f);
  for (i = 0; i < f.nr; i += 37)
    assert_int_equal (engine_refcount_on_disk (&f.e, i), f.model[i]);
  teardown (&f);
}

static void
test_random_all_widths (void **state)
{
  uint32_t order;

  (void) state;
  for (order = 0; order <= 6; ++order) {
    run (order, 9);
    run (order, 13);            /* two slices in a block */
  }
}

static void
test_never_wraps (void **state)
{
  uint32_t order;

  (void) state;
  for (order = 0; order <= 6; ++order) {
    struct error err = ERROR_INIT;
    struct fixture f;

    setup (&f, order, 9);
    force (&f, 7, f.max);
    assert_int_equal (refcounts_add (f.rc, (struct extent) { 5, 4 }, 1, 0,
                                     &err), -1);
    assert_int_equal (err.errnum, EIO);
    assert_non_null (strstr (err.text, "host cluster 7"));
    assert_non_null (strstr (err.text, "qemu-img check"));
    force (&f, 8, 0);
    assert_int_equal (refcounts_add (f.rc, (struct extent) { 0, 9 }, -1, 0,
                                     &err), -1);
    assert_non_null (strstr (err.text, "host cluster 4"));
    check_all (&f);
    assert_int_equal (poison_check (&f.e.poison, &err), 0);
    teardown (&f);
  }
}

/* The entry that cannot change is in a later slice: earlier ones are put
 * back as they were. */
static void
test_all_or_nothing (void **state)
{
  const uint64_t last = 8192 * 8 / 64 - 1;      /* of the second slice */
  struct error err = ERROR_INIT;
  struct fixture f;

  (void) state;
  setup (&f, 6, 13);
  force (&f, last, UINT64_MAX);
  assert_int_equal (refcounts_add (f.rc, (struct extent) { 4, last - 3 }, 1, 0,
                                   &err), -1);
  check_all (&f);
  /* The same where the second slice cannot be read. */
  force (&f, last, 0);
  simdisk_fail (f.e.disk, SIMDISK_READ, 2, EIO, false);
  assert_int_equal (refcounts_add (f.rc, (struct extent) { 4, last - 3 }, 1, 0,
                                   &err), -1);
  assert_true (simdisk_fault_struck (f.e.disk));
  check_all (&f);
  assert_int_equal (poison_check (&f.e.poison, &err), 0);
  teardown (&f);
}

static void
test_failed_write_poisons (void **state)
{
  struct error err = ERROR_INIT;
  struct fixture f;

  (void) state;
  setup (&f, 4, 9);
  simdisk_fail (f.e.disk, SIMDISK_WRITE, 1, EIO, false);
  assert_int_equal (refcounts_add (f.rc, (struct extent) { 4, 1 }, 1, 0,
                                   NULL), -1);
  check_all (&f);
  assert_int_equal (poison_check (&f.e.poison, &err), -1);
  assert_string_equal (err.class, "Poisoned");
  assert_non_null (strstr (err.text, "writing"));
  teardown (&f);
}

/* Up, then the second slice's write fails: the first one is not put back,
 * for nothing may be written any more. */
static void
test_poison_ends_all_writes (void **state)
{
  struct error err = ERROR_INIT;
  struct fixture f;

  (void) state;
  setup (&f, 6, 13);
  simdisk_fail (f.e.disk, SIMDISK_WRITE, 2, EIO, false);
  assert_int_equal (refcounts_add (f.rc, (struct extent) { 4, 600 }, 1, 0,
                                   &err), -1);
  assert_string_equal (err.class, "Poisoned");
  assert_int_equal (engine_refcount_on_disk (&f.e, 4), 1);
  assert_int_equal (engine_refcount_on_disk (&f.e, 600), 0);
  teardown (&f);
}

static void
test_without_a_block (void **state)
{
  struct error err = ERROR_INIT;
  struct extent found;
  struct fixture f;
  bool covered = true;

  (void) state;
  setup (&f, 4, 9);
  assert_int_equal (get (&f, f.nr), 0);
  assert_int_equal (get (&f, UINT64_C (1) << 47), 0);
  assert_int_equal (refcounts_add (f.rc, (struct extent) { f.nr - 1, 2 }, 1, 0,
                                   &err), -1);
  assert_non_null (strstr (err.text, "no refcount block"));
  check_all (&f);
  assert_int_equal (refcounts_find_free (f.rc, f.nr + 3, f.nr + 50, 9, &found,
                                         &covered, &err), 0);
  assert_false (covered);
  assert_int_equal (found.first, f.nr + 3);
  assert_int_equal (found.nr_clusters, 9);
  /* Covered ones first, and not together with uncovered ones. */
  assert_int_equal (refcounts_find_free (f.rc, f.nr - 2, f.nr + 50, 9, &found,
                                         &covered, &err), 0);
  assert_true (covered);
  assert_int_equal (found.nr_clusters, 2);
  teardown (&f);
}

/* The first slice ends with free clusters, the second begins with used. */
static void
test_free_run_across_slices (void **state)
{
  const uint64_t border = 4096 * 8 / 64;
  struct extent found;
  struct fixture f;
  bool covered;

  (void) state;
  setup (&f, 6, 13);
  assert_int_equal (refcounts_find_free (f.rc, border - 4, f.nr, 40, &found,
                                         &covered, NULL), 0);
  assert_int_equal (found.first, border - 4);
  assert_int_equal (found.nr_clusters, 40);
  force (&f, border, 1);
  assert_int_equal (refcounts_find_free (f.rc, border - 4, f.nr, 40, &found,
                                         &covered, NULL), 0);
  assert_int_equal (found.first, border - 4);
  assert_int_equal (found.nr_clusters, 4);
  assert_int_equal (refcounts_find_free (f.rc, border, f.nr, 40, &found,
                                         &covered, NULL), 0);
  assert_int_equal (found.first, border + 1);
  teardown (&f);
}

static void
test_end (void **state)
{
  uint32_t order;

  (void) state;
  for (order = 0; order <= 6; ++order) {
    struct fixture f;
    uint64_t end = 0;

    setup (&f, order, 13);
    assert_int_equal (refcounts_end (f.rc, &end, NULL), 0);
    assert_int_equal (end, FIRST_FREE_CLUSTER);
    force (&f, f.nr - 5, 1);
    assert_int_equal (refcounts_end (f.rc, &end, NULL), 0);
    assert_int_equal (end, f.nr - 4);
    teardown (&f);
  }
}

/* -- loading ---------------------------------------- */

static void
load_with_entry (uint64_t raw_entry, const char *expected)
{
  struct error err = ERROR_INIT;
  struct refcounts rc = { 0 };
  struct fixture f;
  uint8_t be[8];

  setup (&f, 4, 9);
  store_be64 (be, raw_entry);
  assert_int_equal (io_pwrite (f.e.io, be, 8, 512 + 8, 0, NULL), 0);
  rc = (struct refcounts) {
    .io = f.e.io, .header = &f.e.header, .cache = f.e.cache,
    .poison = &f.e.poison,
  };
  assert_int_equal (metadata_map_new (&rc.metadata, NULL), 0);
  assert_int_equal (refcounts_load (&rc, 4 * 512, &err), -1);
  assert_int_equal (err.errnum, EIO);
  if (!strstr (err.text, expected))
    fail_msg ("\"%s\" is not in \"%s\"", expected, err.text);
  metadata_map_free (rc.metadata);
  refcounts_free (&rc);
  teardown (&f);
}

static void
test_load_refuses (void **state)
{
  (void) state;
  load_with_entry (4 * 512, "beyond the end of the file");
  load_with_entry (UINT64_C (1) << 60, "refcount table entry 1");
  /* Two entries for one block; a block in the table itself. */
  load_with_entry (2 * 512, "overlaps");
  load_with_entry (1 * 512, "overlaps");
}

static void
test_load_marks_metadata (void **state)
{
  struct fixture f;

  (void) state;
  setup (&f, 4, 9);
  assert_true (metadata_map_touches (f.e.metadata, 1, 1));      /* table */
  assert_true (metadata_map_touches (f.e.metadata, 2, 1));      /* block */
  assert_false (metadata_map_touches (f.e.metadata, 4, 100));
  teardown (&f);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_random_all_widths),
    cmocka_unit_test (test_never_wraps),
    cmocka_unit_test (test_all_or_nothing),
    cmocka_unit_test (test_failed_write_poisons),
    cmocka_unit_test (test_poison_ends_all_writes),
    cmocka_unit_test (test_without_a_block),
    cmocka_unit_test (test_free_run_across_slices),
    cmocka_unit_test (test_end),
    cmocka_unit_test (test_load_refuses),
    cmocka_unit_test (test_load_marks_metadata),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
