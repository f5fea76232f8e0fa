/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The simulated disk against a model so plain that it cannot be wrong: for
 * each sector a list of whole contents.  Every crash must leave one of the
 * list, in time every one of it, and the same seed the same.
 */

#include <config.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "checked.h"
#include "random.h"
#include "simdisk.h"

enum { S = 512, NR = 40, SIZE = NR * S, MAX_VERSIONS = 64 };

struct model {
  uint8_t newest[SIZE];
  struct {
    uint8_t data[MAX_VERSIONS][S];      /* [0]: durable */
    unsigned nr;
    bool seen[MAX_VERSIONS];
  } sector[NR];
  uint64_t size;
  uint64_t lengths[10000];              /* [0]: durable */
  unsigned nr_lengths;
};

static struct model m;

static void
model_reset (void)
{
  unsigned i;

  memset (&m, 0, sizeof m);
  for (i = 0; i < NR; ++i)
    m.sector[i].nr = 1;
  m.nr_lengths = 1;
}

static void
model_touch (uint64_t offset, uint64_t len)
{
  uint64_t i;

  for (i = offset / S; len > 0 && i <= (offset + len - 1) / S; ++i) {
    memcpy (m.sector[i].data[m.sector[i].nr], m.newest + i * S, S);
    m.sector[i].seen[m.sector[i].nr] = false;
    m.sector[i].nr++;
  }
}

static void
model_settle (uint64_t i)
{
  memcpy (m.sector[i].data[0], m.newest + i * S, S);
  m.sector[i].nr = 1;
}

static void
model_length (uint64_t end)
{
  m.size = max_u64 (m.size, end);
  m.lengths[m.nr_lengths++] = end;
}

static void
model_length_durable (uint64_t end)
{
  unsigned i, n = 1;

  m.lengths[0] = max_u64 (m.lengths[0], end);
  for (i = 1; i < m.nr_lengths; ++i)
    if (m.lengths[i] > m.lengths[0])
      m.lengths[n++] = m.lengths[i];
  m.nr_lengths = n;
}

static void
model_sync (void)
{
  uint64_t i;

  for (i = 0; i < NR; ++i)
    model_settle (i);
  model_length_durable (m.size);
}

static bool
is_room (void)
{
  unsigned i;

  for (i = 0; i < NR; ++i)
    if (m.sector[i].nr == MAX_VERSIONS)
      return false;
  return true;
}

static void
random_write (struct io *io, struct random *rnd, uint64_t offset, uint64_t len)
{
  const unsigned flags = random_chance (rnd, 1, 8) ? IO_DSYNC : 0;
  uint8_t *p = m.newest + offset;
  const uint64_t half = len / 2;
  const struct iovec iov[] = {
    { p, half }, { p, 0 }, { p + half, len - half }
  };
  uint64_t i;

  memset (p, (int) (random_next (rnd) & 0xff), len);
  assert_int_equal (io_pwritev (io, iov, 3, offset, flags, NULL), 0);
  model_touch (offset, len);
  if (len > 0)
    model_length (offset + len);
  if (len == 0 || !(flags & IO_DSYNC))
    return;
  for (i = offset / S; i <= (offset + len - 1) / S; ++i)
    model_settle (i);
  model_length_durable (offset + len);
}

static void
random_op (struct io *io, struct random *rnd)
{
  const uint64_t grain = random_chance (rnd, 1, 2) ? S : 1;
  const uint64_t offset = random_below (rnd, SIZE / grain) * grain;
  const uint64_t len = min_u64 (random_below (rnd, 6 * S / grain) * grain,
                                SIZE - offset);
  const uint64_t inside = offset < m.size ? min_u64 (len, m.size - offset) : 0;

  switch (is_room () ? random_below (rnd, 8) : 0) {
  case 0:
    assert_int_equal (io_sync (io, NULL), 0);
    model_sync ();
    break;
  case 1:
  case 2:
    memset (m.newest + offset, 0, inside);
    assert_int_equal (io_zero (io, offset, len, IO_PUNCH, NULL), 0);
    model_touch (offset, inside);
    break;
  default:
    random_write (io, rnd, offset, len);
  }
}

/* CONTENT is of a disk of SIZE_BYTES; sector I may hold more behind that. */
static void
check_sector (unsigned i, const uint8_t *content, uint64_t size_bytes)
{
  const size_t n = size_bytes > i * S ? min_u64 (S, size_bytes - i * S) : 0;
  bool found = false;
  unsigned v;

  for (v = 0; v < m.sector[i].nr; ++v)
    if (memcmp (m.sector[i].data[v], content, n) == 0) {
      m.sector[i].seen[v] = true;
      found = true;
    }
  if (!found)
    fail_msg ("sector %u holds what it never was", i);
  for (v = n; v < S; ++v)
    if (content[v])
      fail_msg ("sector %u: %#x behind the end", i, content[v]);
}

static void
check_crash (struct simdisk *d, uint64_t seed)
{
  static uint8_t content[SIZE];
  struct simdisk *c = simdisk_crash (d, seed);
  struct io *io = simdisk_open (c, 0, NULL);
  uint64_t size;
  unsigned i;

  assert_int_equal (io_size (io, &size, NULL), 0);
  for (i = 0; i < m.nr_lengths && m.lengths[i] != size; ++i)
    ;
  assert_true (i < m.nr_lengths);
  assert_int_equal (io_pread (io, content, SIZE, 0, NULL), 0);
  for (i = 0; i < NR; ++i)
    check_sector (i, content + i * S, size);
  io_close (io);
  simdisk_free (c);
}

static void
check_newest (struct io *io)
{
  static uint8_t content[SIZE];
  uint64_t size;

  assert_int_equal (io_size (io, &size, NULL), 0);
  assert_true (size == m.size);
  assert_int_equal (io_pread (io, content, SIZE, 0, NULL), 0);
  assert_memory_equal (content, m.newest, SIZE);
}

/* All versions of all sectors turn up. */
static void
check_all_seen (struct simdisk *d, uint64_t seed)
{
  unsigned i, v;

  for (i = 0; i < 4000; ++i)
    check_crash (d, seed + i);
  for (i = 0; i < NR; ++i)
    for (v = 0; v < m.sector[i].nr; ++v)
      if (!m.sector[i].seen[v])
        fail_msg ("sector %u: version %u of %u never seen", i, v,
                  m.sector[i].nr);
}

static void
test_model (void **state)
{
  uint64_t seed;
  unsigned i;

  (void) state;
  for (seed = 1; seed <= 20; ++seed) {
    struct random rnd = { seed };
    struct simdisk *d = simdisk_new (S);
    struct io *io = simdisk_open (d, IO_OPEN_WRITE, NULL);

    print_message ("seed %u\n", (unsigned) seed);
    model_reset ();
    for (i = 0; i < 300; ++i) {
      random_op (io, &rnd);
      check_crash (d, random_next (&rnd));
      check_newest (io);
      if (random_chance (&rnd, 1, 30)) {
        struct simdisk *next = simdisk_kill (d);

        io_close (io);
        simdisk_free (d);
        d = next;
        io = simdisk_open (d, IO_OPEN_WRITE, NULL);
      }
    }
    io_close (io);
    simdisk_free (d);
  }
}

static void
test_every_version_turns_up (void **state)
{
  struct random rnd = { 77 };
  struct simdisk *d = simdisk_new (S);
  struct io *io = simdisk_open (d, IO_OPEN_WRITE, NULL);
  unsigned i;

  (void) state;
  model_reset ();
  /* A length that is durable, so that nothing is cut off. */
  random_write (io, &rnd, 0, SIZE);
  assert_int_equal (io_sync (io, NULL), 0);
  model_sync ();
  for (i = 0; i < 12; ++i)
    random_write (io, &rnd, random_below (&rnd, NR - 4) * S, 4 * S);
  check_all_seen (d, 5);
  io_close (io);
  simdisk_free (d);
}

static uint64_t
digest (struct simdisk *d)
{
  static uint8_t content[SIZE];
  struct io *io = simdisk_open (d, 0, NULL);
  uint64_t h = 0, size;
  unsigned i;

  assert_int_equal (io_size (io, &size, NULL), 0);
  assert_int_equal (io_pread (io, content, SIZE, 0, NULL), 0);
  for (i = 0; i < SIZE; ++i)
    h = (h ^ content[i]) * UINT64_C (0x100000001b3);
  io_close (io);
  simdisk_free (d);
  return h ^ size;
}

static void
test_same_seed_same_bytes (void **state)
{
  struct random rnd = { 3 };
  struct simdisk *d = simdisk_new (S), *k;
  struct io *io = simdisk_open (d, IO_OPEN_WRITE, NULL);
  unsigned i, nr_different = 0;

  (void) state;
  model_reset ();
  for (i = 0; i < 40; ++i)
    random_write (io, &rnd, random_below (&rnd, NR - 4) * S, 4 * S);
  k = simdisk_kill (d);
  for (i = 0; i < 200; ++i) {
    assert_true (digest (simdisk_crash (d, i)) ==
                 digest (simdisk_crash (d, i)));
    assert_true (digest (simdisk_crash (d, i)) ==
                 digest (simdisk_crash (k, i)));
    nr_different += digest (simdisk_crash (d, i)) !=
                    digest (simdisk_crash (d, i + 1));
  }
  assert_true (nr_different > 100);
  io_close (io);
  simdisk_free (d);
  simdisk_free (k);
}

struct thread_arg {
  struct io *io;
  unsigned nr;
};

static void *
write_own_sectors (void *arg)
{
  const struct thread_arg *a = arg;
  uint8_t buf[S], back[S];
  unsigned i;

  for (i = 0; i < 400; ++i) {
    const uint64_t offset = (i % 50 * 4 + a->nr) * S;

    memset (buf, (int) (i + a->nr), S);
    if (io_pwrite (a->io, buf, S, offset, i % 7 ? 0 : IO_DSYNC, NULL) == -1 ||
        (i % 31 == 0 && io_sync (a->io, NULL) == -1) ||
        io_pread (a->io, back, S, offset, NULL) == -1 ||
        memcmp (buf, back, S) != 0)
      return arg;
  }
  return NULL;
}

/* And crashes of it meanwhile, each used by its own thread. */
static void
test_threads (void **state)
{
  struct simdisk *d = simdisk_new (S);
  struct io *io = simdisk_open (d, IO_OPEN_WRITE, NULL);
  struct thread_arg args[4];
  pthread_t threads[4];
  void *failed;
  unsigned i;

  (void) state;
  for (i = 0; i < 4; ++i) {
    args[i] = (struct thread_arg) { io, i };
    assert_int_equal (pthread_create (&threads[i], NULL, write_own_sectors,
                                      &args[i]), 0);
  }
  for (i = 0; i < 300; ++i) {
    struct simdisk *c = simdisk_crash (d, i);
    struct thread_arg a = { simdisk_open (c, IO_OPEN_WRITE, NULL), 2 };

    if (i % 10 == 0)
      assert_null (write_own_sectors (&a));
    io_close (a.io);
    simdisk_free (c);
  }
  for (i = 0; i < 4; ++i) {
    pthread_join (threads[i], &failed);
    assert_null (failed);
  }
  io_close (io);
  simdisk_free (d);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_model),
    cmocka_unit_test (test_every_version_turns_up),
    cmocka_unit_test (test_same_seed_same_bytes),
    cmocka_unit_test (test_threads),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
