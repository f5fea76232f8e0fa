/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The encrypting io: vectors of IEEE 1619, what is in the file below, any
 * alignment against a model, and writers who share sectors.
 */

#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "checked.h"
#include "io-crypt.h"
#include "luks-builder.h"
#include "simdisk.h"

#define FILE_BYTES 8192u

static const uint8_t ieee_key[64] =
  "\x27\x18\x28\x18\x28\x45\x90\x45\x23\x53\x60\x28\x74\x71\x35\x26"
  "\x62\x49\x77\x57\x24\x70\x93\x69\x99\x59\x57\x49\x66\x96\x76\x27"
  "\x31\x41\x59\x26\x53\x58\x97\x93\x23\x84\x62\x64\x33\x83\x27\x95"
  "\x02\x88\x41\x97\x16\x93\x99\x37\x51\x05\x82\x09\x74\x94\x45\x92";
static const uint8_t ieee_key_128[32] =
  "\x27\x18\x28\x18\x28\x45\x90\x45\x23\x53\x60\x28\x74\x71\x35\x26"
  "\x31\x41\x59\x26\x53\x58\x97\x93\x23\x84\x62\x64\x33\x83\x27\x95";

static struct sector_cipher *
new_cipher (const uint8_t *key, size_t len, bool narrow)
{
  struct secret s = SECRET_INIT;
  struct sector_cipher *c;

  assert_int_equal (secret_copy (key, len, &s, NULL), 0);
  assert_int_equal (sector_cipher_new (&s, narrow, &c, NULL), 0);
  secret_wipe (&s);
  return c;
}

struct world {
  struct simdisk *disk;
  struct io *below;
  struct io *io;
};

/* A file of encrypted 0xaa. */
static void
world_init (struct world *w, uint32_t sector_bytes)
{
  static uint8_t buf[FILE_BYTES];

  w->disk = simdisk_new (sector_bytes);
  w->below = simdisk_open (w->disk, IO_OPEN_WRITE, NULL);
  assert_non_null (w->below);
  assert_int_equal (io_crypt_new (w->below, new_cipher (ieee_key, 64, false),
                                  &w->io, NULL), 0);
  memset (buf, 0xaa, sizeof buf);
  assert_int_equal (io_pwrite (w->io, buf, sizeof buf, 0, 0, NULL), 0);
}

static void
world_destroy (struct world *w)
{
  io_close (w->io);
  io_close (w->below);
  simdisk_free (w->disk);
}

/* -- vectors ----------------------------------------------------------- */

struct vector {
  const uint8_t *key;
  size_t key_len;
  bool narrow;
  uint64_t sector;
  const char *first, *last;     /* 16 bytes each of the 512 */
};

/* The plain text is 00 01 .. ff, twice; the first two are vectors 10 and
 * (cut) 4 of IEEE 1619. */
static const struct vector vectors[] = {
  { ieee_key, 64, false, 0xff, "1c3b3a102f770386e4836c99e370cf9b",
    "c4f36ffda9fcea70b9c6e693e148c151" },
  { ieee_key_128, 32, false, 0, "27a7479befa1d476489f308cd4cfa6e2",
    "0a282df920147beabe421ee5319d0568" },
  { ieee_key, 64, false, UINT64_C (0x1000000ff),
    "ad498f8acc4dcff348355374acc86431", "ee4cb37898232d603c1b434deeec617d" },
  { ieee_key, 64, true, UINT64_C (0x1000000ff),
    "1c3b3a102f770386e4836c99e370cf9b", "c4f36ffda9fcea70b9c6e693e148c151" },
};

static void
require_hex (const uint8_t *p, const char *hex)
{
  char found[33];
  size_t i;

  for (i = 0; i < 16; ++i)
    snprintf (found + 2 * i, 3, "%02x", p[i]);
  assert_string_equal (found, hex);
}

static void
test_vectors (void **state)
{
  uint8_t buf[512];
  size_t i, n;

  (void) state;
  for (n = 0; n < sizeof vectors / sizeof vectors[0]; ++n) {
    const struct vector *v = &vectors[n];
    struct sector_cipher *c = new_cipher (v->key, v->key_len, v->narrow);

    for (i = 0; i < sizeof buf; ++i)
      buf[i] = (uint8_t) i;
    assert_int_equal (sector_cipher_encrypt (c, buf, 512, v->sector, NULL), 0);
    require_hex (buf, v->first);
    require_hex (buf + 496, v->last);
    assert_int_equal (sector_cipher_decrypt (c, buf, 512, v->sector, NULL), 0);
    for (i = 0; i < sizeof buf; ++i)
      assert_int_equal (buf[i], (uint8_t) i);
    sector_cipher_free (c);
  }
}

/* -- what is below ----------------------------------------------------- */

static void
test_below (void **state)
{
  static const char text[] = "attack at dawn, attack at dawn.";
  uint8_t buf[1024], plain[1024];
  struct sector_cipher *c = new_cipher (ieee_key, 64, false);
  struct world w;

  (void) state;
  world_init (&w, 512);
  assert_false (w.io->fresh_reads_zero);
  assert_int_equal (io_pwrite (w.io, text, sizeof text, 1000, 0, NULL), 0);
  assert_int_equal (io_pread (w.below, buf, 1024, 512, NULL), 0);
  assert_null (memmem (buf, 1024, "attack", 6));
  /* It is the sector's number in the file that counts. */
  assert_int_equal (sector_cipher_decrypt (c, buf, 1024, 1, NULL), 0);
  memset (plain, 0xaa, sizeof plain);
  memcpy (plain + 1000 - 512, text, sizeof text);
  assert_memory_equal (buf, plain, 1024);
  sector_cipher_free (c);
  world_destroy (&w);
}

/* Zeros of the guest's are not zeros below, and reach behind its end. */
static void
test_zero (void **state)
{
  uint8_t buf[1024], none[1024] = { 0 };
  struct world w;
  uint64_t size;

  (void) state;
  world_init (&w, 512);
  assert_int_equal (io_zero (w.io, FILE_BYTES - 512, 1024, IO_PUNCH, NULL),
                    0);
  assert_int_equal (io_pread (w.io, buf, 1024, FILE_BYTES - 512, NULL), 0);
  assert_memory_equal (buf, none, 1024);
  assert_int_equal (io_pread (w.below, buf, 1024, FILE_BYTES - 512, NULL), 0);
  assert_memory_not_equal (buf, none, 512);
  assert_memory_not_equal (buf + 512, none, 512);
  assert_int_equal (io_size (w.io, &size, NULL), 0);
  assert_int_equal (size, FILE_BYTES + 512);
  world_destroy (&w);
}

static void
test_errors (void **state)
{
  struct error err = ERROR_INIT;
  struct io *below, *io;
  struct world w;
  char byte = 'x';

  (void) state;
  world_init (&w, 512);
  simdisk_fail (w.disk, SIMDISK_READ, 1, EIO, false);
  assert_int_equal (io_pwrite (w.io, &byte, 1, 700, 0, &err), -1);
  assert_int_equal (err.errnum, EIO);
  simdisk_fail (w.disk, SIMDISK_WRITE, 1, ENOSPC, false);
  assert_int_equal (io_pwrite (w.io, &byte, 1, 700, 0, &err), -1);
  assert_int_equal (err.errnum, ENOSPC);
  assert_int_equal (io_pread (w.io, &byte, 1, 700, &err), 0);
  assert_int_equal ((uint8_t) byte, 0xaa);
  assert_int_equal (io_pwrite (w.io, &byte, 0, 700, 0, &err), 0);
  below = simdisk_open (w.disk, 0, NULL);
  assert_int_equal (io_crypt_new (below, new_cipher (ieee_key, 64, false),
                                  &io, NULL), 0);
  assert_int_equal (io_pwrite (io, &byte, 1, 700, 0, &err), -1);
  assert_int_equal (err.errnum, EBADF);
  assert_string_equal (err.text, "the file is open read-only");
  io_close (io);
  io_close (below);
  world_destroy (&w);
}

/* -- any alignment ----------------------------------------------------- */

static uint64_t
next_random (uint64_t *random)
{
  *random ^= *random << 13;
  *random ^= *random >> 7;
  *random ^= *random << 17;
  return *random;
}

static void
one_operation (struct world *w, uint8_t *model, uint64_t *random)
{
  static uint8_t buf[FILE_BYTES];
  const uint64_t mask = next_random (random) % 4 ? 0 : 511;
  const uint64_t offset = next_random (random) % FILE_BYTES & ~mask;
  const uint64_t len = 1 + next_random (random) % min_u64 (
    FILE_BYTES - offset, next_random (random) % 2 ? 700 : FILE_BYTES);
  const uint64_t cut[2] = { next_random (random) % (len + 1),
                            next_random (random) % (len + 1) };
  const uint64_t a = min_u64 (cut[0], cut[1]), b = max_u64 (cut[0], cut[1]);
  const struct iovec iov[4] = {
    { buf, a }, { NULL, 0 }, { buf + a, b - a }, { buf + b, len - b }
  };

  switch (next_random (random) % 4) {
  case 0:
    assert_int_equal (io_zero (w->io, offset, len, 0, NULL), 0);
    memset (model + offset, 0, len);
    break;
  case 1:
    assert_int_equal (io_pread (w->io, buf, len, offset, NULL), 0);
    assert_memory_equal (buf, model + offset, len);
    break;
  default:
    luks_fill (buf, len, (uint32_t) next_random (random));
    assert_int_equal (io_pwritev (w->io, iov, 4, offset, 0, NULL), 0);
    memcpy (model + offset, buf, len);
  }
}

static void
test_random (void **state)
{
  static uint8_t buf[FILE_BYTES], model[FILE_BYTES];
  uint64_t random = 42;
  struct world w;
  int i;

  (void) state;
  world_init (&w, 512);
  memset (model, 0xaa, sizeof model);
  for (i = 0; i < 2000; ++i)
    one_operation (&w, model, &random);
  assert_int_equal (io_pread (w.io, buf, sizeof buf, 0, NULL), 0);
  assert_memory_equal (buf, model, sizeof buf);
  world_destroy (&w);
}

/* More than one piece. */
static void
test_long (void **state)
{
  const size_t len = (1u << 20) + 1000;
  uint8_t *a = malloc (len), *b = malloc (len);
  struct world w;

  (void) state;
  assert_true (a && b);
  world_init (&w, 4096);
  luks_fill (a, len, 3);
  assert_int_equal (io_pwrite (w.io, a, len, 300, 0, NULL), 0);
  assert_int_equal (io_pread (w.io, b, len, 300, NULL), 0);
  assert_memory_equal (a, b, len);
  world_destroy (&w);
  free (a);
  free (b);
}

/* -- writers who share sectors ----------------------------------------- */

enum { NR_THREADS = 8, NR_ROUNDS = 200, STRIDE = 100 };

struct scribbler {
  struct io *io;
  int nr;
};

/* What is ours stays what we wrote, whatever others do to its sectors. */
static void *
scribble (void *arg)
{
  const struct scribbler *s = arg;
  uint8_t buf[STRIDE];
  int i;

  for (i = 0; i < NR_ROUNDS; ++i) {
    memset (buf, s->nr * NR_ROUNDS + i, sizeof buf);
    if (io_pwrite (s->io, buf, sizeof buf, s->nr * STRIDE, 0, NULL) == -1)
      return arg;
    sched_yield ();
    if (io_pread (s->io, buf, sizeof buf, s->nr * STRIDE, NULL) == -1 ||
        buf[0] != (uint8_t) (s->nr * NR_ROUNDS + i) ||
        buf[STRIDE - 1] != buf[0])
      return arg;
  }
  return NULL;
}

static void
test_threads (void **state)
{
  struct scribbler scribblers[NR_THREADS];
  pthread_t threads[NR_THREADS];
  struct world w;
  int i;

  (void) state;
  world_init (&w, 512);
  for (i = 0; i < NR_THREADS; ++i) {
    scribblers[i] = (struct scribbler) { w.io, i };
    assert_int_equal (pthread_create (&threads[i], NULL, scribble,
                                      &scribblers[i]), 0);
  }
  for (i = 0; i < NR_THREADS; ++i) {
    void *failed;

    pthread_join (threads[i], &failed);
    assert_null (failed);
  }
  world_destroy (&w);
}

/* Of two writers of one sector the second comes when the first has read the
 * sector and is about to write it. */
struct meeting {
  struct world w;
  bool begun;
  sem_t done;
  pthread_t second;
};

static void *
second_writer (void *arg)
{
  struct meeting *m = arg;
  uint8_t buf[100];
  int r;

  memset (buf, 0x22, sizeof buf);
  r = io_pwrite (m->w.io, buf, sizeof buf, 300, 0, NULL);
  sem_post (&m->done);
  return r == 0 ? NULL : arg;
}

static void
meet (void *opaque, const struct simdisk_event *event)
{
  struct meeting *m = opaque;
  struct timespec until;

  if (m->begun || event->phase != SIMDISK_BEGIN)
    return;
  m->begun = true;
  assert_int_equal (pthread_create (&m->second, NULL, second_writer, m), 0);
  /* Time enough for one who need not wait. */
  clock_gettime (CLOCK_REALTIME, &until);
  until.tv_nsec += 500 * 1000 * 1000;
  until.tv_sec += until.tv_nsec / 1000000000;
  until.tv_nsec %= 1000000000;
  sem_timedwait (&m->done, &until);
}

static void
test_meeting (void **state)
{
  struct meeting m = { .begun = false };
  uint8_t buf[512];
  void *failed;

  (void) state;
  world_init (&m.w, 512);
  sem_init (&m.done, 0, 0);
  simdisk_trace (m.w.disk, meet, &m);
  memset (buf, 0x11, 100);
  assert_int_equal (io_pwrite (m.w.io, buf, 100, 100, 0, NULL), 0);
  pthread_join (m.second, &failed);
  assert_null (failed);
  assert_int_equal (io_pread (m.w.io, buf, 512, 0, NULL), 0);
  assert_int_equal (buf[100], 0x11);
  assert_int_equal (buf[199], 0x11);
  assert_int_equal (buf[300], 0x22);
  assert_int_equal (buf[399], 0x22);
  sem_destroy (&m.done);
  world_destroy (&m.w);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_vectors),
    cmocka_unit_test (test_below),
    cmocka_unit_test (test_zero),
    cmocka_unit_test (test_errors),
    cmocka_unit_test (test_random),
    cmocka_unit_test (test_long),
    cmocka_unit_test (test_threads),
    cmocka_unit_test (test_meeting),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
