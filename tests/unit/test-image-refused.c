/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Images that are refused for what their snapshots, bitmaps and extensions
 * say, and what an image refuses once it is open: each with its text.  Images
 * built by hand: test-image-damaged.c.
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

#include "cursor.h"
#include "image-notice.h"
#include "image.h"
#include "poked-image.h"
#include "storage.h"
#include "view.h"

#define PLAIN \
  "qemu-img create -q -f qcow2 -o cluster_size=4k t.qcow2 256k; " \
  "qemu-io -f qcow2 -c 'write 0 200k' t.qcow2"
#define SNAPSHOT PLAIN "; qemu-img snapshot -c one t.qcow2"
#define BITMAP PLAIN "; qemu-img bitmap --add t.qcow2 b0"
#define LUKS \
  "for i in 1 2 3 4 5 6 7 8; do qemu-img create -q -f qcow2 " \
  "--object secret,id=s,data=x -o encrypt.format=luks,encrypt.key-secret=s," \
  "encrypt.iter-time=10 t.qcow2 256k && break; done"

#define RESERVED (UINT64_C (1) << 57)
#define FAR (UINT64_C (1) << 40)
#define INCOMPAT 72
#define DIRTY 1
#define L1_BYTES (UINT64_C (32) << 20)

static const struct change none[MAX_CHANGES] = { { NOWHERE, 0, 0, 0, SET } };

static int
try_open (struct simdisk *d, bool writing, const char *snapshot,
          struct image **ret, struct error *err)
{
  static struct simdisk_opener opener;
  const struct image_options options = {
    .opener = &opener.base, .snapshot = snapshot,
  };
  struct io *io = simdisk_open (d, writing ? IO_OPEN_WRITE : 0, NULL);

  simdisk_opener_init (&opener);
  assert_non_null (io);
  if (image_open (io, "t.qcow2", writing, &options, ret, err) == 0)
    return 0;
  io_close (io);
  return -1;
}

static struct image *
must_open (struct simdisk *d, bool writing)
{
  struct error err = ERROR_INIT;
  struct image *img = NULL;

  if (try_open (d, writing, NULL, &img, &err) == -1)
    fail_msg ("%s", err.text);
  return img;
}

static void
require_text (const struct error *err, int errnum, const char *text)
{
  if (err->errnum != errnum || !strstr (err->text, text))
    fail_msg ("\"%s\" is not in \"%s\" (%d)", text, err->text, err->errnum);
}

struct refused {
  const char *create;
  struct change changes[MAX_CHANGES];
  int errnum;
  const char *text;
};

static void
test_snapshots (void **state)
{
  static const struct refused cases[] = {
    { SNAPSHOT, { { SNAPSHOT_TABLE, 0, 8, FAR, SET } }, EIO,
      "the L1 table of a snapshot ends at offset 1099511627784 but the file "
      "has " },
    { SNAPSHOT, { { SNAPSHOT_TABLE, 0, 8, FAR, SET } }, EIO,
      " bytes: it is truncated or damaged" },
    { SNAPSHOT, { { SNAPSHOT_L1, 0, 8, FAR, SET } }, EIO,
      "snapshot 0, L1 entry 0: an L2 table of a snapshot ends at offset " },
    { SNAPSHOT, { { SNAPSHOT_L1, 0, 8, 0x1200, SET } }, EIO,
      "snapshot 0, L1 entry 0: " },
    { SNAPSHOT, { { SNAPSHOT_TABLE, 0, 8, 0x1200, SET } }, EINVAL,
      "Snapshot L1 table offset invalid: 0x1200 in snapshot 0" },
    { LUKS, { { CRYPTO_EXTENSION, 0, 8, FAR, SET } }, EIO,
      "the encryption header ends at offset " },
  };
  size_t i;

  (void) state;
  for (i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    struct simdisk *d = poked_image (cases[i].create, cases[i].changes);
    struct error err = ERROR_INIT;
    struct image *img;

    if (try_open (d, true, NULL, &img, &err) == 0)
      fail_msg ("%s: opened", cases[i].text);
    require_text (&err, cases[i].errnum, cases[i].text);
    simdisk_free (d);
  }
}

/* A table that would be written over, on a device, where the end of what is in
 * use is that of what is counted. */
static void
test_uncounted_table (void **state)
{
  static const struct change uncounted[MAX_CHANGES] = {
    { REFCOUNT_BLOCK, 8, 4, 0, SET },
  };
  struct simdisk *file = poked_image (
    "qemu-img create -q -f qcow2 -o cluster_size=4k t.qcow2 256k; "
    "qemu-io -f qcow2 -c 'write 0 4k' t.qcow2", uncounted);
  struct simdisk *d = simdisk_new_device (512, 128 << 10, 0);
  struct io *from = simdisk_open (file, 0, NULL);
  struct io *to = simdisk_open (d, IO_OPEN_WRITE, NULL);
  static uint8_t buf[6 * 4096];
  struct error err = ERROR_INIT;
  struct image *img;

  (void) state;
  assert_int_equal (io_pread (from, buf, sizeof buf, 0, NULL), 0);
  assert_int_equal (io_pwrite (to, buf, sizeof buf, 0, IO_DSYNC, NULL), 0);
  io_close (from);
  io_close (to);
  img = must_open (d, true);
  assert_int_equal (image_start_writing (img, &err), 0);
  assert_int_equal (image_write (img, buf, 4096, 8192, 0, &err), -1);
  require_text (&err, EIO, "host clusters from 4 on hold metadata but have "
                "refcount 0: the image is damaged, check it with qemu-img");
  image_close (img);
  simdisk_free (file);
  simdisk_free (d);
}

/* The L1 table of each snapshot where there is room, of the most entries that
 * one may have. */
static void
enlarge_snapshots (struct simdisk *d, unsigned nr)
{
  struct io *io = simdisk_open (d, IO_OPEN_WRITE, NULL);
  uint8_t entry[64];
  uint64_t at;
  unsigned i;

  assert_int_equal (io_pread (io, entry, 8, 64, NULL), 0);
  at = load_be64 (entry);
  for (i = 0; i < nr; ++i) {
    assert_int_equal (io_pread (io, entry, 40, at, NULL), 0);
    store_be64 (entry, (i + 1) * L1_BYTES);
    store_be32 (entry + 8, L1_BYTES / 8);
    assert_int_equal (io_pwrite (io, entry, 40, at, IO_DSYNC, NULL), 0);
    at += 40 + load_be32 (entry + 36) + load_be16 (entry + 12) +
      load_be16 (entry + 14);
    at = (at + 7) & ~UINT64_C (7);
  }
  assert_int_equal (io_pwrite (io, "", 1, (nr + 1) * L1_BYTES - 1, IO_DSYNC,
                               NULL), 0);
  io_close (io);
}

static void
test_large_snapshots (void **state)
{
  struct simdisk *d = poked_image (
    PLAIN "; for i in 1 2 3 4 5 6 7 8 9; do qemu-img snapshot -c $i t.qcow2; "
    "done", none);
  struct error err = ERROR_INIT;
  struct image *img;

  (void) state;
  enlarge_snapshots (d, 9);
  assert_int_equal (try_open (d, true, NULL, &img, &err), -1);
  require_text (&err, EFBIG, "the L1 tables of the snapshots have more than "
                "268435456 bytes: serve the image read-only, or delete "
                "snapshots");
  simdisk_free (d);
}

/* Such bitmaps are not kept valid, and it is told why. */
static void
test_bitmaps (void **state)
{
  static const struct refused cases[] = {
    { BITMAP, { { BITMAP_TABLE, 0, 8, RESERVED, SET } }, 0,
      "entry 0 of the table of a bitmap is malformed" },
    { BITMAP, { { BITMAP_TABLE, 0, 8, FAR, SET } }, 0,
      "data of a bitmap at 1099511627776 is beyond the end of the file" },
    { BITMAP, { { BITMAP_DIRECTORY, 0, 8, FAR, SET } }, 0,
      "the table of a bitmap at 1099511627776 is beyond the end of the file" },
    { BITMAP, { { BITMAPS_EXTENSION, 16, 8, FAR, SET } }, 0,
      "the bitmap directory at 1099511627776 is beyond the end of the file" },
    { BITMAP, { { BITMAP_REFCOUNT, 0, 2, 2, SET } }, 0,
      "the refcount of the table of a bitmap at host cluster " },
    { BITMAP, { { BITMAP_REFCOUNT, 0, 2, 2, SET } }, 0, " is 2, not 1" },
    { BITMAP, { { BITMAP_DIRECTORY, 8, 4, (1 << 20) + 1, SET } }, 0,
      "the tables of the bitmaps have more than 1048576 entries" },
  };
  size_t i;

  (void) state;
  for (i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    struct simdisk *d = poked_image (cases[i].create, cases[i].changes);
    struct error err = ERROR_INIT;
    struct image *img = must_open (d, true);
    const struct image_notices *n = image_get_notices (img);

    assert_int_equal (image_start_writing (img, &err), 0);
    assert_int_equal (n->nr, 1);
    if (!strstr (n->text[0], cases[i].text))
      fail_msg ("\"%s\" is not in \"%s\"", cases[i].text, n->text[0]);
    image_close (img);
    simdisk_free (d);
  }
}

/* Each write of the end may fail: what was meant is told. */
static void
test_bitmaps_end (void **state)
{
  struct simdisk *pristine = poked_image (BITMAP, none);
  bool told = false, struck = true;
  uint64_t nth;

  (void) state;
  for (nth = 1; struck; ++nth) {
    struct simdisk *d = simdisk_kill (pristine);
    struct image *img = must_open (d, true);
    struct error err = ERROR_INIT;

    assert_int_equal (image_start_writing (img, &err), 0);
    simdisk_fail (d, SIMDISK_WRITE, nth, EIO, false);
    image_finish (img, &err);
    struck = simdisk_fault_struck (d);
    told |= strstr (err.text, "marking a dirty bitmap as valid: ") != NULL;
    image_close (img);
    simdisk_free (d);
  }
  assert_true (told);
  simdisk_free (pristine);
}

/* Each read of a repair may fail, too. */
static void
test_repair_fails (void **state)
{
  static const struct change dirty[MAX_CHANGES] = {
    { HEADER, INCOMPAT, 8, DIRTY, FLIP },
  };
  struct simdisk *d = poked_image (PLAIN, dirty);
  struct error err = ERROR_INIT;
  struct image *img;
  uint64_t nth;

  (void) state;
  for (nth = 1; nth < 100; ++nth) {
    simdisk_fail (d, SIMDISK_READ, nth, EIO, false);
    if (try_open (d, true, NULL, &img, &err) == 0) {
      image_start_writing (img, &err);
      image_close (img);
    }
    if (strstr (err.text, "the image is marked dirty (it was not closed "
                "cleanly), and repairing it failed: "))
      break;
  }
  assert_true (nth < 100);
  simdisk_free (d);
}

static void
test_requests (void **state)
{
  struct simdisk *d = poked_image (SNAPSHOT, none);
  struct error err = ERROR_INIT;
  struct image *img;

  (void) state;
  assert_int_equal (try_open (d, true, "one", &img, &err), -1);
  require_text (&err, EROFS, "a snapshot can only be served read-only");
  img = must_open (d, false);
  assert_int_equal (image_write (img, "x", 1, 0, 0, &err), -1);
  require_text (&err, EROFS, "the image is open read-only");
  image_close (img);
  img = must_open (d, true);
  assert_int_equal (image_start_writing (img, &err), 0);
  assert_int_equal (image_zero (img, 100, 100, IMAGE_FAST, &err), -1);
  require_text (&err, ENOTSUP, "this range cannot be zeroed faster than by "
                "writing zeros");
  image_close (img);
  simdisk_free (d);
}

/* What was an image when it was named, and what is not there. */
static void
test_gone (void **state)
{
  static const struct change magic[MAX_CHANGES] = {
    { HEADER, 0, 4, 0x4c554b53, SET },
  };
  struct simdisk *d = poked_image (PLAIN, magic);
  struct io *io = simdisk_open (d, 0, NULL);
  struct error err = ERROR_INIT;
  struct storage s;
  struct view v;

  (void) state;
  assert_int_equal (view_read (io, NULL, &v, &err), -1);
  require_text (&err, EINVAL, "not a qcow2 image any more");
  io_close (io);
  simdisk_free (d);
  assert_int_equal (storage_probe ("/absent/t.qcow2", &s, &err), -1);
  require_text (&err, ENOENT, "looking at the storage of /absent/t.qcow2: No "
                "such file");
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_snapshots),
    cmocka_unit_test (test_large_snapshots),
    cmocka_unit_test (test_bitmaps),
    cmocka_unit_test (test_bitmaps_end),
    cmocka_unit_test (test_repair_fails),
    cmocka_unit_test (test_uncounted_table),
    cmocka_unit_test (test_requests),
    cmocka_unit_test (test_gone),
  };

  if (system ("command -v qemu-img >/dev/null && command -v qemu-io "
              ">/dev/null") != 0)
    return 77;
  return cmocka_run_group_tests (tests, NULL, NULL);
}
