/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where L1, refcount and snapshot tables may be and how big: every limit
 * from both sides, every refusal with its errno and text.
 */

#include <config.h>

#include <errno.h>

#include "header-cases.h"

static void
test_l1_table (void **state)
{
  static const struct header_case cases[] = {
    { "no entries, no size", 3,
      {{ AT_SIZE, 8, 511 }, { AT_L1_SIZE, 4, 0 }, { AT_L1_OFFSET, 8, 0 }},
      0, 0, NULL },
    { "no entries, in the refcount table", 3,
      {{ AT_SIZE, 8, 0 }, { AT_L1_SIZE, 4, 0 },
       { AT_L1_OFFSET, 8, 0x20000 }, { AT_REFTABLE_CLUSTERS, 4, 2 }},
      0, 0, NULL },
    { "no entries", 3, {{ AT_L1_SIZE, 4, 0 }}, 0, EINVAL,
      "L1 table is too small: 0 entries, 1073741824 bytes need 2" },
    { "one too few", 3, {{ AT_L1_SIZE, 4, 1 }}, 0, EINVAL,
      "L1 table is too small: 1 entries, 1073741824 bytes need 2" },
    { "one sector too many", 3, {{ AT_SIZE, 8, (1 << 30) + 512 }}, 0, EINVAL,
      "L1 table is too small: 2 entries, 1073742336 bytes need 3" },
    { "rounded down", 3, {{ AT_SIZE, 8, (1 << 30) + 511 }}, 0, 0, NULL },
    { "more than needed", 3, {{ AT_L1_SIZE, 4, 3 }}, 0, 0, NULL },
    { "extended L2 needs twice", 3, {{ AT_INCOMPAT, 8, 16 }}, 0, EINVAL,
      "L1 table is too small: 2 entries, 1073741824 bytes need 4" },
    { "extended L2", 3, {{ AT_INCOMPAT, 8, 16 }, { AT_L1_SIZE, 4, 4 }},
      0, 0, NULL },
    { "32 MiB", 3, {{ AT_L1_SIZE, 4, 4 << 20 }}, 0, 0, NULL },
    { "above 32 MiB", 3, {{ AT_L1_SIZE, 4, (4 << 20) + 1 }}, 0, EFBIG,
      "Active L1 table too large: 4194305 entries, at most 4194304 are" },
    { "largest number", 3, {{ AT_L1_SIZE, 4, UINT32_MAX }}, 0, EFBIG,
      "Active L1 table too large" },
    { "size needs more than 32 MiB", 3,
      {{ AT_L1_SIZE, 4, 4 << 20 }, { AT_SIZE, 8, (UINT64_C (1) << 51) + 512 }},
      0, EFBIG, "Image is too big: 2251799813685760 bytes need 4194305 L1 "
      "entries, at most 4194304 are allowed" },
    { "size needs 32 MiB", 3,
      {{ AT_L1_SIZE, 4, 4 << 20 }, { AT_SIZE, 8, UINT64_C (1) << 51 }},
      0, 0, NULL },
    { "largest size", 3, {{ AT_SIZE, 8, UINT64_MAX }}, 0, EFBIG,
      "Image is too big" },
    { "at 0", 3, {{ AT_L1_OFFSET, 8, 0 }}, 0, EINVAL,
      "Active L1 table offset invalid: 0 is where the header is" },
    { "unaligned", 3, {{ AT_L1_OFFSET, 8, 0x30200 }}, 0, EINVAL,
      "Active L1 table offset invalid: 0x30200 is not a multiple of the "
      "cluster size (65536)" },
    { "ends below 2^63", 3,
      {{ AT_L1_OFFSET, 8, 0x7fffffffffff0000 }}, 0, 0, NULL },
    { "ends at 2^63", 3,
      {{ AT_L1_OFFSET, 8, 0x7fffffffffff0000 }, { AT_L1_SIZE, 4, 8192 }},
      0, EINVAL, "65536 bytes at 0x7fffffffffff0000 end beyond 2^63" },
    { "ends at 2^63 less 8", 3,
      {{ AT_L1_OFFSET, 8, 0x7fffffffffff0000 }, { AT_L1_SIZE, 4, 8191 }},
      0, 0, NULL },
    { "wraps", 3, {{ AT_L1_OFFSET, 8, 0xffffffffffff0000 },
                   { AT_L1_SIZE, 4, 8192 }}, 0, EINVAL, "beyond 2^63" },
  };

  (void) state;
  RUN_CASES (cases);
}

static void
test_reftable (void **state)
{
  static const struct header_case cases[] = {
    { "none", 3, {{ AT_REFTABLE_CLUSTERS, 4, 0 }}, 0, EINVAL,
      "Image does not contain a reference count table" },
    { "8 MiB", 3, {{ AT_REFTABLE_CLUSTERS, 4, 128 },
                   { AT_L1_OFFSET, 8, 16 << 20 }}, 0, 0, NULL },
    { "above 8 MiB", 3, {{ AT_REFTABLE_CLUSTERS, 4, 129 }}, 0, EFBIG,
      "Reference count table too large: 129 clusters, at most 128 are" },
    { "largest number", 3, {{ AT_REFTABLE_CLUSTERS, 4, UINT32_MAX }}, 0,
      EFBIG, "Reference count table too large" },
    { "at 0", 3, {{ AT_REFTABLE_OFFSET, 8, 0 }}, 0, EINVAL,
      "Reference count table offset invalid: 0 is where" },
    { "unaligned", 3, {{ AT_REFTABLE_OFFSET, 8, 0x10008 }}, 0, EINVAL,
      "Reference count table offset invalid: 0x10008 is not" },
    { "beyond", 3, {{ AT_REFTABLE_OFFSET, 8, 0x7fffffffffff0000 }}, 0,
      EINVAL, "Reference count table offset invalid: 65536 bytes at" },
    { "same place as L1", 3, {{ AT_REFTABLE_OFFSET, 8, 0x30000 }}, 0,
      EINVAL, "Active L1 table (at 0x30000) and reference count table "
      "(at 0x30000) overlap" },
    { "reaches into L1", 3, {{ AT_REFTABLE_CLUSTERS, 4, 3 }}, 0,
      EINVAL, "overlap" },
    { "ends at L1", 3, {{ AT_REFTABLE_CLUSTERS, 4, 2 }}, 0, 0, NULL },
    { "L1 reaches into it", 3, {{ AT_REFTABLE_OFFSET, 8, 0x40000 },
                                { AT_L1_SIZE, 4, 8193 }}, 0,
      EINVAL, "overlap" },
    { "L1 ends at it", 3, {{ AT_REFTABLE_OFFSET, 8, 0x40000 },
                           { AT_L1_SIZE, 4, 8192 }}, 0, 0, NULL },
  };

  (void) state;
  RUN_CASES (cases);
}

static void
test_snapshots (void **state)
{
  static const struct header_case cases[] = {
    { "65536", 3, {{ AT_NR_SNAPSHOTS, 4, 65536 },
                   { AT_SNAPSHOTS_OFFSET, 8, 0x100000 }}, 0, 0, NULL },
    { "65537", 3, {{ AT_NR_SNAPSHOTS, 4, 65537 },
                   { AT_SNAPSHOTS_OFFSET, 8, 0x100000 }}, 0, EFBIG,
      "Snapshot table too large: 65537 snapshots, at most 65536 are" },
    { "at 0", 3, {{ AT_NR_SNAPSHOTS, 4, 1 }}, 0, EINVAL,
      "Snapshot table offset invalid: 0 is where the header is" },
    { "unaligned", 3, {{ AT_NR_SNAPSHOTS, 4, 1 },
                       { AT_SNAPSHOTS_OFFSET, 8, 0x100008 }}, 0, EINVAL,
      "Snapshot table offset invalid: 0x100008 is not a multiple" },
    { "beyond", 3, {{ AT_NR_SNAPSHOTS, 4, 2000 },
                    { AT_SNAPSHOTS_OFFSET, 8, 0x7fffffffffff0000 }}, 0,
      EINVAL, "Snapshot table offset invalid: 80000 bytes at" },
  };

  (void) state;
  RUN_CASES (cases);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_l1_table),
    cmocka_unit_test (test_reftable),
    cmocka_unit_test (test_snapshots),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
