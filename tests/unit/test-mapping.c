/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Mapping: runs that lookups find, against a walk entry by entry; and what
 * they say of damaged tables.  Changing entries is in test-mapping-set.c.
 *
 * Clusters have 512 bytes: a table has 64 entries and covers 32 KiB.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
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

#define CLUSTER 512u
#define PER_TABLE 64u
#define TABLE_CLUSTER 100u      /* where these tests put an L2 table */
#define NORMAL(host) ((uint64_t) (host) * CLUSTER | QCOW2_ENTRY_COPIED)
#define SHARED(host) ((uint64_t) (host) * CLUSTER)
#define ZERO QCOW2_ENTRY_ZERO
#define COMPRESSED(host) (((uint64_t) (host) * CLUSTER + 5) \
                          | QCOW2_ENTRY_COMPRESSED)

static void
write_be64 (struct engine *e, uint64_t offset, uint64_t value)
{
  uint8_t be[8];

  store_be64 (be, value);
  assert_int_equal (io_pwrite (e->io, be, 8, offset, 0, NULL), 0);
}

/* An engine whose first L2 table holds ENTRIES. */
static void
new_engine (struct engine *e, uint32_t version, const uint64_t *entries,
            unsigned nr)
{
  struct engine first;
  unsigned i;

  engine_new (&first, &(struct engine_shape) {
    .version = version, .cluster_bits = 9 });
  write_be64 (&first, 3 * CLUSTER,
              TABLE_CLUSTER * CLUSTER | QCOW2_ENTRY_COPIED);
  /* The file must reach to the table's end. */
  write_be64 (&first, (TABLE_CLUSTER + 1) * CLUSTER - 8, 0);
  for (i = 0; i < nr; ++i)
    write_be64 (&first, TABLE_CLUSTER * CLUSTER + i * 8, entries[i]);
  engine_reopen (&first, e);
  engine_free (&first);
}

static struct run
lookup (struct engine *e, uint64_t offset, uint64_t len)
{
  struct error err = ERROR_INIT;
  struct run run;

  if (mapping_lookup (&e->mapping, offset, len, &run, &err) == -1)
    fail_msg ("%s", err.text);
  return run;
}

static void
assert_run (struct run run, enum cluster_type type, uint64_t len,
            uint64_t host_offset)
{
  assert_int_equal (run.type, type);
  assert_int_equal (run.len, len);
  assert_int_equal (run.host_offset, host_offset);
}

static void
test_runs (void **state)
{
  static const uint64_t entries[] = {
    NORMAL (200), NORMAL (201), NORMAL (203), SHARED (204), SHARED (205),
    0, 0, ZERO, ZERO, NORMAL (300) | ZERO, COMPRESSED (400), COMPRESSED (401),
    NORMAL (206),
  };
  struct engine e;

  (void) state;
  new_engine (&e, 3, entries, 13);
  assert_run (lookup (&e, 0, 32768), CLUSTER_NORMAL, 1024, 200 * 512);
  assert_true (lookup (&e, 0, 32768).copied);
  assert_run (lookup (&e, 100, 700), CLUSTER_NORMAL, 700, 200 * 512 + 100);
  assert_run (lookup (&e, 600, 1), CLUSTER_NORMAL, 1, 201 * 512 + 88);
  assert_run (lookup (&e, 1023, 2), CLUSTER_NORMAL, 1, 201 * 512 + 511);
  assert_run (lookup (&e, 1024, 9999), CLUSTER_NORMAL, 512, 203 * 512);
  assert_run (lookup (&e, 1536, 9999), CLUSTER_NORMAL, 1024, 204 * 512);
  assert_false (lookup (&e, 1536, 9999).copied);
  assert_run (lookup (&e, 5 * 512 + 1, 9999), CLUSTER_UNALLOCATED, 1023, 0);
  assert_run (lookup (&e, 7 * 512, 9999), CLUSTER_ZERO_PLAIN, 1024, 0);
  assert_run (lookup (&e, 9 * 512, 9999), CLUSTER_ZERO_ALLOCATED, 512,
              300 * 512);
  /* Compressed: one cluster at a time, the offset is that of its data. */
  assert_run (lookup (&e, 10 * 512 + 7, 9999), CLUSTER_COMPRESSED, 505,
              400 * 512 + 5);
  assert_int_equal (lookup (&e, 10 * 512, 1).compressed_bytes, 507);
  assert_run (lookup (&e, 12 * 512, 9999), CLUSTER_NORMAL, 512, 206 * 512);
  /* From the last entry used to the end of the table. */
  assert_run (lookup (&e, 13 * 512, 1 << 20), CLUSTER_UNALLOCATED, 51 * 512,
              0);
  engine_free (&e);
}

static void
test_without_table (void **state)
{
  struct engine e;

  (void) state;
  new_engine (&e, 3, NULL, 0);
  assert_true (mapping_has_table (&e.mapping, 0));
  assert_true (mapping_has_table (&e.mapping, 63));
  assert_false (mapping_has_table (&e.mapping, 64));
  assert_int_equal (mapping_next_table (&e.mapping, 0), 64);
  assert_int_equal (mapping_next_table (&e.mapping, 63), 64);
  assert_int_equal (mapping_next_table (&e.mapping, 64), 128);
  assert_run (lookup (&e, 32768 + 3, 9), CLUSTER_UNALLOCATED, 9, 0);
  assert_run (lookup (&e, 32768 + 3, 99999), CLUSTER_UNALLOCATED, 32765, 0);
  engine_free (&e);
}

static void
test_batch (void **state)
{
  struct engine e;

  (void) state;
  new_engine (&e, 3, NULL, 0);
  assert_int_equal (mapping_batch (&e.mapping, 0, 1000), 64);
  assert_int_equal (mapping_batch (&e.mapping, 3, 5), 5);
  assert_int_equal (mapping_batch (&e.mapping, 60, 5), 4);
  assert_int_equal (mapping_batch (&e.mapping, 64, 70), 64);
  engine_free (&e);
}

/* -- random tables ---------------------------------------- */

static uint64_t
random_entry (struct random *r, uint64_t before)
{
  switch (random_below (r, 12)) {
  case 0: return 0;
  case 1: return ZERO;
  case 2: return NORMAL (200 + random_below (r, 99));
  case 3: return SHARED (200 + random_below (r, 99));
  case 4: return NORMAL (200 + random_below (r, 99)) | ZERO;
  case 5: return COMPRESSED (200 + random_below (r, 99));
  case 6: case 7: return before;
  default: return before & (QCOW2_ENTRY_COMPRESSED | ZERO) ||
      !(before & QCOW2_ENTRY_OFFSET_MASK) ? before : before + CLUSTER;
  }
}

static bool
is_next (const struct l2_entry *first, const struct l2_entry *next,
         uint64_t distance)
{
  if (first->type != next->type || first->copied != next->copied)
    return false;
  return first->type == CLUSTER_NORMAL
    ? next->host_offset == first->host_offset + distance * CLUSTER
    : first->type != CLUSTER_COMPRESSED;
}

static void
check_lookup (struct engine *e, const uint64_t *entries, uint64_t offset,
              uint64_t len)
{
  const struct run run = lookup (e, offset, len);
  const uint64_t first = offset / CLUSTER;
  struct l2_entry a, b;
  uint64_t i = first, expected;

  assert_int_equal (l2_entry_decode (&e->header, entries[first], &a, NULL), 0);
  do {
    ++i;
    if (i < PER_TABLE)
      assert_int_equal (l2_entry_decode (&e->header, entries[i], &b, NULL),
                        0);
  } while (i < PER_TABLE && is_next (&a, &b, i - first));
  expected = i * CLUSTER - offset;
  assert_int_equal (run.len, len < expected ? len : expected);
  assert_int_equal (run.type, a.type);
  assert_int_equal (run.copied, a.copied);
  assert_int_equal (run.host_offset, a.host_offset
                    + (a.type == CLUSTER_NORMAL ? offset % CLUSTER : 0));
}

static void
test_random_tables (void **state)
{
  uint64_t seed;

  (void) state;
  for (seed = 1; seed <= 60; ++seed) {
    uint64_t entries[PER_TABLE];
    struct random r = { seed };
    struct engine e;
    unsigned i;

    entries[0] = NORMAL (150);
    for (i = 1; i < PER_TABLE; ++i)
      entries[i] = seed % 4 == 0 ? entries[i - 1] + CLUSTER
        : random_entry (&r, entries[i - 1]);
    new_engine (&e, 3, entries, PER_TABLE);
    for (i = 0; i < 200; ++i)
      check_lookup (&e, entries, random_below (&r, PER_TABLE * CLUSTER),
                    1 + random_below (&r, 2 * PER_TABLE * CLUSTER));
    engine_free (&e);
  }
}

/* -- damage ---------------------------------------- */

static void
assert_lookup_fails (struct engine *e, uint64_t offset, const char *text)
{
  struct error err = ERROR_INIT;
  struct run run = { .len = 77 };

  assert_int_equal (mapping_lookup (&e->mapping, offset, 5000, &run, &err),
                    -1);
  assert_int_equal (err.errnum, EIO);
  if (!strstr (err.text, text))
    fail_msg ("\"%s\" is not in \"%s\"", text, err.text);
  assert_int_equal (run.len, 77);
}

static void
test_damaged_l2 (void **state)
{
  static const uint64_t entries[] = {
    NORMAL (200), NORMAL (201), QCOW2_ENTRY_COPIED, ZERO,
  };
  struct engine e;

  (void) state;
  new_engine (&e, 3, entries, 4);
  /* What is before the damage can be read; the damage is told in its place. */
  assert_run (lookup (&e, 0, 5000), CLUSTER_NORMAL, 1024, 200 * 512);
  assert_lookup_fails (&e, 1024 + 5, "guest offset 1024");
  assert_lookup_fails (&e, 1024, "host cluster 0");
  engine_free (&e);
}

static void
test_zero_flag_in_version_2 (void **state)
{
  static const uint64_t entries[] = { NORMAL (200) | ZERO };
  struct engine e;

  (void) state;
  new_engine (&e, 2, entries, 1);
  assert_lookup_fails (&e, 0, "version 2");
  engine_free (&e);
}

static void
test_damaged_l1 (void **state)
{
  const uint64_t beyond = (UINT64_C (1) << 56) - 512;
  struct engine e;

  (void) state;
  new_engine (&e, 3, NULL, 0);
  /* In memory: as if it had come from a file opened for reading only, where
   * L1 entries are looked at when they are used. */
  atomic_store (&e.mapping.l1[1], beyond | QCOW2_ENTRY_COPIED);
  assert_run (lookup (&e, 32768, 512), CLUSTER_UNALLOCATED, 512, 0);
  simdisk_fail (e.disk, SIMDISK_READ, 1, EIO, true);
  atomic_store (&e.mapping.l1[2], 300 * 512);
  assert_lookup_fails (&e, 65536, "reading");
  engine_free (&e);
}

/* An L1 entry with its flag and no table is none. */
static void
test_flag_without_table (void **state)
{
  static const uint64_t entries[] = { NORMAL (200) };
  struct engine first, e;

  (void) state;
  new_engine (&first, 3, entries, 1);
  write_be64 (&first, 3 * CLUSTER + 8, QCOW2_ENTRY_COPIED);
  engine_reopen (&first, &e);
  engine_free (&first);
  assert_run (lookup (&e, PER_TABLE * CLUSTER, 512), CLUSTER_UNALLOCATED, 512,
              0);
  assert_run (lookup (&e, 0, 512), CLUSTER_NORMAL, 512, 200 * 512);
  engine_free (&e);
}

/* 64 KiB clusters, where an L1 entry may be misaligned. */
static void
load_with_l1_entry (uint64_t raw, const char *text)
{
  struct error err = ERROR_INIT;
  struct mapping m;
  struct engine e;
  struct run run;

  engine_new (&e, &(struct engine_shape) {
    .cluster_bits = 16, .virtual_size = UINT64_C (2) << 30 });
  write_be64 (&e, 3 * 65536 + 8, raw);
  m = (struct mapping) { .io = e.io, .header = &e.header, .cache = e.cache,
                         .poison = &e.poison };
  assert_int_equal (metadata_map_new (&m.metadata, NULL), 0);
  assert_int_equal (mapping_load (&m, 4 * 65536, true, &err), -1);
  assert_int_equal (err.errnum, EIO);
  assert_non_null (strstr (err.text, "L1 entry 1"));
  if (!strstr (err.text, text))
    fail_msg ("\"%s\" is not in \"%s\"", text, err.text);
  mapping_destroy (&m);
  metadata_map_free (m.metadata);
  /* Read-only, it is told when it is used. */
  m.l1 = NULL;
  assert_int_equal (mapping_load (&m, 4 * 65536, false, &err), 0);
  assert_int_equal (mapping_lookup (&m, 0, 1, &run, &err), 0);
  assert_int_equal (mapping_lookup (&m, UINT64_C (512) << 20, 1, &run, &err),
                    -1);
  assert_non_null (strstr (err.text, "L1 entry 1"));
  mapping_destroy (&m);
  engine_free (&e);
}

static void
test_load_refuses (void **state)
{
  struct error err = ERROR_INIT;
  struct mapping m;
  struct engine e;

  (void) state;
  load_with_l1_entry (4 * 65536 + 512, "not a multiple");
  engine_new (&e, &(struct engine_shape) { .cluster_bits = 9 });
  m = (struct mapping) { .io = e.io, .header = &e.header, .cache = e.cache,
                         .poison = &e.poison };
  assert_int_equal (metadata_map_new (&m.metadata, NULL), 0);
  assert_int_equal (mapping_load (&m, 3 * 512 + 100, true, &err), -1);
  assert_int_equal (err.errnum, EIO);
  assert_non_null (strstr (err.text, "the L1 table ends at offset 1792 but the "
                           "file has 1636 bytes: it is truncated"));
  mapping_destroy (&m);
  simdisk_fail (e.disk, SIMDISK_READ, 1, EIO, false);
  assert_int_equal (mapping_load (&m, 4 * 512, true, &err), -1);
  mapping_destroy (&m);
  metadata_map_free (m.metadata);
  engine_free (&e);
}

static void
test_load_marks_metadata (void **state)
{
  struct engine e;

  (void) state;
  new_engine (&e, 3, NULL, 0);
  assert_true (metadata_map_touches (e.metadata, 3, 1));        /* L1 */
  assert_true (metadata_map_touches (e.metadata, TABLE_CLUSTER, 1));
  assert_false (metadata_map_touches (e.metadata, TABLE_CLUSTER + 1, 50));
  engine_free (&e);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_runs),
    cmocka_unit_test (test_without_table),
    cmocka_unit_test (test_batch),
    cmocka_unit_test (test_random_tables),
    cmocka_unit_test (test_damaged_l2),
    cmocka_unit_test (test_zero_flag_in_version_2),
    cmocka_unit_test (test_damaged_l1),
    cmocka_unit_test (test_flag_without_table),
    cmocka_unit_test (test_load_refuses),
    cmocka_unit_test (test_load_marks_metadata),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
