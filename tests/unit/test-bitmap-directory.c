/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Extensions that point to bitmaps and the
 * directory of bitmaps: every limit, every refusal with its errno and text.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bitmap-directory.h"
#include "checked.h"
#include "header-builder.h"
#include "simdisk.h"

#define C UINT64_C (65536)
#define DIRECTORY (4 * C)

static void
refused (int r, const struct error *err, int errnum, const char *text)
{
  assert_int_equal (r, -1);
  assert_int_equal (err->errnum, errnum);
  if (!strstr (err->text, text))
    fail_msg ("\"%s\" has no \"%s\"", err->text, text);
}

/* -- extensions -------------------------------------------------------- */

struct fields {
  uint32_t len, nr, reserved;
  uint64_t bytes, offset;
  int errnum;
  const char *text;
};

static int
parse (uint32_t type, const void *data, uint32_t len, uint64_t autoclear,
       struct qcow2_areas *ret, struct error *err)
{
  static uint8_t buf[BUILT_BYTES];
  struct qcow2_header h;

  build_header (buf, 3);
  poke (buf, (struct poke) { AT_AUTOCLEAR, 8, autoclear });
  build_extension (buf, 112, type, data, len);
  assert_int_equal (qcow2_header_parse (buf, sizeof buf, &h, err), 0);
  return qcow2_areas_parse (buf, sizeof buf, &h, ret, err);
}

static void
test_bitmaps_extension (void **state)
{
  static const struct fields cases[] = {
    { 24, 1, 0, 32, DIRECTORY, 0, "" },
    { 24, 65535, 0, 1024 * 65535, DIRECTORY, 0, "" },
    { 23, 1, 0, 32, DIRECTORY, EINVAL, "Invalid extension length 23" },
    { 25, 1, 0, 32, DIRECTORY, EINVAL, "Invalid extension length 25" },
    { 24, 1, 1, 32, DIRECTORY, EINVAL, "Reserved field is not zero" },
    { 24, 0, 0, 32, DIRECTORY, EINVAL, "with zero bitmaps" },
    { 24, 65536, 0, 32, DIRECTORY, EFBIG, "bitmaps_ext: image has 65536 bitmaps, "
      "exceeding the supported maximum of 65535" },
    { 24, 1, 0, 32, DIRECTORY + 512, EINVAL, "invalid bitmap directory offset" },
    { 24, 1, 0, 32, 0, EINVAL, "invalid bitmap directory offset 0x0" },
    { 24, 1, 0, 32, UINT64_C (1) << 56, EINVAL, "invalid bitmap directory" },
    { 24, 1, 0, 1024 * 65535 + 1, DIRECTORY, EFBIG,
      "bitmap directory size (67107841) exceeds" },
  };
  struct error err = ERROR_INIT;
  struct qcow2_areas a;
  uint8_t data[32] = { 0 };
  size_t i;

  (void) state;
  for (i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    const struct fields *f = &cases[i];

    store_be32 (data, f->nr);
    store_be32 (data + 4, f->reserved);
    store_be64 (data + 8, f->bytes);
    store_be64 (data + 16, f->offset);
    /* Without its bit the extension means nothing. */
    assert_int_equal (parse (QCOW2_EXT_BITMAPS, data, f->len, 0, &a, &err),
                      0);
    assert_int_equal (a.nr_bitmaps, 0);
    if (f->errnum) {
      refused (parse (QCOW2_EXT_BITMAPS, data, f->len, 1, &a, &err), &err,
               f->errnum, f->text);
      continue;
    }
    assert_int_equal (parse (QCOW2_EXT_BITMAPS, data, f->len, 1, &a, &err),
                      0);
    assert_int_equal (a.nr_bitmaps, f->nr);
    assert_int_equal (a.bitmap_directory_bytes, f->bytes);
    assert_int_equal (a.bitmap_directory_offset, f->offset);
  }
}

/* -- the directory ----------------------------------------------------- */

struct entry {
  uint64_t table;
  uint32_t nr, flags;
  uint8_t type, granularity;
  uint16_t name_len;
  uint32_t extra;
};

static const struct qcow2_header header = {
  .version = 3, .cluster_bits = 16, .cluster_size = C,
};

static size_t
put_entry (uint8_t *p, const struct entry *e)
{
  store_be64 (p, e->table);
  store_be32 (p + 8, e->nr);
  store_be32 (p + 12, e->flags);
  p[16] = e->type;
  p[17] = e->granularity;
  store_be16 (p + 18, e->name_len);
  store_be32 (p + 20, e->extra);
  memset (p + 24, 'n', e->name_len);
  return 24 + e->name_len;
}

static void
test_decode (void **state)
{
  static const struct { struct entry e; const char *text; } cases[] = {
    { { C, 1, 3, 1, 9, 1, 0 }, NULL },
    { { C, 0x8000000, 0, 1, 31, 1023, 0 }, NULL },
    { { C, 0, 0, 1, 16, 1, 0 }, "has its table where none can be" },
    { { C, 0x8000001, 0, 1, 16, 1, 0 }, "has its table where none can be" },
    { { 0, 1, 0, 1, 16, 1, 0 }, "has its table where none can be" },
    { { C + 8, 1, 0, 1, 16, 1, 0 }, "has its table where none can be" },
    { { UINT64_C (1) << 56, 1, 0, 1, 16, 1, 0 }, "where none can be" },
    { { C, 1, 0, 1, 8, 1, 0 }, "has an impossible granularity" },
    { { C, 1, 0, 1, 32, 1, 0 }, "has an impossible granularity" },
    { { C, 1, 4, 1, 16, 1, 0 }, "has unknown flags or an unknown type" },
    { { C, 1, 0, 2, 16, 1, 0 }, "has unknown flags or an unknown type" },
    { { C, 1, 0, 1, 16, 1, 8 }, "has extra data, which nobody knows" },
    { { C, 1, 0, 1, 16, 0, 0 }, "has no name" },
    { { C, 1, 0, 1, 16, 1024, 0 }, "has no name, or one of more than 1023" },
  };
  struct error err = ERROR_INIT;
  uint8_t buf[2048];
  struct cursor c;
  struct bitmap b;
  size_t i, len, cut;

  (void) state;
  for (i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    int r;

    len = put_entry (buf, &cases[i].e);
    cursor_init (&c, buf, len);
    r = bitmap_decode (&c, &header, 5, &b, &err);
    if (cases[i].text) {
      refused (r, &err, EINVAL, cases[i].text);
      continue;
    }
    assert_int_equal (r, 0);
    assert_int_equal (c.pos, len);
    assert_int_equal (b.table_offset, cases[i].e.table);
    assert_int_equal (b.nr_table_entries, cases[i].e.nr);
    assert_int_equal (b.flags, cases[i].e.flags);
    assert_int_equal (b.granularity_bits, cases[i].e.granularity);
    assert_int_equal (b.name_len, cases[i].e.name_len);
  }
  len = put_entry (buf, &cases[0].e);
  for (cut = 0; cut < len; ++cut) {
    cursor_init (&c, buf, cut);
    refused (bitmap_decode (&c, &header, 5, &b, &err), &err, EINVAL,
             "entry 5 of the bitmap directory is cut off");
  }
}

static int
count (void *opaque, const struct bitmap *b, struct error *err)
{
  unsigned *nr = opaque;

  (void) err;
  assert_int_equal (b->nr_table_entries, ++*nr);
  return 0;
}

/* Who has seen enough. */
static int
until_350 (void *opaque, const struct bitmap *b, struct error *err)
{
  unsigned *nr = opaque;

  (void) b;
  (void) err;
  return ++*nr == 350 ? 7 : 0;
}

static void
test_walk (void **state)
{
  struct simdisk *d = simdisk_new (512);
  struct io *io = simdisk_open (d, IO_OPEN_WRITE, NULL);
  struct qcow2_areas a = { .bitmap_directory_offset = DIRECTORY };
  struct error err = ERROR_INIT;
  uint8_t buf[2048] = { 0 };
  unsigned nr = 0;

  (void) state;
  assert_non_null (io);
  for (a.nr_bitmaps = 0; a.nr_bitmaps < 700; ++a.nr_bitmaps) {
    const struct entry e = { C, a.nr_bitmaps + 1, 0, 1, 16,
                             a.nr_bitmaps + 1, 0 };
    const uint64_t len = align_up (put_entry (buf, &e), 8);

    assert_int_equal (io_pwrite (io, buf, len, DIRECTORY +
                                 a.bitmap_directory_bytes, 0, NULL), 0);
    a.bitmap_directory_bytes += len;
  }
  assert_int_equal (bitmap_directory_walk (io, &header, &a, count, &nr, &err),
                    0);
  assert_int_equal (nr, 700);
  nr = 0;
  assert_int_equal (bitmap_directory_walk (io, &header, &a, until_350, &nr,
                                           &err), 7);
  assert_int_equal (nr, 350);
  simdisk_fail (d, SIMDISK_READ, 1, EIO, false);
  refused (bitmap_directory_walk (io, &header, &a, count, &nr, &err), &err,
           EIO, "reading (simulated)");
  nr = 0;
  a.bitmap_directory_bytes += 8;
  refused (bitmap_directory_walk (io, &header, &a, count, &nr, &err), &err,
           EINVAL, "the bitmap directory has");
  nr = 0;
  a.bitmap_directory_bytes -= 16;
  refused (bitmap_directory_walk (io, &header, &a, count, &nr, &err), &err,
           EINVAL, "cut off");
  io_close (io);
  simdisk_free (d);
}

static void
test_table_entry (void **state)
{
  uint64_t offset = 1;

  (void) state;
  assert_true (bitmap_table_entry_decode (&header, 0, &offset));
  assert_int_equal (offset, 0);
  assert_true (bitmap_table_entry_decode (&header, 1, &offset));
  assert_int_equal (offset, 0);
  assert_true (bitmap_table_entry_decode (&header, 3 * C, &offset));
  assert_int_equal (offset, 3 * C);
  assert_false (bitmap_table_entry_decode (&header, 3 * C | 1, &offset));
  assert_false (bitmap_table_entry_decode (&header, 3 * C | 512, &offset));
  assert_false (bitmap_table_entry_decode (&header, 3 * C | 2, &offset));
  assert_false (bitmap_table_entry_decode (&header, UINT64_C (1) << 56,
                                           &offset));
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_bitmaps_extension),
    cmocka_unit_test (test_decode),
    cmocka_unit_test (test_walk),
    cmocka_unit_test (test_table_entry),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
