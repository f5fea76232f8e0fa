/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Header extensions: the walk, the names of features, and what
 * qcow2_header_parse takes from them.
 */

#include <config.h>

#include <errno.h>

#include "header-cases.h"
#include "qcow2-extension.h"

static void
test_extensions_read (void **state)
{
  static uint8_t buf[BUILT_BYTES];
  struct qcow2_header h;
  size_t at;

  (void) state;
  build_header (buf, 3);
  at = build_extension (buf, 112, 0x12345678, "whatever", 5);
  at = build_extension (buf, at, QCOW2_EXT_BACKING_FORMAT, "qcow2-old", 9);
  at = build_extension (buf, at, QCOW2_EXT_BITMAPS, "", 0);
  at = build_extension (buf, at, QCOW2_EXT_BACKING_FORMAT, "raw", 3);
  parse_ok (buf, &h);
  assert_string_equal (h.backing_format, "raw");
  assert_true (h.has_bitmaps_extension);

  /* The backing file's name ends the area. */
  poke (buf, (struct poke) { AT_BACKING_OFFSET, 8, 112 });
  parse_ok (buf, &h);
  assert_string_equal (h.backing_format, "");
  assert_false (h.has_bitmaps_extension);
}

static void
check_format_refused (const char *format, uint32_t len, int errnum,
                      const char *text)
{
  static uint8_t buf[BUILT_BYTES];
  struct error err = ERROR_INIT;
  struct qcow2_header h;

  build_header (buf, 3);
  build_extension (buf, 112, QCOW2_EXT_BACKING_FORMAT, format, len);
  check_refusal (text, parse_exactly (buf, BUILT_BYTES, &h, &err), &err,
                 errnum, text);
}

static void
test_backing_format (void **state)
{
  static const char ones[] = "1111111111111111111111111111111"
    "111111111111111111111111111111111";
  static uint8_t buf[BUILT_BYTES];
  struct qcow2_header h;

  (void) state;
  assert_int_equal (strlen (ones), 64);
  check_format_refused (ones, 64, EFBIG,
                        "backing file format too long: 64 bytes, at most 63");
  check_format_refused ("raw", 4, EINVAL,
                        "backing file format contains a NUL byte");
  build_header (buf, 3);
  build_extension (buf, 112, QCOW2_EXT_BACKING_FORMAT, ones, 63);
  parse_ok (buf, &h);
  assert_string_equal (h.backing_format, ones + 1);
}

static void
test_extension_faults (void **state)
{
  static const struct header_case cases[] = {
    { "one byte too long", 3,
      {{ 112, 4, QCOW2_EXT_BACKING_FORMAT }, { 116, 4, 65536 - 120 + 1 }},
      0, EINVAL, "Header extension too large: type 0xe2792aca at offset 112 "
      "has 65417 bytes of data where only 65416 are left" },
    { "to the cluster's end", 3,
      {{ 112, 4, 0x1234 }, { 116, 4, 65536 - 120 }}, 0, 0, NULL },
    { "into the backing name", 3,
      {{ 112, 4, QCOW2_EXT_BACKING_FORMAT }, { 116, 4, 1 },
       { AT_BACKING_OFFSET, 8, 120 }}, 0, EINVAL, "only 0 are left" },
    { "cut off by the file's end", 3,
      {{ 112, 4, 0x1234 }, { 116, 4, 10 }}, 129, EINVAL,
      "Header extension too large" },
    { "head cut off", 3, {{ 112, 4, 0x1234 }}, 119, EINVAL,
      "header extension at offset 112 is cut off: 7 bytes are left and its "
      "head needs 8" },
  };

  (void) state;
  RUN_CASES (cases);
}

/* The names come from the image, and only those of incompatible bits. */
static void
test_feature_names (void **state)
{
  static uint8_t buf[BUILT_BYTES];
  uint8_t table[4 * 48];
  struct error err = ERROR_INIT;
  struct qcow2_header h;

  (void) state;
  build_header (buf, 3);
  build_feature (table, 0, 1, 9, "not this one");
  build_feature (table, 1, 0, 9, "time\ntravel\x1b[2J\x7f\xff");
  build_feature (table, 2, 0, 10, "");
  build_feature (table, 3, 0, 9, "nor this one");
  build_extension (buf, build_extension (buf, 112, 0x1234, "x", 1),
                   QCOW2_EXT_FEATURE_NAMES, table, sizeof table);
  poke (buf, (struct poke) { AT_INCOMPAT, 8, 3 << 9 });
  check_refusal ("names", parse_exactly (buf, BUILT_BYTES, &h, &err), &err,
                 ENOTSUP, "unknown incompatible features: "
                 "'time?travel?[2J?" "?' (bit 9), bit 10; the image comes from "
                 "a newer program: convert it there with qemu-img convert");
}

/* The longest names, more bits than are named: nothing is cut off. */
static void
test_feature_list (void **state)
{
  static const char longest[] = "0123456789012345678901234567890123456789"
    "012345";
  uint8_t bytes[64 * 48 + 47];
  const struct qcow2_extension table = {
    .data = bytes, .len_bytes = sizeof bytes,
  };
  char list[QCOW2_FEATURE_LIST_BYTES], name[QCOW2_FEATURE_NAME_BYTES + 1];
  unsigned i;

  (void) state;
  memset (bytes, 0, sizeof bytes);
  for (i = 0; i < 64; i++)
    build_feature (bytes, i, 2, (uint8_t) i, longest);
  /* A 65th entry that lacks its last byte. */
  memset (bytes + 64 * 48, 200, 47);
  assert_true (qcow2_feature_name (&table, 2, 63, name));
  assert_string_equal (name, longest);
  assert_false (qcow2_feature_name (&table, 200, 200, name));
  assert_false (qcow2_feature_name (&table, 2, 64, name));
  assert_string_equal (name, longest);

  qcow2_feature_list (&table, 2, UINT64_MAX << 10, list);
  assert_non_null (strstr (list, "5' (bit 10), '0"));
  assert_non_null (strstr (list, "5' (bit 13) and 50 more"));
  assert_int_equal (strlen (list), 4 * 57 + 3 * 2 + 12);
  qcow2_feature_list (&table, 2, 0, list);
  assert_string_equal (list, "");
}

/* The walk itself: one with data, an empty one at the end without a
 * marker. */
static void
test_walk (void **state)
{
  uint8_t bytes[64] = { 0 };
  struct qcow2_extension_walk w;
  struct qcow2_extension e;
  size_t end;

  (void) state;
  end = build_extension (bytes, 5, 7, "abc", 3);
  end = build_extension (bytes, end, 8, "", 0);
  qcow2_extension_walk_init (&w, bytes, 5, end);
  assert_int_equal (qcow2_extension_next (&w, &e, NULL), 1);
  assert_int_equal (e.type, 7);
  assert_int_equal (e.len_bytes, 3);
  assert_int_equal (e.offset, 5);
  assert_memory_equal (e.data, "abc", 3);
  assert_int_equal (qcow2_extension_next (&w, &e, NULL), 1);
  assert_int_equal (e.type, 8);
  assert_int_equal (e.offset, 21);
  assert_int_equal (qcow2_extension_next (&w, &e, NULL), 0);
  assert_int_equal (qcow2_extension_next (&w, &e, NULL), 0);
  /* The last one's padding may lack, or a part of it. */
  qcow2_extension_walk_init (&w, bytes, 5, 5 + 8 + 3 + 2);
  assert_int_equal (qcow2_extension_next (&w, &e, NULL), 1);
  assert_int_equal (qcow2_extension_next (&w, &e, NULL), 0);
  /* An area that ends before it starts is empty. */
  qcow2_extension_walk_init (&w, bytes, 16, 5);
  assert_int_equal (qcow2_extension_next (&w, &e, NULL), 0);
}

/* "0x00000000 - End of the header extension area": what follows is not
 * looked at. */
static void
test_walk_end_marker (void **state)
{
  uint8_t bytes[64] = { 0 };
  struct qcow2_extension_walk w;
  struct qcow2_extension e;

  (void) state;
  build_extension (bytes, 8, 9, "not me", 6);
  qcow2_extension_walk_init (&w, bytes, 0, sizeof bytes);
  assert_int_equal (qcow2_extension_next (&w, &e, NULL), 0);
  assert_int_equal (qcow2_extension_next (&w, &e, NULL), 0);
}

static void
test_walk_limit (void **state)
{
  static uint8_t buf[BUILT_BYTES];
  struct error err = ERROR_INIT;
  struct qcow2_header h;
  size_t at = 112;
  unsigned i;

  (void) state;
  build_header (buf, 3);
  for (i = 0; i < QCOW2_MAX_EXTENSIONS; i++)
    at = build_extension (buf, at, 0x1234, "", 0);
  parse_ok (buf, &h);
  build_extension (buf, at, 0x1234, "", 0);
  check_refusal ("limit", parse_exactly (buf, BUILT_BYTES, &h, &err), &err,
                 EFBIG, "more than 1024 header extensions");
}

/* -- the LUKS header's place -------------------------------------------- */

struct crypto_case {
  uint32_t method;
  uint64_t offset, bytes;
  uint32_t len;                 /* of the extension */
  int errnum;
  const char *text;
};

static int
parse_crypto (const struct crypto_case *c, struct qcow2_header *ret,
              struct error *err)
{
  static uint8_t buf[BUILT_BYTES];
  uint8_t data[24] = { 0 };

  build_header (buf, 3);
  poke (buf, (struct poke) { AT_CRYPT, 4, c->method });
  store_be64 (data, c->offset);
  store_be64 (data + 8, c->bytes);
  build_extension (buf, 112, QCOW2_EXT_CRYPTO, data, c->len);
  return parse_exactly (buf, BUILT_BYTES, ret, err);
}

static void
test_crypto (void **state)
{
  static const struct crypto_case cases[] = {
    { 2, 0x40000, 0x1f9000, 16, 0, NULL },
    { 2, 0, 0x1f9000, 16, EINVAL, "Missing CRYPTO header" },
    { 0, 0x40000, 0x1f9000, 16, EINVAL, "extension only expected with LUKS" },
    { 1, 0x40000, 0x1f9000, 16, EINVAL, "extension only expected with LUKS" },
    { 2, 0x40000, 0x1f9000, 8, EINVAL, "size 8, but expected size 16" },
    { 2, 0x40000, 0x1f9000, 24, EINVAL, "size 24, but expected size 16" },
    { 2, 0x40200, 0x1f9000, 16, EINVAL,
      "Encryption header offset invalid: 0x40200 is not a multiple" },
    { 2, 0x40000, 0x1000001, 16, EFBIG,
      "Encryption header too large: 16777217 bytes" },
    { 2, UINT64_C (0x7fffffffffff0000), 0x10000, 16, EINVAL,
      "end beyond 2^63" },
  };
  struct qcow2_header h;
  size_t i;

  (void) state;
  for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct error err = ERROR_INIT;
    const int r = parse_crypto (&cases[i], &h, &err);

    if (cases[i].errnum)
      check_refusal (cases[i].text, r, &err, cases[i].errnum, cases[i].text);
    else {
      assert_int_equal (r, 0);
      assert_int_equal (h.crypto_offset, cases[i].offset);
      assert_int_equal (h.crypto_bytes, cases[i].bytes);
    }
  }
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_extensions_read),
    cmocka_unit_test (test_backing_format),
    cmocka_unit_test (test_extension_faults),
    cmocka_unit_test (test_crypto),
    cmocka_unit_test (test_feature_names),
    cmocka_unit_test (test_feature_list),
    cmocka_unit_test (test_walk),
    cmocka_unit_test (test_walk_end_marker),
    cmocka_unit_test (test_walk_limit),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
