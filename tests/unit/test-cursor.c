/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The bounded cursor: order of bytes, every bound, and that a failure stays.
 * Data is exactly as long as it says and on the heap, so that the address
 * sanitizer sees a step outside.
 */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cursor.h"

static uint8_t *
counting_bytes (size_t len)
{
  uint8_t *p = malloc (len ? len : 1);
  size_t i;

  assert_non_null (p);
  for (i = 0; i < len; ++i)
    p[i] = (uint8_t) (i + 1);
  return p;
}

static void
test_values (void **state)
{
  uint8_t *data = counting_bytes (17);
  struct cursor c;

  (void) state;
  cursor_init (&c, data, 17);
  assert_int_equal (cursor_left (&c), 17);
  assert_int_equal (cursor_u8 (&c), 0x01);
  assert_int_equal (cursor_be16 (&c), 0x0203);
  assert_int_equal (cursor_be32 (&c), 0x04050607);
  assert_true (cursor_be64 (&c) == UINT64_C (0x08090a0b0c0d0e0f));
  assert_int_equal (cursor_left (&c), 2);
  assert_ptr_equal (cursor_bytes (&c, 2), data + 15);
  assert_int_equal (cursor_left (&c), 0);
  assert_false (c.failed);
  free (data);
}

static uint64_t
read_width (struct cursor *c, size_t width)
{
  switch (width) {
  case 1: return cursor_u8 (c);
  case 2: return cursor_be16 (c);
  case 4: return cursor_be32 (c);
  default: return cursor_be64 (c);
  }
}

/* Every width at every distance from the end: all or nothing. */
static void
test_bounds (void **state)
{
  static const size_t widths[] = { 1, 2, 4, 8 };
  struct cursor c;
  size_t len, i;

  (void) state;
  for (len = 0; len <= 9; ++len)
    for (i = 0; i < 4; ++i) {
      uint8_t *data = counting_bytes (len);
      uint64_t v;

      cursor_init (&c, data, len);
      v = read_width (&c, widths[i]);
      assert_int_equal (c.failed, len < widths[i]);
      assert_int_equal (v != 0, len >= widths[i]);
      assert_int_equal (c.pos, len < widths[i] ? 0 : widths[i]);
      free (data);
    }
}

static void
test_failure_stays (void **state)
{
  uint8_t *data = counting_bytes (3);
  struct cursor c;

  (void) state;
  cursor_init (&c, data, 3);
  assert_int_equal (cursor_be32 (&c), 0);
  assert_true (c.failed);
  /* The three bytes are there, but not what the parser thinks they are. */
  assert_int_equal (cursor_u8 (&c), 0);
  cursor_seek (&c, 0);
  assert_true (c.failed);
  free (data);
}

static void
test_huge_lengths (void **state)
{
  uint8_t *data = counting_bytes (8);
  struct cursor c;

  (void) state;
  cursor_init (&c, data, 8);
  cursor_skip (&c, 3);
  assert_int_equal (c.pos, 3);
  assert_null (cursor_bytes (&c, SIZE_MAX));
  assert_true (c.failed);
  cursor_init (&c, data, 8);
  cursor_skip (&c, 3);
  cursor_skip (&c, SIZE_MAX - 2);
  assert_true (c.failed);
  assert_int_equal (c.pos, 3);
  free (data);
}

static void
test_seek (void **state)
{
  uint8_t *data = counting_bytes (8);
  struct cursor c;

  (void) state;
  cursor_init (&c, data, 8);
  cursor_seek (&c, 8);
  assert_false (c.failed);
  assert_int_equal (cursor_left (&c), 0);
  cursor_seek (&c, 2);
  assert_int_equal (cursor_u8 (&c), 3);
  cursor_seek (&c, 9);
  assert_true (c.failed);
  assert_int_equal (c.pos, 3);
  free (data);
}

static void
test_stores (void **state)
{
  uint8_t b[8];

  (void) state;
  store_be64 (b, UINT64_C (0x0102030405060708));
  assert_int_equal (b[0], 1);
  assert_int_equal (b[7], 8);
  assert_true (load_be64 (b) == UINT64_C (0x0102030405060708));
  store_be32 (b + 1, 0x0a0b0c0d);
  assert_int_equal (b[1], 0x0a);
  assert_int_equal (load_be32 (b + 1), 0x0a0b0c0d);
  store_be16 (b + 3, 0xfeff);
  assert_int_equal (b[3], 0xfe);
  assert_int_equal (load_be16 (b + 3), 0xfeff);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_values),
    cmocka_unit_test (test_bounds),
    cmocka_unit_test (test_failure_stays),
    cmocka_unit_test (test_huge_lengths),
    cmocka_unit_test (test_seek),
    cmocka_unit_test (test_stores),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
