/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What decodes an image, when memory runs out: the Nth call for it fails, for
 * N = 1, 2, ... until what was asked succeeds.  Each failure is told, and
 * leaves nothing behind (make check-asan, check-valgrind); no name that was
 * refused becomes one that is taken.
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

#include "backing-name.h"
#include "bitmap-directory.h"
#include "compressed.h"
#include "digest.h"
#include "failing-calls.h"
#include "file-spec.h"
#include "image.h"
#include "json-name.h"
#include "keyring.h"
#include "record.h"
#include "simdisk.h"
#include "snapshot-table.h"

/* One try: 0, or -1 and ERR. */
typedef int attempt_fn (void *opaque, struct error *err);

/* Returns how many tries failed. */
static unsigned
until_it_succeeds (attempt_fn *attempt, void *opaque)
{
  unsigned nth;

  for (nth = 1; nth < 1000; ++nth) {
    struct error err = ERROR_INIT;
    int r;

    fail_call (nth);
    r = attempt (opaque, &err);
    if (!fail_call_struck ()) {
      if (r == -1)
        fail_msg ("call %u: %s", nth, err.text);
      return nth - 1;
    }
    if (r == 0)
      continue;                 /* it does without */
    if (err.errnum != ENOMEM && err.errnum != EIO)
      fail_msg ("call %u: %d, %s", nth, err.errnum, err.text);
    assert_true (strlen (err.text) > 10);
  }
  fail_msg ("it never succeeds");
  return 0;
}

/* -- images ------------------------------------------------------------ */

struct world {
  struct simdisk *disk, *base;
  struct simdisk_opener opener;
  const char *snapshot;
};

static struct simdisk *
make (const char *commands)
{
  char dir[] = "/tmp/baton-faults-XXXXXX", line[1024], path[64];
  struct error err = ERROR_INIT;
  struct simdisk *d;
  unsigned tries = 8;

  assert_non_null (mkdtemp (dir));
  snprintf (line, sizeof line, "cd %s && %s", dir, commands);
  /* For LUKS qemu-img measures the processor, and gives up now and then. */
  while (system (line) != 0)
    if (--tries == 0)
      fail_msg ("failed: %s", line);
  snprintf (path, sizeof path, "%s/t.qcow2", dir);
  d = simdisk_load_file (path, 512, &err);
  if (!d)
    fail_msg ("%s", err.text);
  snprintf (line, sizeof line, "rm -r %s", dir);
  assert_int_equal (system (line), 0);
  return d;
}

static int
open_image (void *opaque, struct error *err)
{
  struct world *w = opaque;
  struct image_options options = {
    .opener = &w->opener.base, .backing = BACKING_ON, .snapshot = w->snapshot,
    .parse_json = json_name_parse, .metadata_cache_bytes = 65536,
  };
  struct io *io = simdisk_open (w->disk, 0, err);
  struct image *img = NULL;
  int r = -1;

  assert_non_null (io);
  if (keyring_new ("sesame", 6, "FILE", &options.keyring, err) == 0)
    r = image_open (io, "t.qcow2", false, &options, &img, err);
  if (r == 0)
    image_close (img);
  else
    io_close (io);
  keyring_free (options.keyring);
  return r;
}

static void
check_image (const char *commands, const char *snapshot, unsigned at_least)
{
  struct world w = { .disk = make (commands), .snapshot = snapshot };
  unsigned nr;

  w.base = simdisk_new (512);
  simdisk_opener_init (&w.opener);
  simdisk_opener_put (&w.opener, "base", w.base);
  nr = until_it_succeeds (open_image, &w);
  if (nr < at_least)
    fail_msg ("only %u calls: %s", nr, commands);
  simdisk_free (w.disk);
  simdisk_free (w.base);
  simdisk_opener_destroy (&w.opener);
}

#define CREATE "qemu-img create -u -q -f qcow2 -o "

static void
test_backing (void **state)
{
  (void) state;
  check_image (CREATE "cluster_size=4k -b base -F raw t.qcow2 1M", NULL, 5);
  check_image (CREATE "cluster_size=4k -b 'json:{\"driver\":\"raw\",\"file\":"
               "{\"driver\":\"file\",\"filename\":\"base\"}}' -F raw t.qcow2 "
               "1M", NULL, 5);
}

static void
test_snapshot_and_bitmap (void **state)
{
  static const char image[] = CREATE "cluster_size=4k t.qcow2 1M && qemu-img "
    "snapshot -c one t.qcow2 && qemu-img bitmap --add t.qcow2 two";

  (void) state;
  check_image (image, NULL, 5);
  check_image (image, "one", 5);
}

static int
nothing (void *opaque, const struct bitmap *b, struct error *err)
{
  (void) opaque;
  (void) b;
  (void) err;
  return 0;
}

/* A directory that has nothing in it needs memory too. */
static int
walk_bitmaps (void *opaque, struct error *err)
{
  static const struct qcow2_header h = { .cluster_size = 4096 };
  static const struct qcow2_areas a = { .bitmap_directory_offset = 4096 };

  return bitmap_directory_walk (opaque, &h, &a, nothing, NULL, err);
}

static void
test_bitmap_directory (void **state)
{
  struct simdisk *d = simdisk_new (512);
  struct io *io = simdisk_open (d, 0, NULL);

  (void) state;
  assert_int_equal (until_it_succeeds (walk_bitmaps, io), 1);
  io_close (io);
  simdisk_free (d);
}

static int
no_snapshot (void *opaque, const struct snapshot *s, struct error *err)
{
  (void) opaque;
  (void) s;
  (void) err;
  return 0;
}

static int
walk_snapshots (void *opaque, struct error *err)
{
  static const struct qcow2_header h = {
    .cluster_size = 4096, .snapshots_offset = 4096, .nr_snapshots = 1,
  };

  return snapshot_table_walk (opaque, &h, 1 << 20, no_snapshot, NULL, NULL,
                              err);
}

/* A name that makes the window larger needs memory twice. */
static void
test_snapshot_table (void **state)
{
  struct simdisk *d = simdisk_new (512);
  struct io *io = simdisk_open (d, IO_OPEN_WRITE, NULL);
  uint8_t entry[40] = { 0 };

  (void) state;
  store_be16 (entry + 14, 20000);
  assert_int_equal (io_pwrite (io, entry, sizeof entry, 4096, 0, NULL), 0);
  assert_int_equal (until_it_succeeds (walk_snapshots, io), 2);
  io_close (io);
  simdisk_free (d);
}

static int
make_inflater (void *opaque, struct error *err)
{
  struct inflater *d;

  (void) opaque;
  if (inflater_new (0, &d, err) == -1)
    return -1;
  inflater_free (d);
  inflater_free (NULL);
  return 0;
}

static void
test_inflater (void **state)
{
  (void) state;
  assert_true (until_it_succeeds (make_inflater, NULL) >= 1);
}

static void
test_encrypted (void **state)
{
  (void) state;
  check_image ("printf sesame >key && for i in 1 2 3 4 5 6 7 8; do "
               CREATE "encrypt.format=luks,"
               "encrypt.key-secret=k,encrypt.iter-time=10 --object "
               "secret,id=k,file=key t.qcow2 1M && break; done", NULL, 10);
}

/* -- names ------------------------------------------------------------- */

struct name {
  const char *overlay, *name;
  enum backing_policy policy;
};

static int
resolve (void *opaque, struct error *err)
{
  const struct name *n = opaque;
  char *path = NULL;
  const int r = backing_name_resolve (NAMED_BACKING, n->overlay, n->name,
                                      n->policy, &path, err);

  if (r == 0)
    assert_string_equal (path, "/dev/null");
  free (path);
  return r;
}

static void
test_names (void **state)
{
  static struct name names[] = {
    { "/dev/x", "null", BACKING_ON },
    { "/dev/x", "null", BACKING_SAME_DIR },
    { "/x", "/dev/null", BACKING_SAME_DIR },
    { "x", "/dev/null", BACKING_ON },
  };
  size_t i;

  (void) state;
  for (i = 0; i < sizeof names / sizeof names[0]; ++i)
    assert_true (until_it_succeeds (resolve, &names[i]) >= 3);
}

/* It must stay refused. */
static void
test_open_file (void **state)
{
  static const char *const names[] = { "/dev/stdin", "/proc/self/fd/0" };
  unsigned nth, i;

  (void) state;
  for (i = 0; i < 2; ++i)
    for (nth = 0; nth < 10; ++nth) {
      struct error err = ERROR_INIT;
      char *path = NULL;

      fail_call (nth);
      assert_int_equal (backing_name_resolve (NAMED_BACKING, "/x", names[i],
                                              BACKING_ON, &path, &err), -1);
      fail_call_struck ();
      assert_true (err.errnum == ENOMEM || err.errnum == EPERM);
    }
}

static int
parse_name (void *opaque, struct error *err)
{
  struct file_spec *s;

  (void) opaque;
  if (json_name_parse ("json:{\"driver\":\"qcow2\",\"file.driver\":\"file\","
                       "\"file\":{\"filename\":\"a\"},\"backing\":{\"driver\":"
                       "\"raw\",\"file\":{\"driver\":\"file\",\"filename\":"
                       "\"b\"}}}", &s, err) == -1)
    return -1;
  assert_string_equal (s->path, "a");
  assert_string_equal (s->backing->path, "b");
  file_spec_free (s);
  return 0;
}

static void
test_json_name (void **state)
{
  (void) state;
  assert_int_equal (until_it_succeeds (parse_name, NULL), 6);
}

/* -- records ----------------------------------------------------------- */

static int
random_id (void *opaque, struct error *err)
{
  uint8_t id[RECORD_ID_BYTES];

  (void) opaque;
  return record_random (id, err);
}

static int
digest (void *opaque, struct error *err)
{
  struct digest *d;
  uint8_t found[DIGEST_BYTES];

  (void) opaque;
  if (digest_new (&d, err) == -1)
    return -1;
  digest_add (d, "x", 1);
  /* A failure is kept, and told at the end. */
  digest_add (d, "y", 1);
  return digest_end (d, found, err);
}

static void
test_record (void **state)
{
  (void) state;
  assert_int_equal (until_it_succeeds (random_id, NULL), 1);
  assert_int_equal (until_it_succeeds (digest, NULL), 4);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_backing),
    cmocka_unit_test (test_snapshot_and_bitmap),
    cmocka_unit_test (test_bitmap_directory),
    cmocka_unit_test (test_snapshot_table),
    cmocka_unit_test (test_inflater),
    cmocka_unit_test (test_encrypted),
    cmocka_unit_test (test_names),
    cmocka_unit_test (test_open_file),
    cmocka_unit_test (test_json_name),
    cmocka_unit_test (test_record),
  };

  /* Without qemu-img there are no images. */
  if (system ("qemu-img --version >/dev/null 2>&1") != 0)
    return 77;
  return cmocka_run_group_tests (tests, NULL, NULL);
}
