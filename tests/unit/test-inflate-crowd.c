/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Inflate cache: more clusters inflated at once than inflaters are kept, and
 * what fails while one is read, got or inflated.
 *
 * This program has its own inflaters, each of which reads the next cluster
 * while it runs; the engine's are not linked.
 */

#include <config.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "compressed.h"
#include "failing-calls.h"
#include "inflate-cache.h"
#include "simdisk.h"

#define CLUSTER 4096u
#define KEPT 4u

static struct inflate_cache *cache;
static unsigned nr_there, nr_made, depth;
static bool no_inflater;

int
inflater_new (uint8_t type, struct inflater **ret, struct error *err)
{
  (void) type;
  if (no_inflater)
    return error_set (err, ENOMEM, "no inflater");
  *ret = malloc (1);
  nr_there++;
  nr_made++;
  return 0;
}

void
inflater_free (struct inflater *d)
{
  if (d)
    nr_there--;
  free (d);
}

bool
compressed_supported (uint8_t type)
{
  (void) type;
  return true;
}

static int
read_cluster (uint64_t nr, struct error *err)
{
  uint8_t byte = 0;

  if (inflate_cache_read (cache, nr * CLUSTER, 10, &byte, 1, 77, err) == -1)
    return -1;
  assert_int_equal (byte, nr);
  return 0;
}

/* The byte that is compressed is the cluster's number. */
int
inflater_run (struct inflater *d, const void *in, size_t in_len, void *out,
              size_t out_len, struct error *err)
{
  const uint8_t nr = *(const uint8_t *) in;

  assert_non_null (d);
  assert_int_equal (in_len, 10);
  if (depth > 0 && --depth > 0)
    assert_int_equal (read_cluster (nr + 1u, err), 0);
  memset (out, nr, out_len);
  return nr == 0xee ? error_set (err, EIO, "bad data") : 0;
}

struct fixture {
  struct simdisk *disk;
  struct io *io;
  struct qcow2_header header;
};

static void
setup (struct fixture *f)
{
  unsigned i;

  *f = (struct fixture) {
    .disk = simdisk_new (512),
    .header = { .cluster_bits = 12, .cluster_size = CLUSTER },
  };
  f->io = simdisk_open (f->disk, IO_OPEN_WRITE, NULL);
  for (i = 1; i < 256; ++i)
    assert_int_equal (io_pwrite (f->io, &(uint8_t) { (uint8_t) i }, 1,
                                 i * CLUSTER, 0, NULL), 0);
  assert_int_equal (inflate_cache_new (f->io, &f->header, &cache, NULL), 0);
  nr_made = nr_there = 0;
}

static void
teardown (struct fixture *f)
{
  inflate_cache_free (cache);
  assert_int_equal (nr_there, 0);
  io_close (f->io);
  simdisk_free (f->disk);
}

static void
test_crowd (void **state)
{
  struct error err = ERROR_INIT;
  struct fixture f;

  (void) state;
  setup (&f);
  depth = 7;
  assert_int_equal (read_cluster (1, &err), 0);
  assert_int_equal (nr_made, 7);
  assert_int_equal (nr_there, KEPT);
  depth = KEPT;
  assert_int_equal (read_cluster (20, &err), 0);
  assert_int_equal (nr_made, 7);
  teardown (&f);
}

static void
test_fails (void **state)
{
  struct error err = ERROR_INIT;
  struct fixture f;
  unsigned nth;

  (void) state;
  setup (&f);
  no_inflater = true;
  assert_int_equal (read_cluster (1, &err), -1);
  assert_string_equal (err.text, "no inflater");
  no_inflater = false;
  for (nth = 1; nth <= 2; ++nth) {
    err = (struct error) ERROR_INIT;
    fail_call (nth);
    assert_int_equal (read_cluster (1, &err), -1);
    assert_true (fail_call_struck ());
    assert_int_equal (err.errnum, ENOMEM);
    assert_true (strncmp (err.text, "no memory for ", 14) == 0);
  }
  simdisk_fail (f.disk, SIMDISK_READ, 1, EIO, false);
  assert_int_equal (read_cluster (1, &err), -1);
  assert_int_equal (nr_made, 0);
  assert_int_equal (read_cluster (0xee, &err), -1);
  assert_string_equal (err.text, "compressed cluster at host offset 974848: "
                       "bad data");
  /* None of these is in the cache; the inflater is. */
  assert_int_equal (read_cluster (1, &err), 0);
  assert_int_equal (read_cluster (0xee, &err), -1);
  assert_int_equal (nr_made, 1);
  fail_call (1);
  assert_int_equal (inflate_cache_new (f.io, &f.header, &cache, &err), -1);
  assert_true (fail_call_struck ());
  assert_int_equal (err.errnum, ENOMEM);
  inflate_cache_free (NULL);
  teardown (&f);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_crowd),
    cmocka_unit_test (test_fails),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
