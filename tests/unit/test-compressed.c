/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Inflating zlib's raw deflate: good data, every kind of bad data, no memory
 * (zlib's entry is replaced below, to fail on demand).  With libdeflate, that
 * nobody can tell.
 * zstd: test-compressed-zstd.c.
 */

#include <config.h>

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include <zlib.h>

#include "inflate-cases.h"

static enum fail fail;

static voidpf
no_memory (voidpf opaque, uInt nr, uInt size)
{
  (void) opaque, (void) nr, (void) size;
  return Z_NULL;
}

int
inflateInit2_ (z_streamp strm, int window_bits, const char *version,
               int stream_size)
{
  int (*real) (z_streamp, int, const char *, int);
  int r;

  if (fail == FAIL_INIT)
    return Z_MEM_ERROR;
  *(void **) &real = dlsym (RTLD_NEXT, "inflateInit2_");
  r = real (strm, window_bits, version, stream_size);
  if (fail == FAIL_LATER)
    strm->zalloc = no_memory;
  return r;
}

static size_t
deflate_to (uint8_t *out, size_t room, const uint8_t *in, size_t len,
            int window_bits)
{
  z_stream strm = { .next_in = (Bytef *) in, .avail_in = (uInt) len,
                    .next_out = out, .avail_out = (uInt) room };

  assert_int_equal (deflateInit2 (&strm, 6, Z_DEFLATED, window_bits, 9,
                                  Z_DEFAULT_STRATEGY), Z_OK);
  assert_int_equal (deflate (&strm, Z_FINISH), Z_STREAM_END);
  deflateEnd (&strm);
  return room - strm.avail_out;
}

static void
test_zlib_good (void **state)
{
  uint8_t *cluster = make_cluster (MAX_CLUSTER);
  uint8_t *in = malloc (MAX_CLUSTER);
  size_t len, size;
  int window;

  (void) state;
  for (size = 512; size <= MAX_CLUSTER; size *= 16) {
    for (window = 9; window <= 15; window += 3) {
      len = deflate_to (in, MAX_CLUSTER, cluster, size, -window);
      check_good (ZLIB, in, len, cluster, size);
      /* Garbage up to the sector's end. */
      memset (in + len, 0xee, 512);
      check_good (ZLIB, in, len + 511, cluster, size);
    }
  }
  free (in);
  free (cluster);
}

/* Z_BUF_ERROR with a full output: more than a cluster, or no end. */
static void
test_zlib_full_output (void **state)
{
  uint8_t *cluster = make_cluster (8192);
  uint8_t in[8192];
  size_t len = deflate_to (in, sizeof in, cluster, 8192, -12);

  (void) state;
  check_good (ZLIB, in, len, cluster, 4096);
  len = deflate_to (in, sizeof in, cluster, 4096, -12);
  check_good (ZLIB, in, len, cluster, 4096);
  check_good (ZLIB, in, len - 1, cluster, 4096);
  free (cluster);
}

static void
test_zlib_bad (void **state)
{
  uint8_t *cluster = make_cluster (4096);
  uint8_t in[8192];
  size_t len;

  (void) state;
  len = deflate_to (in, sizeof in, cluster, 4095, -12);
  check_bad (ZLIB, in, len, 4096, EIO, "zlib compressed cluster is damaged: "
             "4095 of 4096 bytes could be inflated from");
  len = deflate_to (in, sizeof in, cluster, 4096, -12);
  check_bad (ZLIB, in, len / 2, 4096, EIO, "of 4096 bytes could be inflated");
  check_bad (ZLIB, in, 0, 4096, EIO, "0 of 4096 bytes could be inflated "
             "from 0 (buffer error)");
  check_bad (ZLIB, "\xff\xff\xff\xff", 4, 4096, EIO,
             "0 of 4096 bytes could be inflated from 4 (data error)");
  /* A zlib stream instead of a raw one. */
  len = deflate_to (in, sizeof in, cluster, 4096, 12);
  check_bad (ZLIB, in, len, 4096, EIO, "data error");
  free (cluster);
}

/* A cluster that is all there, then a block of a type that does not exist:
 * the stream is damaged, and so perhaps what came before. */
static void
test_zlib_bad_behind_full_output (void **state)
{
  uint8_t *cluster = make_cluster (4096);
  uint8_t in[8192];
  z_stream strm = { .next_in = cluster, .avail_in = 4096,
                    .next_out = in, .avail_out = sizeof in };
  size_t len;

  (void) state;
  assert_int_equal (deflateInit2 (&strm, 6, Z_DEFLATED, -12, 9,
                                  Z_DEFAULT_STRATEGY), Z_OK);
  assert_int_equal (deflate (&strm, Z_SYNC_FLUSH), Z_OK);
  len = sizeof in - strm.avail_out;
  deflateEnd (&strm);
  check_good (ZLIB, in, len, cluster, 4096);
  in[len] = 0x07;
  check_bad (ZLIB, in, len + 1, 4096, EIO, "4096 of 4096 bytes could be "
             "inflated");
  free (cluster);
}

static void
test_zlib_no_memory (void **state)
{
  uint8_t *cluster = make_cluster (4096);
  uint8_t in[8192];
  size_t len = deflate_to (in, sizeof in, cluster, 4096, -12);

  (void) state;
  fail = FAIL_INIT;
  check_bad (ZLIB, in, len / 2, 4096, ENOMEM, "no memory to inflate");
  fail = FAIL_LATER;
  check_bad (ZLIB, in, len / 2, 4096, ENOMEM, "no memory to inflate");
  fail = FAIL_NOTHING;
  free (cluster);
}

/* Lengths that zlib's counters do not hold; refused before any access. */
static void
test_zlib_too_large (void **state)
{
  const size_t huge = (size_t) UINT_MAX + 1;
  struct error err = ERROR_INIT;
  uint8_t byte = 0;

  (void) state;
  assert_int_equal (inflate_once (ZLIB, &byte, 1, &byte, huge, &err), -1);
  assert_int_equal (err.errnum, EIO);
  assert_non_null (strstr (err.text, "(4294967296 inflated) is too large"));
  assert_int_equal (inflate_once (ZLIB, &byte, huge, &byte, 1, &err), -1);
  assert_non_null (strstr (err.text, "compressed cluster of 4294967296"));
}

static void
test_types (void **state)
{
  (void) state;
  assert_true (compressed_supported (ZLIB));
  assert_false (compressed_supported (2));
  assert_false (compressed_supported (255));
  check_bad (2, "", 0, 512, ENOTSUP, "unknown compression type 2");
}

static void
test_zlib_damaged (void **state)
{
  uint8_t *cluster = make_cluster (4096);
  uint8_t in[8192];

  (void) state;
  check_damaged (ZLIB, in, deflate_to (in, sizeof in, cluster, 4096, -12),
                 cluster, 4096);
  free (cluster);
}

/* What zlib says of IN: whether it is a cluster, and that. */
static bool
zlib_takes (const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len)
{
  z_stream strm = { .next_in = (Bytef *) in, .avail_in = (uInt) in_len,
                    .next_out = out, .avail_out = (uInt) out_len };
  int r;

  assert_int_equal (inflateInit2 (&strm, -15), Z_OK);
  r = inflate (&strm, Z_FINISH);
  inflateEnd (&strm);
  return strm.avail_out == 0 && (r == Z_STREAM_END || r == Z_BUF_ERROR);
}

static void
compare_with_zlib (const uint8_t *in, size_t len)
{
  uint8_t want[4096], got[4096];
  struct error err = ERROR_INIT;
  const bool good = zlib_takes (in, len, want, sizeof want);

  if (inflate_exactly (ZLIB, in, len, got, sizeof got, &err) != (good ? 0 : -1))
    fail_msg ("zlib takes it: %d, but: \"%s\"", good, err.text);
  if (good)
    assert_memory_equal (got, want, sizeof want);
  else
    assert_int_equal (err.errnum, EIO);
}

/* Whatever inflates must take what zlib takes; of damaged data with codes of its
 * own nothing else. */
static void
test_zlib_decides (void **state)
{
  uint8_t *cluster = make_cluster (4096);
  uint8_t in[8192] = { 0 };
  const size_t len = deflate_to (in, sizeof in, cluster, 4096, -12);
  size_t bit;

  (void) state;
  for (bit = 0; bit < len * 8; ++bit) {
    in[bit / 8] ^= (uint8_t) (1 << bit % 8);
    compare_with_zlib (in, len);
    compare_with_zlib (in, len + 500);
    in[bit / 8] ^= (uint8_t) (1 << bit % 8);
  }
  for (bit = 0; bit < len; ++bit)
    compare_with_zlib (in, bit);
  free (cluster);
}

/* Into one block with the codes that deflate has, among them some for lengths
 * and distances that there are none of: zlib refuses these, libdeflate may not. */
static size_t
deflate_fixed (uint8_t *in, size_t size, uint8_t *cluster, size_t len)
{
  z_stream strm = { .next_in = cluster, .avail_in = (uInt) len,
                    .next_out = in, .avail_out = (uInt) size };

  assert_int_equal (deflateInit2 (&strm, 9, Z_DEFLATED, -12, 9, Z_FIXED),
                    Z_OK);
  assert_int_equal (deflate (&strm, Z_FINISH), Z_STREAM_END);
  deflateEnd (&strm);
  return size - strm.avail_out;
}

static void
test_zlib_is_enough (void **state)
{
  static uint8_t cluster[4096], in[8192], want[4096], got[4096];
  struct error err = ERROR_INIT;
  unsigned nr_good = 0, nr_more = 0;
  size_t i, len;

  (void) state;
  for (i = 0; i < sizeof cluster; ++i)
    cluster[i] = (uint8_t) (i % 600 < 300 ? 0 : i * i >> 3);
  len = deflate_fixed (in, sizeof in, cluster, sizeof cluster);
  for (i = 0; i < len * 8; ++i) {
    bool good, taken;

    in[i / 8] ^= (uint8_t) (1 << i % 8);
    good = zlib_takes (in, len + 9, want, sizeof want);
    taken = inflate_exactly (ZLIB, in, len + 9, got, sizeof got, &err) == 0;
    if (good)
      assert_true (taken && memcmp (got, want, sizeof want) == 0);
    nr_good += good;
    nr_more += taken && !good;
    in[i / 8] ^= (uint8_t) (1 << i % 8);
  }
  assert_true (nr_good > 100);
  printf ("%zu bits changed: zlib takes %u, we %u more\n", len * 8, nr_good,
          nr_more);
#ifndef HAVE_LIBDEFLATE
  assert_int_equal (nr_more, 0);
#endif
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_zlib_good),
    cmocka_unit_test (test_zlib_full_output),
    cmocka_unit_test (test_zlib_bad),
    cmocka_unit_test (test_zlib_bad_behind_full_output),
    cmocka_unit_test (test_zlib_no_memory),
    cmocka_unit_test (test_zlib_too_large),
    cmocka_unit_test (test_zlib_damaged),
    cmocka_unit_test (test_zlib_decides),
    cmocka_unit_test (test_zlib_is_enough),
    cmocka_unit_test (test_types),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
