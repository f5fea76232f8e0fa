/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reading dirty bitmaps that are to be kept valid: what is refused, no memory,
 * errors; and a bitmap all of whose bits are set, which takes no space.
 */

#include <config.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bitmaps.h"
#include "failing-calls.h"
#include "image.h"
#include "poked-image.h"

/* 573 sectors: the last word of bits has 61. */
#define CREATE \
  "qemu-img create -q -f qcow2 -o cluster_size=4k t.qcow2 293376; " \
  "qemu-img bitmap --add -g 512 t.qcow2 b0"
#define WITH_BITS CREATE "; qemu-io -f qcow2 -c 'write 0 64k' t.qcow2"
#define DISK_BYTES 293376u
#define RESERVED (UINT64_C (1) << 57)

struct opened {
  struct simdisk *disk;
  struct io *io;
  struct qcow2_header h;
  struct qcow2_areas areas;
};

static const struct change none[1] = { { .place = NOWHERE } };

static void
look (struct opened *o, struct simdisk *d)
{
  uint8_t buf[4096];

  o->disk = d;
  o->io = simdisk_open (d, IO_OPEN_WRITE, NULL);
  assert_int_equal (io_pread (o->io, buf, sizeof buf, 0, NULL), 0);
  assert_int_equal (qcow2_header_parse (buf, sizeof buf, &o->h, NULL), 0);
  assert_int_equal (qcow2_areas_parse (buf, sizeof buf, &o->h, &o->areas,
                                       NULL), 0);
}

static struct opened *
open_poked (const char *create, const struct change *changes)
{
  struct opened *o = malloc (sizeof *o);

  assert_non_null (o);
  look (o, poked_image (create, changes));
  return o;
}

static void
close_poked (struct opened *o)
{
  io_close (o->io);
  simdisk_free (o->disk);
  free (o);
}

static void
refused (struct opened *o, int errnum, const char *text)
{
  struct error err = ERROR_INIT;
  struct bitmaps *b = NULL;

  assert_int_equal (bitmaps_load (o->io, &o->h, &o->areas, &b, &err), -1);
  assert_null (b);
  assert_int_equal (err.errnum, errnum);
  if (strcmp (err.text, text) != 0)
    fail_msg ("\"%s\" and not \"%s\"", err.text, text);
  close_poked (o);
}

static void
test_refused (void **state)
{
  struct opened *o;

  (void) state;
  refused (open_poked (CREATE, (const struct change[2]) {
               { BITMAP_DIRECTORY, 8, 4, 2, SET }, { .place = NOWHERE } }),
           EINVAL, "bitmap b0: its table has 2 entries, a disk of this size "
           "needs 1");
  refused (open_poked (CREATE, (const struct change[2]) {
               { BITMAP_TABLE, 0, 8, RESERVED, SET }, { .place = NOWHERE } }),
           EINVAL, "bitmap b0: entry 0 of its table is damaged");
  /* A bit more than 64 MiB of them. */
  o = open_poked (CREATE, (const struct change[2]) {
      { BITMAP_DIRECTORY, 8, 4, 16385, SET }, { .place = NOWHERE } });
  o->h.virtual_size = (UINT64_C (512) << 29) + 512;
  refused (o, EFBIG, "bitmap b0: the enabled ones have more than 64 MiB of "
           "bits");
}

/* No call for memory, and none of the disk, may fail unnoticed. */
static void
test_failures (void **state)
{
  struct opened *o = open_poked (WITH_BITS, none);
  unsigned memory, nth[2] = { 0, 0 };

  (void) state;
  for (memory = 0; memory < 2; ++memory)
    for (;;) {
      struct error err = ERROR_INIT;
      struct bitmaps *b = NULL;
      int r;

      ++nth[memory];
      if (memory)
        fail_call (nth[memory]);
      else
        simdisk_fail (o->disk, SIMDISK_READ, nth[memory], EIO, false);
      r = bitmaps_load (o->io, &o->h, &o->areas, &b, &err);
      if (r == 0) {
        assert_non_null (b);
        bitmaps_free (b);
        fail_call (0);
        simdisk_fail (o->disk, 0, 0, 0, false);
        break;
      }
      assert_true (memory ? fail_call_struck ()
                          : simdisk_fault_struck (o->disk));
      assert_int_equal (err.errnum, memory ? ENOMEM : EIO);
      assert_null (b);
    }
  /* The directory, the table, the bits. */
  assert_int_equal (nth[0], 4);
  /* The set, the directory's window, the list; words, marks and table. */
  assert_int_equal (nth[1], 7);
  close_poked (o);
}

/* -- all bits ---------------------------------------------------------- */

static int
keep (void *opaque, const struct bitmap *b, struct error *err)
{
  (void) err;
  *(struct bitmap *) opaque = *b;
  return 0;
}

/* The first entry of the table of the only bitmap, which is valid. */
static uint64_t
entry (struct simdisk *d)
{
  struct opened o;
  struct bitmap b;
  uint8_t be[8];

  look (&o, d);
  assert_int_equal (o.areas.nr_bitmaps, 1);
  assert_int_equal (bitmap_directory_walk (o.io, &o.h, &o.areas, keep, &b,
                                           NULL), 0);
  assert_int_equal (b.flags, BITMAP_AUTO);
  assert_int_equal (io_pread (o.io, be, sizeof be, b.table_offset, NULL), 0);
  io_close (o.io);
  return load_be64 (be);
}

/* A life in which [OFFSET, OFFSET + LEN) is zeroed. */
static void
live (struct simdisk *d, uint64_t len, uint64_t offset)
{
  static const struct image_options options;
  struct io *io = simdisk_open (d, IO_OPEN_WRITE, NULL);
  struct error err = ERROR_INIT;
  struct image *img;

  if (image_open (io, "t.qcow2", true, &options, &img, &err) == -1 ||
      image_start_writing (img, &err) == -1 ||
      image_zero (img, len, offset, 0, &err) == -1 ||
      image_finish (img, &err) == -1)
    fail_msg ("%s", err.text);
  image_close (img);
}

static void
test_all_bits (void **state)
{
  struct simdisk *d = poked_image (CREATE, none);

  (void) state;
  assert_int_equal (entry (d), 0);
  live (d, DISK_BYTES, 0);
  assert_int_equal (entry (d), 1);
  /* They are still set for the next one, and he changes nothing. */
  live (d, 4096, 512);
  assert_int_equal (entry (d), 1);
  simdisk_free (d);
}

/* All but one: then they are somewhere. */
static void
one_missing (uint64_t len, uint64_t offset)
{
  struct simdisk *d = poked_image (CREATE, none);

  live (d, len, offset);
  assert_true (entry (d) >= 4096);
  /* The last one comes to where the others are. */
  live (d, DISK_BYTES, 0);
  assert_true (entry (d) >= 4096);
  simdisk_free (d);
}

static void
test_one_missing (void **state)
{
  (void) state;
  one_missing (DISK_BYTES - 512, 0);
  one_missing (DISK_BYTES - 512, 512);
}

/* A cluster of bits is written in pieces of 4 KiB, for 16 MiB each, and only
 * those that have changed. */
static void
test_pieces (void **state)
{
  struct simdisk *d = poked_image (
    "qemu-img create -q -f qcow2 t.qcow2 40M; "
    "qemu-img bitmap --add -g 512 t.qcow2 b0", none);
  struct io *io;
  uint8_t bits[3 * 4096];
  uint64_t at;

  (void) state;
  live (d, 512, 0);
  at = entry (d);
  io = simdisk_open (d, IO_OPEN_WRITE, NULL);
  assert_int_equal (io_pread (io, bits, sizeof bits, at, NULL), 0);
  assert_int_equal (bits[0], 1);
  assert_int_equal (bits[4096], 0);
  live (d, 512, 32 << 20);
  assert_true (entry (d) == at);
  assert_int_equal (io_pread (io, bits, sizeof bits, at, NULL), 0);
  assert_int_equal (bits[0], 1);
  assert_int_equal (bits[4096], 0);
  assert_int_equal (bits[2 * 4096], 1);
  io_close (io);
  simdisk_free (d);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_refused),
    cmocka_unit_test (test_failures),
    cmocka_unit_test (test_all_bits),
    cmocka_unit_test (test_one_missing),
    cmocka_unit_test (test_pieces),
  };

  if (system ("command -v qemu-img >/dev/null && command -v qemu-io "
              ">/dev/null") != 0)
    return 77;
  return cmocka_run_group_tests (tests, NULL, NULL);
}
