/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The census counts, in as little memory as it says; a check is interrupted,
 * and errors at every call are told and harm nothing.  What a check finds:
 * tests/test-check.sh.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "check-census.h"
#include "check-damage.h"
#include "check.h"
#include "cursor.h"
#include "simdisk.h"

#define MIB (UINT64_C (1) << 20)
#define DISK_BYTES (UINT64_C (256) << 10)

static void
test_census (void **state)
{
  static const uint64_t counts[] = {
    1, 3, 4, 255, 256, 65535, 65536, UINT64_MAX, 0, 2,
  };
  struct error err = ERROR_INIT;
  struct census *s;
  size_t i, k;

  (void) state;
  assert_int_equal (census_new (&s, &err), 0);
  assert_int_equal (census_get (s, 12345), 0);
  for (i = 0; i < 10; ++i) {
    assert_int_equal (census_set (s, i * 5000, counts[i], &err), 0);
    for (k = 0; k <= i; ++k)
      assert_true (census_get (s, k * 5000) == counts[k]);
    assert_int_equal (census_get (s, i * 5000 + 1), 0);
  }
  assert_int_equal (census_get (s, UINT64_C (1) << 40), 0);
  /* There is room to count it, and nobody has. */
  assert_int_equal (census_get (s, 65535), 0);
  census_free (s);
}

/* A TiB of 64 KiB clusters: 4, 16, 32 MiB, and little more. */
static void
test_census_memory (void **state)
{
  static const struct { uint64_t count, mib; } cases[] = {
    { 3, 4 }, { 255, 16 }, { 65535, 32 },
  };
  const uint64_t nr = UINT64_C (1) << (40 - 16);
  struct error err = ERROR_INIT;
  size_t i;

  (void) state;
  for (i = 0; i < 3; ++i) {
    struct census *s;
    uint64_t cluster;

    assert_int_equal (census_new (&s, &err), 0);
    for (cluster = 0; cluster < nr; cluster += 1000)
      assert_int_equal (census_set (s, cluster, cases[i].count, &err), 0);
    assert_in_range (census_bytes (s), cases[i].mib * MIB,
                     cases[i].mib * MIB + MIB / 8);
    census_free (s);
  }
}

/* -- images ------------------------------------------------------------ */

static struct simdisk *
damaged_image (void)
{
  char dir[] = "/tmp/baton-check-XXXXXX", line[512];
  struct error err = ERROR_INIT;
  struct damage damage;
  struct simdisk *d;
  uint8_t *buf = malloc (65536);
  struct io *io;

  assert_non_null (mkdtemp (dir));
  snprintf (line, sizeof line, "cd %s && qemu-img create -q -f qcow2 -o "
            "cluster_size=512 t.qcow2 256k && qemu-io -f qcow2 -c "
            "'write 0 200k' t.qcow2 >/dev/null", dir);
  if (system (line) != 0)
    exit (77);
  snprintf (line, sizeof line, "%s/t.qcow2", dir);
  d = simdisk_load_file (line, 512, &err);
  unlink (line);
  rmdir (dir);
  assert_non_null (d);
  io = simdisk_open (d, IO_OPEN_WRITE, NULL);
  damage_init (&damage, 3);
  assert_int_equal (io_pread (io, buf, 65536, 0, NULL), 0);
  assert_int_equal (qcow2_header_parse (buf, 65536, &damage.h, NULL), 0);
  damage_image (&damage, io, DISK_BYTES);
  assert_int_equal (io_sync (io, NULL), 0);
  io_close (io);
  free (buf);
  return d;
}

static int
check (struct simdisk *d, enum check_repair repair,
       const _Atomic bool *interrupt, struct check_result *ret,
       struct error *err)
{
  const struct check_options options = {
    .repair = repair, .interrupt = interrupt,
  };
  struct io *io = simdisk_open (d, IO_OPEN_WRITE, NULL);
  const int r = check_image (io, &options, ret, err);

  io_close (io);
  return r;
}

static void
test_interrupt (void **state)
{
  struct simdisk *d = damaged_image ();
  const _Atomic bool stop = true;
  struct error err = ERROR_INIT;
  struct check_result r;
  const uint64_t before = simdisk_calls (d, SIMDISK_CHANGES);

  (void) state;
  assert_int_equal (check (d, CHECK_REPAIR_ALL, &stop, &r, &err), -1);
  assert_int_equal (err.errnum, EINTR);
  assert_string_equal (err.text, "the check was interrupted; it may be run "
                       "again");
  assert_int_equal (simdisk_calls (d, SIMDISK_CHANGES), before);
  simdisk_free (d);
}

static void
must_be_clean (struct simdisk *d)
{
  struct error err = ERROR_INIT;
  struct check_result r;

  if (check (d, CHECK_REPAIR_ALL, NULL, &r, &err) == -1)
    fail_msg ("%s", err.text);
  assert_int_equal (check (d, CHECK_REPAIR_NONE, NULL, &r, &err), 0);
  assert_int_equal (r.corruptions + r.leaks + r.check_errors, 0);
}

/* One cluster is counted once too often, and one that is used is not. */
static void
test_counts (void **state)
{
  struct simdisk *d = damaged_image ();
  struct check_result found, repaired;
  struct error err = ERROR_INIT;
  struct io *io;
  uint64_t block;
  uint8_t buf[512];

  (void) state;
  must_be_clean (d);
  io = simdisk_open (d, IO_OPEN_WRITE, NULL);
  assert_int_equal (io_pread (io, buf, sizeof buf, 0, NULL), 0);
  assert_int_equal (io_pread (io, buf, 8, load_be64 (buf + 48), NULL), 0);
  block = load_be64 (buf);
  assert_int_equal (io_pread (io, buf, sizeof buf, block, NULL), 0);
  buf[2 * 100 + 1] = 0;
  buf[2 * 102 + 1] = 2;
  assert_int_equal (io_pwrite (io, buf, sizeof buf, block, 0, NULL), 0);
  io_close (io);
  assert_int_equal (check (d, CHECK_REPAIR_NONE, NULL, &found, &err), 0);
  assert_int_equal (found.leaks, 1);
  assert_true (found.corruptions > 0);
  assert_int_equal (found.leaks_fixed + found.corruptions_fixed, 0);
  assert_int_equal (check (d, CHECK_REPAIR_ALL, NULL, &repaired, &err), 0);
  assert_int_equal (repaired.leaks + repaired.corruptions, 0);
  assert_int_equal (repaired.leaks_fixed, found.leaks);
  /* With that refcount each COPIED is right. */
  assert_int_equal (repaired.corruptions_fixed, 1);
  simdisk_free (d);
}

/* The Nth call fails: the check says so, or was not in need of it (a punch);
 * and a second repair makes the image well. */
static void
test_errors (void **state)
{
  struct simdisk *first = damaged_image ();
  uint64_t nth, nr_told = 0;
  bool struck = true;

  (void) state;
  for (nth = 1; struck; ++nth) {
    struct simdisk *d = simdisk_kill (first);
    struct error err = ERROR_INIT;
    struct check_result r;

    simdisk_fail (d, SIMDISK_READ | SIMDISK_CHANGES | SIMDISK_SIZE, nth, EIO,
                  false);
    if (check (d, CHECK_REPAIR_ALL, NULL, &r, &err) == -1) {
      assert_int_equal (err.errnum, EIO);
      nr_told++;
    }
    struck = simdisk_fault_struck (d);
    simdisk_fail (d, 0, 0, 0, false);
    must_be_clean (d);
    simdisk_free (d);
  }
  assert_true (nr_told > 10);
  simdisk_free (first);
}

/* A device cannot grow: the new refcount table goes where nothing is. */
static void
test_device (void **state)
{
  struct simdisk *file = damaged_image ();
  struct simdisk *d = simdisk_new_device (512, 2 * MIB, 0xdd);
  struct io *from = simdisk_open (file, 0, NULL);
  struct io *to = simdisk_open (d, IO_OPEN_WRITE, NULL);
  struct error err = ERROR_INIT;
  uint64_t size, offset, table;
  struct check_result r;
  uint8_t buf[512];

  (void) state;
  assert_int_equal (io_size (from, &size, NULL), 0);
  for (offset = 0; offset < size; offset += sizeof buf) {
    assert_int_equal (io_pread (from, buf, sizeof buf, offset, NULL), 0);
    assert_int_equal (io_pwrite (to, buf, sizeof buf, offset, 0, NULL), 0);
  }
  assert_int_equal (io_pread (to, buf, 512, 0, NULL), 0);
  table = load_be64 (buf + 48);
  memset (buf, 0, sizeof buf);
  assert_int_equal (io_pwrite (to, buf, 8, table, 0, NULL), 0);
  io_close (from);
  io_close (to);
  if (check (d, CHECK_REPAIR_ALL, NULL, &r, &err) == -1)
    fail_msg ("%s", err.text);
  assert_true (r.rebuilt);
  must_be_clean (d);
  simdisk_free (file);
  simdisk_free (d);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_census),
    cmocka_unit_test (test_census_memory),
    cmocka_unit_test (test_interrupt),
    cmocka_unit_test (test_counts),
    cmocka_unit_test (test_errors),
    cmocka_unit_test (test_device),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
