/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Backing files: which are refused and in what words, what is read of a raw
 * one, and that its holes are told as holes.  Names and the policy for them:
 * test-backing-name.c.
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

#include "backing.h"
#include "image.h"
#include "simdisk.h"

#define KIB UINT64_C (1024)
#define SECTOR 512u
#define DISK_BYTES (256 * KIB)

struct fixture {
  struct simdisk *disk, *base;
  struct simdisk_opener opener;
  struct image_options options;
  struct error err;
};

static struct simdisk *
load_file (const char *path)
{
  struct simdisk *d = simdisk_load_file (path, SECTOR, NULL);

  assert_non_null (d);
  return d;
}

static struct simdisk *
load (const char *create)
{
  char dir[] = "/tmp/baton-backing-XXXXXX", line[512], path[64];
  struct simdisk *d;

  assert_non_null (mkdtemp (dir));
  snprintf (line, sizeof line, "cd %s && qemu-img create -u -q -f qcow2 -o "
            "cluster_size=4k%s t.qcow2 256k", dir, create);
  assert_int_equal (system (line), 0);
  snprintf (path, sizeof path, "%s/t.qcow2", dir);
  d = load_file (path);
  unlink (path);
  snprintf (line, sizeof line, "rm -r %s", dir);
  assert_int_equal (system (line), 0);
  return d;
}

/* An image made with CREATE, and a file "base", which is BASE. */
static void
init (struct fixture *f, const char *create, struct simdisk *base)
{
  f->disk = load (create);
  f->base = base;
  simdisk_opener_init (&f->opener);
  simdisk_opener_put (&f->opener, "base", base);
  simdisk_opener_put (&f->opener, "./t.qcow2", f->disk);
  f->options = (struct image_options) {
    .opener = &f->opener.base, .backing = BACKING_ON,
    .data_file = BACKING_ON,
  };
  f->err = (struct error) ERROR_INIT;
}

static void
destroy (struct fixture *f)
{
  simdisk_free (f->disk);
  simdisk_free (f->base);
  simdisk_opener_destroy (&f->opener);
}

static int
try_open (struct fixture *f, struct image **ret)
{
  struct io *io = simdisk_open (f->disk, 0, NULL);

  assert_non_null (io);
  if (image_open (io, "t.qcow2", false, &f->options, ret, &f->err) == 0)
    return 0;
  io_close (io);
  return -1;
}

static void
refused (struct fixture *f, int errnum, const char *text)
{
  struct image *img;

  assert_int_equal (try_open (f, &img), -1);
  if (!strstr (f->err.text, text) || f->err.errnum != errnum)
    fail_msg ("\"%s\" is not \"%s\"", text, f->err.text);
  destroy (f);
}

static void
put (struct simdisk *d, uint64_t offset, size_t len, uint8_t byte)
{
  struct io *io = simdisk_open (d, IO_OPEN_WRITE, NULL);
  uint8_t *buf = malloc (len);

  assert_non_null (buf);
  memset (buf, byte, len);
  assert_int_equal (io_pwrite (io, buf, len, offset, 0, NULL), 0);
  free (buf);
  io_close (io);
}

/* One letter per KiB: Data, Zeros that take space, a Hole. */
struct map {
  char text[DISK_BYTES / KIB + 1];
  unsigned nr;                  /* extents */
};

static int
draw (void *opaque, uint64_t offset, uint64_t len, unsigned type,
      struct error *err)
{
  struct map *map = opaque;

  (void) err;
  map->nr++;
  memset (map->text + offset / KIB, type & IMAGE_EXTENT_HOLE ? 'H'
          : type & IMAGE_EXTENT_ZERO ? 'Z' : 'D', len / KIB);
  return 0;
}

/* RUNS: a letter and a number of KiB, and so on. */
static void
require_map (struct image *img, const char *runs)
{
  struct map map = { .nr = 0 }, expected = { .nr = 0 };
  char *to = expected.text, *end;

  for (; *runs; runs = end, ++expected.nr) {
    const unsigned long n = strtoul (runs + 1, &end, 10);

    memset (to, *runs, n);
    to += n;
  }
  assert_int_equal (image_extents (img, DISK_BYTES, 0, draw, &map, NULL), 0);
  assert_string_equal (map.text, expected.text);
  assert_int_equal (map.nr, expected.nr);
}

static void
test_holes_of_raw (void **state)
{
  struct fixture f;
  struct image *img;
  struct io *io;

  (void) state;
  init (&f, " -b base -F raw", simdisk_new (SECTOR));
  put (f.base, 0, 4 * KIB, 1);
  put (f.base, 8 * KIB, KIB, 2);
  put (f.base, 100 * KIB, 100 * KIB, 3);
  io = simdisk_open (f.base, IO_OPEN_WRITE, NULL);
  assert_int_equal (io_zero (io, 150 * KIB, 10 * KIB, IO_PUNCH, NULL), 0);
  io_close (io);
  assert_int_equal (try_open (&f, &img), 0);
  require_map (img, "D4H4D1H91D50H10D40H56");
  image_close (img);
  destroy (&f);
}

static int
count (void *opaque, uint64_t offset, uint64_t len, unsigned type,
       struct error *err)
{
  (void) offset;
  (void) len;
  (void) type;
  return ++*(unsigned *) opaque == 3 ? error_set (err, EINTR, "enough") : 0;
}

/* Whoever asks may have enough. */
static void
test_holes_until_enough (void **state)
{
  struct fixture f;
  struct image *img;
  unsigned nr = 0, i;

  (void) state;
  init (&f, " -b base -F raw", simdisk_new (SECTOR));
  for (i = 0; i < 10; ++i)
    put (f.base, 8 * KIB * i, KIB, 1);
  assert_int_equal (try_open (&f, &img), 0);
  assert_int_equal (image_extents (img, DISK_BYTES, 0, count, &nr, &f.err), -1);
  assert_int_equal (f.err.errnum, EINTR);
  assert_int_equal (nr, 3);
  image_close (img);
  destroy (&f);
}

/* Nobody knows what a device keeps. */
static void
test_device_has_no_holes (void **state)
{
  struct fixture f;
  struct image *img;
  uint8_t byte;

  (void) state;
  init (&f, " -b base -F raw", simdisk_new_device (SECTOR, 128 * KIB, 0x55));
  assert_int_equal (try_open (&f, &img), 0);
  require_map (img, "D128H128");
  assert_int_equal (image_read (img, &byte, 1, 128 * KIB - 1, NULL), 0);
  assert_int_equal (byte, 0x55);
  assert_int_equal (image_read (img, &byte, 1, 128 * KIB, NULL), 0);
  assert_int_equal (byte, 0);
  image_close (img);
  destroy (&f);
}

static void
test_refused (void **state)
{
  struct fixture f;

  (void) state;
  init (&f, " -b base -F vmdk", simdisk_new (SECTOR));
  refused (&f, ENOTSUP, "its format is \"vmdk\", and only raw and qcow2");
  init (&f, " -b base -F qcow2", simdisk_new (SECTOR));
  refused (&f, EINVAL, "backing file base");
  init (&f, " -b none -F raw", simdisk_new (SECTOR));
  refused (&f, ENOENT, "backing file none");
  init (&f, " -b ./t.qcow2 -F qcow2", simdisk_new (SECTOR));
  refused (&f, ELOOP, "the file is its own backing file");
  init (&f, " -b 'json:{}' -F raw", simdisk_new (SECTOR));
  refused (&f, ENOTSUP, "\"json:\" names are not served here");
  init (&f, ",data_file=base -b base -F raw", simdisk_new (SECTOR));
  refused (&f, ELOOP, "also the data file of an image above it");
}

/* A chain: read, told and refused as one. */
static void
test_chain (void **state)
{
  struct simdisk *bottom = simdisk_new (SECTOR);
  struct fixture f;
  struct image *img;
  uint8_t byte = 0;

  (void) state;
  put (bottom, 64 * KIB, KIB, 7);
  init (&f, " -b base -F qcow2", load (" -b bottom -F raw"));
  simdisk_opener_put (&f.opener, "bottom", bottom);
  assert_int_equal (try_open (&f, &img), 0);
  assert_int_equal (image_read (img, &byte, 1, 65 * KIB - 1, NULL), 0);
  assert_int_equal (byte, 7);
  require_map (img, "H64D1H191");
  image_close (img);
  simdisk_opener_put (&f.opener, "bottom", NULL);
  refused (&f, ENOENT, "backing file bottom");
  assert_null (strstr (f.err.text, "backing file base"));
  simdisk_free (bottom);
}

/* The extension that names it is at 112. */
static void
test_no_format (void **state)
{
  struct fixture f;

  (void) state;
  init (&f, " -b base -F raw", simdisk_new (SECTOR));
  put (f.disk, 112, 1, 0x12);
  refused (&f, EINVAL, "names the backing file \"base\" but not its format");
}

/* Each call that a backing file costs may fail, and is told. */
static void
test_faults (void **state)
{
  static const unsigned kinds[] = { SIMDISK_OPEN, SIMDISK_SIZE, SIMDISK_LOCK };
  struct fixture f;
  size_t i;

  (void) state;
  for (i = 0; i < sizeof kinds / sizeof kinds[0]; ++i) {
    init (&f, " -b base -F raw", simdisk_new (SECTOR));
    f.options.lock_backing = true;
    simdisk_fail (f.base, kinds[i], 1, EIO, false);
    refused (&f, EIO, "backing file base");
  }
}

static struct file_spec *
new_spec (const char *path, const char *format)
{
  struct file_spec *s = calloc (1, sizeof *s);

  assert_non_null (s);
  s->path = strdup (path);
  s->format = format ? strdup (format) : NULL;
  return s;
}

/* A parser that knows some names, of which "z" gives no format, and "w" none
 * for the backing file of what it names. */
static int
parse (const char *name, struct file_spec **ret, struct error *err)
{
  if (strcmp (name, "json:{\"x\":1}") == 0)
    *ret = new_spec ("base", "raw");
  else if (strcmp (name, "json:{\"z\":1}") == 0)
    *ret = new_spec ("base", NULL);
  else if (!strcmp (name, "json:{\"w\":1}") || !strcmp (name, "json:")) {
    *ret = new_spec ("base", "qcow2");
    (*ret)->has_backing = true;
    (*ret)->backing = new_spec ("bottom", NULL);
  }
  else
    return error_set (err, EINVAL, "not what it knows");
  return 0;
}

static void
test_json (void **state)
{
  struct fixture f;
  struct image *img;

  (void) state;
  init (&f, " -b 'json:{\"x\":1}' -F raw", simdisk_new (SECTOR));
  f.options.parse_json = parse;
  assert_int_equal (try_open (&f, &img), 0);
  image_close (img);
  destroy (&f);
  init (&f, " -b 'json:{\"x\":1}' -F qcow2", simdisk_new (SECTOR));
  f.options.parse_json = parse;
  refused (&f, EINVAL, "is \"qcow2\", and in its name \"raw\"");
  init (&f, " -b 'json:{\"y\":1}' -F raw", simdisk_new (SECTOR));
  f.options.parse_json = parse;
  refused (&f, EINVAL, "backing file json:{\"y\":1}");
  init (&f, " -b 'json:{\"z\":1}' -F raw", simdisk_new (SECTOR));
  put (f.disk, 112, 1, 0x12);
  f.options.parse_json = parse;
  refused (&f, EINVAL, "names the backing file \"json:{\"z\":1}\" but not");
  init (&f, " -b 'json:{\"w\":1}' -F qcow2", load (""));
  f.options.parse_json = parse;
  refused (&f, EINVAL, "names the backing file \"bottom\" but not its format");
}

/* No other image's, and no image. */
static void
test_data_files (void **state)
{
  struct simdisk *middle = load (",data_file=base");
  const char *name = "json:";   /* in the extension at 112 */
  struct fixture f;

  (void) state;
  init (&f, ",data_file=base -b middle -F qcow2", simdisk_new (SECTOR));
  simdisk_opener_put (&f.opener, "middle", middle);
  refused (&f, ELOOP, "data file base: it is the data file of another image "
           "of the chain");
  simdisk_free (middle);
  init (&f, ",data_file=base", simdisk_new (SECTOR));
  put (f.disk, 119, 1, 5);
  for (; *name; ++name)
    put (f.disk, (uint64_t) (125 - strlen (name)), 1, (uint8_t) *name);
  f.options.parse_json = parse;
  refused (&f, ENOTSUP, "data file json:: an image cannot be one");
}

/* Every file that it is asked for is another one, of the same bytes. */
struct endless {
  struct io_opener base;
  const char *path;
  struct simdisk *disks[2 * BACKING_MAX_DEPTH];
  unsigned nr;
};

static int
open_another (struct io_opener *base, const char *name, unsigned flags,
              struct io **ret, struct error *err)
{
  struct endless *e = (struct endless *) base;

  (void) name;
  assert_true (e->nr < 2 * BACKING_MAX_DEPTH);
  e->disks[e->nr] = load_file (e->path);
  *ret = simdisk_open (e->disks[e->nr++], flags, err);
  return *ret ? 0 : -1;
}

static void
test_endless_chain (void **state)
{
  char path[] = "/tmp/baton-endless-XXXXXX", line[256];
  struct endless e = { .base.open = open_another, .path = path };
  struct fixture f;
  const int fd = mkstemp (path);

  (void) state;
  assert_true (fd >= 0);
  close (fd);
  snprintf (line, sizeof line, "qemu-img create -u -q -f qcow2 -o "
            "cluster_size=4k -b next -F qcow2 %s 256k", path);
  assert_int_equal (system (line), 0);
  init (&f, "", NULL);
  simdisk_free (f.disk);
  f.disk = load_file (path);
  f.options.opener = &e.base;
  refused (&f, ELOOP, "the backing chain has more than 256 files");
  assert_int_equal (e.nr, BACKING_MAX_DEPTH);
  while (e.nr > 0)
    simdisk_free (e.disks[--e.nr]);
  assert_int_equal (unlink (path), 0);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_holes_of_raw),
    cmocka_unit_test (test_holes_until_enough),
    cmocka_unit_test (test_device_has_no_holes),
    cmocka_unit_test (test_refused),
    cmocka_unit_test (test_chain),
    cmocka_unit_test (test_no_format),
    cmocka_unit_test (test_faults),
    cmocka_unit_test (test_json),
    cmocka_unit_test (test_data_files),
    cmocka_unit_test (test_endless_chain),
  };

  /* Without qemu-img there are no images. */
  if (system ("qemu-img --version >/dev/null 2>&1") != 0)
    return 77;
  return cmocka_run_group_tests (tests, NULL, NULL);
}
