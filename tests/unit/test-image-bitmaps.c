/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Persistent dirty bitmaps that the image keeps valid (docs/DURABILITY.md,
 * R13): a power cut or a kill before every change of the file, and an orderly
 * end, which leaves exactly the bits of what was asked for.  What each must
 * leave: bitmaps-world.h.
 *
 * A failure prints the image and the seed; BATON_TEST_SEED replays it.
 */

#include <config.h>

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bitmaps-world.h"
#include "engine-fixture.h"

#define MAX_REQUEST 40u

static uint64_t
next_random (struct test *t)
{
  t->random ^= t->random << 13;
  t->random ^= t->random >> 7;
  t->random ^= t->random << 17;
  return t->random;
}

static void
one_request (struct test *t, struct image *img)
{
  const unsigned near = next_random (t) % 2;
  const unsigned base = near ? 0 : NEAR_SECTORS;
  const unsigned limit = near ? NEAR_SECTORS : NR_SECTORS - NEAR_SECTORS;
  const unsigned first = next_random (t) % limit;
  const unsigned most = next_random (t) % 8 ? MAX_REQUEST : limit;
  unsigned nr = 1 + next_random (t) % most;
  static uint8_t buf[NR_SECTORS * SECTOR];
  const unsigned kind = next_random (t) % 8;
  struct error err = ERROR_INIT;
  int r;

  nr = first + nr > limit ? limit - first : nr;
  if (kind > 0)
    memset (t->asked + base + first, true, nr);
  memset (buf, 1 + next_random (t) % 0xd0, nr * SECTOR);
  if (kind == 0)
    r = image_flush (img, &err);
  else if (kind <= 2)
    r = image_zero (img, nr * SECTOR, offset_of (base + first),
                    kind == 1 ? IMAGE_MAY_TRIM : 0, &err);
  else
    r = image_write (img, buf, nr * SECTOR, offset_of (base + first),
                     kind == 3 ? IMAGE_FUA : 0, &err);
  if (r == -1)
    fail_msg ("%s: seed %" PRIu64 ": %s", t->shape->name, t->seed, err.text);
  t->acknowledged |= kind > 0;
}

static void
look (void *opaque, const struct simdisk_event *event)
{
  struct test *t = opaque;
  unsigned i;

  if (event->phase == SIMDISK_END || t->checking)
    return;
  t->checking = true;
  for (i = 0; i < 3; ++i) {
    struct simdisk *left = i == 0 ? simdisk_kill (t->disk)
                                  : simdisk_crash (t->disk, next_random (t));

    check_left (t, left, i == 0);
    simdisk_free (left);
  }
  t->checking = false;
}

/* Open, NR requests, and an orderly end unless CRASH: then what a power cut
 * leaves is the disk. */
static void
live (struct test *t, unsigned nr, bool crash)
{
  struct error err = ERROR_INIT;
  struct image *img;
  unsigned i;

  simdisk_trace (t->disk, look, t);
  img = open_image (t->disk, true);
  for (i = 0; i < nr; ++i)
    one_request (t, img);
  t->acknowledged = false;
  if (!crash && image_finish (img, &err) == -1)
    fail_msg ("finish: %s", err.text);
  image_close (img);
  simdisk_trace (t->disk, NULL, NULL);
  if (crash) {
    struct simdisk *left = simdisk_crash (t->disk, next_random (t));

    simdisk_free (t->disk);
    t->disk = left;
    t->lost = true;
  }
  else
    /* Whoever is next may be another host: the marks are durable. */
    assert_int_equal (simdisk_nr_states (t->disk), 1);
}

/* What a power cut leaves may be leaks, no more. */
static void
check_leaks_only (struct simdisk *d)
{
  const int r = engine_qemu_check (d);

  assert_true (r == 0 || r == 3);
}

static void
run (const struct shape *shape, struct simdisk *pristine, uint64_t seed,
     uint64_t *nr_valid, uint64_t *nr_in_use)
{
  struct test t;

  test_init (&t, shape, simdisk_kill (pristine), seed);
  live (&t, 6, false);
  check_ended (&t, "one life");
  live (&t, 6, false);
  check_ended (&t, "two lives");
  if (seed % 8 == 0)
    assert_int_equal (engine_qemu_check (t.disk), 0);
  live (&t, 4, true);
  live (&t, 3, false);
  check_ended (&t, "after a crash");
  if (seed % 8 == 0)
    check_leaks_only (t.disk);
  simdisk_free (t.disk);
  *nr_valid += t.nr_valid;
  *nr_in_use += t.nr_in_use;
}

static void
test_cut_anywhere (void **state)
{
  const char *given = getenv ("BATON_TEST_SEED");
  const unsigned nr_seeds = getenv ("BATON_TEST_LONG") ? 60
                          : getenv ("BATON_TEST_RUNS") ? 2 : 8;
  uint64_t nr_valid = 0, nr_in_use = 0;
  unsigned i, seed;

  (void) state;
  for (i = 0; i < NR_SHAPES; ++i) {
    struct simdisk *pristine = make_image (&shapes[i]);

    for (seed = 0; seed < nr_seeds; ++seed)
      run (&shapes[i], pristine,
           given ? strtoull (given, NULL, 10) : seed, &nr_valid, &nr_in_use);
    simdisk_free (pristine);
  }
  print_message ("%" PRIu64 " valid, %" PRIu64 " in use\n", nr_valid,
                 nr_in_use);
  assert_true (nr_valid > 10 * nr_seeds && nr_in_use > 10 * nr_seeds);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_cut_anywhere),
  };

  if (system ("command -v qemu-img >/dev/null && command -v qemu-io "
              ">/dev/null") != 0)
    return 77;
  return cmocka_run_group_tests (tests, NULL, NULL);
}
