/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Table cache: bounded, write-through, and nothing in it that the file has
 * not.  Its threads are in test-table-cache-threads.c.
 */

#include <config.h>

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <sys/resource.h>

#include "table-cache-fixture.h"

static void
test_reads_once (void **state)
{
  struct table_cache_stats stats;
  struct fixture f;
  uint8_t buf[16];
  uint64_t before;

  (void) state;
  setup (&f, 64 * SLICE);
  assert_int_equal (table_cache_slice_bytes (f.cache), SLICE);
  before = nr_reads (&f);
  assert_int_equal (table_cache_read (f.cache, buf, 16, 3 * SLICE + 496,
                                      NULL), 0);
  assert_int_equal (buf[15], 3);
  assert_int_equal (read_byte (&f, 3 * SLICE), 3);
  assert_int_equal (nr_reads (&f), before + 1);
  table_cache_get_stats (f.cache, &stats);
  assert_int_equal (stats.hits, 1);
  assert_int_equal (stats.misses, 1);
  assert_int_equal (stats.used_bytes, SLICE);
  teardown (&f);
}

static void
test_bounded (void **state)
{
  static const uint64_t budgets[] = { 0, 1, 2 * SLICE, 5 * SLICE, 40 * SLICE };
  unsigned b, i;

  (void) state;
  for (b = 0; b < 5; ++b) {
    const uint64_t max = budgets[b] < 2 * SLICE ? 2 * SLICE : budgets[b];
    struct table_cache_stats stats;
    struct fixture f;

    setup (&f, budgets[b]);
    for (i = 0; i < 5 * NR_SLICES; ++i)
      assert_int_equal (read_byte (&f, i * 7 % NR_SLICES * SLICE),
                        i * 7 % NR_SLICES);
    table_cache_get_stats (f.cache, &stats);
    assert_in_range (stats.budget_bytes, 2 * SLICE, max);
    assert_in_range (stats.used_bytes, 2 * SLICE, stats.budget_bytes);
    teardown (&f);
  }
}

static void
test_two_slots_keep_what_is_used (void **state)
{
  struct fixture f;
  uint64_t before;
  unsigned i;

  (void) state;
  setup (&f, 1);
  read_byte (&f, 0);
  before = nr_reads (&f);
  for (i = 1; i < 20; ++i) {
    assert_int_equal (read_byte (&f, 0), 0);
    assert_int_equal (read_byte (&f, i * SLICE), i);
  }
  /* Slice 0 was used between any two others: it stays, mostly. */
  assert_true (nr_reads (&f) - before < 19 + 10);
  teardown (&f);
}

static void
test_write_through (void **state)
{
  struct fixture f;
  const uint8_t byte = 0xaa;
  uint64_t before;

  (void) state;
  setup (&f, 1);
  assert_int_equal (table_cache_write (f.cache, &byte, 1, 5 * SLICE + 9, 0,
                                       NULL), 0);
  assert_int_equal (byte_in_file (&f, 5 * SLICE + 9), 0xaa);
  assert_int_equal (byte_in_file (&f, 5 * SLICE + 8), 5);
  assert_int_equal (byte_in_file (&f, 5 * SLICE + 10), 5);
  before = nr_reads (&f);
  assert_int_equal (read_byte (&f, 5 * SLICE + 9), 0xaa);
  assert_int_equal (read_byte (&f, 5 * SLICE + 8), 5);
  assert_int_equal (nr_reads (&f), before);
  teardown (&f);
}

static void
test_failed_write_leaves_the_old (void **state)
{
  struct error err = ERROR_INIT;
  struct fixture f;
  const uint8_t byte = 0xaa;

  (void) state;
  setup (&f, 1);
  read_byte (&f, 5 * SLICE);
  simdisk_fail (f.disk, SIMDISK_WRITE, 1, ENOSPC, false);
  assert_int_equal (table_cache_write (f.cache, &byte, 1, 5 * SLICE, 0, &err),
                    -1);
  assert_int_equal (err.errnum, ENOSPC);
  assert_true (err.text[0] != '\0');
  assert_int_equal (read_byte (&f, 5 * SLICE), 5);
  assert_int_equal (table_cache_write (f.cache, &byte, 1, 5 * SLICE, 0, &err),
                    0);
  assert_int_equal (read_byte (&f, 5 * SLICE), 0xaa);
  teardown (&f);
}

static void
test_failed_load (void **state)
{
  struct error err = ERROR_INIT;
  struct fixture f;
  uint8_t byte = 0xaa;
  unsigned i;

  (void) state;
  setup (&f, 1);
  for (i = 0; i < 4; ++i) {
    simdisk_fail (f.disk, SIMDISK_READ, 1, EIO, false);
    assert_int_equal (table_cache_read (f.cache, &byte, 1, 7 * SLICE, &err),
                      -1);
    assert_int_equal (err.errnum, EIO);
    assert_int_equal (byte, 0xaa);
  }
  simdisk_fail (f.disk, SIMDISK_READ, 1, EIO, false);
  assert_int_equal (table_cache_write (f.cache, &byte, 1, 7 * SLICE, 0, &err),
                    -1);
  assert_int_equal (byte_in_file (&f, 7 * SLICE), 7);
  assert_int_equal (read_byte (&f, 7 * SLICE), 7);
  teardown (&f);
}

static void
test_forget (void **state)
{
  struct fixture f;
  const uint8_t byte = 0xbb;

  (void) state;
  setup (&f, 64 * SLICE);
  read_byte (&f, 9 * SLICE);
  read_byte (&f, 10 * SLICE);
  read_byte (&f, 11 * SLICE);
  assert_int_equal (io_pwrite (f.io, &byte, 1, 9 * SLICE, 0, NULL), 0);
  assert_int_equal (io_pwrite (f.io, &byte, 1, 10 * SLICE, 0, NULL), 0);
  assert_int_equal (io_pwrite (f.io, &byte, 1, 11 * SLICE, 0, NULL), 0);
  table_cache_forget (f.cache, 10 * SLICE, SLICE);
  assert_int_equal (read_byte (&f, 9 * SLICE), 9);
  assert_int_equal (read_byte (&f, 10 * SLICE), 0xbb);
  assert_int_equal (read_byte (&f, 11 * SLICE), 11);
  table_cache_forget (f.cache, 0, NR_SLICES * SLICE);
  assert_int_equal (read_byte (&f, 9 * SLICE), 0xbb);
  assert_int_equal (read_byte (&f, 11 * SLICE), 0xbb);
  teardown (&f);
}

/* Memory that has been something else before is no cached slice. */
static void
test_begins_empty (void **state)
{
  struct table_cache_stats stats;
  struct fixture f;
  unsigned i;

  (void) state;
  mallopt (M_PERTURB, 0xfe);
  setup (&f, 20 * SLICE);
  mallopt (M_PERTURB, 0);
  table_cache_get_stats (f.cache, &stats);
  assert_int_equal (stats.used_bytes, 0);
  for (i = 0; i < NR_SLICES; ++i)
    assert_int_equal (read_byte (&f, i * SLICE), i);
  teardown (&f);
}

static long
nr_faults (void)
{
  struct rusage usage;

  assert_int_equal (getrusage (RUSAGE_THREAD, &usage), 0);
  return usage.ru_minflt;
}

static long
faults_of_making (struct fixture *f)
{
  const long before = nr_faults ();
  struct table_cache *c;
  long nr;

  assert_int_equal (table_cache_new (&f->gate.base, 64 << 20, 4096, &c, NULL),
                    0);
  nr = nr_faults () - before;
  table_cache_free (c);
  return nr;
}

/* A guest waits for each page that is touched.  The first time there may be
 * pages of the program among them. */
static void
test_large_is_quickly_made (void **state)
{
  struct fixture f;
  long least = LONG_MAX;
  unsigned i;

  (void) state;
  setup (&f, 64 * SLICE);
  for (i = 0; i < 3; ++i) {
    const long nr = faults_of_making (&f);

    least = nr < least ? nr : least;
  }
  assert_in_range (least, 0, 8);
  teardown (&f);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_reads_once),
    cmocka_unit_test (test_bounded),
    cmocka_unit_test (test_two_slots_keep_what_is_used),
    cmocka_unit_test (test_write_through),
    cmocka_unit_test (test_failed_write_leaves_the_old),
    cmocka_unit_test (test_failed_load),
    cmocka_unit_test (test_forget),
    cmocka_unit_test (test_begins_empty),
    cmocka_unit_test (test_large_is_quickly_made),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
