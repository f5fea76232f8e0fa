/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Headers made by qemu-img with many combinations of options are accepted
 * and read as asked for.  Exits 77 (skipped) where there is no qemu-img.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "header-cases.h"

static char dir[] = "/tmp/baton-header-XXXXXX";

static void
run (const char *fmt, ...)
{
  char cmd[512];
  va_list args;

  va_start (args, fmt);
  vsnprintf (cmd, sizeof cmd, fmt, args);
  va_end (args);
  if (system (cmd) != 0)
    fail_msg ("failed: %s", cmd);
}

static void
parse_file (const char *name, struct qcow2_header *ret)
{
  static uint8_t buf[QCOW2_HEADER_MAX_BYTES];
  struct error err = ERROR_INIT;
  char path[128];
  size_t len;
  FILE *fp;

  snprintf (path, sizeof path, "%s/%s", dir, name);
  fp = fopen (path, "r");
  assert_non_null (fp);
  len = fread (buf, 1, sizeof buf, fp);
  fclose (fp);
  if (parse_exactly (buf, len, ret, &err) == -1)
    fail_msg ("%s refused: %s", name, err.text);
  check_guarantees (ret);
}

static void
create (const char *options, const char *more, uint64_t size,
        struct qcow2_header *ret)
{
  run ("cd %s && qemu-img create -q -f qcow2 -o '%s' %s t %" PRIu64
       " >log 2>&1 || { cat log; false; }", dir, options, more, size);
  parse_file ("t", ret);
  assert_int_equal (ret->virtual_size, size);
}

static void
test_cluster_sizes (void **state)
{
  struct qcow2_header h;
  char options[64];
  unsigned bits, version;

  (void) state;
  for (bits = 9; bits <= 21; bits++) {
    for (version = 2; version <= 3; version++) {
      snprintf (options, sizeof options, "compat=%s,cluster_size=%u",
                version == 2 ? "0.10" : "1.1", 1u << bits);
      create (options, "", 100 << 20, &h);
      assert_int_equal (h.version, version);
      assert_int_equal (h.cluster_bits, bits);
      assert_int_equal (h.refcount_order, 4);
      assert_int_equal (qcow2_header_unsupported (&h, true, NULL), 0);
    }
  }
}

static void
test_refcount_bits (void **state)
{
  struct qcow2_header h;
  char options[64];
  unsigned order;

  (void) state;
  for (order = 0; order <= 6; order++) {
    snprintf (options, sizeof options, "refcount_bits=%u", 1u << order);
    create (options, "", 0, &h);
    assert_int_equal (h.refcount_order, order);
    assert_int_equal (h.refblock_bits, 19 - order);
  }
}

/* Few and many L1 entries.  (The most, 4 Mi, take qemu-img seconds; the
 * limit itself is tested in test-header-tables.c.) */
static void
test_sizes (void **state)
{
  struct qcow2_header h;

  (void) state;
  create ("cluster_size=512", "", 512, &h);
  assert_int_equal (h.nr_l1_entries, 1);
  create ("cluster_size=512", "", 32768 + 512, &h);
  assert_int_equal (h.nr_l1_entries, 2);
  create ("cluster_size=512", "", UINT64_C (1) << 30, &h);
  assert_int_equal (h.nr_l1_entries, 1 << 15);
  create ("cluster_size=2M", "", UINT64_C (1) << 50, &h);
}

static void
test_backing (void **state)
{
  struct qcow2_header h;

  (void) state;
  run ("cd %s && qemu-img create -q -f raw base.raw 1M", dir);
  run ("cd %s && qemu-img create -q -f qcow2 base.qcow2 1M", dir);
  create ("compat=1.1", "-b base.raw -F raw", 1 << 20, &h);
  assert_string_equal (h.backing_name, "base.raw");
  assert_string_equal (h.backing_format, "raw");
  create ("compat=0.10", "-b base.qcow2 -F qcow2", 1 << 20, &h);
  assert_string_equal (h.backing_name, "base.qcow2");
  assert_string_equal (h.backing_format, "qcow2");
  create ("cluster_size=512", "-b base.raw -F raw", 1 << 20, &h);
  assert_string_equal (h.backing_name, "base.raw");
  run ("cd %s && qemu-img rebase -q -u -b '' t", dir);
  parse_file ("t", &h);
  assert_string_equal (h.backing_name, "");
}

static void
test_features (void **state)
{
  struct qcow2_header h;

  (void) state;
  create ("compression_type=zstd", "", 1 << 20, &h);
  assert_int_equal (h.compression_type, QCOW2_COMPRESSION_ZSTD);
  create ("compression_type=zlib,lazy_refcounts=on", "", 1 << 20, &h);
  assert_int_equal (h.compatible_features, QCOW2_COMPAT_LAZY_REFCOUNTS);
  create ("extended_l2=on,cluster_size=16k", "", 1 << 30, &h);
  assert_int_equal (h.l2_entry_bytes, 16);
  assert_int_equal (qcow2_header_unsupported (&h, true, NULL), 0);
  create ("data_file=data,data_file_raw=on", "", 1 << 20, &h);
  assert_int_equal (h.autoclear_features, QCOW2_AUTOCLEAR_DATA_FILE_RAW);
  assert_string_equal (h.data_file_name, "data");
  assert_true (qcow2_data_file_is_raw (&h));
}

static void
test_snapshots_and_bitmaps (void **state)
{
  struct qcow2_header h;

  (void) state;
  create ("cluster_size=4k", "", 1 << 20, &h);
  assert_false (h.has_bitmaps_extension);
  run ("cd %s && qemu-img snapshot -c one t && qemu-img snapshot -c two t",
       dir);
  run ("cd %s && qemu-img bitmap --add t map", dir);
  parse_file ("t", &h);
  assert_int_equal (h.nr_snapshots, 2);
  assert_int_not_equal (h.snapshots_offset, 0);
  assert_true (h.has_bitmaps_extension);
  assert_int_equal (h.autoclear_features, QCOW2_AUTOCLEAR_BITMAPS);
}

/* The names that QEMU puts into its table are found by us. */
static void
test_feature_table (void **state)
{
  static uint8_t buf[BUILT_BYTES];
  struct error err = ERROR_INIT;
  struct qcow2_header h;
  char path[128];
  FILE *fp;

  (void) state;
  create ("compat=1.1", "", 1 << 20, &h);
  snprintf (path, sizeof path, "%s/t", dir);
  fp = fopen (path, "r");
  assert_non_null (fp);
  assert_int_equal (fread (buf, 1, sizeof buf, fp), sizeof buf);
  fclose (fp);
  /* QEMU's table has no bit 5: let it name the corrupt bit so. */
  buf[(uint8_t *) memmem (buf, sizeof buf, "corrupt bit", 11) - buf - 1] = 5;
  poke (buf, (struct poke) { AT_INCOMPAT, 8, 1 << 5 });
  check_refusal ("table", parse_exactly (buf, sizeof buf, &h, &err), &err,
                 ENOTSUP, "unknown incompatible features: 'corrupt bit' "
                 "(bit 5);");
}

static int
make_dir (void **state)
{
  (void) state;
  return mkdtemp (dir) ? 0 : -1;
}

static int
remove_dir (void **state)
{
  (void) state;
  run ("rm -rf %s", dir);
  return 0;
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_cluster_sizes),
    cmocka_unit_test (test_refcount_bits),
    cmocka_unit_test (test_sizes),
    cmocka_unit_test (test_backing),
    cmocka_unit_test (test_features),
    cmocka_unit_test (test_snapshots_and_bitmaps),
    cmocka_unit_test (test_feature_table),
  };

  if (system ("qemu-img --version >/dev/null 2>&1") != 0)
    return 77;
  return cmocka_run_group_tests (tests, make_dir, remove_dir);
}
