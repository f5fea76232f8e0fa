/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Images over images: the digest that a hand-over holds against another
 * host's, snapshots, and names that say a part of the chain only.
 */

#include <config.h>

#include <errno.h>

#include "cursor.h"
#include "poked-fixture.h"

#define CHAIN CREATE "-o cluster_size=4k base 128k; " \
  "qemu-io -f qcow2 -c 'write -P 5 0 8k' base; " \
  CREATE "-b base -F qcow2 t.qcow2 256k"

static int
digest (struct fixture *f, uint8_t ret[DIGEST_BYTES], struct error *err)
{
  bool has = false;
  const int r = image_digest_backing (f->img, &has, ret, err);

  assert_true (has);
  return r;
}

/* The same as long as the chain is, and another one when it is not. */
static void
test_digest (void **state)
{
  uint8_t first[DIGEST_BYTES], again[DIGEST_BYTES];
  struct error err = ERROR_INIT;
  struct fixture f;
  struct io *io;
  bool has = true;
  uint64_t nth;

  (void) state;
  init (&f, CHAIN, none);
  f.base = poked_image (CHAIN "; mv base t.qcow2", none);
  simdisk_opener_put (&f.opener, "base", f.base);
  open_reading (&f);
  must (digest (&f, first, &err), &err);
  open_reading (&f);
  must (digest (&f, again, &err), &err);
  assert_memory_equal (first, again, DIGEST_BYTES);
  for (nth = 1;; ++nth) {
    simdisk_fail (f.base, SIMDISK_ALL, nth, EIO, false);
    if (digest (&f, again, &err) == 0)
      break;
    assert_int_equal (err.errnum, EIO);
  }
  assert_in_range (nth, 3, 9);
  assert_memory_equal (first, again, DIGEST_BYTES);
  /* Its data are not looked at; its tables are. */
  simdisk_fail (f.base, SIMDISK_ALL, 0, 0, false);
  io = simdisk_open (f.base, IO_OPEN_WRITE, NULL);
  assert_int_equal (io_pread (io, again, 8, 40, NULL), 0);
  assert_int_equal (io_pwrite (io, "x", 1, load_be64 (again) + 4, 0, NULL), 0);
  io_close (io);
  must (digest (&f, again, &err), &err);
  assert_memory_not_equal (first, again, DIGEST_BYTES);
  destroy (&f);
  /* None, none. */
  init (&f, PLAIN, none);
  open_reading (&f);
  must (image_digest_backing (f.img, &has, again, &err), &err);
  assert_false (has);
  destroy (&f);
}

/* The snapshot is that of what is served; its backing file is as it is. */
static void
test_snapshot_over_image (void **state)
{
  struct fixture f;

  (void) state;
  init (&f, CHAIN "; qemu-io -f qcow2 -c 'write -P 6 4k 4k' t.qcow2; qemu-img "
        "snapshot -c one t.qcow2; qemu-io -f qcow2 -c 'write -P 7 0 8k' "
        "t.qcow2", none);
  f.base = poked_image (CHAIN "; mv base t.qcow2", none);
  simdisk_opener_put (&f.opener, "base", f.base);
  open_reading (&f);
  require_bytes (&f, 7, 8 * K, 0);
  f.options.snapshot = "one";
  f.options.compress = true;    /* which means nothing to either */
  open_reading (&f);
  require_bytes (&f, 5, 4 * K, 0);
  require_bytes (&f, 6, 4 * K, 4 * K);
  destroy (&f);
}

static int
parse_base (const char *name, struct file_spec **ret, struct error *err)
{
  struct file_spec *s = calloc (1, sizeof *s);

  (void) err;
  assert_string_equal (name, "json:base");
  assert_non_null (s);
  s->path = strdup ("base");
  s->format = strdup ("qcow2");
  *ret = s;
  return 0;
}

/* A name that says nothing of what is below leaves that to the file. */
static void
test_name_without_backing (void **state)
{
  struct fixture f;
  struct simdisk *raw = simdisk_new (512);
  struct io *io = simdisk_open (raw, IO_OPEN_WRITE, NULL);

  (void) state;
  assert_int_equal (io_pwrite (io, "raw", 3, 0, 0, NULL), 0);
  io_close (io);
  init (&f, CREATE "-u -b json:base -F qcow2 t.qcow2 256k", none);
  f.base = poked_image (CREATE "-u -b raw -F raw t.qcow2 256k", none);
  simdisk_opener_put (&f.opener, "base", f.base);
  simdisk_opener_put (&f.opener, "raw", raw);
  f.options.parse_json = parse_base;
  open_reading (&f);
  require_bytes (&f, 'r', 1, 0);
  require_bytes (&f, 'w', 1, 2);
  destroy (&f);
  simdisk_free (raw);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_digest),
    cmocka_unit_test (test_snapshot_over_image),
    cmocka_unit_test (test_name_without_backing),
  };

  if (system ("command -v qemu-img >/dev/null && command -v qemu-io "
              ">/dev/null") != 0)
    return 77;
  return cmocka_run_group_tests (tests, NULL, NULL);
}
