/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the header of an image says of its data file: no name, a name of JSON,
 * a file that another image of the chain has; what a caller says of one who
 * has none; and how long a raw one becomes.  What is done to it:
 * test-image-data-file.c.
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
#include "image.h"
#include "poked-image.h"
#include "simdisk.h"

#define CREATE "qemu-img create -q -f qcow2 -o cluster_size=4k"
#define WITH(options) CREATE ",data_file=json_1" options " t.qcow2 256k"
#define PLAIN CREATE " t.qcow2 256k"
#define DISK_BYTES (UINT64_C (256) << 10)
#define SIZE_AT 24

static const struct change none[1] = { { .place = NOWHERE } };

struct fixture {
  struct simdisk *disk, *data;
  struct simdisk_opener opener;
  struct image_options options;
};

static void
init (struct fixture *f, const char *create)
{
  f->disk = poked_image (create, none);
  f->data = simdisk_new (512);
  simdisk_opener_init (&f->opener);
  simdisk_opener_put (&f->opener, "json_1", f->data);
  f->options = (struct image_options) {
    .opener = &f->opener.base, .data_file = BACKING_ON, .backing = BACKING_ON,
  };
}

static void
destroy (struct fixture *f)
{
  simdisk_free (f->disk);
  simdisk_free (f->data);
  simdisk_opener_destroy (&f->opener);
}

/* The first OLD of the header becomes NEW, which is as long. */
static void
replace (struct simdisk *d, const char *old, const char *new)
{
  struct io *io = simdisk_open (d, IO_OPEN_WRITE, NULL);
  const size_t len = strlen (old);
  uint8_t buf[4096];
  size_t i = 0;

  assert_int_equal (io_pread (io, buf, sizeof buf, 0, NULL), 0);
  while (memcmp (buf + i, old, len) != 0)
    assert_true (++i < sizeof buf - len);
  assert_int_equal (io_pwrite (io, new, len, i, IO_DSYNC, NULL), 0);
  io_close (io);
}

static void
set_header (struct simdisk *d, uint64_t offset, uint64_t value)
{
  struct io *io = simdisk_open (d, IO_OPEN_WRITE, NULL);
  uint8_t be[8];

  store_be64 (be, value);
  assert_int_equal (io_pwrite (io, be, sizeof be, offset, IO_DSYNC, NULL), 0);
  io_close (io);
}

static struct image *
try_open (struct fixture *f, struct error *err)
{
  struct io *io = simdisk_open (f->disk, IO_OPEN_WRITE, NULL);
  struct image *img;

  if (image_open (io, "t.qcow2", true, &f->options, &img, err) == 0)
    return img;
  io_close (io);
  return NULL;
}

/* By those who serve it, and by those who only ask which file it is. */
static void
refused (struct fixture *f, int errnum, const char *text)
{
  struct qcow2_header *h = malloc (sizeof *h);
  struct io *io = simdisk_open (f->disk, 0, NULL);
  struct error err = ERROR_INIT, other = ERROR_INIT;
  uint64_t identity[2];
  uint8_t buf[4096];

  assert_non_null (h);
  assert_null (try_open (f, &err));
  if (err.errnum != errnum || !strstr (err.text, text))
    fail_msg ("\"%s\" is not in \"%s\" (%d)", text, err.text, err.errnum);
  assert_int_equal (io_pread (io, buf, sizeof buf, 0, NULL), 0);
  assert_int_equal (qcow2_header_parse (buf, sizeof buf, h, NULL), 0);
  assert_int_equal (image_data_identity ("t.qcow2", h, &f->options, identity,
                                         &other), -1);
  assert_string_equal (other.text, err.text);
  assert_int_equal (other.errnum, errnum);
  io_close (io);
  free (h);
}

static void
test_no_name (void **state)
{
  struct fixture f;

  (void) state;
  init (&f, WITH (""));
  /* The extension that says so becomes one that nobody knows. */
  replace (f.disk, "DATA", "DATB");
  refused (&f, EINVAL, "the image needs an external data file and does not "
           "say which: name it with data-file=PATH");
  f.options.data_file_path = "nowhere";
  refused (&f, ENOENT, "data file nowhere: ");
  f.options.data_file_path = "json_1";
  image_close (try_open (&f, NULL));
  destroy (&f);
}

static void
test_none_needed (void **state)
{
  struct fixture f;

  (void) state;
  init (&f, PLAIN);
  f.options.data_file_path = "json_1";
  refused (&f, EINVAL, "data-file=json_1 is given, and the image has no "
           "external data file: leave it out");
  destroy (&f);
}

/* -- JSON ---------------------------------------------------------------- */

/* What the parser makes of the only name that there is. */
static struct {
  const char *path, *format;    /* no PATH: it is malformed */
  bool has_backing;
} says;

static int
parse (const char *name, struct file_spec **ret, struct error *err)
{
  struct file_spec *s;

  assert_string_equal (name, "json:1");
  if (!says.path)
    return error_set (err, EINVAL, "it is malformed");
  s = calloc (1, sizeof *s);
  assert_non_null (s);
  s->path = strdup (says.path);
  s->format = says.format ? strdup (says.format) : NULL;
  s->has_backing = says.has_backing;
  *ret = s;
  return 0;
}

static void
test_json (void **state)
{
  struct fixture f;

  (void) state;
  init (&f, WITH (""));
  replace (f.disk, "json_1", "json:1");
  refused (&f, ENOTSUP, "\"json:\" names are not served here");
  f.options.parse_json = parse;
  refused (&f, EINVAL, "data file json:1: it is malformed");
  says.path = "json_1";
  says.has_backing = true;
  refused (&f, ENOTSUP, "data file json:1: an image cannot be one");
  says.has_backing = false;
  says.format = "qcow2";
  refused (&f, ENOTSUP, "data file json:1: an image cannot be one");
  says.format = "raw";
  image_close (try_open (&f, NULL));
  says.format = NULL;
  image_close (try_open (&f, NULL));
  f.options.data_file = BACKING_OFF;
  refused (&f, EPERM, "data-file=off");
  destroy (&f);
}

/* -- a chain ------------------------------------------------------------- */

/* Of an image and of what it is based on: the guest would write into its own
 * backing file. */
static void
test_of_its_base (void **state)
{
  struct simdisk *base = poked_image (WITH (""), none);
  struct simdisk *other = simdisk_new (512);
  struct error err = ERROR_INIT;
  struct fixture f;
  struct image *img;

  (void) state;
  init (&f, WITH ("") "; mv t.qcow2 base; " CREATE ",data_file=json_1 -u -b base "
        "-F qcow2 t.qcow2 256k");
  simdisk_opener_put (&f.opener, "base", base);
  assert_null (try_open (&f, &err));
  assert_int_equal (err.errnum, ELOOP);
  if (!strstr (err.text, "data file json_1: it is the data file of another "
               "image of the chain"))
    fail_msg ("%s", err.text);
  /* One of its own it may have. */
  replace (base, "json_1", "json_2");
  simdisk_opener_put (&f.opener, "json_2", other);
  img = try_open (&f, NULL);
  assert_non_null (img);
  image_close (img);
  destroy (&f);
  simdisk_free (base);
  simdisk_free (other);
}

/* -- the length of a raw one --------------------------------------------- */

static uint64_t
length (struct simdisk *d)
{
  struct io *io = simdisk_open (d, 0, NULL);
  uint64_t size;

  assert_int_equal (io_size (io, &size, NULL), 0);
  io_close (io);
  return size;
}

/* It had BEFORE bytes of 0xee, and is to have WANTED: it keeps these. */
static void
grows (uint64_t before, uint64_t virtual_size, uint64_t wanted)
{
  struct fixture f;
  struct image *img;
  uint8_t buf[512];
  struct io *io;
  uint64_t i;

  init (&f, WITH (",data_file_raw=on"));
  set_header (f.disk, SIZE_AT, virtual_size);
  memset (buf, 0xee, sizeof buf);
  io = simdisk_open (f.data, IO_OPEN_WRITE, NULL);
  for (i = 0; i < before; i += sizeof buf)
    assert_int_equal (io_pwrite (io, buf, before - i < 512 ? before - i : 512,
                                 i, IO_DSYNC, NULL), 0);
  img = try_open (&f, NULL);
  assert_non_null (img);
  assert_int_equal (image_start_writing (img, NULL), 0);
  assert_int_equal (length (f.data), wanted);
  for (i = 0; i < wanted; i += sizeof buf) {
    const uint64_t here = wanted - i < 512 ? wanted - i : 512;
    uint64_t k;

    assert_int_equal (io_pread (io, buf, here, i, NULL), 0);
    for (k = 0; k < here; ++k)
      assert_int_equal (buf[k], i + k < before ? 0xee : 0);
  }
  image_close (img);
  io_close (io);
  destroy (&f);
}

static void
test_raw_length (void **state)
{
  (void) state;
  grows (0, DISK_BYTES, DISK_BYTES);
  grows (4096, DISK_BYTES, DISK_BYTES);
  grows (DISK_BYTES - 512, DISK_BYTES, DISK_BYTES);
  grows (DISK_BYTES - 100, DISK_BYTES, DISK_BYTES);
  grows (DISK_BYTES, DISK_BYTES, DISK_BYTES);
  grows (DISK_BYTES + 512, DISK_BYTES, DISK_BYTES + 512);
  /* The smallest disks. */
  grows (0, 512, 512);
  grows (40, 512, 512);
  grows (0, 0, 0);
}

static void
test_raw_fails (void **state)
{
  static const unsigned kinds[] = { SIMDISK_SIZE, SIMDISK_WRITE };
  size_t i;

  (void) state;
  for (i = 0; i < 2; ++i) {
    struct error err = ERROR_INIT;
    struct fixture f;
    struct image *img;

    init (&f, WITH (",data_file_raw=on"));
    img = try_open (&f, NULL);
    assert_non_null (img);
    simdisk_fail (f.data, kinds[i], 1, EIO, false);
    assert_int_equal (image_start_writing (img, &err), -1);
    assert_int_equal (err.errnum, EIO);
    assert_int_equal (image_start_writing (img, &err), 0);
    assert_int_equal (length (f.data), DISK_BYTES);
    image_close (img);
    destroy (&f);
  }
}

/* A device has the length that it has, and nobody writes to its end. */
static void
test_raw_device (void **state)
{
  struct fixture f;
  struct image *img;
  uint64_t before;

  (void) state;
  init (&f, WITH (",data_file_raw=on"));
  simdisk_free (f.data);
  f.data = simdisk_new_device (512, DISK_BYTES, 0xdd);
  simdisk_opener_put (&f.opener, "json_1", f.data);
  img = try_open (&f, NULL);
  assert_non_null (img);
  before = simdisk_sum (f.data);
  assert_int_equal (image_start_writing (img, NULL), 0);
  assert_true (simdisk_sum (f.data) == before);
  image_close (img);
  destroy (&f);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_no_name),
    cmocka_unit_test (test_none_needed),
    cmocka_unit_test (test_json),
    cmocka_unit_test (test_of_its_base),
    cmocka_unit_test (test_raw_length),
    cmocka_unit_test (test_raw_fails),
    cmocka_unit_test (test_raw_device),
  };

  if (system ("command -v qemu-img >/dev/null") != 0)
    return 77;
  return cmocka_run_group_tests (tests, NULL, NULL);
}
