/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A device that is full: what the guest gives back is there for the very next
 * request, without a flush from the guest; and ENOSPC harms nothing.
 */

#include <config.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "image-world.h"

#define KIB UINT64_C (1024)

/* Ten clusters are in use at first (header, table, block, L1, L2, data); so
 * there is room for two or three more. */
static const struct world_shape shape = {
  .name = "a small device", .create = "-o cluster_size=4k t.qcow2 8M",
  .device_bytes = 12 * 4 * KIB, .unit_bytes = 4 * KIB,
  .far_offset = 4096 * KIB,
};

static const struct step finish = { FINISH, 0, 0, 0 };

/* Write units from 4 on until there is no room: the first that failed. */
static unsigned
fill (struct world *w)
{
  struct error err = ERROR_INIT;
  unsigned unit;

  for (unit = 4; unit < NEAR_UNITS; ++unit) {
    const struct step s = { WRITE, UNITS (unit), UNITS (1), 0 };

    world_settle (w);
    if (world_step (w, &s, 5, &err) == -1)
      break;
  }
  assert_in_range (unit, 5, NEAR_UNITS - 1);
  assert_int_equal (err.errnum, ENOSPC);
  assert_true (err.text[0] != '\0');
  world_compare (w, true, "full");
  return unit;
}

static void
must_step (struct world *w, struct step s)
{
  struct error err = ERROR_INIT;

  if (world_step (w, &s, 6, &err) == -1)
    fail_msg ("%s", err.text);
}

static void
check_end (struct world *w)
{
  world_compare (w, false, "at the end");
  must_step (w, finish);
  world_close (w);
  assert_int_equal (world_qemu_look (w, true), VERDICT_CLEAN);
  world_open (w);
  world_compare (w, false, "opened again");
}

static void
test_trimmed_space_is_there (void **state)
{
  struct world w;
  unsigned unit;

  (void) state;
  world_init (&w, &shape);
  world_restart (&w);
  world_open (&w);
  unit = fill (&w);
  must_step (&w, (struct step) { ZERO, 0, UNITS (2), IMAGE_MAY_TRIM });
  must_step (&w, (struct step) { WRITE, UNITS (unit), UNITS (1), 0 });
  /* The second cluster, too. */
  must_step (&w, (struct step) { WRITE, 5, 8, 0 });
  check_end (&w);
  world_destroy (&w);
}

static void
test_full_is_not_broken (void **state)
{
  struct error err = ERROR_INIT;
  struct world w;
  unsigned unit, i;

  (void) state;
  world_init (&w, &shape);
  world_restart (&w);
  world_open (&w);
  unit = fill (&w);
  for (i = 0; i < 3; ++i) {
    const struct step s = { WRITE, UNITS (unit), UNITS (1), 0 };

    assert_int_equal (world_step (&w, &s, 7, &err), -1);
    assert_int_equal (err.errnum, ENOSPC);
  }
  /* In place there is room. */
  must_step (&w, (struct step) { WRITE, 3, UNITS (1), IMAGE_FUA });
  world_compare (&w, true, "after writing in place");
  must_step (&w, (struct step) { ZERO, UNITS (unit), UNITS (1), 0 });
  check_end (&w);
  world_destroy (&w);
}

/* A write that fails half way leaves bytes in its new cluster.  There are so
 * few clusters that it is soon used again: none of those may show. */
static void
run_failed_write (uint64_t seed)
{
  struct error err = ERROR_INIT;
  struct world w;
  struct step s = { WRITE, UNITS (4), UNITS (1), 0 };
  unsigned unit;

  world_init (&w, &shape);
  world_restart (&w);
  world_open (&w);
  must_step (&w, s);
  world_settle (&w);
  s.from = UNITS (5);
  simdisk_fail_torn (w.disk, 1, EIO, seed, false);
  assert_int_equal (world_step (&w, &s, 8, &err), -1);
  assert_true (simdisk_fault_struck (w.disk));
  world_compare (&w, true, "after a failed write");
  must_step (&w, (struct step) { ZERO, UNITS (5), UNITS (1), 0 });
  for (unit = 6; unit < NEAR_UNITS; ++unit) {
    s = (struct step) { WRITE, UNITS (unit) + 6, 2, 0 };
    world_settle (&w);
    if (world_step (&w, &s, 9, &err) == -1)
      break;
    world_compare (&w, false, "in a cluster used before");
  }
  assert_true (unit > 6);
  world_destroy (&w);
}

static void
test_failed_write_leaves_nothing (void **state)
{
  uint64_t seed;

  (void) state;
  for (seed = 1; seed <= 4; ++seed)
    run_failed_write (seed);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_trimmed_space_is_there),
    cmocka_unit_test (test_full_is_not_broken),
    cmocka_unit_test (test_failed_write_leaves_nothing),
  };

  if (system ("qemu-img --version >/dev/null 2>&1") != 0)
    return 77;
  return cmocka_run_group_tests (tests, NULL, NULL);
}
