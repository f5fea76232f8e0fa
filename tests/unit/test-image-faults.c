/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Fail the Nth call to the disk, or the Nth for memory, for N = 1, 2, ... until
 * an operation ends without having met the fault; for many operations, kinds
 * of images and kinds of faults.  What must hold after each: fault-points.h.
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

#include "checked.h"
#include "failing-calls.h"
#include "fault-points.h"

/* Every second one by default. */
static uint64_t
step_of_points (void)
{
  return getenv ("BATON_TEST_LONG") ? 1 : max_u64 (2, one_of (7));
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
      struct point p = {
        .w = &w, .op = &fault_operations[o], .totals = totals,
        .faults = { { .fault = &fault_kinds[f] } }, .nr_faults = 1,
      };
      uint64_t *nth = &p.faults[0].nth;

      do {
        *nth += *nth ? step : 1 + f % step;
        if (verbose)
          print_message ("%s: fault %zu, call %" PRIu64 "\n", p.op->name, f,
                         *nth);
      } while (fault_point_run (&p));
    }
  totals->qemu_checks = w.qemu.nr_checks;
  world_destroy (&w);
}

static void
test_faults (void **state)
{
  const struct world_shape *shape = *state;
  struct totals t = { .qemu_each = getenv ("BATON_TEST_LONG") ? 3 : 29 };

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
      fault_shapes[i].name, test_opening, NULL, NULL, (void *) &fault_shapes[i] };
    tests[2 * i + 1] = (struct CMUnitTest) {
      fault_shapes[i].name, test_faults, NULL, NULL, (void *) &fault_shapes[i] };
  }
  return cmocka_run_group_tests (tests, NULL, NULL);
}
