/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Inflate cache: each cluster is read and inflated once while it is there.
 */

#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "inflate-cache.h"
#include "random.h"
#include "simdisk.h"

#define MAX_PACKED 4096u
#define STRIDE 65536u           /* packed clusters are so far apart */

struct fixture {
  struct simdisk *disk;
  struct io *io;
  struct qcow2_header header;
  struct inflate_cache *cache;
};

static void
setup (struct fixture *f, uint32_t cluster_bits)
{
  *f = (struct fixture) {
    .disk = simdisk_new (512),
    .header = {
      .version = 3, .cluster_bits = cluster_bits,
      .cluster_size = UINT64_C (1) << cluster_bits,
      .compression_type = QCOW2_COMPRESSION_ZLIB,
    },
  };
  f->io = simdisk_open (f->disk, IO_OPEN_WRITE, NULL);
  assert_int_equal (inflate_cache_new (f->io, &f->header, &f->cache, NULL), 0);
}

static void
teardown (struct fixture *f)
{
  inflate_cache_free (f->cache);
  io_close (f->io);
  simdisk_free (f->disk);
}

/* What cluster I holds at byte POS. */
static uint8_t
expected (unsigned i, size_t pos)
{
  return (uint8_t) (i * 31 + (pos >> 10));
}

static uint64_t
place_of (unsigned i)
{
  return (uint64_t) (1 + i) * STRIDE + 77;
}

/* Write cluster I, compressed; returns how many bytes that is. */
static uint32_t
pack (struct fixture *f, unsigned i)
{
  const size_t size = f->header.cluster_size;
  uint8_t *plain = malloc (size), *out = malloc (size);
  z_stream z = { 0 };
  size_t pos;

  assert_true (plain && out);
  for (pos = 0; pos < size; ++pos)
    plain[pos] = expected (i, pos);
  assert_int_equal (deflateInit2 (&z, 9, Z_DEFLATED, -12, 9,
                                  Z_DEFAULT_STRATEGY), Z_OK);
  z.next_in = plain;
  z.avail_in = size;
  z.next_out = out;
  z.avail_out = size;
  assert_int_equal (deflate (&z, Z_FINISH), Z_STREAM_END);
  pos = size - z.avail_out;
  deflateEnd (&z);
  assert_int_equal (io_pwrite (f->io, out, pos, place_of (i), 0, NULL), 0);
  free (plain);
  free (out);
  return pos;
}

static void
read_some (struct fixture *f, unsigned i, size_t len, size_t skip)
{
  uint8_t *buf = malloc (len);
  struct error err = ERROR_INIT;
  size_t pos;

  assert_non_null (buf);
  if (inflate_cache_read (f->cache, place_of (i), STRIDE / 2, buf, len, skip,
                          &err) == -1)
    fail_msg ("%s", err.text);
  for (pos = 0; pos < len; ++pos)
    assert_int_equal (buf[pos], expected (i, skip + pos));
  free (buf);
}

static uint64_t
nr_reads (struct fixture *f)
{
  return simdisk_calls (f->disk, SIMDISK_READ);
}

static void
test_inflates_once (void **state)
{
  struct fixture f;
  uint64_t before;

  (void) state;
  setup (&f, 16);
  pack (&f, 0);
  before = nr_reads (&f);
  read_some (&f, 0, 512, 0);
  read_some (&f, 0, 512, 512);
  read_some (&f, 0, 1, 65535);
  read_some (&f, 0, 65536, 0);
  assert_int_equal (nr_reads (&f), before + 1);
  teardown (&f);
}

/* 2 MiB clusters: 4 MiB hold two.  The one used last stays. */
static void
test_oldest_goes (void **state)
{
  struct fixture f;
  uint64_t before;
  unsigned i;

  (void) state;
  setup (&f, 21);
  for (i = 0; i < 3; ++i) {
    assert_true (pack (&f, i + 40) < STRIDE / 2);
    read_some (&f, i + 40, 16, 100);
    read_some (&f, 40, 16, 100);
  }
  before = nr_reads (&f);
  read_some (&f, 40, 16, 5);
  read_some (&f, 42, 16, 5);
  assert_int_equal (nr_reads (&f), before);
  read_some (&f, 41, 16, 5);
  assert_int_equal (nr_reads (&f), before + 1);
  teardown (&f);
}

/* However many clusters are read, memory is that of 64 of them at most; the
 * sanitizer would tell of buffers lost on the way. */
static void
test_many (void **state)
{
  struct random r = { 5 };
  struct fixture f;
  uint64_t before;
  unsigned i;

  (void) state;
  setup (&f, 12);
  for (i = 0; i < 200; ++i)
    assert_true (pack (&f, i) < MAX_PACKED);
  for (i = 0; i < 2000; ++i)
    read_some (&f, random_below (&r, 200), 64, random_below (&r, 4096 - 64));
  for (i = 0; i < 64; ++i)
    read_some (&f, i, 8, 0);
  before = nr_reads (&f);
  for (i = 0; i < 64; ++i)
    read_some (&f, i, 8, 4088);
  assert_int_equal (nr_reads (&f), before);
  teardown (&f);
}

/* Host clusters that are used for something else: only what starts there. */
static void
test_forgotten (void **state)
{
  struct fixture f;
  uint64_t before;
  unsigned i;

  (void) state;
  setup (&f, 12);
  for (i = 0; i < 4; ++i) {
    pack (&f, i);
    read_some (&f, i, 64, 0);
  }
  inflate_cache_forget (f.cache, place_of (1), 1);
  inflate_cache_forget (f.cache, place_of (2) + 1, STRIDE - 1);
  before = nr_reads (&f);
  read_some (&f, 0, 64, 0);
  read_some (&f, 2, 64, 0);
  read_some (&f, 3, 64, 0);
  assert_int_equal (nr_reads (&f), before);
  read_some (&f, 1, 64, 0);
  assert_int_equal (nr_reads (&f), before + 1);
  teardown (&f);
}

static void
test_cut_off_by_the_end (void **state)
{
  struct fixture f;

  (void) state;
  setup (&f, 16);
  pack (&f, 3);                 /* the file ends right after it */
  read_some (&f, 3, 100, 100);
  teardown (&f);
}

static void
assert_fails (struct fixture *f, uint64_t offset, const char *text)
{
  struct error err = ERROR_INIT;
  uint8_t byte = 0x5a;

  assert_int_equal (inflate_cache_read (f->cache, offset, 1000, &byte, 1, 0,
                                        &err), -1);
  assert_int_equal (err.errnum, EIO);
  if (!strstr (err.text, text))
    fail_msg ("\"%s\" is not in \"%s\"", text, err.text);
  assert_int_equal (byte, 0x5a);
}

static void
test_errors (void **state)
{
  uint8_t garbage[1000];
  struct fixture f;

  (void) state;
  setup (&f, 16);
  memset (garbage, 0xff, sizeof garbage);
  assert_int_equal (io_pwrite (f.io, garbage, sizeof garbage, 700000, 0,
                               NULL), 0);
  assert_fails (&f, 700000, "compressed cluster at host offset 700000: ");
  assert_fails (&f, 700000, "host offset 700000");      /* not remembered */
  assert_fails (&f, 0, "header");
  assert_fails (&f, 65535, "compressed data at host offset 65535 would be in "
                "the header: the image is damaged");
  pack (&f, 1);
  simdisk_fail (f.disk, SIMDISK_READ, 1, EIO, false);
  assert_fails (&f, place_of (1), "reading");
  read_some (&f, 1, 10, 10);
  teardown (&f);
}

struct worker {
  struct fixture *f;
  uint64_t seed;
  bool wrong;
};

static void *
work (void *p)
{
  struct worker *w = p;
  struct random r = { w->seed };
  unsigned n;

  for (n = 0; n < 2000; ++n) {
    const unsigned i = random_below (&r, 5);
    const size_t skip = random_below (&r, w->f->header.cluster_size);
    uint8_t byte;

    w->wrong |= inflate_cache_read (w->f->cache, place_of (i), STRIDE / 2,
                                    &byte, 1, skip, NULL) == -1 ||
      byte != expected (i, skip);
  }
  return NULL;
}

static void
test_threads (void **state)
{
  struct worker workers[3];
  pthread_t threads[3];
  struct fixture f;
  unsigned i;

  (void) state;
  setup (&f, 20);               /* four fit */
  f.header.cluster_size = 65536;
  for (i = 0; i < 5; ++i)
    pack (&f, i);
  for (i = 0; i < 3; ++i) {
    workers[i] = (struct worker) { &f, i, false };
    assert_int_equal (pthread_create (&threads[i], NULL, work, &workers[i]),
                      0);
  }
  for (i = 0; i < 3; ++i) {
    pthread_join (threads[i], NULL);
    assert_false (workers[i].wrong);
  }
  teardown (&f);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_inflates_once),
    cmocka_unit_test (test_oldest_goes),
    cmocka_unit_test (test_many),
    cmocka_unit_test (test_forgotten),
    cmocka_unit_test (test_cut_off_by_the_end),
    cmocka_unit_test (test_errors),
    cmocka_unit_test (test_threads),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
