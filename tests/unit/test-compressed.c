/* SPDX-License-Identifier: BSD-3-Clause
 *
 * compressed_inflate of zlib's raw deflate: good data, every kind of bad
 * data, no memory (zlib's entry is replaced below, to fail on demand).
 * zstd: test-compressed-zstd.c.
 */

#include <config.h>

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>

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
  check_bad (ZLIB, in, len, 4096, ENOMEM, "no memory to inflate");
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
  assert_int_equal (compressed_inflate (ZLIB, &byte, 1, &byte, huge, &err),
                    -1);
  assert_int_equal (err.errnum, EIO);
  assert_non_null (strstr (err.text, "(4294967296 inflated) is too large"));
  assert_int_equal (compressed_inflate (ZLIB, &byte, huge, &byte, 1, &err),
                    -1);
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
                 4096);
  free (cluster);
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
    cmocka_unit_test (test_types),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
