/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Codec of extended L2 entries: every rule, and every pair of bits.
 */

#include <config.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "qcow2-entry.h"
#include "random.h"

#define COPIED QCOW2_ENTRY_COPIED
#define COMPRESSED QCOW2_ENTRY_COMPRESSED
#define ALLOCATED(i) (UINT64_C (1) << (i))
#define ZERO(i) (UINT64_C (1) << (32 + (i)))

static const struct qcow2_header extended = {
  .version = 3, .cluster_bits = 16, .cluster_size = 65536,
  .l2_entry_bytes = 16,
};
static const struct qcow2_header standard = {
  .version = 3, .cluster_bits = 16, .cluster_size = 65536,
  .l2_entry_bytes = 8,
};

struct entry_case {
  struct raw_entry raw;
  const char *error;            /* NULL: decodes to WANT */
  struct l2_entry want;
};

static void
check_entry (const struct entry_case *c)
{
  struct error err = ERROR_INIT;
  struct l2_entry e = { .host_offset = 0x5a5a };
  const int r = raw_entry_decode (&extended, &c->raw, &e, &err);

  if (c->error) {
    assert_int_equal (r, -1);
    assert_int_equal (err.errnum, EIO);
    if (!strstr (err.text, c->error))
      fail_msg ("\"%s\" is not in \"%s\"", c->error, err.text);
    assert_int_equal (e.host_offset, 0x5a5a);
    assert_int_equal (raw_entry_decode (&extended, &c->raw, &e, NULL), -1);
    return;
  }
  if (r == -1)
    fail_msg ("0x%016llx refused: %s", (unsigned long long) c->raw.entry,
              err.text);
  assert_int_equal (e.type, c->want.type);
  assert_int_equal (e.host_offset, c->want.host_offset);
  assert_int_equal (e.compressed_bytes, c->want.compressed_bytes);
  assert_int_equal (e.copied, c->want.copied);
}

static void
test_decode (void **state)
{
  static const struct entry_case cases[] = {
    { { 0, 0 }, NULL, { CLUSTER_UNALLOCATED, 0, 0, false } },
    { { 0, ZERO (0) | ZERO (31) }, NULL,
      { CLUSTER_UNALLOCATED, 0, 0, false } },
    { { 0x10000 | COPIED, 0 }, NULL, { CLUSTER_NORMAL, 0x10000, 0, true } },
    { { 0x10000, ALLOCATED (0) | ZERO (1) }, NULL,
      { CLUSTER_NORMAL, 0x10000, 0, false } },
    { { 0x10000 | COPIED, UINT32_MAX }, NULL,
      { CLUSTER_NORMAL, 0x10000, 0, true } },
    /* "Bit 0 is not a zero flag": reserved, and ignored. */
    { { 0x10000 | COPIED | 1, ALLOCATED (3) }, NULL,
      { CLUSTER_NORMAL, 0x10000, 0, true } },
    { { 1, 0 }, NULL, { CLUSTER_UNALLOCATED, 0, 0, false } },
    /* Compressed: bit 0 is part of the offset. */
    { { 0x10001 | COMPRESSED, 0 }, NULL,
      { CLUSTER_COMPRESSED, 0x10001, 511, false } },
    { { 0x10000 | COMPRESSED, ALLOCATED (0) },
      "L2 entry 0x4000000000010000 with bitmap 0x0000000000000001: a "
      "compressed cluster has no subclusters", { 0 } },
    { { 0x10000 | COMPRESSED, ZERO (9) }, "has no subclusters", { 0 } },
    { { 0, ALLOCATED (31) }, "subclusters are allocated but the cluster is "
      "not", { 0 } },
    { { 1, ALLOCATED (0) }, "but the cluster is not", { 0 } },
    { { 0x10000 | COPIED, ALLOCATED (5) | ZERO (5) },
      "L2 entry 0x8000000000010000 with bitmap 0x0000002000000020: a "
      "subcluster is allocated and reads zeros", { 0 } },
    { { 0x10000, UINT32_MAX | ZERO (31) }, "and reads zeros", { 0 } },
    /* The rules of standard entries hold. */
    { { 0x10200, 0 }, "not a multiple of the cluster size", { 0 } },
    { { COPIED, 0 }, "host cluster 0", { 0 } },
    { { COMPRESSED, 0 }, "lies in cluster 0", { 0 } },
  };
  size_t i;

  (void) state;
  for (i = 0; i < sizeof cases / sizeof cases[0]; ++i)
    check_entry (&cases[i]);
}

/* Without extended L2 there is no second word, whatever it holds. */
static void
test_standard (void **state)
{
  const struct raw_entry raw = { 0x10001, UINT64_MAX };
  struct l2_entry e;

  (void) state;
  assert_int_equal (raw_entry_decode (&standard, &raw, &e, NULL), 0);
  assert_int_equal (e.type, CLUSTER_ZERO_ALLOCATED);
  assert_false (has_subclusters (&standard));
  assert_int_equal (subcluster_bits (&standard), 16);
  assert_true (has_subclusters (&extended));
  assert_int_equal (subcluster_bits (&extended), 11);
}

static void
test_types (void **state)
{
  const struct l2_entry host = { CLUSTER_NORMAL, 0x10000, 0, true };
  const struct l2_entry none = { CLUSTER_UNALLOCATED, 0, 0, false };
  const struct l2_entry packed = { CLUSTER_COMPRESSED, 0x10000, 9, false };
  unsigned i;

  (void) state;
  for (i = 0; i < SUBCLUSTERS; ++i) {
    assert_int_equal (subcluster_type (&host, ALLOCATED (i), i),
                      CLUSTER_NORMAL);
    assert_int_equal (subcluster_type (&host, ~ALLOCATED (i) & UINT32_MAX, i),
                      CLUSTER_UNALLOCATED);
    assert_int_equal (subcluster_type (&host, ZERO (i), i),
                      CLUSTER_ZERO_ALLOCATED);
    assert_int_equal (subcluster_type (&none, ZERO (i), i),
                      CLUSTER_ZERO_PLAIN);
    assert_int_equal (subcluster_type (&none, 0, i), CLUSTER_UNALLOCATED);
    assert_int_equal (subcluster_type (&packed, 0, i), CLUSTER_COMPRESSED);
  }
}

/* Against a walk, bit by bit. */
static void
test_runs (void **state)
{
  const struct l2_entry host = { CLUSTER_NORMAL, 0x10000, 0, true };
  struct random r = { 5 };
  unsigned i, j, round;

  (void) state;
  assert_int_equal (subcluster_run (0, 0), 32);
  assert_int_equal (subcluster_run (UINT32_MAX, 31), 1);
  assert_int_equal (subcluster_run (UINT64_C (0xffffffff) << 32, 1), 31);
  for (round = 0; round < 2000; ++round) {
    const uint32_t allocated = random_next (&r) & random_next (&r);
    const uint32_t zero = random_next (&r) & random_next (&r) & ~allocated;
    const uint64_t bitmap = bitmap_of (allocated, zero);

    assert_int_equal (bitmap_allocated (bitmap), allocated);
    assert_int_equal (bitmap_zero (bitmap), zero);
    for (i = 0; i < SUBCLUSTERS; ++i) {
      for (j = i + 1; j < SUBCLUSTERS; ++j)
        if (subcluster_type (&host, bitmap, j) !=
            subcluster_type (&host, bitmap, i))
          break;
      assert_int_equal (subcluster_run (bitmap, i), j - i);
    }
  }
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_decode),
    cmocka_unit_test (test_standard),
    cmocka_unit_test (test_types),
    cmocka_unit_test (test_runs),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
