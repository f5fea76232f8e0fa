/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Inflating zstd frames: good data, every kind of bad data, no memory
 * (functions of the library are replaced below, to fail on demand);
 * or, where zstd was left out, that it says so.
 */

#include <config.h>

#include <dlfcn.h>
#include <errno.h>

#ifdef HAVE_ZSTD
#include <zstd.h>
#include <zstd_errors.h>
#endif

#include "inflate-cases.h"

#ifdef HAVE_ZSTD

#define FEW_BYTES 100

static enum fail fail;
static unsigned nr_created;
static bool slowly;             /* few bytes at a time come out */

ZSTD_DCtx *
ZSTD_createDCtx (void)
{
  ZSTD_DCtx *(*real) (void);

  if (fail == FAIL_INIT)
    return NULL;
  nr_created++;
  *(void **) &real = dlsym (RTLD_NEXT, "ZSTD_createDCtx");
  return real ();
}

size_t
ZSTD_decompressStream (ZSTD_DStream *d, ZSTD_outBuffer *out,
                       ZSTD_inBuffer *in)
{
  size_t (*real) (ZSTD_DStream *, ZSTD_outBuffer *, ZSTD_inBuffer *);

  if (fail == FAIL_LATER)
    return (size_t) -(int) ZSTD_error_memory_allocation;
  *(void **) &real = dlsym (RTLD_NEXT, "ZSTD_decompressStream");
  if (slowly && out->size - out->pos > FEW_BYTES) {
    ZSTD_outBuffer few = { out->dst, out->pos + FEW_BYTES, out->pos };
    const size_t r = real (d, &few, in);

    out->pos = few.pos;
    return r;
  }
  return real (d, out, in);
}

/* Append a frame that holds IN; as a stream of unknown size, with a window
 * of 2 ^ WINDOW_LOG, where WINDOW_LOG is not 0. */
static size_t
add_frame (uint8_t *out, size_t at, size_t room, const uint8_t *in,
           size_t len, int window_log)
{
  ZSTD_CCtx *cctx = ZSTD_createCCtx ();
  ZSTD_inBuffer input = { in, window_log ? len - 1 : len, 0 };
  ZSTD_outBuffer output = { out, room, at };

  ZSTD_CCtx_setParameter (cctx, ZSTD_c_windowLog, window_log);
  if (window_log) {
    ZSTD_compressStream2 (cctx, &output, &input, ZSTD_e_continue);
    input.size = len;
  }
  assert_int_equal (
    ZSTD_compressStream2 (cctx, &output, &input, ZSTD_e_end), 0);
  ZSTD_freeCCtx (cctx);
  return output.pos;
}

/* A frame with a checksum at its end. */
static size_t
add_checked_frame (uint8_t *out, size_t room, const uint8_t *in, size_t len)
{
  ZSTD_CCtx *cctx = ZSTD_createCCtx ();
  size_t r;

  ZSTD_CCtx_setParameter (cctx, ZSTD_c_checksumFlag, 1);
  r = ZSTD_compress2 (cctx, out, room, in, len);
  assert_false (ZSTD_isError (r));
  ZSTD_freeCCtx (cctx);
  return r;
}

static void
test_zstd_good (void **state)
{
  uint8_t *cluster = make_cluster (MAX_CLUSTER);
  uint8_t *in = malloc (MAX_CLUSTER);
  size_t len, size;

  (void) state;
  assert_true (compressed_supported (ZSTD));
  for (size = 512; size <= MAX_CLUSTER; size *= 16) {
    len = add_frame (in, 0, MAX_CLUSTER, cluster, size, 0);
    check_good (ZSTD, in, len, cluster, size);
    memset (in + len, 0xee, 512);
    check_good (ZSTD, in, len + 511, cluster, size);
  }
  free (in);
  free (cluster);
}

static void
test_zstd_frames (void **state)
{
  static const uint8_t skippable[] = {
    0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 'a', 'b', 'c'
  };
  uint8_t *cluster = make_cluster (4096);
  uint8_t in[8192];
  size_t len;

  (void) state;
  memcpy (in, skippable, sizeof skippable);
  len = add_frame (in, sizeof skippable, sizeof in, cluster, 1000, 0);
  len = add_frame (in, len, sizeof in, cluster + 1000, 3000, 0);
  len = add_frame (in, len, sizeof in, cluster + 4000, 96, 0);
  check_good (ZSTD, in, len, cluster, 4096);
  free (cluster);
}

static void
test_zstd_bad (void **state)
{
  uint8_t *cluster = make_cluster (4096);
  uint8_t in[8192];
  size_t len;

  (void) state;
  len = add_frame (in, 0, sizeof in, cluster, 4095, 0);
  check_bad (ZSTD, in, len, 4096, EIO, "zstd compressed cluster is too "
             "short: 4095 of 4096 bytes could be inflated from");
  memset (in + len, 0xee, 512);
  check_bad (ZSTD, in, len + 100, 4096, EIO, "zstd compressed cluster is "
             "damaged: 4095 of 4096 bytes");
  len = add_frame (in, 0, sizeof in, cluster, 4096, 0);
  check_bad (ZSTD, in, len / 2, 4096, EIO, "is too short");
  check_bad (ZSTD, in, 0, 4096, EIO, "0 of 4096 bytes could be inflated "
             "from 0");
  /* More than a cluster, and a checksum that is cut off. */
  check_bad (ZSTD, in, len, 2048, EIO, "its frame does not end with its 2048 "
             "bytes");
  len = add_checked_frame (in, sizeof in, cluster, 4096);
  check_good (ZSTD, in, len, cluster, 4096);
  check_bad (ZSTD, in, len - 1, 4096, EIO, "its frame does not end with its "
             "4096 bytes");
  check_bad (ZSTD, "not zstd", 8, 4096, EIO, "is damaged: 0 of 4096");
  free (cluster);
}

/* An image cannot make us allocate as much as it likes. */
static void
test_zstd_window (void **state)
{
  uint8_t *cluster = make_cluster (4096);
  uint8_t in[8192];
  size_t len;

  (void) state;
  len = add_frame (in, 0, sizeof in, cluster, 4096, 23);
  check_good (ZSTD, in, len, cluster, 4096);
  len = add_frame (in, 0, sizeof in, cluster, 4096, 24);
  check_bad (ZSTD, in, len, 4096, EIO, "requires too much memory");
  free (cluster);
}

static void
run_twice (const uint8_t *in, size_t len)
{
  uint8_t out[4096];
  struct inflater *d;

  nr_created = 0;
  assert_int_equal (inflater_new (ZSTD, &d, NULL), 0);
  assert_int_equal (inflater_run (d, in, len, out, sizeof out, NULL), 0);
  assert_int_equal (inflater_run (d, in, len, out, sizeof out, NULL), 0);
  inflater_free (d);
}

/* Memory is kept for the next cluster, but not a frame's large window. */
static void
test_zstd_kept (void **state)
{
  uint8_t *cluster = make_cluster (4096);
  uint8_t in[8192];
  size_t len;

  (void) state;
  len = add_frame (in, 0, sizeof in, cluster, 4096, 0);
  run_twice (in, len);
  assert_int_equal (nr_created, 1);
  len = add_frame (in, 0, sizeof in, cluster, 4096, 23);
  run_twice (in, len);
  assert_int_equal (nr_created, 2);
  free (cluster);
}

/* A call that takes no input may give output: that is progress. */
static void
test_zstd_slow (void **state)
{
  uint8_t *cluster = make_cluster (4096);
  uint8_t in[8192];
  size_t len = add_frame (in, 0, sizeof in, cluster, 4096, 0);

  (void) state;
  slowly = true;
  check_good (ZSTD, in, len, cluster, 4096);
  check_bad (ZSTD, in, len / 2, 4096, EIO, "is too short");
  slowly = false;
  free (cluster);
}

static void
test_zstd_no_memory (void **state)
{
  uint8_t *cluster = make_cluster (4096);
  uint8_t in[8192];
  size_t len = add_frame (in, 0, sizeof in, cluster, 4096, 0);

  (void) state;
  fail = FAIL_INIT;
  check_bad (ZSTD, in, len, 4096, ENOMEM, "no memory to inflate");
  fail = FAIL_LATER;
  check_bad (ZSTD, in, len, 4096, ENOMEM, "zstd compressed cluster");
  fail = FAIL_NOTHING;
  free (cluster);
}

static void
test_zstd_damaged (void **state)
{
  uint8_t *cluster = make_cluster (4096);
  uint8_t in[8192];

  (void) state;
  check_damaged (ZSTD, in, add_frame (in, 0, sizeof in, cluster, 4096, 0),
                 cluster, 4096);
  free (cluster);
}

#else /* !HAVE_ZSTD */

static void
test_zstd_left_out (void **state)
{
  (void) state;
  assert_false (compressed_supported (ZSTD));
  check_bad (ZSTD, "", 0, 512, ENOTSUP, "zstd was left out of this build");
}

#endif /* !HAVE_ZSTD */

int
main (void)
{
  const struct CMUnitTest tests[] = {
#ifdef HAVE_ZSTD
    cmocka_unit_test (test_zstd_good),
    cmocka_unit_test (test_zstd_frames),
    cmocka_unit_test (test_zstd_bad),
    cmocka_unit_test (test_zstd_window),
    cmocka_unit_test (test_zstd_kept),
    cmocka_unit_test (test_zstd_slow),
    cmocka_unit_test (test_zstd_no_memory),
    cmocka_unit_test (test_zstd_damaged),
#else
    cmocka_unit_test (test_zstd_left_out),
#endif
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
