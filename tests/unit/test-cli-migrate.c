/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A migration (cli/migrate-*.c), between a model of two QEMUs (qmp-world.h)
 * and one of two servers (cli-world.h), with one question to any of them that
 * goes wrong, in every way.
 *
 * Whatever does: no VM runs where its image is not, or twice; what is said at
 * the end of who runs it and who has the image is so; and the guest stands
 * still only where the only QEMU that has its memory has ended, or may run it.
 */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "migrate-scene.h"

/* -- the faults ------------------------------------------------------------------ */

static void
test_without_fault (void **state)
{
  struct choices c = { .max_faults = 0 };
  struct scene s = { .qemus = { .fault_at = 0 } };

  (void) state;
  scene_set_up (&s, &c);
  scene_migrate (&s);
  assert_int_equal (s.m.result, MIGRATE_DONE);
  assert_int_equal (s.m.runner, MIGRATE_DST);
  assert_int_equal (s.m.images, MIGRATE_DST);
  scene_tear_down (&s);
}

/* False: there are not so many questions. */
static bool
try_monitor (unsigned fault_at, enum qmp_fate fate)
{
  struct choices c = { .max_faults = 0 };
  struct scene s = { .qemus = { .fault_at = fault_at, .fate = fate } };
  bool reached;

  scene_set_up (&s, &c);
  scene_migrate (&s);
  reached = s.qemus.nr_questions >= fault_at;
  scene_tear_down (&s);
  return reached;
}

static void
test_monitors (void **state)
{
  unsigned fate, i, n = 0;

  (void) state;
  for (fate = 0; fate < NR_QMP_FATES; fate++)
    for (i = 1; try_monitor (i, (enum qmp_fate) fate); i++)
      n++;
  print_message ("%u runs\n", n);
  assert_true (n > 60);
}

static void
test_servers (void **state)
{
  struct choices c = { .max_faults = 1 };
  unsigned n = 0;

  (void) state;
  do {
    struct scene s = { .qemus = { .fault_at = 0 } };

    scene_set_up (&s, &c);
    migrate_run (&s.m);
    qmp_world_stop (&s.qemus);
    scene_check (&s);
    scene_tear_down (&s);
    n++;
  } while (choices_next (&c, 0));
  print_message ("%u runs\n", n);
  assert_true (n > 60);
}

/* One that was left at the switchover is undone. */
static void
test_cancel (void **state)
{
  struct choices c = { .max_faults = 0 };
  struct scene s = { .qemus = { .fault_at = 0 } };

  (void) state;
  scene_set_up (&s, &c);
  s.qemus.src.state = "finish-migrate";
  s.qemus.src.migration = "pre-switchover";
  s.qemus.dst.migration = "active";
  migrate_cancel (&s.m);
  qmp_world_stop (&s.qemus);
  assert_null (s.qemus.violation);
  assert_int_equal (s.m.result, MIGRATE_DONE);
  assert_int_equal (s.m.runner, MIGRATE_SRC);
  assert_true (scene_runs (&s.qemus.src));
  assert_false (s.qemus.dst.alive);
  scene_tear_down (&s);
}

/* ... and not where the images have gone. */
static void
test_cancel_too_late (void **state)
{
  struct choices c = { .max_faults = 0 };
  struct scene s = { .qemus = { .fault_at = 0 } };

  (void) state;
  scene_set_up (&s, &c);
  s.qemus.src.state = "postmigrate";
  s.qemus.src.migration = "completed";
  s.qemus.dst.state = "paused";
  s.qemus.dst.migration = "completed";
  s.servers.src.active = false;
  s.servers.dst.active = true;
  migrate_cancel (&s.m);
  qmp_world_stop (&s.qemus);
  assert_null (s.qemus.violation);
  assert_int_equal (s.m.result, MIGRATE_NOT_STARTED);
  assert_false (scene_runs (&s.qemus.src));
  scene_tear_down (&s);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_without_fault),
    cmocka_unit_test (test_monitors),
    cmocka_unit_test (test_servers),
    cmocka_unit_test (test_cancel),
    cmocka_unit_test (test_cancel_too_late),
  };

  return scene_main (tests);
}
