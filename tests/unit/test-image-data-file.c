/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Images whose data are in another file: what is refused, what is locked,
 * what a failed sync of that file means, and that only the guest's own place
 * in it is ever touched.  What a power cut leaves: test-image-crash.c.
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
#include <unistd.h>

#include <cmocka.h>

#include "cursor.h"
#include "image.h"
#include "simdisk.h"

#define CLUSTER 4096u
#define DISK_BYTES (64 * CLUSTER)
#define STALE 0xdd

struct fixture {
  struct simdisk *disk, *data;
  struct simdisk_opener opener;
  struct image_options options;
};

static struct simdisk *
load (const char *create)
{
  char dir[] = "/tmp/baton-data-XXXXXX", line[512], path[64];
  struct error err = ERROR_INIT;
  struct simdisk *d;

  assert_non_null (mkdtemp (dir));
  snprintf (line, sizeof line, "cd %s && qemu-img create -q -f qcow2 -o "
            "cluster_size=4k,data_file=data%s t.qcow2 256k", dir, create);
  assert_int_equal (system (line), 0);
  snprintf (path, sizeof path, "%s/t.qcow2", dir);
  d = simdisk_load_file (path, 512, &err);
  if (!d)
    fail_msg ("%s", err.text);
  snprintf (line, sizeof line, "rm -f %s/t.qcow2 %s/data", dir, dir);
  assert_int_equal (system (line), 0);
  rmdir (dir);
  return d;
}

static struct io *
open_disk (struct simdisk *d)
{
  struct error err = ERROR_INIT;
  struct io *io = simdisk_open (d, IO_OPEN_WRITE, &err);

  assert_non_null (io);
  return io;
}

static void
fill_stale (struct simdisk *d, uint64_t bytes)
{
  uint8_t buf[CLUSTER];
  struct io *io = open_disk (d);
  uint64_t offset;

  memset (buf, STALE, sizeof buf);
  for (offset = 0; offset < bytes; offset += CLUSTER)
    assert_int_equal (io_pwrite (io, buf, CLUSTER, offset, IO_DSYNC, NULL), 0);
  io_close (io);
}

static void
init (struct fixture *f, const char *create)
{
  f->disk = load (create);
  f->data = simdisk_new (512);
  simdisk_opener_init (&f->opener);
  simdisk_opener_put (&f->opener, "data", f->data);
  f->options = (struct image_options) {
    .opener = &f->opener.base, .data_file = BACKING_ON, .lock_backing = true,
  };
}

static void
destroy (struct fixture *f)
{
  simdisk_free (f->disk);
  simdisk_free (f->data);
  simdisk_opener_destroy (&f->opener);
}

static int
try_open (struct fixture *f, bool writing, struct image **ret,
          struct error *err)
{
  struct io *io = open_disk (f->disk);

  if (image_open (io, "t.qcow2", writing, &f->options, ret, err) == 0)
    return 0;
  io_close (io);
  return -1;
}

static struct image *
open_image (struct fixture *f)
{
  struct error err = ERROR_INIT;
  struct image *img;

  if (try_open (f, true, &img, &err) == -1 ||
      image_start_writing (img, &err) == -1)
    fail_msg ("%s", err.text);
  return img;
}

static void
assert_bytes (struct simdisk *d, uint64_t offset, uint64_t len, uint8_t byte)
{
  struct io *io = open_disk (d);
  uint8_t buf[CLUSTER];
  uint64_t i;

  assert_true (len <= sizeof buf);
  assert_int_equal (io_pread (io, buf, len, offset, NULL), 0);
  for (i = 0; i < len; ++i)
    assert_int_equal (buf[i], byte);
  io_close (io);
}

static void
refused (struct fixture *f, const char *text)
{
  struct error err = ERROR_INIT;
  struct image *img;

  if (try_open (f, true, &img, &err) != -1)
    fail_msg ("opened, and should say %s", text);
  if (!strstr (err.text, text))
    fail_msg ("\"%s\" is not in \"%s\"", text, err.text);
}

/* Also the first cluster, at offset 0, and nothing but what was asked for. */
static void
test_places (void **state)
{
  uint8_t buf[CLUSTER];
  struct fixture f;
  struct image *img;

  (void) state;
  init (&f, "");
  fill_stale (f.data, DISK_BYTES);
  img = open_image (&f);
  memset (buf, 7, sizeof buf);
  assert_int_equal (image_write (img, buf, 512, 512, 0, NULL), 0);
  assert_int_equal (image_write (img, buf, CLUSTER, 9 * CLUSTER, 0, NULL), 0);
  assert_bytes (f.data, 0, 512, 0);
  assert_bytes (f.data, 512, 512, 7);
  assert_bytes (f.data, 1024, CLUSTER - 1024, 0);
  assert_bytes (f.data, CLUSTER, CLUSTER, STALE);
  assert_bytes (f.data, 8 * CLUSTER, CLUSTER, STALE);
  assert_bytes (f.data, 9 * CLUSTER, CLUSTER, 7);
  assert_bytes (f.data, 10 * CLUSTER, CLUSTER, STALE);
  /* Trim gives back these two and no others. */
  assert_int_equal (image_trim (img, CLUSTER, 0, 0, NULL), 0);
  assert_int_equal (image_trim (img, 3 * CLUSTER, 8 * CLUSTER, 0, NULL), 0);
  assert_bytes (f.data, 0, CLUSTER, 0);
  assert_bytes (f.data, 8 * CLUSTER, CLUSTER, STALE);
  assert_bytes (f.data, 9 * CLUSTER, CLUSTER, 0);
  assert_bytes (f.data, 10 * CLUSTER, CLUSTER, STALE);
  /* All of it reads zeros, whatever is there. */
  assert_int_equal (image_read (img, buf, CLUSTER, 10 * CLUSTER, NULL), 0);
  assert_int_equal (buf[0], 0);
  assert_int_equal (image_finish (img, NULL), 0);
  image_close (img);
  destroy (&f);
}

static void
test_kept_space (void **state)
{
  uint8_t buf[CLUSTER];
  struct fixture f;
  struct image *img;

  (void) state;
  init (&f, "");
  f.options.keep_space = true;
  img = open_image (&f);
  memset (buf, 7, sizeof buf);
  assert_int_equal (image_write (img, buf, CLUSTER, 0, 0, NULL), 0);
  assert_int_equal (image_trim (img, CLUSTER, 0, 0, NULL), 0);
  assert_bytes (f.data, 0, CLUSTER, 7);
  assert_int_equal (image_read (img, buf, CLUSTER, 0, NULL), 0);
  assert_int_equal (buf[0], 0);
  image_close (img);
  destroy (&f);
}

/* The data file is down before a flush is answered, and where it cannot be
 * the image is poisoned, as by its own file. */
static void
test_poison (void **state)
{
  struct error err = ERROR_INIT;
  struct fixture f;
  struct image *img;

  (void) state;
  init (&f, "");
  img = open_image (&f);
  assert_int_equal (image_write (img, "abcd", 4, 0, 0, NULL), 0);
  assert_int_equal (image_write (img, "efgh", 4, 0, 0, NULL), 0);
  simdisk_fail (f.data, SIMDISK_SYNC, 1, EIO, false);
  assert_int_equal (image_flush (img, NULL), -1);
  assert_true (simdisk_fault_struck (f.data));
  assert_int_equal (image_flush (img, &err), -1);
  assert_int_equal (image_write (img, "abcd", 4, 0, 0, &err), -1);
  assert_int_equal (err.errnum, EIO);
  image_close (img);
  destroy (&f);
}

/* A failed write of data is no failure of metadata. */
static void
test_failed_write (void **state)
{
  struct error err = ERROR_INIT;
  struct fixture f;
  struct image *img;
  uint8_t buf[4];

  (void) state;
  init (&f, "");
  img = open_image (&f);
  simdisk_fail (f.data, SIMDISK_WRITE, 1, EIO, false);
  assert_int_equal (image_write (img, "abcd", 4, 0, 0, &err), -1);
  assert_int_equal (err.errnum, EIO);
  assert_int_equal (image_read (img, buf, 4, 0, NULL), 0);
  assert_memory_equal (buf, "\0\0\0\0", 4);
  assert_int_equal (image_write (img, "abcd", 4, 0, 0, NULL), 0);
  assert_int_equal (image_finish (img, NULL), 0);
  image_close (img);
  destroy (&f);
}

/* A raw file is a whole disk, holds zeros, and its bit stays. */
static void
test_raw (void **state)
{
  uint8_t buf[CLUSTER];
  struct fixture f;
  struct image *img;
  struct io *io;
  uint64_t size;

  (void) state;
  init (&f, ",data_file_raw=on");
  assert_int_equal (try_open (&f, true, &img, NULL), 0);
  simdisk_fail (f.data, SIMDISK_WRITE, 1, EIO, false);
  assert_int_equal (image_start_writing (img, NULL), -1);
  assert_int_equal (image_write (img, "x", 1, 0, 0, NULL), -1);
  image_close (img);
  img = open_image (&f);
  io = image_data_file (img);
  assert_int_equal (io_size (io, &size, NULL), 0);
  assert_int_equal (size, DISK_BYTES);
  memset (buf, 7, sizeof buf);
  assert_int_equal (image_write (img, buf, CLUSTER, CLUSTER, 0, NULL), 0);
  assert_int_equal (image_zero (img, 512, CLUSTER, 0, NULL), 0);
  assert_bytes (f.data, CLUSTER, 512, 0);
  assert_bytes (f.data, CLUSTER + 512, CLUSTER - 512, 7);
  assert_int_equal (image_zero (img, CLUSTER, CLUSTER, 0, NULL), 0);
  assert_bytes (f.data, CLUSTER, CLUSTER, 0);
  assert_int_equal (image_write (img, buf, CLUSTER, CLUSTER, 0, NULL), 0);
  assert_int_equal (image_trim (img, CLUSTER, CLUSTER, 0, NULL), 0);
  assert_bytes (f.data, CLUSTER, CLUSTER, 0);
  assert_int_equal (image_finish (img, NULL), 0);
  image_close (img);
  io = open_disk (f.disk);
  assert_int_equal (io_pread (io, buf, 8, QCOW2_HDR_AUTOCLEAR, NULL), 0);
  assert_int_equal (load_be64 (buf), QCOW2_AUTOCLEAR_DATA_FILE_RAW);
  io_close (io);
  destroy (&f);
}

static void
test_locks (void **state)
{
  struct fixture f;
  struct image *img;
  struct io *other;

  (void) state;
  init (&f, "");
  other = open_disk (f.data);
  assert_int_equal (io_lock (other, LOCK_READER, NULL), 0);
  refused (&f, "data file data: ");
  io_unlock (other);
  img = open_image (&f);
  assert_int_equal (io_lock (other, LOCK_WRITER, NULL), -1);
  image_give_up (img);
  assert_int_equal (io_lock (other, LOCK_WRITER, NULL), 0);
  io_unlock (other);
  image_close (img);
  /* Many may read it. */
  assert_int_equal (io_lock (other, LOCK_READER, NULL), 0);
  assert_int_equal (try_open (&f, false, &img, NULL), 0);
  image_close (img);
  io_close (other);
  destroy (&f);
}

/* Write RAW over the L2 entry of guest cluster CLUSTER_NR. */
static void
damage (struct fixture *f, uint64_t cluster_nr, uint64_t raw)
{
  struct io *io = open_disk (f->disk);
  uint8_t be[8];
  uint64_t l1, l2;

  assert_int_equal (io_pread (io, be, 8, 40, NULL), 0);
  l1 = load_be64 (be);
  assert_int_equal (io_pread (io, be, 8, l1, NULL), 0);
  l2 = load_be64 (be) & QCOW2_ENTRY_OFFSET_MASK;
  store_be64 (be, raw);
  assert_int_equal (io_pwrite (io, be, 8, l2 + cluster_nr * 8, IO_DSYNC, NULL),
                    0);
  io_close (io);
}

/* Who reads a raw file does not see that a cluster is unallocated. */
static void
test_raw_unallocated (void **state)
{
  struct fixture f;
  struct image *img;

  (void) state;
  init (&f, ",data_file_raw=on");
  fill_stale (f.data, DISK_BYTES);
  damage (&f, 2, 0);
  img = open_image (&f);
  assert_int_equal (image_zero (img, 100, 2 * CLUSTER + 50, 0, NULL), 0);
  assert_bytes (f.data, 2 * CLUSTER, 50, STALE);
  assert_bytes (f.data, 2 * CLUSTER + 50, 100, 0);
  assert_bytes (f.data, 2 * CLUSTER + 150, CLUSTER - 150, STALE);
  image_close (img);
  destroy (&f);
}

/* "Must be the guest offset": another place is another cluster's. */
static void
test_misplaced (void **state)
{
  static const uint64_t entries[] = {
    QCOW2_ENTRY_COPIED | 3 * CLUSTER, 3 * CLUSTER, 3 * CLUSTER | 1,
    QCOW2_ENTRY_COPIED, QCOW2_ENTRY_COMPRESSED | 3 * CLUSTER,
  };
  uint8_t buf[CLUSTER];
  struct fixture f;
  struct image *img;
  size_t i;

  (void) state;
  for (i = 0; i < sizeof entries / sizeof entries[0]; ++i) {
    struct error err = ERROR_INIT;

    init (&f, "");
    img = open_image (&f);
    memset (buf, 7, sizeof buf);
    assert_int_equal (image_write (img, buf, CLUSTER, 3 * CLUSTER, 0, NULL),
                      0);
    assert_int_equal (image_finish (img, NULL), 0);
    image_close (img);
    damage (&f, 2, entries[i]);
    img = open_image (&f);
    assert_int_equal (image_read (img, buf, CLUSTER, 2 * CLUSTER, &err), -1);
    assert_int_equal (err.errnum, EIO);
    assert_non_null (strstr (err.text, "data file"));
    assert_int_equal (image_write (img, buf, 4, 2 * CLUSTER, 0, NULL), -1);
    assert_int_equal (image_trim (img, CLUSTER, 2 * CLUSTER, 0, NULL), -1);
    assert_bytes (f.data, 3 * CLUSTER, CLUSTER, 7);
    image_close (img);
    destroy (&f);
  }
}

static void
test_refused (void **state)
{
  struct fixture f;

  (void) state;
  init (&f, "");
  f.options.data_file = BACKING_OFF;
  refused (&f, "data-file=off forbids");
  f.options.data_file = BACKING_ON;
  simdisk_opener_put (&f.opener, "data", f.disk);
  refused (&f, "data file data: it is an image that it would be the data file "
           "of");
  simdisk_opener_put (&f.opener, "data", NULL);
  refused (&f, "data file data: ");
  /* The user knows better. */
  simdisk_opener_put (&f.opener, "elsewhere", f.data);
  f.options.data_file = BACKING_OFF;
  f.options.data_file_path = "elsewhere";
  image_close (open_image (&f));
  destroy (&f);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_places),
    cmocka_unit_test (test_kept_space),
    cmocka_unit_test (test_poison),
    cmocka_unit_test (test_failed_write),
    cmocka_unit_test (test_raw),
    cmocka_unit_test (test_raw_unallocated),
    cmocka_unit_test (test_locks),
    cmocka_unit_test (test_misplaced),
    cmocka_unit_test (test_refused),
  };

  if (system ("qemu-img --version >/dev/null 2>&1") != 0)
    return 77;
  return cmocka_run_group_tests (tests, NULL, NULL);
}
