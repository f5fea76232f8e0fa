/* SPDX-License-Identifier: BSD-3-Clause
 *
 * qcow2_header_parse, qcow2_header_unsupported: fields, and every limit of
 * those outside the tables from both sides, every refusal with its errno
 * and text.
 */

#include <config.h>

#include <errno.h>

#include "compressed.h"
#include "header-cases.h"

static void
test_foreign (void **state)
{
  static const struct header_case cases[] = {
    { "v2", 2, {{ 0 }}, 0, 0, NULL },
    { "v3", 3, {{ 0 }}, 0, 0, NULL },
    { "v2, 72 bytes", 2, {{ 0 }}, 72, 0, NULL },
    { "v3, 104 bytes", 3, {{ AT_HEADER_LENGTH, 4, 104 }}, 104, 0, NULL },
    { "one byte", 3, {{ 0 }}, 1, EINVAL,
      "file is 1 bytes, a qcow2 header needs at least 72" },
    { "3 bytes", 3, {{ 0 }}, 3, EINVAL, "file is 3 bytes" },
    { "magic alone", 3, {{ 0 }}, 4, EINVAL,
      "file is 4 bytes, a qcow2 header needs at least 72" },
    { "71 bytes", 2, {{ 0 }}, 71, EINVAL, "file is 71 bytes" },
    { "v3, 103 bytes", 3, {{ 0 }}, 103, EINVAL,
      "file is 103 bytes, a qcow2 header needs at least 104" },
    { "v3, header cut off", 3, {{ 0 }}, 111, EINVAL,
      "file is 111 bytes, a qcow2 header needs at least 112" },
    { "no magic", 3, {{ AT_MAGIC, 4, 0x514649fa }}, 0, EINVAL,
      "not a qcow2 image (no QFI\\xfb magic at offset 0); for a raw disk "
      "use nbdkit's file plugin" },
    { "no magic, short", 3, {{ AT_MAGIC, 4, 0 }}, 4, EINVAL, "not a qcow2" },
    { "version 1", 1, {{ 0 }}, 0, ENOTSUP,
      "qcow2 version 1 is not supported, only 2 and 3 are" },
    { "version 4", 4, {{ 0 }}, 0, ENOTSUP, "qcow2 version 4 is not" },
  };

  (void) state;
  RUN_CASES (cases);
}

static void
test_empty_file (void **state)
{
  struct error err = ERROR_INIT;
  struct qcow2_header h;

  (void) state;
  check_refusal ("empty", qcow2_header_parse (NULL, 0, &h, &err), &err,
                 EINVAL, "file is 0 bytes");
  assert_int_equal (qcow2_header_parse (NULL, 0, &h, NULL), -1);
}

static void
test_probe (void **state)
{
  (void) state;
  assert_true (qcow2_header_probe ("QFI\xfb", 4));
  assert_false (qcow2_header_probe ("QFI\xfb", 3));
  assert_false (qcow2_header_probe ("QFI\xfa", 4));
  assert_false (qcow2_header_probe (NULL, 0));
}

static void
test_geometry (void **state)
{
  static const struct header_case cases[] = {
    { "512 bytes", 3,
      {{ AT_CLUSTER_BITS, 4, 9 }, { AT_SIZE, 8, 65536 }}, 0, 0, NULL },
    { "2 MiB", 3,
      {{ AT_CLUSTER_BITS, 4, 21 }, { AT_L1_OFFSET, 8, 4 << 20 },
       { AT_REFTABLE_OFFSET, 8, 2 << 20 }}, 0, 0, NULL },
    { "bits 8", 3, {{ AT_CLUSTER_BITS, 4, 8 }}, 0, EINVAL,
      "cluster_bits is 8, allowed are 9 to 21" },
    { "bits 22", 3, {{ AT_CLUSTER_BITS, 4, 22 }}, 0, EINVAL,
      "cluster_bits is 22, allowed are 9 to 21" },
    { "bits huge", 3, {{ AT_CLUSTER_BITS, 4, UINT32_MAX }}, 0, EINVAL,
      "cluster_bits is 4294967295" },
    { "order 0", 3, {{ AT_REFCOUNT_ORDER, 4, 0 }}, 0, 0, NULL },
    { "order 6", 3, {{ AT_REFCOUNT_ORDER, 4, 6 }}, 0, 0, NULL },
    { "order 7", 3, {{ AT_REFCOUNT_ORDER, 4, 7 }}, 0, EINVAL,
      "refcount_order is 7, allowed are 0 to 6" },
    { "length 103", 3, {{ AT_HEADER_LENGTH, 4, 103 }}, 0, EINVAL,
      "header_length is 103, a version 3 header has at least 104 bytes" },
    { "length 105", 3, {{ AT_HEADER_LENGTH, 4, 105 }}, 0, 0, NULL },
    { "length = cluster", 3, {{ AT_HEADER_LENGTH, 4, 65536 }}, 0, 0, NULL },
    { "length > cluster", 3, {{ AT_HEADER_LENGTH, 4, 65537 }}, 0, EINVAL,
      "header_length is 65537, more than a cluster (65536 bytes)" },
    { "extended L2, 16 KiB", 3,
      {{ AT_CLUSTER_BITS, 4, 14 }, { AT_INCOMPAT, 8, 16 },
       { AT_SIZE, 8, 32 << 20 }}, 0, 0, NULL },
    { "extended L2, 8 KiB", 3,
      {{ AT_CLUSTER_BITS, 4, 13 }, { AT_INCOMPAT, 8, 16 }}, 0, EINVAL,
      "extended L2 entries with cluster_bits 13, at least 14 are needed" },
  };

  (void) state;
  RUN_CASES (cases);
}

static void
test_features (void **state)
{
  static const struct header_case cases[] = {
    { "dirty, corrupt", 3, {{ AT_INCOMPAT, 8, 3 }}, 0, 0, NULL },
    { "data file", 3, {{ AT_INCOMPAT, 8, 4 }}, 0, 0, NULL },
    { "data file, snapshots", 3,
      {{ AT_INCOMPAT, 8, 4 }, { AT_NR_SNAPSHOTS, 4, 2 },
       { AT_SNAPSHOTS_OFFSET, 8, 0x40000 }}, 0, EINVAL,
      "both an external data file and internal snapshots (2)" },
    { "raw data file", 3,
      {{ AT_INCOMPAT, 8, 4 }, { AT_AUTOCLEAR, 8, 2 }}, 0, 0, NULL },
    { "any compatible, any autoclear", 3,
      {{ AT_COMPAT, 8, UINT64_MAX }, { AT_AUTOCLEAR, 8, UINT64_MAX }},
      0, 0, NULL },
    { "bit 5", 3, {{ AT_INCOMPAT, 8, 1 << 5 }}, 0, ENOTSUP,
      "unknown incompatible features: bit 5; the image comes from a newer "
      "program" },
    { "bit 63", 3, {{ AT_INCOMPAT, 8, UINT64_C (1) << 63 }}, 0, ENOTSUP,
      "features: bit 63;" },
    { "four bits", 3, {{ AT_INCOMPAT, 8, 0x1e0 }}, 0, ENOTSUP,
      "features: bit 5, bit 6, bit 7, bit 8;" },
    { "all bits", 3, {{ AT_INCOMPAT, 8, ~UINT64_C (16) }}, 0, ENOTSUP,
      "features: bit 5, bit 6, bit 7, bit 8 and 55 more;" },
    { "unknown feature before the tables' faults", 3,
      {{ AT_INCOMPAT, 8, 1 << 5 }, { AT_L1_SIZE, 4, 0 },
       { 112, 8, UINT64_MAX }}, 0, ENOTSUP, "features: bit 5;" },
    { "AES", 3, {{ AT_CRYPT, 4, 1 }}, 0, 0, NULL },
    { "LUKS, and no place", 2, {{ AT_CRYPT, 4, 2 }}, 0, EINVAL,
      "Missing CRYPTO header for crypt method 2" },
    { "crypt 3", 2, {{ AT_CRYPT, 4, 3 }}, 0, ENOTSUP,
      "Unsupported encryption method 3, known are 0 (none), 1 (AES) and 2 "
      "(LUKS)" },
  };

  (void) state;
  RUN_CASES (cases);
}

static void
test_compression (void **state)
{
  static const struct header_case cases[] = {
    { "zstd", 3, {{ AT_COMPRESSION, 1, 1 }, { AT_INCOMPAT, 8, 8 }},
      0, 0, NULL },
    { "bit without type", 3, {{ AT_INCOMPAT, 8, 8 }}, 0, EINVAL,
      "feature bit must not be set with compression type 0" },
    { "bit without field", 3,
      {{ AT_INCOMPAT, 8, 8 }, { AT_HEADER_LENGTH, 4, 104 }}, 0, EINVAL,
      "feature bit must not be set with compression type 0" },
    { "type without bit", 3, {{ AT_COMPRESSION, 1, 1 }}, 0, EINVAL,
      "feature bit must be set with compression type 1" },
    { "type 2", 3, {{ AT_COMPRESSION, 1, 2 }, { AT_INCOMPAT, 8, 8 }},
      0, ENOTSUP,
      "unknown compression type 2, only 0 (zlib) and 1 (zstd)" },
    /* Byte 104 belongs to an extension there: not a compression type. */
    { "no field in 104 bytes", 3,
      {{ AT_HEADER_LENGTH, 4, 104 }, { 104, 4, 0x01000000 }}, 0, 0, NULL },
    { "field in 105 bytes", 3,
      {{ AT_HEADER_LENGTH, 4, 105 }, { AT_COMPRESSION, 1, 1 }}, 0, EINVAL,
      "feature bit must be set with compression type 1" },
  };

  (void) state;
  RUN_CASES (cases);
}

static void
test_backing_place (void **state)
{
  static const struct header_case cases[] = {
    { "in the header", 3,
      {{ AT_BACKING_OFFSET, 8, 111 }, { AT_BACKING_LEN, 4, 1 }}, 0, EINVAL,
      "Invalid backing file offset 111, allowed are 112 (end of the header) "
      "to 65536 (end of the cluster)" },
    { "beyond the cluster", 3,
      {{ AT_BACKING_OFFSET, 8, 65537 }}, 0, EINVAL,
      "Invalid backing file offset 65537" },
    { "far beyond", 3, {{ AT_BACKING_OFFSET, 8, UINT64_MAX }}, 0, EINVAL,
      "Invalid backing file offset 18446744073709551615" },
    { "no name, at the cluster's end", 3,
      {{ AT_BACKING_OFFSET, 8, 65536 }}, 0, 0, NULL },
    { "offset 0: length is undefined", 3,
      {{ AT_BACKING_LEN, 4, UINT32_MAX }}, 0, 0, NULL },
    { "1024 bytes", 3,
      {{ AT_BACKING_OFFSET, 8, 112 }, { AT_BACKING_LEN, 4, 1024 }}, 0, EFBIG,
      "Backing file name too long: 1024 bytes, at most 1023 are allowed" },
    { "past the cluster", 3,
      {{ AT_BACKING_OFFSET, 8, 65535 }, { AT_BACKING_LEN, 4, 2 }}, 0, EINVAL,
      "Backing file name too long: 2 bytes at offset 65535 reach past the first "
      "cluster" },
    { "cut off", 3,
      {{ AT_BACKING_OFFSET, 8, 200 }, { AT_BACKING_LEN, 4, 10 }}, 209, EINVAL,
      "backing file name is cut off: it ends at 210 and the file at 209" },
    { "starts beyond the file", 3,
      {{ AT_BACKING_OFFSET, 8, 200 }, { AT_BACKING_LEN, 4, 10 }}, 150, EINVAL,
      "backing file name is cut off" },
    { "NUL in the name", 3,
      {{ AT_BACKING_OFFSET, 8, 200 }, { AT_BACKING_LEN, 4, 3 },
       { 200, 4, 0x61006200 }}, 0, EINVAL,
      "backing file name contains a NUL byte" },
  };

  (void) state;
  RUN_CASES (cases);
}

static void
test_backing_name (void **state)
{
  static uint8_t buf[BUILT_BYTES];
  struct qcow2_header h;

  (void) state;
  build_header (buf, 3);
  poke (buf, (struct poke) { AT_BACKING_OFFSET, 8, BUILT_BYTES - 1023 });
  poke (buf, (struct poke) { AT_BACKING_LEN, 4, 1023 });
  memset (buf + BUILT_BYTES - 1023, 'n', 1023);
  parse_ok (buf, &h);
  assert_int_equal (strlen (h.backing_name), 1023);
  assert_int_equal (h.backing_name_offset, BUILT_BYTES - 1023);

  poke (buf, (struct poke) { AT_BACKING_LEN, 4, 5 });
  parse_ok (buf, &h);
  assert_string_equal (h.backing_name, "nnnnn");

  poke (buf, (struct poke) { AT_BACKING_LEN, 4, 0 });
  parse_ok (buf, &h);
  assert_string_equal (h.backing_name, "");
  assert_int_equal (h.backing_name_offset, 0);
}

static void
test_data_file_name (void **state)
{
  static const struct header_case cases[] = {
    { "1024 bytes", 3, {{ 112, 4, QCOW2_EXT_DATA_FILE }, { 116, 4, 1024 }}, 0,
      EFBIG, "data file name too long: 1024 bytes, at most 1023 are allowed" },
    { "1023 bytes", 3,
      {{ 112, 4, QCOW2_EXT_DATA_FILE }, { 116, 4, 1023 }, { 120, 4, 0 }}, 0,
      EINVAL, "data file name contains a NUL byte" },
    { "NUL inside", 3,
      {{ 112, 4, QCOW2_EXT_DATA_FILE }, { 116, 4, 4 }, { 120, 4, 0x61006200 }},
      0, EINVAL, "data file name contains a NUL byte" },
  };

  (void) state;
  RUN_CASES (cases);
}

/* Each field from its own place: no two have the same value. */
static void
test_fields (void **state)
{
  static uint8_t buf[BUILT_BYTES];
  struct qcow2_header h;

  (void) state;
  build_header (buf, 3);
  poke (buf, (struct poke) { AT_SIZE, 8, (1 << 30) - 1 });
  poke (buf, (struct poke) { AT_CRYPT, 4, 1 });
  poke (buf, (struct poke) { AT_NR_SNAPSHOTS, 4, 7 });
  poke (buf, (struct poke) { AT_SNAPSHOTS_OFFSET, 8, 0x50000 });
  poke (buf, (struct poke) { AT_INCOMPAT, 8, 0x1b });
  poke (buf, (struct poke) { AT_L1_SIZE, 4, 5 });
  poke (buf, (struct poke) { AT_COMPAT, 8, 0x20 });
  poke (buf, (struct poke) { AT_AUTOCLEAR, 8, 0x40 });
  poke (buf, (struct poke) { AT_REFCOUNT_ORDER, 4, 2 });
  poke (buf, (struct poke) { AT_COMPRESSION, 1, 1 });
  parse_ok (buf, &h);
  assert_int_equal (h.version, 3);
  assert_int_equal (h.cluster_bits, 16);
  assert_int_equal (h.cluster_size, 65536);
  assert_int_equal (h.virtual_size, (1 << 30) - 512);
  assert_int_equal (h.crypt_method, 1);
  assert_int_equal (h.nr_l1_entries, 5);
  assert_int_equal (h.l1_table_offset, 0x30000);
  assert_int_equal (h.reftable_offset, 0x10000);
  assert_int_equal (h.nr_reftable_clusters, 1);
  assert_int_equal (h.nr_snapshots, 7);
  assert_int_equal (h.snapshots_offset, 0x50000);
  assert_int_equal (h.incompatible_features, 0x1b);
  assert_int_equal (h.compatible_features, 0x20);
  assert_int_equal (h.autoclear_features, 0x40);
  assert_int_equal (h.refcount_order, 2);
  assert_int_equal (h.header_length, 112);
  assert_int_equal (h.compression_type, 1);
  assert_int_equal (h.l2_entry_bytes, 16);
  assert_int_equal (h.l2_bits, 12);
  assert_int_equal (h.refblock_bits, 17);
}

/* Rule 3: whatever lies behind the 72 bytes is no feature, no order, no
 * length.  Here it is one unknown extension with every bit set. */
static void
test_version_2 (void **state)
{
  static uint8_t buf[BUILT_BYTES];
  uint8_t noise[200];
  struct qcow2_header h;

  (void) state;
  build_header (buf, 2);
  memset (noise, 0xff, sizeof noise);
  build_extension (buf, 72, 0xffffffff, noise, sizeof noise);
  parse_ok (buf, &h);
  assert_int_equal (h.version, 2);
  assert_int_equal (h.incompatible_features, 0);
  assert_int_equal (h.compatible_features, 0);
  assert_int_equal (h.autoclear_features, 0);
  assert_int_equal (h.refcount_order, 4);
  assert_int_equal (h.header_length, 72);
  assert_int_equal (h.compression_type, 0);
}

struct unsupported_case {
  struct qcow2_header h;
  int refused_reading, refused_writing;
  const char *text;
};

static void
test_unsupported (void **state)
{
  static const struct unsupported_case cases[] = {
    { { .version = 3 }, 0, 0, NULL },
    { { .incompatible_features = 1 }, 0, 0, NULL },
    { { .incompatible_features = 2 }, 0, 1,
      "image is marked corrupt; run `baton check --repair all IMAGE` first, "
      "or serve it read-only (nbdkit -r), or allow it with allow-corrupt=on" },
    { { .incompatible_features = 4 }, 0, 0, NULL },
    { { .incompatible_features = 16 }, 0, 0, NULL },
    { { .crypt_method = 1 }, 1, 1,
      "image uses legacy AES encryption (crypt method 1), which is not supported; "
      "convert it with qemu-img convert" },
    { { .crypt_method = 2 }, 0, 0, NULL },
    { { .compression_type = 7 }, 1, 1, "uses zstd compression, which" },
  };
  size_t i;
  int w;

  (void) state;
  for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    for (w = 0; w < 2; w++) {
      struct error err = ERROR_INIT;
      int r = qcow2_header_unsupported (&cases[i].h, w, &err);

      if (w ? cases[i].refused_writing : cases[i].refused_reading)
        check_refusal ("unsupported", r, &err, ENOTSUP, cases[i].text);
      else
        assert_int_equal (r, 0);
    }
  }
}

static void
test_zstd_follows_the_build (void **state)
{
  const struct qcow2_header h = {
    .compression_type = QCOW2_COMPRESSION_ZSTD,
    .incompatible_features = QCOW2_INCOMPAT_COMPRESSION,
  };
  bool supported = compressed_supported (QCOW2_COMPRESSION_ZSTD);

  (void) state;
  assert_int_equal (qcow2_header_unsupported (&h, true, NULL),
                    supported ? 0 : -1);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_foreign),
    cmocka_unit_test (test_empty_file),
    cmocka_unit_test (test_probe),
    cmocka_unit_test (test_geometry),
    cmocka_unit_test (test_features),
    cmocka_unit_test (test_compression),
    cmocka_unit_test (test_backing_place),
    cmocka_unit_test (test_backing_name),
    cmocka_unit_test (test_data_file_name),
    cmocka_unit_test (test_fields),
    cmocka_unit_test (test_version_2),
    cmocka_unit_test (test_unsupported),
    cmocka_unit_test (test_zstd_follows_the_build),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
