/* SPDX-License-Identifier: BSD-3-Clause
 *
 * table_window_at: forwards, backwards, at the end and behind it, longer than
 * the window, and when the file cannot be read.
 */

#include <config.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "simdisk.h"
#include "table-window.h"

#define NR (3 * TABLE_WINDOW_BYTES / 8)
#define END (NR * 8 - 3)

/* Each 8 bytes hold their own offset. */
static struct io *
fill (struct simdisk *d)
{
  static uint8_t data[NR * 8];
  struct io *io = simdisk_open (d, IO_OPEN_WRITE, NULL);
  uint64_t i;

  assert_non_null (io);
  for (i = 0; i < NR; ++i)
    memcpy (data + i * 8, &(uint64_t) { i * 8 }, 8);
  assert_int_equal (io_pwrite (io, data, sizeof data, 0, 0, NULL), 0);
  return io;
}

static void
require_at (struct table_window *w, uint64_t offset, size_t want, size_t found)
{
  struct error err = ERROR_INIT;
  uint64_t word;
  struct cursor c;

  assert_int_equal (table_window_at (w, offset, want, &c, &err), 0);
  assert_int_equal (c.len_bytes, found);
  if (found >= 8) {
    memcpy (&word, c.data, 8);
    assert_int_equal (word, offset);
  }
}

static void
test_places (void **state)
{
  struct simdisk *d = simdisk_new (512);
  struct error err = ERROR_INIT;
  struct io *io = fill (d);
  struct table_window w;
  struct cursor c;
  uint64_t reads;

  (void) state;
  assert_int_equal (table_window_init (&w, io, END, &err), 0);
  reads = simdisk_calls (d, SIMDISK_READ);
  require_at (&w, 8, 100, 100);
  require_at (&w, 8 + TABLE_WINDOW_BYTES - 16, 16, 16);
  assert_int_equal (simdisk_calls (d, SIMDISK_READ), reads + 1);
  require_at (&w, 8 + TABLE_WINDOW_BYTES - 16, 17, 17);
  require_at (&w, 0, 8, 8);
  require_at (&w, NR * 8 - 16, 100, 13);
  require_at (&w, END, 100, 0);
  require_at (&w, END + 8, 1, 0);
  assert_int_equal (simdisk_calls (d, SIMDISK_READ), reads + 5);
  /* What a failed read left is not taken for the table. */
  simdisk_fail (d, SIMDISK_READ, 1, EIO, false);
  assert_int_equal (table_window_at (&w, 64, 8, &c, &err), -1);
  assert_int_equal (err.errnum, EIO);
  require_at (&w, 64, 8, 8);
  /* A record that is longer than the window. */
  reads = simdisk_calls (d, SIMDISK_READ);
  require_at (&w, 16, TABLE_WINDOW_BYTES + 1, TABLE_WINDOW_BYTES + 1);
  require_at (&w, 8 + TABLE_WINDOW_BYTES, 9, 9);
  assert_int_equal (simdisk_calls (d, SIMDISK_READ), reads + 1);
  table_window_destroy (&w);
  io_close (io);
  simdisk_free (d);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_places),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
