/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Mapping: runs of subclusters, against a walk subcluster by subcluster; and
 * what is said of damaged entries.
 *
 * Clusters have 16 KiB, subclusters 512 bytes.
 */

#include <config.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cursor.h"
#include "engine-fixture.h"
#include "header-builder.h"
#include "random.h"

#define BITS 14u
#define CLUSTER 16384u
#define SUB 512u
#define NR 40u                  /* more entries than a lookup reads at once */
#define TABLE_CLUSTER 100u
#define OWN(host) ((uint64_t) (host) * CLUSTER | QCOW2_ENTRY_COPIED)
#define SHARED(host) ((uint64_t) (host) * CLUSTER)

static void
write_be64 (struct engine *e, uint64_t offset, uint64_t value)
{
  uint8_t be[8];

  store_be64 (be, value);
  assert_int_equal (io_pwrite (e->io, be, 8, offset, 0, NULL), 0);
}

static void
new_engine (struct engine *e, const struct raw_entry *entries, unsigned nr)
{
  struct engine first;
  unsigned i;

  engine_new (&first, &(struct engine_shape) { .cluster_bits = BITS });
  write_be64 (&first, AT_INCOMPAT, QCOW2_INCOMPAT_EXTENDED_L2);
  write_be64 (&first, 3 * CLUSTER,
              TABLE_CLUSTER * CLUSTER | QCOW2_ENTRY_COPIED);
  write_be64 (&first, (TABLE_CLUSTER + 1) * CLUSTER - 8, 0);
  for (i = 0; i < nr; ++i) {
    write_be64 (&first, TABLE_CLUSTER * CLUSTER + i * 16, entries[i].entry);
    write_be64 (&first, TABLE_CLUSTER * CLUSTER + i * 16 + 8,
                entries[i].bitmap);
  }
  engine_reopen (&first, e);
  engine_free (&first);
  assert_int_equal (e->header.l2_entry_bytes, 16);
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
  const struct raw_entry entries[] = {
    { OWN (200), bitmap_of (0xffff0000, 0x0000000f) },
    { OWN (201), bitmap_of (0x00000003, 0) },
    { SHARED (202), bitmap_of (0xffffffff, 0) },
    { 0, bitmap_of (0, 0xf0000000) },
    { 0, bitmap_of (0, 0x00000001) },
    { 300 * CLUSTER | QCOW2_ENTRY_COMPRESSED, 0 },
    { 301 * CLUSTER | QCOW2_ENTRY_COMPRESSED, 0 },
  };
  struct engine e;

  (void) state;
  new_engine (&e, entries, 7);
  assert_run (lookup (&e, 0, 1 << 20), CLUSTER_ZERO_ALLOCATED, 4 * SUB, 0);
  assert_run (lookup (&e, 100, 1), CLUSTER_ZERO_ALLOCATED, 1, 0);
  assert_run (lookup (&e, 4 * SUB + 7, 1 << 20), CLUSTER_UNALLOCATED,
              12 * SUB - 7, 0);
  /* Over the cluster's end, into the next. */
  assert_run (lookup (&e, 16 * SUB, 1 << 20), CLUSTER_NORMAL, 18 * SUB,
              200 * CLUSTER + 16 * SUB);
  assert_true (lookup (&e, 16 * SUB, 1 << 20).copied);
  assert_run (lookup (&e, 33 * SUB + 5, 9), CLUSTER_NORMAL, 9,
              201 * CLUSTER + SUB + 5);
  assert_run (lookup (&e, 2 * CLUSTER, 1 << 20), CLUSTER_NORMAL, CLUSTER,
              202 * CLUSTER);
  assert_false (lookup (&e, 2 * CLUSTER, 1).copied);
  assert_run (lookup (&e, 3 * CLUSTER, 1 << 20), CLUSTER_UNALLOCATED,
              28 * SUB, 0);
  assert_run (lookup (&e, 4 * CLUSTER - SUB, 1 << 20), CLUSTER_ZERO_PLAIN,
              2 * SUB, 0);
  assert_run (lookup (&e, 5 * CLUSTER + 9, 1 << 20), CLUSTER_COMPRESSED,
              CLUSTER - 9, 300 * CLUSTER);
  assert_int_equal (lookup (&e, 5 * CLUSTER, 1).compressed_bytes, 512);
  assert_run (lookup (&e, 7 * CLUSTER, 1 << 19), CLUSTER_UNALLOCATED, 1 << 19,
              0);
  assert_int_equal (mapping_in_slice (&e.mapping, 0, 1000), 256);
  assert_int_equal (mapping_batch (&e.mapping, 250, 1000), 6);
  assert_int_equal (mapping_batch (&e.mapping, 0, 1000), MAPPING_MAX_BATCH);
  engine_free (&e);
}

/* -- random tables ---------------------------------------- */

static struct raw_entry
random_entry (struct random *r, const struct raw_entry *before)
{
  const uint32_t all = random_below (r, 3) ? UINT32_MAX : random_next (r);
  const uint32_t zero = random_below (r, 3) ? 0 : random_next (r);
  const uint64_t host = 200 + random_below (r, 99);

  switch (random_below (r, 8)) {
  case 0: return (struct raw_entry) { 0, bitmap_of (0, zero) };
  case 1: return (struct raw_entry) {
      host * CLUSTER | QCOW2_ENTRY_COMPRESSED, 0 };
  case 2: return (struct raw_entry) { SHARED (host),
                                      bitmap_of (all & ~zero, zero) };
  case 3: return *before;
  case 4: return (struct raw_entry) { OWN (host),
                                      bitmap_of (all & ~zero, zero) };
  default: break;
  }
  if (before->entry == 0 || before->entry & QCOW2_ENTRY_COMPRESSED)
    return *before;
  return (struct raw_entry) { before->entry + CLUSTER, bitmap_of (all, 0) };
}

/* What the byte at OFFSET is, as a run of its own. */
static struct run
byte_at (struct engine *e, const struct raw_entry *entries, uint64_t offset)
{
  const struct raw_entry *raw = &entries[offset / CLUSTER];
  struct l2_entry l2;
  struct run run = { 0 };

  assert_int_equal (raw_entry_decode (&e->header, raw, &l2, NULL), 0);
  run.type = subcluster_type (&l2, raw->bitmap, offset % CLUSTER / SUB);
  run.copied = run.type == CLUSTER_NORMAL && l2.copied;
  if (run.type == CLUSTER_NORMAL)
    run.host_offset = l2.host_offset + offset % CLUSTER;
  if (run.type == CLUSTER_COMPRESSED)
    run.host_offset = l2.host_offset;
  return run;
}

static void
check_lookup (struct engine *e, const struct raw_entry *entries,
              uint64_t offset, uint64_t len)
{
  const struct run run = lookup (e, offset, len);
  const struct run a = byte_at (e, entries, offset);
  uint64_t end = offset;

  do {
    struct run b;

    end = (end / SUB + 1) * SUB;
    if (end >= NR * CLUSTER)
      break;
    b = byte_at (e, entries, end);
    if (b.type != a.type || b.copied != a.copied ||
        (a.type == CLUSTER_NORMAL &&
         b.host_offset != a.host_offset + (end - offset)) ||
        (a.type == CLUSTER_COMPRESSED && end % CLUSTER == 0))
      break;
  } while (end < offset + len);
  assert_int_equal (run.type, a.type);
  assert_int_equal (run.copied, a.copied);
  assert_int_equal (run.host_offset, a.host_offset);
  assert_int_equal (run.len, end - offset < len ? end - offset : len);
}

static void
test_random_tables (void **state)
{
  unsigned seed, i;

  (void) state;
  for (seed = 1; seed <= 40; ++seed) {
    struct raw_entry entries[NR] = { { OWN (150), UINT32_MAX } };
    struct random r = { seed };
    struct engine e;

    for (i = 1; i < NR; ++i)
      entries[i] = random_entry (&r, &entries[i - 1]);
    new_engine (&e, entries, NR);
    for (i = 0; i < 300; ++i) {
      const uint64_t offset = random_below (&r, NR * CLUSTER);

      check_lookup (&e, entries, offset,
                    1 + random_below (&r, NR * CLUSTER - offset));
    }
    engine_free (&e);
  }
}

/* -- damage ---------------------------------------- */

static void
test_damage (void **state)
{
  const struct raw_entry entries[] = {
    { OWN (200), UINT32_MAX }, { OWN (201), bitmap_of (7, 4) },
  };
  struct error err = ERROR_INIT;
  struct run run = { .len = 77 };
  struct engine e;

  (void) state;
  new_engine (&e, entries, 2);
  /* What is before the damage can be read; the damage is told in its place. */
  assert_run (lookup (&e, 0, 1 << 20), CLUSTER_NORMAL, CLUSTER,
              200 * CLUSTER);
  assert_int_equal (mapping_lookup (&e.mapping, CLUSTER + 9, 1, &run, &err),
                    -1);
  assert_int_equal (err.errnum, EIO);
  assert_non_null (strstr (err.text, "guest offset 16384: L2 entry"));
  assert_int_equal (run.len, 77);
  engine_free (&e);
}

static void
test_failed_read (void **state)
{
  struct error err = ERROR_INIT;
  struct engine e;
  struct run run;

  (void) state;
  new_engine (&e, NULL, 0);
  simdisk_fail (e.disk, SIMDISK_READ, 1, EIO, false);
  assert_int_equal (mapping_lookup (&e.mapping, 0, 1, &run, &err), -1);
  assert_int_equal (err.errnum, EIO);
  engine_free (&e);
}

/* Both words in one write, where no sector ends between them. */
static void
test_set (void **state)
{
  const struct raw_entry set = { OWN (222), bitmap_of (0xff, 0xf00) };
  struct raw_entry got[3];
  struct engine e;

  (void) state;
  new_engine (&e, NULL, 0);
  assert_int_equal (mapping_set (&e.mapping, 31, 1, &set, NULL), 0);
  assert_int_equal (mapping_get (&e.mapping, 30, 3, got, NULL), 0);
  assert_true (got[1].entry == set.entry && got[1].bitmap == set.bitmap);
  assert_true (got[0].entry == 0 && got[2].bitmap == 0);
  engine_free (&e);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_runs),
    cmocka_unit_test (test_random_tables),
    cmocka_unit_test (test_damage),
    cmocka_unit_test (test_failed_read),
    cmocka_unit_test (test_set),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
