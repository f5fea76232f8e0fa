/* SPDX-License-Identifier: BSD-3-Clause
 *
 * QEMU's two ways of looking at an image (qemu-look.h) agree: on images that
 * are right, that leak, and that are damaged at random in what refers to
 * clusters and in what counts them.
 *
 * A failure prints the image and the seed; BATON_TEST_SEED replays it.
 */

#include <config.h>

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "cursor.h"
#include "header-builder.h"
#include "qcow2-entry.h"
#include "qemu-look.h"
#include "random.h"
#include "reference-check.h"

#define CREATE "qemu-img create -q -f qcow2 -o "
#define FILL \
  " && qemu-io -f qcow2 -c 'write -q -P 1 0 20k' -c 'write -q -P 2 100k 30k' " \
  "-c 'write -q -z 12k 4k' t.qcow2"

static const struct shape {
  const char *name, *create;
  bool others;                  /* snapshots, bitmaps: references of others */
} shapes[] = {
  { .name = "v3 4k",
    .create = CREATE "cluster_size=4k t.qcow2 1M" FILL },
  { .name = "v3 512, 64-bit refcounts",
    .create = CREATE "cluster_size=512,refcount_bits=64 t.qcow2 1M" FILL },
  { .name = "v3 512, 1-bit refcounts",
    .create = CREATE "cluster_size=512,refcount_bits=1 t.qcow2 1M" FILL },
  { .name = "v2 512, backed",
    .create = "head -c 1M /dev/zero >base.raw && " CREATE
    "cluster_size=512,compat=0.10 -b base.raw -F raw t.qcow2 1M" FILL },
  { .name = "v3 4k, backed",
    .create = "head -c 1M /dev/zero >base.raw && " CREATE
    "cluster_size=4k -b base.raw -F raw t.qcow2 1M" FILL },
  { .name = "v2 64k, snapshot",
    .create = CREATE "compat=0.10 t.qcow2 1M" FILL
    " && qemu-img snapshot -c one t.qcow2" FILL, .others = true },
  { .name = "v3 2k compressed",
    .create = "head -c 64k /dev/urandom >a.raw && cat a.raw a.raw "
    ">b.raw && qemu-img convert -q -c -O qcow2 -o cluster_size=2k -f raw b.raw "
    "t.qcow2" },
  { .name = "subclusters",
    .create = CREATE "extended_l2=on,cluster_size=16k t.qcow2 1M" FILL },
  { .name = "data file",
    .create = CREATE "cluster_size=4k,data_file=data.raw t.qcow2 1M" FILL },
  { .name = "bitmap",
    .create = CREATE "cluster_size=4k t.qcow2 1M && "
    "qemu-img bitmap --add t.qcow2 b" FILL, .others = true },
};
/* Tables are before this. */
#define MAX_PLACE (UINT64_C (16) << 20)
#define NR_SHAPES (sizeof shapes / sizeof shapes[0])

static char dir[] = "/tmp/baton-look-XXXXXX";

static uint64_t
get (struct io *io, uint64_t offset)
{
  uint8_t be[8];

  assert_int_equal (io_pread (io, be, 8, offset, NULL), 0);
  return load_be64 (be);
}

static void
put (struct io *io, uint64_t offset, uint64_t value)
{
  uint8_t be[8];

  store_be64 (be, value);
  assert_int_equal (io_pwrite (io, be, 8, offset, IO_DSYNC, NULL), 0);
}

/* One of the four kinds of tables: where it begins. */
static uint64_t
some_table (struct random *r, struct io *io)
{
  const uint64_t l1 = get (io, AT_L1_OFFSET);
  const uint64_t refcounts = get (io, AT_REFTABLE_OFFSET);

  switch (random_below (r, 6)) {
  case 0:
    return l1;
  case 1:
  case 2:
    return get (io, l1) & QCOW2_ENTRY_OFFSET_MASK;
  case 3:
    return refcounts;
  default:
    return get (io, refcounts);
  }
}

/* An 8-byte word of a table, mostly one that is not 0. */
static void
damage (struct random *r, struct io *io)
{
  const uint64_t table = some_table (r, io);
  unsigned tries = 1 + random_below (r, 64);
  uint64_t at, word;

  /* Damage before this one leads there. */
  if (table > MAX_PLACE)
    return;
  do {
    at = table + random_below (r, 64) * 8;
    word = get (io, at);
  } while (word == 0 && --tries > 0);
  switch (random_below (r, 5)) {
  case 0:
    word ^= UINT64_C (1) << random_below (r, 64);
    break;
  case 1:
    word = 0;
    break;
  case 2:                       /* what another one has */
    word = get (io, table + random_below (r, 64) * 8);
    break;
  case 3:
    word ^= QCOW2_ENTRY_COPIED;
    break;
  case 4:                       /* one more in the last of it */
    word += 1;
    break;
  }
  put (io, at, word);
}

static void
shell (const char *command)
{
  char line[1024];

  snprintf (line, sizeof line, "cd %s && { %s; } >/dev/null", dir, command);
  if (system (line) != 0)
    fail_msg ("failed: %s", line);
}

static struct simdisk *
make (const struct shape *shape)
{
  struct error err = ERROR_INIT;
  struct simdisk *d;
  char path[64];

  shell (shape->create);
  snprintf (path, sizeof path, "%s/t.qcow2", dir);
  d = simdisk_load_file (path, 512, &err);
  if (!d)
    fail_msg ("%s", err.text);
  return d;
}

/* Where our own count of references finds no error the look past leaks is as
 * good. */
static void
look_past_leaks (struct qemu_look *q, const struct shape *shape,
                 struct simdisk *d, uint64_t seed, enum verdict slow)
{
  struct io *io = simdisk_open (d, 0, NULL);
  enum verdict quick;
  uint64_t leaks;
  int r;

  assert_non_null (io);
  r = reference_check (io, &leaks, NULL);
  io_close (io);
  if (r == -1)
    return;
  quick = qemu_look_past_leaks (q, d);
  if ((quick == VERDICT_BROKEN) != (slow == VERDICT_BROKEN) ||
      (leaks == 0 && quick != slow))
    fail_msg ("%s: seed %" PRIu64 ": qemu-img check says %d, past %" PRIu64
              " leaks qemu-io %d", shape->name, seed, slow, leaks, quick);
}

static enum verdict
run (struct qemu_look *q, const struct shape *shape, struct simdisk *pristine,
     uint64_t seed)
{
  struct random r = { seed * NR_SHAPES + (uint64_t) (shape - shapes) };
  struct simdisk *d = simdisk_kill (pristine);
  struct io *io = simdisk_open (d, IO_OPEN_WRITE, NULL);
  enum verdict quick, slow;
  unsigned i;

  assert_non_null (io);
  for (i = 0; i < seed % 3; ++i)
    damage (&r, io);
  io_close (io);
  slow = qemu_look_check (q, d);
  quick = qemu_look (q, d);
  if (quick != slow)
    fail_msg ("%s: seed %" PRIu64 ": qemu-img check says %d, qemu-io %d",
              shape->name, seed, slow, quick);
  if (!shape->others)
    look_past_leaks (q, shape, d, seed, slow);
  simdisk_free (d);
  return slow;
}

static void
test_they_agree (void **state)
{
  const char *one = getenv ("BATON_TEST_SEED");
  const uint64_t first = one ? strtoull (one, NULL, 10) : 0;
  const uint64_t nr = one ? 1 : getenv ("BATON_TEST_LONG") ? 90
                      : getenv ("BATON_TEST_RUNS") ? 3 : 12;
  unsigned nr_of[4] = { 0 };
  struct qemu_look q;
  uint64_t seed;
  size_t i;

  (void) state;
  qemu_look_init (&q, dir);
  for (i = 0; i < NR_SHAPES; ++i) {
    struct simdisk *pristine = make (&shapes[i]);

    for (seed = first; seed < first + nr; ++seed)
      nr_of[run (&q, &shapes[i], pristine, seed)]++;
    simdisk_free (pristine);
    shell ("rm -f *");
  }
  qemu_look_destroy (&q);
  print_message ("agreed on %u images that are right, %u that leak, %u that "
                 "are broken\n", nr_of[VERDICT_CLEAN], nr_of[VERDICT_LEAKS],
                 nr_of[VERDICT_BROKEN]);
  if (!one)
    assert_true (nr_of[VERDICT_CLEAN] > 3 * nr && nr_of[VERDICT_LEAKS] > 0 &&
                 nr_of[VERDICT_BROKEN] > 2 * nr);
}

/* A copy of D in which the first L2 table, or its first entry, is VALUE. */
static struct simdisk *
with (struct simdisk *d, bool table, uint64_t value)
{
  struct simdisk *copy = simdisk_kill (d);
  struct io *io = simdisk_open (copy, IO_OPEN_WRITE, NULL);
  uint64_t at;

  assert_non_null (io);
  at = get (io, AT_L1_OFFSET);
  put (io, table ? at : get (io, at) & QCOW2_ENTRY_OFFSET_MASK, value);
  io_close (io);
  return copy;
}

/* It is the same one that answers, and says nothing of the image before. */
static void
test_it_stays (void **state)
{
  struct simdisk *good, *leaky, *bad;
  struct qemu_look q;
  pid_t pid;

  (void) state;
  qemu_look_init (&q, dir);
  good = make (&shapes[0]);
  leaky = with (good, false, 0);
  bad = with (good, true, 4096);
  assert_int_equal (qemu_look (&q, good), VERDICT_CLEAN);
  pid = q.pid;
  assert_int_equal (qemu_look (&q, leaky), VERDICT_LEAKS);
  assert_int_equal (qemu_look (&q, good), VERDICT_CLEAN);
  assert_int_equal (qemu_look_past_leaks (&q, leaky), VERDICT_CLEAN);
  assert_int_equal (q.pid, pid);
  assert_int_equal (qemu_look (&q, bad), VERDICT_BROKEN);
  assert_int_equal (qemu_look (&q, good), VERDICT_CLEAN);
  assert_int_equal (q.nr_checks, 0);
  simdisk_free (good);
  simdisk_free (leaky);
  simdisk_free (bad);
  qemu_look_destroy (&q);
  shell ("rm -f *");
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_they_agree),
    cmocka_unit_test (test_it_stays),
  };
  int r;

  if (system ("qemu-img --version >/dev/null 2>&1 && "
              "qemu-io --version >/dev/null 2>&1") != 0)
    return 77;
  if (!mkdtemp (dir))
    return 99;
  r = cmocka_run_group_tests (tests, NULL, NULL);
  rmdir (dir);
  return r;
}
