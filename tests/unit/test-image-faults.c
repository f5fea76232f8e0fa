/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Fail the Nth call to the disk, or the Nth for memory, for N = 1, 2, ... until
 * an operation ends without having met the fault; for many operations, kinds
 * of images and kinds of faults.  After each:
 *
 *   - the operation succeeded, or failed with a text;
 *   - what was acknowledged before reads back, and what it was to change is
 *     old or new;
 *   - where the image is not poisoned the operation can be repeated, the
 *     image can be finished, and leaks what the allocator says is stuck: only
 *     what could not be read or zeroed on its way back;
 *   - where it is poisoned every change fails with that reason; opened afresh
 *     it reads back, and has leaks at most.
 *
 * BATON_TEST_LONG takes every point, not each second one, and lets QEMU
 * look at more of the images.  With
 * BATON_TEST_VERBOSE the last line before a failure is the point that failed.
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

#include "failing-calls.h"
#include "image-internal.h"
#include "image-world.h"
#include "reference-check.h"

#define KIB UINT64_C (1024)

static const struct world_shape shapes[] = {
  { .name = "v3 64k", .create = "t.qcow2 1G",
    .unit_bytes = 64 * KIB, .far_offset = 600 * KIB * KIB },
  { .name = "v2 64k", .create = "-o compat=0.10 t.qcow2 1G",
    .unit_bytes = 64 * KIB, .far_offset = 600 * KIB * KIB },
  { .name = "v3 64k backed", .create = "t.qcow2 1G", .backed = true,
    .unit_bytes = 64 * KIB, .far_offset = 600 * KIB * KIB },
  { .name = "v2 64k backed", .create = "-o compat=0.10 t.qcow2 1G",
    .backed = true, .unit_bytes = 64 * KIB, .far_offset = 600 * KIB * KIB },
  { .name = "v3 64k with a snapshot", .create = "t.qcow2 1G",
    .snapshot = true, .unit_bytes = 64 * KIB,
    .far_offset = 600 * KIB * KIB },
  { .name = "v3 512, new refcount blocks",
    .create = "-o cluster_size=512 t.qcow2 4M",
    .unit_bytes = 4 * KIB, .far_offset = 2048 * KIB },
  { .name = "v3 512, new refcount table",
    .create = "-o cluster_size=512,refcount_bits=64 t.qcow2 4M",
    .file_bytes = 1536 * KIB,
    .unit_bytes = 4 * KIB, .far_offset = 2048 * KIB },
  { .name = "v3 4k on a device", .create = "-o cluster_size=4k t.qcow2 8M",
    .device_bytes = 4096 * KIB, .unit_bytes = 4 * KIB,
    .far_offset = 4096 * KIB },
  { .name = "subclusters", .create = "-o extended_l2=on t.qcow2 1G",
    .unit_bytes = 64 * KIB, .far_offset = 600 * KIB * KIB },
  { .name = "subclusters backed", .create = "-o extended_l2=on t.qcow2 1G",
    .backed = true, .unit_bytes = 64 * KIB, .far_offset = 600 * KIB * KIB },
  { .name = "subclusters with a snapshot", .snapshot = true,
    .create = "-o extended_l2=on,cluster_size=16k t.qcow2 1G",
    .unit_bytes = 16 * KIB, .far_offset = 600 * KIB * KIB },
};

#define NR_SHAPES (sizeof shapes / sizeof shapes[0])

struct operation {
  const char *name;
  struct step before[2];        /* without faults */
  struct step steps[3];
};

static const struct operation operations[] = {
  { "write in place", { { 0 } }, { { WRITE, 8, UNITS (1), 0 } } },
  { "allocating write", { { 0 } }, { { WRITE, 16 * 4 + 8, UNITS (2), 0 } } },
  { "write over zeros", { { 0 } }, { { WRITE, UNITS (2) + 3, 9, 0 } } },
  { "write in a new table", { { 0 } }, { { WRITE, FAR + 5, UNITS (1), 0 } } },
  { "durable write", { { 0 } },
    { { WRITE, UNITS (5), UNITS (1), IMAGE_FUA } } },
  { "zero", { { 0 } }, { { ZERO, 8, UNITS (3), 0 } } },
  { "trim", { { 0 } }, { { ZERO, 8, UNITS (3), IMAGE_MAY_TRIM } } },
  { "zero what was never written", { { 0 } },
    { { ZERO, UNITS (4) - 3, UNITS (3), 0 } } },
  { "flush", { { WRITE, UNITS (4), UNITS (1), 0 } }, { { FLUSH, 0, 0, 0 } } },
  { "flushes after a trim", { { ZERO, 0, UNITS (2), IMAGE_MAY_TRIM } },
    { { FLUSH, 0, 0, 0 }, { FLUSH, 0, 0, 0 }, { FLUSH, 0, 0, 0 } } },
  { "write to what was trimmed",
    { { ZERO, 0, UNITS (2), IMAGE_MAY_TRIM }, { FLUSH, 0, 0, 0 } },
    { { WRITE, 3, UNITS (1), 0 }, { FLUSH, 0, 0, 0 } } },
  { "finish", { { ZERO, 0, UNITS (2), IMAGE_MAY_TRIM },
                { WRITE, UNITS (6), UNITS (1), 0 } },
    { { FINISH, 0, 0, 0 } } },
};

#define NR_OPERATIONS (sizeof operations / sizeof operations[0])

struct fault {
  unsigned kinds;
  int errnum;
  bool forever;
  bool torn;
};

/* Calls for memory. */
#define MEMORY (SIMDISK_ALL + 1)

static const struct fault faults[] = {
  { SIMDISK_READ, EIO, false, false }, { SIMDISK_READ, EIO, true, false },
  { SIMDISK_WRITE, EIO, false, false }, { SIMDISK_WRITE, EIO, true, false },
  { SIMDISK_WRITE, ENOSPC, false, false },
  { SIMDISK_WRITE, ENOSPC, true, false },
  { SIMDISK_WRITE, EIO, false, true },
  { SIMDISK_ZERO, EIO, false, false }, { SIMDISK_ZERO, ENOSPC, true, false },
  { SIMDISK_SYNC, EIO, false, false }, { SIMDISK_SYNC, ENOSPC, true, false },
  { SIMDISK_ALL, EIO, false, false }, { SIMDISK_ALL, ENOSPC, true, false },
  { MEMORY, ENOMEM, false, false }, { MEMORY, ENOMEM, true, false },
};

#define NR_FAULTS (sizeof faults / sizeof faults[0])

struct totals {
  uint64_t points;
  uint64_t failed;
  uint64_t poisoned;
  uint64_t leaky;
  uint64_t qemu_looks, qemu_checks;     /* by QEMU; of these by qemu-img */
};

struct point {
  struct world *w;
  const struct operation *op;
  const struct fault *fault;
  uint64_t nth;
  struct totals *totals;
};

static void
arm (struct point *p)
{
  const struct fault *f = p->fault;

  if (f->kinds == MEMORY)
    (f->forever ? fail_calls_from : fail_call) ((unsigned) p->nth);
  else if (f->torn)
    simdisk_fail_torn (p->w->disk, p->nth, f->errnum, p->nth + 1,
                       f->forever);
  else
    simdisk_fail (p->w->disk, f->kinds, p->nth, f->errnum, f->forever);
}

/* Whether the fault struck; it is over. */
static bool
disarm (struct point *p)
{
  const bool struck = p->fault->kinds == MEMORY
    ? fail_call_struck () : simdisk_fault_struck (p->w->disk);

  simdisk_fail (p->w->disk, 0, 0, 0, false);
  return struck;
}

static void
must_step (struct point *p, const struct step *s, uint8_t salt)
{
  struct error err = ERROR_INIT;

  if (world_step (p->w, s, salt, &err) == -1)
    fail_msg ("step %d should succeed: %s", (int) s->what, err.text);
}

static int
run_steps (struct point *p, struct error *err)
{
  unsigned i;

  for (i = 0; i < 3; ++i)
    if (world_step (p->w, &p->op->steps[i], 3, err) == -1)
      return -1;
  return 0;
}

/* Primes: not always of the same operation. */
#define CHECK_EACH 17u

static unsigned
qemu_look_each (void)
{
  return getenv ("BATON_TEST_LONG") ? 3 : 29;
}

/* No errors; *RET_LEAKS host clusters leak, where that can be told. */
static void
check_image (struct point *p, bool may_leak, uint64_t *ret_leaks)
{
  struct world *w = p->w;
  struct error err = ERROR_INIT;
  struct io *io;

  if (p->totals->points % qemu_look_each () == 0) {
    const enum verdict verdict =
      world_qemu_look (w, p->totals->qemu_looks++ % CHECK_EACH == 0);

    if (verdict != VERDICT_CLEAN && !(may_leak && verdict == VERDICT_LEAKS))
      fail_msg ("QEMU's check: %d", verdict);
  }
  *ret_leaks = 0;
  if (w->shape->snapshot)
    return;
  io = simdisk_open (w->disk, IO_OPEN_WRITE, &err);
  assert_non_null (io);
  if (reference_check (io, ret_leaks, &err) == -1)
    fail_msg ("references: %s", err.text);
  io_close (io);
}

static void
assert_poisoned (int r, const struct error *err)
{
  assert_int_equal (r, -1);
  assert_int_equal (err->errnum, EIO);
  assert_non_null (err->class);
  assert_string_equal (err->class, "Poisoned");
}

static void
check_all_changes_fail (struct world *w)
{
  struct error err = ERROR_INIT;
  const uint8_t byte = 0;
  unsigned i;

  for (i = 0; i < 2; ++i) {
    assert_poisoned (image_write (w->img, &byte, 1, 0, 0, &err), &err);
    assert_poisoned (image_zero (w->img, 1, 0, 0, &err), &err);
    assert_poisoned (image_trim (w->img, 1, 0, 0, &err), &err);
    assert_poisoned (image_flush (w->img, &err), &err);
    assert_poisoned (image_finish (w->img, &err), &err);
    assert_null (strstr (err.text, "unknown failure"));
  }
}

/* It works again as if nothing had been: repeat, finish, open again. */
static void
check_usable (struct point *p, bool leaks_before)
{
  struct world *w = p->w;
  uint64_t leaks, stuck;
  const struct step more = { WRITE, UNITS (7), UNITS (1), 0 };
  const struct step last = { FINISH, 0, 0, 0 };
  unsigned i;

  for (i = 0; i < 3; ++i)
    if (p->op->steps[i].what != FINISH)
      must_step (p, &p->op->steps[i], 3);
  if (atomic_load (&w->img->mode) == IMAGE_WRITING)
    must_step (p, &more, 4);
  world_compare (w, false, "repeated");
  must_step (p, &last, 0);
  stuck = w->img->allocator.nr_stuck + w->img->allocator.refcounts.nr_leaked;
  world_close (w);
  check_image (p, leaks_before || stuck > 0, &leaks);
  if (!leaks_before && !w->shape->snapshot)
    assert_int_equal (leaks, stuck);
  /* Nothing is lost but what could not be read, zeroed or noted on its way. */
  if (!(p->fault->kinds & (SIMDISK_READ | SIMDISK_ZERO | MEMORY)))
    assert_int_equal (stuck, 0);
  p->totals->leaky += leaks > 0;
  world_open (w);
  world_compare (w, false, "opened again");
  world_close (w);
}

static void
check_poisoned (struct point *p, bool failed)
{
  struct world *w = p->w;
  uint64_t leaks;

  p->totals->poisoned++;
  /* A failed read, or a failed punch, is no reason; but where nothing can be
   * read any more what was half done cannot be taken back. */
  if (!p->fault->forever)
    assert_true (p->fault->kinds & (SIMDISK_WRITE | SIMDISK_SYNC));
  check_all_changes_fail (w);
  world_close (w);
  check_image (p, true, &leaks);
  world_open (w);
  world_compare (w, failed, "opened afresh");
  check_usable (p, true);
}

/* Whether the fault struck. */
static bool
run_point (struct point *p)
{
  struct error err = ERROR_INIT;
  struct world *w = p->w;
  bool struck;
  int r;

  world_restart (w);
  world_open (w);
  must_step (p, &p->op->before[0], 2);
  must_step (p, &p->op->before[1], 2);
  world_settle (w);
  arm (p);
  r = run_steps (p, &err);
  struck = disarm (p);
  p->totals->points += struck;
  if (r == -1) {
    p->totals->failed++;
    if (!struck)
      fail_msg ("failed without a fault: %s", err.text);
    assert_true (err.errnum != 0 && err.text[0] != '\0');
  }
  world_compare (w, r == -1, "after the fault");
  if (atomic_load (&w->img->poison.set))
    check_poisoned (p, r == -1);
  else
    check_usable (p, false);
  return struck;
}

/* Every second one by default; slow builds have one of three. */
static uint64_t
step_of_points (void)
{
  if (getenv ("BATON_TEST_LONG"))
    return 1;
  return getenv ("BATON_TEST_RUNS") ? 3 : 2;
}

static void
run_shape (const struct world_shape *shape, struct totals *totals)
{
  const bool verbose = getenv ("BATON_TEST_VERBOSE") != NULL;
  const uint64_t step = step_of_points ();
  struct world w;
  size_t o, f;

  world_init (&w, shape);
  for (o = 0; o < NR_OPERATIONS; ++o)
    for (f = 0; f < NR_FAULTS; ++f) {
      struct point p = { &w, &operations[o], &faults[f], 0, totals };

      do {
        p.nth += p.nth ? step : 1 + f % step;
        if (verbose)
          print_message ("%s: fault %zu, call %" PRIu64 "\n", p.op->name, f,
                         p.nth);
      } while (run_point (&p));
    }
  totals->qemu_checks = w.qemu.nr_checks;
  world_destroy (&w);
}

static void
test_faults (void **state)
{
  const struct world_shape *shape = *state;
  struct totals t = { 0 };

  run_shape (shape, &t);
  print_message ("%s: %" PRIu64 " points of failure: %" PRIu64 " operations "
                 "failed, %" PRIu64 " poisoned, %" PRIu64 " images leak, %"
                 PRIu64 " looked at by QEMU, of these %" PRIu64 " by qemu-img "
                 "check\n", shape->name, t.points, t.failed, t.poisoned, t.leaky,
                 t.qemu_looks, t.qemu_checks);
  assert_true (t.points > (getenv ("BATON_TEST_RUNS") ? 30 : 50));
}

/* Opening fails cleanly, whichever read fails. */
static void
test_opening (void **state)
{
  const struct world_shape *shape = *state;
  struct image_options options = { .backing = BACKING_ON };
  struct error err = ERROR_INIT;
  struct world w;
  uint64_t nth;
  int r = -1;

  world_init (&w, shape);
  options.opener = &w.opener.base;
  for (nth = 1; r == -1; ++nth) {
    struct image *img = NULL;
    struct io *io;

    world_restart (&w);
    io = simdisk_open (w.disk, IO_OPEN_WRITE, &err);
    simdisk_fail (w.disk, SIMDISK_ALL, nth, EIO, false);
    r = image_open (io, "t.qcow2", true, &options, &img, &err);
    assert_int_equal (r == -1, simdisk_fault_struck (w.disk));
    assert_true (r == 0 || err.text[0] != '\0');
    if (r == -1)
      io_close (io);
    image_close (img);
  }
  assert_true (nth > 3);
  world_destroy (&w);
}

int
main (void)
{
  struct CMUnitTest tests[2 * NR_SHAPES];
  size_t i;

  if (system ("qemu-img --version >/dev/null 2>&1") != 0)
    return 77;
  for (i = 0; i < NR_SHAPES; ++i) {
    tests[2 * i] = (struct CMUnitTest) {
      shapes[i].name, test_opening, NULL, NULL, (void *) &shapes[i] };
    tests[2 * i + 1] = (struct CMUnitTest) {
      shapes[i].name, test_faults, NULL, NULL, (void *) &shapes[i] };
  }
  return cmocka_run_group_tests (tests, NULL, NULL);
}
