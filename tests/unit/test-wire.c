/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The NBD codec: layouts byte by byte as the specification has them, and
 * every refusal.
 */

#include <config.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire.h"

#define ARRAY_SIZE(a) (sizeof (a) / sizeof (a)[0])
#define BYTES(s) (s), sizeof (s) - 1

/* A copy of exactly LEN bytes on the heap, so that the sanitizer sees a
 * read past the end. */
static void *
exact (const void *data, size_t len)
{
  void *copy = malloc (len > 0 ? len : 1);

  assert_non_null (copy);
  memcpy (copy, data, len);
  return copy;
}

/* -- handshake ------------------------------------------------------- */

static void
test_option (void **state)
{
  static const uint8_t good[] = "IHAVEOPT\0\0\0\7\1\2\3\4";
  static const uint8_t bad[] = "IHAVEOPU\0\0\0\7\1\2\3\4";
  struct wire_option o = { 1, 2 };
  struct error err = ERROR_INIT;

  (void) state;
  assert_int_equal (wire_get_option (bad, &o, &err), -1);
  assert_int_equal (err.errnum, EPROTO);
  assert_int_equal (o.option, 1);
  assert_int_equal (wire_get_option (good, &o, &err), 0);
  assert_int_equal (o.option, NBD_OPT_GO);
  assert_int_equal (o.len_bytes, 0x01020304);
}

static void
test_info_request (void **state)
{
  static const char data[] = "\0\0\0\2ab\0\3\0\1\0\3\0\x63";
  struct wire_info_request r;

  (void) state;
  assert_int_equal (wire_get_info_request (BYTES (data), &r, NULL), 0);
  assert_true (wire_string_equal (&r.name, "ab"));
  assert_false (wire_string_equal (&r.name, "a"));
  assert_false (wire_string_equal (&r.name, "abc"));
  assert_true (r.wants_name);
  assert_false (r.wants_description);
  assert_true (r.wants_block_size);
}

static const struct refusal {
  const char *data;
  size_t len;
  const char *text;
} info_refusals[] = {
  { BYTES (""), "past the end" },
  { BYTES ("\0\0\0"), "past the end" },
  { BYTES ("\0\0\0\3ab"), "past the end" },
  { BYTES ("\0\0\x10\1ab"), "at most 4096" },
  { BYTES ("\xff\xff\xff\xff"), "at most 4096" },
  { BYTES ("\0\0\0\0"), "exactly" },
  { BYTES ("\0\0\0\0\0"), "exactly" },
  { BYTES ("\0\0\0\0\0\1"), "exactly" },
  { BYTES ("\0\0\0\0\0\1\0"), "exactly" },
  { BYTES ("\0\0\0\0\0\0x"), "exactly" },
  { BYTES ("\0\0\0\0\xff\xff\0\1"), "exactly" },
};

static const struct refusal meta_refusals[] = {
  { BYTES (""), "past the end" },
  { BYTES ("\0\0\0\1"), "past the end" },
  { BYTES ("\0\0\x10\1"), "at most 4096" },
  { BYTES ("\0\0\0\0"), "exactly" },
  { BYTES ("\0\0\0\0\0\0\0\0x"), "exactly" },
  { BYTES ("\0\0\0\0\0\0\0\1"), "past the end" },
  { BYTES ("\0\0\0\0\0\0\0\1\0\0\0\3a:"), "past the end" },
  { BYTES ("\0\0\0\0\0\0\0\1\0\0\x20\0a:"), "at most 4096" },
  { BYTES ("\0\0\0\0\xff\xff\xff\xff\0\0\0\2a:"), "past the end" },
  { BYTES ("\0\0\0\0\0\0\0\1\0\0\0\2ab"), "colon" },
  { BYTES ("\0\0\0\0\0\0\0\1\0\0\0\0"), "colon" },
  { BYTES ("\0\0\0\0\0\0\0\1\0\0\0\2a:x"), "exactly" },
};

static void
test_info_refusals (void **state)
{
  struct wire_info_request r = { .wants_name = true };
  size_t i;

  (void) state;
  for (i = 0; i < ARRAY_SIZE (info_refusals); i++) {
    const struct refusal *c = &info_refusals[i];
    void *data = exact (c->data, c->len);
    struct error err = ERROR_INIT;

    assert_int_equal (wire_get_info_request (data, c->len, &r, &err), -1);
    assert_int_equal (err.errnum, EPROTO);
    assert_non_null (strstr (err.text, c->text));
    assert_true (r.wants_name);
    free (data);
  }
}

static void
test_meta_refusals (void **state)
{
  struct wire_meta_request r = { .nr_queries = 77 };
  size_t i;

  (void) state;
  for (i = 0; i < ARRAY_SIZE (meta_refusals); i++) {
    const struct refusal *c = &meta_refusals[i];
    void *data = exact (c->data, c->len);
    struct error err = ERROR_INIT;

    assert_int_equal (wire_get_meta_request (data, c->len, &r, &err), -1);
    assert_int_equal (err.errnum, EPROTO);
    assert_non_null (strstr (err.text, c->text));
    assert_int_equal (r.nr_queries, 77);
    free (data);
  }
}

static void
test_meta_request (void **state)
{
  static const char data[] = "\0\0\0\1e\0\0\0\2\0\0\0\3a:b\0\0\0\2c:";
  struct wire_meta_request r;
  struct wire_string q;

  (void) state;
  assert_int_equal (wire_get_meta_request (BYTES (data), &r, NULL), 0);
  assert_true (wire_string_equal (&r.name, "e"));
  assert_int_equal (r.nr_queries, 2);
  assert_true (wire_next_query (&r, &q));
  assert_true (wire_string_equal (&q, "a:b"));
  assert_true (wire_next_query (&r, &q));
  assert_true (wire_string_equal (&q, "c:"));
  assert_false (wire_next_query (&r, &q));
}

/* Cut at every byte: refused, and nothing outside is read. */
static void
test_truncation (void **state)
{
  static const char meta[] = "\0\0\0\1e\0\0\0\2\0\0\0\3a:b\0\0\0\2c:";
  static const char info[] = "\0\0\0\2ab\0\2\0\1\0\3";
  struct wire_info_request i;
  struct wire_meta_request m;
  size_t n;

  (void) state;
  for (n = 0; n < sizeof meta - 1; n++) {
    void *data = exact (meta, n);

    assert_int_equal (wire_get_meta_request (data, n, &m, NULL), -1);
    free (data);
  }
  for (n = 0; n < sizeof info - 1; n++) {
    void *data = exact (info, n);

    assert_int_equal (wire_get_info_request (data, n, &i, NULL), -1);
    free (data);
  }
}

static void
test_put_handshake (void **state)
{
  const struct wire_export e = { 65536, 0x81 };
  const struct wire_block_size b = { 1, 4096, 65536 };
  uint8_t buf[WIRE_MAX_OPTION_PAYLOAD_BYTES];

  (void) state;
  assert_int_equal (wire_put_greeting (buf, 3), 18);
  assert_memory_equal (buf, "NBDMAGICIHAVEOPT\0\3", 18);
  assert_int_equal (wire_put_option_reply (buf, 7, NBD_REP_ERR_UNKNOWN, 5),
                    20);
  assert_memory_equal (buf, "\0\3\xe8\x89\4\x55\x65\xa9\0\0\0\7\x80\0\0\6"
                       "\0\0\0\5", 20);
  assert_int_equal (wire_put_export (buf, &e), 10);
  assert_memory_equal (buf, "\0\0\0\0\0\1\0\0\0\x81", 10);
  assert_int_equal (wire_put_info_export (buf, &e), 12);
  assert_memory_equal (buf, "\0\0\0\0\0\0\0\1\0\0\0\x81", 12);
  assert_int_equal (wire_put_info_block_size (buf, &b), 14);
  assert_memory_equal (buf, "\0\3\0\0\0\1\0\0\x10\0\0\1\0\0", 14);
  assert_int_equal (wire_put_info_string (buf, 2, "hi"), 4);
  assert_memory_equal (buf, "\0\2hi", 4);
  assert_int_equal (wire_put_server (buf, "hi"), 6);
  assert_memory_equal (buf, "\0\0\0\0hi", 6);
  assert_int_equal (wire_put_meta_context (buf, 1, "x-a:b"), 9);
  assert_memory_equal (buf, "\0\0\0\1x-a:b", 9);
}

static void
test_put_long_string (void **state)
{
  char text[5000];
  uint8_t *buf = malloc (WIRE_MAX_OPTION_PAYLOAD_BYTES);

  (void) state;
  assert_non_null (buf);
  memset (text, 'x', sizeof text);
  text[sizeof text - 1] = '\0';
  assert_int_equal (wire_put_server (buf, text), 4 + 4096);
  assert_int_equal (wire_put_info_string (buf, 2, text), 2 + 4096);
  free (buf);
}

/* -- transmission ---------------------------------------------------- */

static void
test_request (void **state)
{
  static const uint8_t good[] = "\x25\x60\x95\x13\0\4\0\1\1\2\3\4\5\6\7\x8"
                                "\0\0\0\0\0\0\x10\0\0\0\2\0";
  uint8_t bad[28];
  struct wire_request r = { .type = 9 };
  struct error err = ERROR_INIT;
  int i;

  (void) state;
  for (i = 0; i < 4; i++) {
    memcpy (bad, good, sizeof bad);
    bad[i] ^= 1;
    assert_int_equal (wire_get_request (bad, &r, &err), -1);
    assert_int_equal (err.errnum, EPROTO);
    assert_int_equal (r.type, 9);
  }
  assert_int_equal (wire_get_request (good, &r, &err), 0);
  assert_int_equal (r.flags, 4);
  assert_int_equal (r.type, 1);
  assert_true (r.cookie == UINT64_C (0x0102030405060708));
  assert_true (r.offset == 4096);
  assert_int_equal (r.len_bytes, 512);
}

static void
test_put_replies (void **state)
{
  const uint64_t cookie = UINT64_C (0x0102030405060708);
  uint8_t buf[WIRE_ERROR_CHUNK_BYTES];

  (void) state;
  assert_int_equal (wire_put_simple_reply (buf, cookie, NBD_EINVAL), 16);
  assert_memory_equal (buf, "\x67\x44\x66\x98\0\0\0\x16\1\2\3\4\5\6\7\x8",
                       16);
  assert_int_equal (wire_put_none_chunk (buf, cookie), 20);
  assert_memory_equal (buf, "\x66\x8e\x33\xef\0\1\0\0\1\2\3\4\5\6\7\x8"
                       "\0\0\0\0", 20);
  assert_int_equal (wire_put_data_chunk (buf, cookie, 512, 65536), 28);
  assert_memory_equal (buf, "\x66\x8e\x33\xef\0\1\0\1\1\2\3\4\5\6\7\x8"
                       "\0\1\0\x8\0\0\0\0\0\0\2\0", 28);
  assert_int_equal (wire_put_status_chunk (buf, cookie, 1, 512, 2), 32);
  assert_memory_equal (buf, "\x66\x8e\x33\xef\0\1\0\5\1\2\3\4\5\6\7\x8"
                       "\0\0\0\xc\0\0\0\1\0\0\2\0\0\0\0\2", 32);
  assert_int_equal (wire_put_error_chunk (buf, cookie, NBD_EPERM, "no"), 28);
  assert_memory_equal (buf, "\x66\x8e\x33\xef\0\1\x80\1\1\2\3\4\5\6\7\x8"
                       "\0\0\0\x8\0\0\0\1\0\2no", 28);
}

static void
test_put_long_error (void **state)
{
  uint8_t *buf = malloc (WIRE_ERROR_CHUNK_BYTES);
  char text[2000];

  (void) state;
  assert_non_null (buf);
  memset (text, 'x', sizeof text);
  text[sizeof text - 1] = '\0';
  assert_int_equal (wire_put_error_chunk (buf, 1, 1, text),
                    WIRE_ERROR_CHUNK_BYTES);
  assert_int_equal (load_be32 (buf + 16), 6 + WIRE_MAX_ERROR_TEXT_BYTES);
  assert_int_equal (load_be16 (buf + 24), WIRE_MAX_ERROR_TEXT_BYTES);
  free (buf);
}

static void
test_errors (void **state)
{
  static const struct { int errnum; uint32_t nbd; } cases[] = {
    { EPERM, 1 }, { EROFS, 1 }, { EIO, 5 }, { ENOMEM, 12 }, { EINVAL, 22 },
    { ENOSPC, 28 }, { EDQUOT, 28 }, { EFBIG, 28 }, { ENOTSUP, 95 },
    { ESHUTDOWN, 108 }, { EBUSY, 22 }, { EAGAIN, 22 }, { ESTALE, 22 },
    { ETIMEDOUT, 22 },
  };
  size_t i;

  (void) state;
  for (i = 0; i < ARRAY_SIZE (cases); i++)
    assert_int_equal (wire_error (cases[i].errnum), cases[i].nbd);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_option),
    cmocka_unit_test (test_info_request),
    cmocka_unit_test (test_info_refusals),
    cmocka_unit_test (test_meta_request),
    cmocka_unit_test (test_meta_refusals),
    cmocka_unit_test (test_truncation),
    cmocka_unit_test (test_put_handshake),
    cmocka_unit_test (test_put_long_string),
    cmocka_unit_test (test_request),
    cmocka_unit_test (test_put_replies),
    cmocka_unit_test (test_put_long_error),
    cmocka_unit_test (test_errors),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
