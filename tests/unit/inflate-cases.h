/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the tests of inflaters share: clusters, and buffers that
 * are exactly as large as claimed, so that the sanitizer sees a byte too
 * many.
 */

#ifndef BATON_TESTS_INFLATE_CASES_H
#define BATON_TESTS_INFLATE_CASES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "compressed.h"
#include "qcow2-format.h"

#define ZLIB QCOW2_COMPRESSION_ZLIB
#define ZSTD QCOW2_COMPRESSION_ZSTD
#define MAX_CLUSTER (2 << 20)

/* Which call of the library the test makes fail. */
enum fail { FAIL_NOTHING, FAIL_INIT, FAIL_LATER };

/* A cluster that compresses, but not to nothing. */
static inline uint8_t *
make_cluster (size_t len)
{
  uint8_t *p = malloc (len);
  uint32_t r = 12345;
  size_t i;

  assert_non_null (p);
  for (i = 0; i < len; i++) {
    r = r * 1103515245 + 12345;
    p[i] = "abcdefgh"[(r >> 16) & 7];
  }
  return p;
}

/* One cluster with an inflater of its own. */
static inline int
inflate_once (uint8_t type, const void *in, size_t in_len, void *out,
              size_t out_len, struct error *err)
{
  struct inflater *d;
  int r;

  if (inflater_new (type, &d, err) == -1)
    return -1;
  r = inflater_run (d, in, in_len, out, out_len, err);
  inflater_free (d);
  return r;
}

/* Inflate exactly-sized copies; what came out is in RET_OUT where that is
 * not NULL. */
static inline int
inflate_exactly (uint8_t type, const void *in, size_t in_len,
                 void *ret_out, size_t out_len, struct error *err)
{
  uint8_t *in_copy = malloc (in_len ? in_len : 1), *out = malloc (out_len);
  int r;

  assert_true (in_copy && out);
  memcpy (in_copy, in, in_len);
  r = inflate_once (type, in_copy + (in_len == 0), in_len, out, out_len,
                    err);
  if (ret_out)
    memcpy (ret_out, out, out_len);
  free (in_copy);
  free (out);
  return r;
}

static inline void
check_good (uint8_t type, const uint8_t *in, size_t in_len,
            const uint8_t *want, size_t len)
{
  struct error err = ERROR_INIT;
  uint8_t *out = malloc (len);

  assert_non_null (out);
  if (inflate_exactly (type, in, in_len, out, len, &err) != 0)
    fail_msg ("refused: %s", err.text);
  assert_memory_equal (out, want, len);
  free (out);
}

static inline void
check_bad (uint8_t type, const void *in, size_t in_len, size_t out_len,
           int errnum, const char *text)
{
  struct error err = ERROR_INIT;
  int r = inflate_exactly (type, in, in_len, NULL, out_len, &err);

  if (r != -1 || err.errnum != errnum || !strstr (err.text, text))
    fail_msg ("returned %d, errno %d, \"%s\"; expected errno %d, \"%s\"",
              r, err.errnum, err.text, errnum, text);
  assert_int_equal (inflate_exactly (type, in, in_len, NULL, out_len, NULL),
                    -1);
}

/* What came before is not seen by the next cluster. */
static inline void
check_good_after (uint8_t type, const uint8_t *bad, const uint8_t *good,
                  size_t len, const uint8_t *want, size_t out_len)
{
  uint8_t *out = malloc (out_len);
  struct error err = ERROR_INIT;
  struct inflater *d;

  assert_non_null (out);
  assert_int_equal (inflater_new (type, &d, NULL), 0);
  inflater_run (d, bad, len, out, out_len, NULL);
  if (inflater_run (d, good, len, out, out_len, &err) != 0)
    fail_msg ("refused after damaged data: %s", err.text);
  assert_memory_equal (out, want, out_len);
  inflater_free (d);
  free (out);
}

/* Damage good data at random places: never a crash, never a byte outside. */
static inline void
check_damaged (uint8_t type, const uint8_t *good, size_t len,
               const uint8_t *want, size_t out_len)
{
  uint8_t in[8192];
  uint32_t r = 99;
  int i;

  for (i = 0; i < 2000; i++) {
    memcpy (in, good, len);
    r = r * 1664525 + 1013904223;
    in[(r >> 8) % len] ^= (uint8_t) (1 << (r >> 29));
    inflate_exactly (type, in, 1 + (r >> 4) % len, NULL, out_len, NULL);
    inflate_exactly (type, in, len, NULL, out_len, NULL);
    check_good_after (type, in, good, len, want, out_len);
  }
}

#endif /* BATON_TESTS_INFLATE_CASES_H */
