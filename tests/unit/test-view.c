/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Looks at an image: what each sees, what two of them differ in, and what
 * fails, whether it is a read or memory.
 */

#include <config.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failing-calls.h"
#include "header-builder.h"
#include "simdisk.h"
#include "view.h"

#define FILE_BYTES (1u << 20)

struct fixture {
  struct simdisk *disk;
  struct io *io;
};

static void
put (struct fixture *f, struct poke p)
{
  uint8_t be[8];

  store_be64 (be, p.value);
  assert_int_equal (io_pwrite (f->io, be + 8 - p.width, p.width, p.offset, 0,
                               NULL), 0);
}

/* Clusters of 1 << BITS bytes, on which all tables begin. */
static void
setup (struct fixture *f, uint32_t bits)
{
  static uint8_t buf[FILE_BYTES];
  const uint64_t size = UINT64_C (1) << bits;

  f->disk = simdisk_new (512);
  f->io = simdisk_open (f->disk, IO_OPEN_WRITE, NULL);
  memset (buf, 0, sizeof buf);
  build_header (buf, 3);
  assert_int_equal (io_pwrite (f->io, buf, sizeof buf, 0, 0, NULL), 0);
  put (f, (struct poke) { AT_CLUSTER_BITS, 4, bits });
  put (f, (struct poke) { AT_REFTABLE_OFFSET, 8, size });
  put (f, (struct poke) { AT_L1_OFFSET, 8, 3 * size });
  put (f, (struct poke) { AT_SIZE, 8, 1 << 20 });
}

static void
teardown (struct fixture *f)
{
  io_close (f->io);
  simdisk_free (f->disk);
}

static struct view
look (struct fixture *f)
{
  struct error err = ERROR_INIT;
  struct view v;

  if (view_read (f->io, NULL, &v, &err) == -1)
    fail_msg ("%s", err.text);
  return v;
}

static void
test_no_image (void **state)
{
  static const struct poke wrong[] = {
    { AT_MAGIC, 4, 0x12345678 }, { AT_CLUSTER_BITS, 4, 8 },
    { AT_CLUSTER_BITS, 4, 22 }, { AT_CLUSTER_BITS, 4, 0xffffffff },
  };
  struct error err;
  struct fixture f;
  struct view v;
  size_t i;

  (void) state;
  for (i = 0; i < sizeof wrong / sizeof wrong[0]; ++i) {
    err = (struct error) ERROR_INIT;
    setup (&f, 16);
    put (&f, wrong[i]);
    assert_int_equal (view_read (f.io, NULL, &v, &err), -1);
    assert_int_equal (err.errnum, EINVAL);
    assert_string_equal (err.text, "not a qcow2 image any more");
    teardown (&f);
  }
  /* What the parser refuses is told in its words. */
  setup (&f, 16);
  put (&f, (struct poke) { AT_REFCOUNT_ORDER, 4, 7 });
  assert_int_equal (view_read_header (f.io, NULL, &v, &err), -1);
  assert_non_null (strstr (err.text, "efcount"));
  teardown (&f);
}

static void
require_difference (struct poke p, const char *what)
{
  struct fixture f;
  struct view a, b;

  setup (&f, 12);
  a = look (&f);
  b = look (&f);
  assert_null (view_difference (&a, &b));
  view_clear (&b);
  put (&f, p);
  b = look (&f);
  assert_non_null (view_difference (&a, &b));
  assert_string_equal (view_difference (&a, &b), what);
  view_clear (&a);
  view_clear (&b);
  teardown (&f);
}

static void
test_differences (void **state)
{
  struct view a = { .found = RECORD_VALID, .record = { .epoch = 3 } };
  struct view b = a;

  (void) state;
  require_difference ((struct poke) { AT_SIZE, 8, 2 << 20 }, "header");
  require_difference ((struct poke) { 3 << 12, 8, 4 << 12 }, "L1 table");
  require_difference ((struct poke) { 1 << 12, 8, 5 << 12 }, "refcount table");
  /* Our mark. */
  require_difference ((struct poke) { AT_AUTOCLEAR, 8,
                                      QCOW2_AUTOCLEAR_BATON },
                      "ownership record");
  assert_null (view_difference (&a, &b));
  b.record.epoch = 4;
  assert_string_equal (view_difference (&a, &b), "ownership record");
  b.found = RECORD_DAMAGED;
  assert_string_equal (view_difference (&a, &b), "ownership record");
  a.found = RECORD_DAMAGED;
  assert_null (view_difference (&a, &b));
}

/* Of a cluster that the first read has, and of one that it has not. */
static void
test_faults (void **state)
{
  static const uint32_t bits[] = { 12, 17 };
  struct fixture f;
  unsigned i, memory;
  uint64_t nth;

  (void) state;
  for (i = 0; i < 2; ++i) {
    struct view first, v = { .header = NULL };
    bool told = false;
    struct error err = ERROR_INIT;

    setup (&f, bits[i]);
    first = look (&f);
    for (nth = 1;; ++nth) {
      simdisk_fail (f.disk, SIMDISK_ALL, nth, EIO, false);
      if (view_read (f.io, NULL, &v, &err) == 0)
        break;
      assert_int_equal (err.errnum, EIO);
      assert_null (v.header);
    }
    simdisk_fail (f.disk, SIMDISK_ALL, 0, 0, false);
    assert_null (view_difference (&first, &v));
    view_clear (&v);
    /* The size, the header, the tables. */
    assert_int_equal (nth, 1 + (i == 0 ? 4 : 5));
    for (memory = 1;; ++memory) {
      int r;

      fail_call (memory);
      r = view_read (f.io, NULL, &v, &err);
      if (!fail_call_struck ())
        break;
      assert_int_equal (r, -1);
      assert_true (err.errnum == ENOMEM || err.errnum == EIO);
      assert_true (strlen (err.text) > 10);
      told |= strcmp (err.text, "a digest: GnuTLS failed") == 0;
    }
    assert_null (view_difference (&first, &v));
    assert_true (memory > 15 && told);
    view_clear (&v);
    view_clear (&first);
    teardown (&f);
  }
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_no_image),
    cmocka_unit_test (test_differences),
    cmocka_unit_test (test_faults),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
