/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Compressing clusters: what comes out inflates to what went in, by a
 * deflater that has been used before; where it does not fit nothing is said
 * to have come out; no memory, and a library that fails (calls of it are
 * replaced below, to fail on demand), are told.
 */

#include <config.h>

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>

#ifdef HAVE_ZSTD
#include <zstd.h>
#include <zstd_errors.h>
#endif

#include "deflate.h"
#include "failing-calls.h"
#include "inflate-cases.h"

#define CLUSTER 65536u

#ifdef HAVE_ZSTD

static enum fail fail;

ZSTD_CCtx *
ZSTD_createCCtx (void)
{
  ZSTD_CCtx *(*real) (void);

  if (fail == FAIL_INIT)
    return NULL;
  *(void **) &real = dlsym (RTLD_NEXT, "ZSTD_createCCtx");
  return real ();
}

size_t
ZSTD_compress2 (ZSTD_CCtx *c, void *out, size_t room, const void *in,
                size_t len)
{
  size_t (*real) (ZSTD_CCtx *, void *, size_t, const void *, size_t);

  if (fail == FAIL_LATER)
    return (size_t) -(int) ZSTD_error_memory_allocation;
  *(void **) &real = dlsym (RTLD_NEXT, "ZSTD_compress2");
  return real (c, out, room, in, len);
}

static void
test_zstd_fails (void **state)
{
  struct error err = ERROR_INIT;
  struct deflater *d = NULL;
  uint8_t in[512] = { 0 }, out[512];
  size_t len = 1;

  (void) state;
  fail = FAIL_INIT;
  assert_int_equal (deflater_new (ZSTD, &d, &err), -1);
  assert_int_equal (err.errnum, ENOMEM);
  assert_null (d);
  fail = FAIL_NOTHING;
  assert_int_equal (deflater_new (ZSTD, &d, &err), 0);
  fail = FAIL_LATER;
  assert_int_equal (deflater_run (d, in, sizeof in, out, sizeof out, &len,
                                  &err), -1);
  assert_int_equal (err.errnum, EIO);
  assert_non_null (strstr (err.text, "zstd cannot compress a cluster: "));
  fail = FAIL_NOTHING;
  assert_int_equal (deflater_run (d, in, sizeof in, out, sizeof out, &len,
                                  &err), 0);
  assert_in_range (len, 1, sizeof out - 1);
  deflater_free (d);
}

#else /* !HAVE_ZSTD */

static void
test_zstd_fails (void **state)
{
  struct error err = ERROR_INIT;
  struct deflater *d;

  (void) state;
  assert_int_equal (deflater_new (ZSTD, &d, &err), -1);
  assert_int_equal (err.errnum, ENOTSUP);
}

#endif /* !HAVE_ZSTD */

/* Bytes that no library makes shorter. */
static void
fill_random (uint8_t *p, size_t len)
{
  uint64_t r = 88172645463325252u;
  size_t i;

  for (i = 0; i < len; ++i) {
    r ^= r << 13;
    r ^= r >> 7;
    r ^= r << 17;
    p[i] = (uint8_t) (r >> 24);
  }
}

static void
round_trips (uint8_t type)
{
  uint8_t *in = make_cluster (CLUSTER), *noise = malloc (CLUSTER);
  struct error err = ERROR_INIT;
  struct deflater *d;
  unsigned i;

  assert_non_null (noise);
  fill_random (noise, CLUSTER);
  assert_int_equal (deflater_new (type, &d, &err), 0);
  for (i = 0; i < 3; ++i) {
    uint8_t *out = malloc (CLUSTER - 1);
    size_t len = 0;

    assert_non_null (out);
    assert_int_equal (deflater_run (d, in, CLUSTER, out, CLUSTER - 1, &len,
                                    &err), 0);
    assert_in_range (len, 1, CLUSTER / 2);
    check_good (type, out, len, in, CLUSTER);
    /* Exactly as much as it takes, and one byte less. */
    assert_int_equal (deflater_run (d, in, CLUSTER, out, len - 1, &len, &err),
                      0);
    assert_int_equal (len, 0);
    len = 1;
    assert_int_equal (deflater_run (d, noise, CLUSTER, out, CLUSTER - 1, &len,
                                    &err), 0);
    assert_int_equal (len, 0);
    free (out);
  }
  deflater_free (d);
  free (noise);
  free (in);
}

static void
test_round_trips (void **state)
{
  (void) state;
  round_trips (ZLIB);
  if (compressed_supported (ZSTD))
    round_trips (ZSTD);
  deflater_free (NULL);
}

static void
test_no_memory (void **state)
{
  struct error err = ERROR_INIT;
  struct deflater *d = NULL;
  unsigned nth = 0;

  (void) state;
  for (;;) {
    fail_call (++nth);
    if (deflater_new (ZLIB, &d, &err) == 0)
      break;
    assert_true (fail_call_struck ());
    assert_int_equal (err.errnum, ENOMEM);
    assert_null (d);
  }
  fail_call (0);
  deflater_free (d);
  /* Its own memory, and zlib's. */
  assert_int_equal (nth, 3);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_round_trips),
    cmocka_unit_test (test_no_memory),
    cmocka_unit_test (test_zstd_fails),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
