/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Codecs of L1, L2 and refcount table entries and of refcount blocks.
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

#define COPIED (UINT64_C (1) << 63)
#define COMPRESSED (UINT64_C (1) << 62)
#define RESERVED UINT64_C (0x3f000000000001fe)

static struct qcow2_header
header (uint32_t version, uint32_t cluster_bits)
{
  return (struct qcow2_header) {
    .version = version,
    .cluster_bits = cluster_bits,
    .cluster_size = UINT64_C (1) << cluster_bits,
  };
}

static void
check_error (int r, const struct error *err, const char *text)
{
  if (r != -1 || err->errnum != EIO || !strstr (err->text, text))
    fail_msg ("returned %d, errno %d, \"%s\"; expected EIO, \"%s\"",
              r, err->errnum, err->text, text);
}

struct l2_case {
  uint32_t version, cluster_bits;
  uint64_t raw;
  const char *error;            /* NULL: decodes to WANT */
  struct l2_entry want;
};

static void
run_l2_case (const struct l2_case *c, uint64_t incompatible_features)
{
  struct qcow2_header h = header (c->version, c->cluster_bits);
  struct error err = ERROR_INIT;
  struct l2_entry e = { .host_offset = 0x5a5a };
  int r;

  h.incompatible_features = incompatible_features;
  r = l2_entry_decode (&h, c->raw, &e, &err);
  if (c->error) {
    check_error (r, &err, c->error);
    assert_int_equal (e.host_offset, 0x5a5a);
    assert_int_equal (l2_entry_decode (&h, c->raw, &e, NULL), -1);
    return;
  }
  if (r != 0)
    fail_msg ("0x%016llx refused: %s", (unsigned long long) c->raw, err.text);
  assert_int_equal (e.type, c->want.type);
  assert_int_equal (e.host_offset, c->want.host_offset);
  assert_int_equal (e.compressed_bytes, c->want.compressed_bytes);
  assert_int_equal (e.copied, c->want.copied);
}

#define RUN_L2_CASES_WITH(cases, incompatible)                  \
  do {                                                          \
    size_t i_;                                                  \
    for (i_ = 0; i_ < sizeof cases / sizeof cases[0]; i_++)     \
      run_l2_case (&cases[i_], incompatible);                   \
  } while (0)
#define RUN_L2_CASES(cases) RUN_L2_CASES_WITH (cases, 0)

static void
test_l2_standard (void **state)
{
  static const struct l2_case cases[] = {
    { 3, 16, 0, NULL, { CLUSTER_UNALLOCATED, 0, 0, false } },
    { 3, 16, RESERVED, NULL, { CLUSTER_UNALLOCATED, 0, 0, false } },
    { 3, 16, 0x10000, NULL, { CLUSTER_NORMAL, 0x10000, 0, false } },
    { 3, 16, COPIED | 0x10000, NULL, { CLUSTER_NORMAL, 0x10000, 0, true } },
    { 2, 16, COPIED | 0x10000, NULL, { CLUSTER_NORMAL, 0x10000, 0, true } },
    { 3, 16, RESERVED | 0x10000, NULL,
      { CLUSTER_NORMAL, 0x10000, 0, false } },
    { 3, 9, 0x200, NULL, { CLUSTER_NORMAL, 0x200, 0, false } },
    { 3, 9, COPIED | 0x00fffffffffffe00, NULL,
      { CLUSTER_NORMAL, 0x00fffffffffffe00, 0, true } },
    { 3, 16, 0x10200, "L2 entry 0x0000000000010200: offset 0x10200 is not a "
      "multiple of the cluster size (65536)", { 0 } },
    { 3, 16, 0x8000, "not a multiple", { 0 } },
    { 3, 21, 0x100000, "not a multiple", { 0 } },
    { 3, 16, COPIED, "L2 entry 0x8000000000000000: host cluster 0, where "
      "the header is, as data", { 0 } },
  };

  (void) state;
  RUN_L2_CASES (cases);
}

/* Rules 37, 38: place 0 is one as any other, and none is shared. */
static void
test_l2_data_file (void **state)
{
  static const struct l2_case cases[] = {
    { 3, 16, 0, NULL, { CLUSTER_UNALLOCATED, 0, 0, false } },
    { 3, 16, COPIED, NULL, { CLUSTER_NORMAL, 0, 0, true } },
    { 3, 16, 0x10000, NULL, { CLUSTER_NORMAL, 0x10000, 0, true } },
    { 3, 16, COPIED | 0x10000, NULL, { CLUSTER_NORMAL, 0x10000, 0, true } },
    { 3, 16, 1, NULL, { CLUSTER_ZERO_PLAIN, 0, 0, false } },
    { 3, 16, 0x10001, NULL, { CLUSTER_ZERO_ALLOCATED, 0x10000, 0, false } },
    { 3, 16, 0x8000, "not a multiple", { 0 } },
    { 3, 16, COMPRESSED | 0x10000, "a compressed cluster in an image with an "
      "external data file", { 0 } },
  };

  (void) state;
  RUN_L2_CASES_WITH (cases, QCOW2_INCOMPAT_DATA_FILE);
}

static void
test_l2_zero (void **state)
{
  static const struct l2_case cases[] = {
    { 3, 16, 1, NULL, { CLUSTER_ZERO_PLAIN, 0, 0, false } },
    { 3, 16, L2_ENTRY_ZERO_PLAIN, NULL,
      { CLUSTER_ZERO_PLAIN, 0, 0, false } },
    { 3, 16, COPIED | 1, NULL, { CLUSTER_ZERO_PLAIN, 0, 0, false } },
    { 3, 16, 0x10001, NULL, { CLUSTER_ZERO_ALLOCATED, 0x10000, 0, false } },
    { 3, 16, COPIED | 0x10001, NULL,
      { CLUSTER_ZERO_ALLOCATED, 0x10000, 0, true } },
    { 3, 16, 0x10201, "not a multiple of the cluster size", { 0 } },
    { 2, 16, 1, "L2 entry 0x0000000000000001: zero flag in a version 2 image",
      { 0 } },
    { 2, 16, COPIED | 0x10001, "zero flag in a version 2 image", { 0 } },
  };

  (void) state;
  RUN_L2_CASES (cases);
}

static void
test_l2_compressed (void **state)
{
  static const struct l2_case cases[] = {
    /* cluster_bits 16: x = 54, 8 bits of sectors */
    { 3, 16, COMPRESSED | 0x10000, NULL,
      { CLUSTER_COMPRESSED, 0x10000, 512, false } },
    { 2, 16, COMPRESSED | 0x10001, NULL,
      { CLUSTER_COMPRESSED, 0x10001, 511, false } },
    { 3, 16, COMPRESSED | COPIED | 0x101ff, NULL,
      { CLUSTER_COMPRESSED, 0x101ff, 1, false } },
    { 3, 16, COMPRESSED | UINT64_C (1) << 54 | 0x101ff, NULL,
      { CLUSTER_COMPRESSED, 0x101ff, 513, false } },
    { 3, 16, COMPRESSED | UINT64_C (0xff) << 54 | 0x10000, NULL,
      { CLUSTER_COMPRESSED, 0x10000, 131072, false } },
    { 3, 16, COMPRESSED | ((UINT64_C (1) << 54) - 1), NULL,
      { CLUSTER_COMPRESSED, (UINT64_C (1) << 54) - 1, 1, false } },
    { 3, 16, COMPRESSED, "L2 entry 0x4000000000000000: compressed data at "
      "0x0 lies in cluster 0, where the header is", { 0 } },
    { 3, 16, COMPRESSED | 0xffff, "lies in cluster 0", { 0 } },
    /* 9: x = 61, one bit; offsets beyond 56 bits can be written */
    { 3, 9, COMPRESSED | UINT64_C (1) << 61 | 0x200, NULL,
      { CLUSTER_COMPRESSED, 0x200, 1024, false } },
    { 3, 9, COMPRESSED | ((UINT64_C (1) << 56) - 1), NULL,
      { CLUSTER_COMPRESSED, (UINT64_C (1) << 56) - 1, 1, false } },
    { 3, 9, COMPRESSED | UINT64_C (1) << 56, "L2 entry 0x4100000000000000: "
      "compressed data at 0x100000000000000 is beyond 2^56", { 0 } },
    { 3, 9, COMPRESSED | UINT64_C (1) << 60 | 0x200, "beyond 2^56", { 0 } },
    /* 13: x = 57, the last with a bit too many; 14: x = 56 */
    { 3, 13, COMPRESSED | UINT64_C (1) << 56, "beyond 2^56", { 0 } },
    { 3, 14, COMPRESSED | UINT64_C (1) << 56 | 0x4000, NULL,
      { CLUSTER_COMPRESSED, 0x4000, 1024, false } },
    /* 21: x = 49, 13 bits */
    { 3, 21, UINT64_C (0x7ffe000000200000), NULL,
      { CLUSTER_COMPRESSED, 0x200000, 4 << 20, false } },
    { 3, 21, COMPRESSED | ((UINT64_C (1) << 49) - 1), NULL,
      { CLUSTER_COMPRESSED, (UINT64_C (1) << 49) - 1, 1, false } },
  };

  (void) state;
  RUN_L2_CASES (cases);
}

/* For every cluster size and many words: bytes stay within what the count
 * allows, and end at a sector. */
static void
test_l2_compressed_bounds (void **state)
{
  uint64_t raw = 0x9e3779b97f4a7c15;
  uint32_t bits;
  int i;

  (void) state;
  for (bits = 9; bits <= 21; bits++) {
    const struct qcow2_header h = header (3, bits);

    for (i = 0; i < 2000; i++) {
      struct l2_entry e;

      raw = raw * UINT64_C (6364136223846793005) + 1442695040888963407;
      if (l2_entry_decode (&h, raw | COMPRESSED, &e, NULL) == -1)
        continue;
      assert_int_equal (e.type, CLUSTER_COMPRESSED);
      assert_in_range (e.compressed_bytes, 1, 2 * h.cluster_size);
      assert_int_equal ((e.host_offset + e.compressed_bytes) % 512, 0);
      assert_in_range (e.host_offset, h.cluster_size, QCOW2_MAX_HOST_OFFSET);
    }
  }
}

/* What is made is what is found again, for each place of the data in its
 * sectors; and COPIED is never set. */
static void
test_l2_compressed_made (void **state)
{
  static const uint32_t lens[] = { 1, 100, 511 };
  struct qcow2_header h = { .version = 3 };
  struct error err = ERROR_INIT;
  struct l2_entry e;
  uint64_t raw, at;
  size_t i;

  (void) state;
  for (h.cluster_bits = 9; h.cluster_bits <= 21; ++h.cluster_bits) {
    h.cluster_size = UINT64_C (1) << h.cluster_bits;
    for (at = h.cluster_size; at < h.cluster_size + 1024; ++at)
      for (i = 0; i < 4; ++i) {
        const uint32_t len = i < 3 ? lens[i] : h.cluster_size - 1;

        assert_int_equal (l2_entry_compressed (&h, at, len, &raw, NULL), 0);
        assert_false (raw & COPIED);
        assert_int_equal (l2_entry_decode (&h, raw, &e, NULL), 0);
        assert_int_equal (e.type, CLUSTER_COMPRESSED);
        assert_int_equal (e.host_offset, at);
        assert_in_range (e.compressed_bytes, len, len + 511);
      }
  }
  h.cluster_bits = 21;
  assert_int_equal (l2_entry_compressed (&h, (UINT64_C (1) << 49) - 10, 10,
                                         &raw, NULL), 0);
  assert_int_equal (l2_entry_compressed (&h, (UINT64_C (1) << 49) - 10, 11,
                                         &raw, &err), -1);
  assert_int_equal (err.errnum, EFBIG);
  assert_non_null (strstr (err.text, "compressed data cannot be at host offset "
                           "562949953421302: the format ends at "
                           "562949953421312: start the server with "
                           "compress=off"));
}

static void
test_l2_encode (void **state)
{
  const struct qcow2_header h = header (3, 16);
  struct l2_entry e;

  (void) state;
  assert_true (l2_entry_normal (0x30000) == (COPIED | 0x30000));
  assert_int_equal (l2_entry_decode (&h, l2_entry_normal (0x30000), &e, NULL),
                    0);
  assert_int_equal (e.type, CLUSTER_NORMAL);
  assert_int_equal (
    l2_entry_decode (&h, L2_ENTRY_UNALLOCATED, &e, NULL), 0);
  assert_int_equal (e.type, CLUSTER_UNALLOCATED);
}

static void
check_l1 (uint64_t raw, uint64_t want_offset, bool want_copied)
{
  const struct qcow2_header h = header (3, 16);
  uint64_t offset = 1;
  bool copied = !want_copied;

  assert_int_equal (l1_entry_decode (&h, raw, &offset, &copied, NULL), 0);
  assert_int_equal (offset, want_offset);
  assert_int_equal (copied, want_copied);
}

static void
test_l1 (void **state)
{
  const struct qcow2_header h = header (3, 16);
  struct error err = ERROR_INIT;
  uint64_t offset = 1;
  bool copied = true;

  (void) state;
  check_l1 (0, 0, false);
  check_l1 (COPIED, 0, false);
  check_l1 (0x40000, 0x40000, false);
  check_l1 (COPIED | 0x40000, 0x40000, true);
  check_l1 (UINT64_C (0x7f000000000001ff) | 0x40000, 0x40000, false);
  check_error (l1_entry_decode (&h, COPIED | 0x40200, &offset, &copied, &err),
               &err, "L1 entry 0x8000000000040200: offset 0x40200 is not a "
               "multiple of the cluster size (65536)");
  assert_int_equal (offset, 1);
  assert_true (copied);
}

static void
test_reftable (void **state)
{
  const struct qcow2_header h = header (3, 16);
  struct error err = ERROR_INIT;
  uint64_t offset = 1;

  (void) state;
  assert_int_equal (reftable_entry_decode (&h, 0, &offset, NULL), 0);
  assert_int_equal (offset, 0);
  assert_int_equal (reftable_entry_decode (&h, 0x501ff, &offset, NULL), 0);
  assert_int_equal (offset, 0x50000);
  assert_int_equal (
    reftable_entry_decode (&h, 0x00ffffffffff0000, &offset, NULL), 0);
  assert_int_equal (offset, 0x00ffffffffff0000);
  check_error (reftable_entry_decode (&h, 0x50200, &offset, &err), &err,
               "refcount table entry 0x0000000000050200: offset 0x50200 is "
               "not a multiple of the cluster size (65536)");
  /* Bits above 55 belong to the offset here. */
  check_error (reftable_entry_decode (&h, UINT64_C (1) << 56, &offset, &err),
               &err, "offset 0x100000000000000 is beyond 2^56");
  check_error (reftable_entry_decode (&h, COPIED | 0x50000, &offset, &err),
               &err, "beyond 2^56");
  assert_int_equal (offset, 0x00ffffffffff0000);
}

static void
test_refcount_max (void **state)
{
  static const uint64_t want[] = {
    1, 3, 15, 255, 65535, UINT32_MAX, UINT64_MAX
  };
  uint32_t order;

  (void) state;
  for (order = 0; order <= 6; order++)
    assert_true (refcount_max (order) == want[order]);
}

/* The bytes, written out from the specification. */
static void
test_refcount_layout (void **state)
{
  static const struct { uint32_t order; uint64_t value; uint8_t want[16]; }
  cases[] = {
    { 0, 1, { 0x02 } },
    { 1, 2, { 0x08 } },
    { 2, 0xa, { 0xa0 } },
    { 3, 0xab, { 0, 0xab } },
    { 4, 0xabcd, { 0, 0, 0xab, 0xcd } },
    { 5, 0x89abcdef, { 0, 0, 0, 0, 0x89, 0xab, 0xcd, 0xef } },
    { 6, UINT64_C (0x0123456789abcdef),
      { 0, 0, 0, 0, 0, 0, 0, 0,
        0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef } },
  };
  size_t i;

  (void) state;
  for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    uint8_t block[16] = { 0 };

    refcount_set (block, cases[i].order, 1, cases[i].value);
    assert_memory_equal (block, cases[i].want, sizeof block);
    assert_true (refcount_get (block, cases[i].order, 1) == cases[i].value);
    assert_true (refcount_get (block, cases[i].order, 0) == 0);
  }
}

/* Setting one entry changes no other, at every place of a block. */
static void
test_refcount_neighbours (void **state)
{
  uint32_t order, i, k;

  (void) state;
  for (order = 0; order <= 6; order++) {
    const uint64_t max = refcount_max (order);
    const uint32_t nr = 512 * 8 >> order;
    uint8_t block[512];

    for (i = 0; i < nr; i++) {
      memset (block, 0xff, sizeof block);
      refcount_set (block, order, i, 0);
      for (k = i < 9 ? 0 : i - 9; k < nr && k < i + 9; k++)
        assert_true (refcount_get (block, order, k) == (k == i ? 0 : max));
      refcount_set (block, order, i, max);
      assert_int_equal (block[(i << order) / 8], 0xff);
    }
  }
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_l2_standard),
    cmocka_unit_test (test_l2_data_file),
    cmocka_unit_test (test_l2_zero),
    cmocka_unit_test (test_l2_compressed),
    cmocka_unit_test (test_l2_compressed_bounds),
    cmocka_unit_test (test_l2_compressed_made),
    cmocka_unit_test (test_l2_encode),
    cmocka_unit_test (test_l1),
    cmocka_unit_test (test_reftable),
    cmocka_unit_test (test_refcount_max),
    cmocka_unit_test (test_refcount_layout),
    cmocka_unit_test (test_refcount_neighbours),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
