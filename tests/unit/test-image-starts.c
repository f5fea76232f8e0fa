/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Opening images and starting to write to them, where that is not the usual:
 * repairs and what is told of them, marks, bitmaps, encryption, empty disks.
 */

#include <config.h>

#include <errno.h>

#include "cursor.h"
#include "poked-fixture.h"

#define LUKS \
  "for i in 1 2 3 4 5 6 7 8; do qemu-img create -q -f qcow2 " \
  "--object secret,id=s,data=x -o encrypt.format=luks,encrypt.key-secret=s," \
  "encrypt.iter-time=10 t.qcow2 256k && break; done"

#define INCOMPAT 72
#define DIRTY 1
#define CORRUPT 2
#define FAR (UINT64_C (1) << 40)

static void
require_notice (struct fixture *f, const char *text)
{
  const struct image_notices *n = image_get_notices (f->img);

  assert_int_equal (n->nr, 1);
  if (!strstr (n->text[0], text))
    fail_msg ("\"%s\" is not in \"%s\"", text, n->text[0]);
}

/* -- repair --------------------------------------------------------------- */

/* A refcount too low and one too high, both of data. */
static const struct change dirty[MAX_CHANGES] = {
  { HEADER, INCOMPAT, 8, DIRTY, FLIP }, { REFCOUNT_BLOCK, 10, 2, 0, SET },
  { REFCOUNT_BLOCK, 24, 2, 2, SET },
};

static bool
is_dirty (struct fixture *f)
{
  struct io *io = simdisk_open (f->disk, 0, NULL);
  uint8_t be[8];

  assert_int_equal (io_pread (io, be, 8, INCOMPAT, NULL), 0);
  io_close (io);
  return load_be64 (be) & DIRTY;
}

static void
test_repaired (void **state)
{
  struct error err = ERROR_INIT;
  struct fixture f;

  (void) state;
  init (&f, PLAIN, dirty);
  must (try_open (&f, true, &err), &err);
  assert_true (is_dirty (&f));
  must (image_start_writing (f.img, &err), &err);
  require_notice (&f, "the image was marked dirty (it was not closed cleanly) "
                  "and was repaired in ");
  require_notice (&f, " s: 1 refcounts or flags, 1 leaked clusters");
  assert_false (is_dirty (&f));
  require_bytes (&f, 1, 16 * K, 0);
  require_bytes (&f, 0, 4 * K, 16 * K);
  must (image_write (f.img, "x", 1, 100 * K, 0, &err), &err);
  must (image_finish (f.img, &err), &err);
  destroy (&f);
}

/* What cannot be repaired stays marked, and is not written to. */
static void
test_not_to_be_repaired (void **state)
{
  static const struct change wrong[MAX_CHANGES] = {
    { HEADER, INCOMPAT, 8, DIRTY, FLIP },
    { L2_TABLE, 8, 8, UINT64_C (1) << 63 | 0x5200, SET },
    { NOWHERE, 0, 0, 0, SET },
  };
  struct error err = ERROR_INIT;
  struct fixture f;

  (void) state;
  init (&f, PLAIN, wrong);
  must (try_open (&f, true, &err), &err);
  require (image_start_writing (f.img, &err), &err, EIO,
           "the image is marked dirty (it was not closed cleanly), and 1 "
           "corruptions are left after a repair: see what baton check says, or "
           "serve it read-only");
  assert_true (is_dirty (&f));
  require (image_write (f.img, "x", 1, 0, 0, &err), &err, EROFS, "read-only");
  open_reading (&f);
  require_bytes (&f, 1, 4 * K, 0);
  destroy (&f);
}

/* Cut off by whoever stops the server, and done the next time. */
static void
test_interrupted (void **state)
{
  _Atomic bool interrupt = true;
  struct error err = ERROR_INIT;
  struct fixture f;

  (void) state;
  init (&f, PLAIN, dirty);
  f.options.interrupt = &interrupt;
  must (try_open (&f, true, &err), &err);
  require (image_start_writing (f.img, &err), &err, EINTR, "the image is "
           "marked dirty (it was not closed cleanly), and repairing it failed:"
           " ");
  assert_true (is_dirty (&f));
  interrupt = false;
  open_writing (&f);
  require_notice (&f, " s: 1 refcounts or flags, 1 leaked clusters");
  destroy (&f);
}

/* Each call of a repair, and of reading the tables after it, fails once. */
static void
test_repair_faults (void **state)
{
  struct simdisk *pristine = poked_image (PLAIN, dirty);
  struct error err = ERROR_INIT;
  bool struck = true, read_later = false;
  struct fixture f;
  uint64_t nth;

  (void) state;
  init (&f, PLAIN, none);
  for (nth = 1; struck; ++nth) {
    int r;

    close_image (&f);
    simdisk_free (f.disk);
    f.disk = simdisk_kill (pristine);
    must (try_open (&f, true, &err), &err);
    simdisk_fail (f.disk, SIMDISK_ALL, nth, EIO, false);
    r = image_start_writing (f.img, &err);
    struck = simdisk_fault_struck (f.disk);
    assert_int_equal (r == -1, struck);
    if (r == 0)
      break;
    assert_int_equal (err.errnum, EIO);
    if (strstr (err.text, "and repairing it failed: ") == NULL)
      read_later = true;
    else
      assert_false (read_later);
    require (image_write (f.img, "x", 1, 0, 0, &err), &err, EROFS, "");
    /* Whoever comes next has it right. */
    open_writing (&f);
    assert_false (is_dirty (&f));
    require_bytes (&f, 1, 16 * K, 0);
    must (image_write (f.img, "x", 1, 100 * K, 0, &err), &err);
    must (image_finish (f.img, &err), &err);
  }
  assert_true (read_later);
  destroy (&f);
  simdisk_free (pristine);
}

/* -- marks, and disks without anything ------------------------------------- */

static void
test_marked_corrupt (void **state)
{
  static const struct change corrupt[MAX_CHANGES] = {
    { HEADER, INCOMPAT, 8, CORRUPT, FLIP }, { NOWHERE, 0, 0, 0, SET },
  };
  struct error err = ERROR_INIT;
  struct fixture f;

  (void) state;
  init (&f, PLAIN, corrupt);
  require (try_open (&f, true, &err), &err, ENOTSUP, "image is marked "
           "corrupt; run `baton check --repair all IMAGE` first");
  open_reading (&f);
  require_bytes (&f, 1, 4 * K, 0);
  f.options.allow_corrupt = true;
  open_writing (&f);
  require_notice (&f, "the image is marked corrupt, and is written to because "
                  "that was allowed");
  destroy (&f);
}

/* So long that it would have room for all there is to know. */
static void
test_no_image (void **state)
{
  static const struct change other[MAX_CHANGES] = {
    { HEADER, 0, 4, 0x12345678, SET }, { NOWHERE, 0, 0, 0, SET },
  };
  struct error err = ERROR_INIT;
  struct fixture f;

  (void) state;
  init (&f, PLAIN, other);
  require (try_open (&f, true, &err), &err, EINVAL, "qcow2");
  destroy (&f);
}

static void
test_empty_disk (void **state)
{
  static const struct change no_l1[MAX_CHANGES] = {
    { HEADER, 36, 4, 0, SET }, { NOWHERE, 0, 0, 0, SET },
  };
  struct image_stats stats;
  struct error err = ERROR_INIT;
  struct fixture f;

  (void) state;
  init (&f, CREATE "t.qcow2 0", no_l1);
  open_writing (&f);
  assert_int_equal (image_size (f.img), 0);
  must (image_read (f.img, NULL, 0, 0, &err), &err);
  must (image_zero (f.img, 0, 0, 0, &err), &err);
  must (image_flush (f.img, &err), &err);
  must (image_finish (f.img, &err), &err);
  /* And once more, as after a release that failed. */
  must (image_finish (f.img, &err), &err);
  open_reading (&f);
  must (image_flush (f.img, &err), &err);
  must (image_finish (f.img, &err), &err);
  image_get_stats (f.img, &stats);
  assert_int_equal (stats.reserved_clusters + stats.quarantined_clusters, 0);
  assert_false (stats.poisoned);
  destroy (&f);
}

/* The mark that there are bitmaps, and none: nothing is lost, or told. */
static void
test_mark_without_bitmaps (void **state)
{
  static const struct change marked[MAX_CHANGES] = {
    { HEADER, 88, 8, 1, SET }, { NOWHERE, 0, 0, 0, SET },
  };
  struct error err = ERROR_INIT;
  struct fixture f;
  uint8_t be[8];

  (void) state;
  init (&f, PLAIN, marked);
  must (try_open (&f, true, &err), &err);
  simdisk_fail (f.disk, SIMDISK_WRITE, 1, EIO, false);
  require (image_start_writing (f.img, &err), &err, EIO, "");
  assert_string_equal (err.class, "Poisoned");
  require (image_write (f.img, "x", 1, 0, 0, &err), &err, EIO, "");
  open_writing (&f);
  assert_int_equal (image_get_notices (f.img)->nr, 0);
  assert_int_equal (io_pread (image_io (f.img), be, 8, 88, NULL), 0);
  assert_int_equal (load_be64 (be), 0);
  destroy (&f);
}

/* What a sync has lost: no bitmap becomes valid, and none records anew. */
static void
test_poisoned_bitmaps (void **state)
{
  struct error err = ERROR_INIT;
  struct fixture f;
  unsigned i;

  (void) state;
  init (&f, PLAIN "; qemu-img bitmap --add t.qcow2 b0", none);
  open_writing (&f);
  must (image_write (f.img, "x", 1, 0, 0, &err), &err);
  simdisk_fail (f.disk, SIMDISK_SYNC, 1, EIO, false);
  require (image_flush (f.img, &err), &err, EIO, "");
  for (i = 0; i < 2; ++i) {
    require (image_finish (f.img, &err), &err, EIO, "an earlier write or sync");
    assert_string_equal (err.class, "Poisoned");
    require (image_start_writing (f.img, &err), &err, EIO, "an earlier write");
  }
  open_writing (&f);
  require_notice (&f, "1 of the image's persistent dirty bitmaps cannot be used");
  destroy (&f);
}

/* An L1 entry of a snapshot with its flag and no table is none. */
static void
test_flag_without_table (void **state)
{
  static const struct change flag[MAX_CHANGES] = {
    { SNAPSHOT_L1, 0, 8, UINT64_C (1) << 63, SET }, { NOWHERE, 0, 0, 0, SET },
  };
  struct fixture f;

  (void) state;
  init (&f, PLAIN "; qemu-img snapshot -c one t.qcow2", flag);
  open_writing (&f);
  require_bytes (&f, 1, 4 * K, 0);
  f.options.snapshot = "one";
  open_reading (&f);
  require_bytes (&f, 0, 4 * K, 0);
  destroy (&f);
}

/* Tables of more entries than are read at once, of all kinds. */
static void
test_long_tables (void **state)
{
  struct error err = ERROR_INIT;
  struct fixture f;

  (void) state;
  init (&f, CREATE "-o cluster_size=512 t.qcow2 1100M; qemu-io -f qcow2 -c "
        "'write -P 1 0 64k' -c 'write -P 1 18M 64k' t.qcow2; qemu-img snapshot "
        "-c one t.qcow2; qemu-img bitmap --add -g 512 t.qcow2 b0; "
        "qemu-img bitmap --add -g 2M t.qcow2 b1", none);
  open_writing (&f);
  assert_int_equal (image_get_notices (f.img)->nr, 0);
  must (image_write (f.img, "x", 1, 18 << 20, 0, &err), &err);
  must (image_finish (f.img, &err), &err);
  f.options.snapshot = "one";
  open_reading (&f);
  require_bytes (&f, 1, 64 * K, 18 << 20);
  destroy (&f);
}

/* -- encryption ------------------------------------------------------------ */

static void
encrypted_refused (const struct change *changes, bool with_key, int errnum,
                   const char *text)
{
  struct error err = ERROR_INIT;
  struct fixture f;

  init (&f, LUKS, changes);
  if (with_key)
    must (keyring_new ("x", 1, "FILE", &f.options.keyring, &err), &err);
  require (try_open (&f, false, &err), &err, errnum, text);
  if (!with_key)
    assert_string_equal (err.class, "Passphrase");
  keyring_free (f.options.keyring);
  destroy (&f);
}

static void
test_encrypted (void **state)
{
  static const struct change far[MAX_CHANGES] = {
    { CRYPTO_EXTENSION, 0, 8, FAR, SET }, { NOWHERE, 0, 0, 0, SET },
  };
  static const struct change large[MAX_CHANGES] = {
    { CRYPTO_EXTENSION, 8, 8, 16 << 20, SET }, { NOWHERE, 0, 0, 0, SET },
  };

  (void) state;
  encrypted_refused (none, false, EPERM, "the image is encrypted (LUKS): give "
                     "the file with its passphrase, passphrase-file=FILE");
  encrypted_refused (far, true, EINVAL, "the LUKS header is cut off: ");
  encrypted_refused (far, true, EINVAL, " bytes at 1099511627776, and the file "
                     "has ");
  encrypted_refused (large, true, EINVAL, "the LUKS header is cut off: "
                     "16777216 bytes at ");
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_repaired),
    cmocka_unit_test (test_not_to_be_repaired),
    cmocka_unit_test (test_interrupted),
    cmocka_unit_test (test_repair_faults),
    cmocka_unit_test (test_marked_corrupt),
    cmocka_unit_test (test_no_image),
    cmocka_unit_test (test_empty_disk),
    cmocka_unit_test (test_mark_without_bitmaps),
    cmocka_unit_test (test_poisoned_bitmaps),
    cmocka_unit_test (test_flag_without_table),
    cmocka_unit_test (test_long_tables),
    cmocka_unit_test (test_encrypted),
  };

  if (system ("command -v qemu-img >/dev/null && command -v qemu-io "
              ">/dev/null") != 0)
    return 77;
  return cmocka_run_group_tests (tests, NULL, NULL);
}
