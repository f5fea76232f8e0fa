/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What `baton migrate` (cli/migrate-*.c) looks at before and meanwhile, and
 * what it leaves behind: no monitor that others have, no server that has gone;
 * capabilities as they were.  (Its disks: test-cli-migrate-disks.c.)
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

#include "clock.h"
#include "migrate-report.h"
#include "migrate-scene.h"

/* -- what is left behind ---------------------------------------------------------- */

static void
check_capabilities (const struct scene *s, bool return_path)
{
  assert_false (s->qemus.pauses);
  assert_false (s->qemus.events[0]);
  assert_false (s->qemus.events[1]);
  assert_int_equal (s->qemus.return_path, return_path);
  assert_false (s->m.left.src_set || s->m.left.dst_set);
}

/* Refused at the last moment: what can be undone is, what cannot is told. */
static void
test_left_after_refusal (void **state)
{
  struct choices c = { .max_faults = 0 };
  struct scene s = { .qemus = { .refused = "migrate", .return_path = true } };

  (void) state;
  scene_set_up (&s, &c);
  s.m.uri = "unix:/incoming";
  scene_migrate (&s);
  assert_int_equal (s.m.result, MIGRATE_NOT_STARTED);
  check_capabilities (&s, true);
  assert_true (s.m.left.dst_held && s.m.left.dst_listens);
  scene_tear_down (&s);
}

/* Nothing was set where it could be known before that it will be refused. */
static void
test_blocked (void **state)
{
  struct choices c = { .max_faults = 0 };
  struct scene s = { .qemus = { .blocked = "a device is in the way" } };

  (void) state;
  scene_set_up (&s, &c);
  scene_migrate (&s);
  assert_int_equal (s.m.result, MIGRATE_NOT_STARTED);
  assert_non_null (strstr (s.m.why, "a device is in the way"));
  assert_false (s.m.left.dst_held);
  assert_true (s.qemus.dst.autostart);
  scene_tear_down (&s);
}

static void
test_left_after_migration (void **state)
{
  struct choices c = { .max_faults = 0 };
  struct scene s = { .qemus = { .return_path = true } };

  (void) state;
  scene_set_up (&s, &c);
  scene_migrate (&s);
  assert_int_equal (s.m.result, MIGRATE_DONE);
  check_capabilities (&s, true);
  scene_tear_down (&s);
}

/* Who does not answer may have done it: what was set is undone or told. */
static void
lose_answer (const char *execute, bool held)
{
  struct choices c = { .max_faults = 0 };
  struct scene s = { .qemus = { .lost = execute, .return_path = true } };

  scene_set_up (&s, &c);
  s.m.uri = "unix:/incoming";
  s.m.src.timeout_us = s.m.dst.timeout_us = 1000000;
  scene_migrate (&s);
  assert_null (s.qemus.lost);
  assert_int_equal (s.m.result, MIGRATE_NOT_STARTED);
  assert_non_null (strstr (s.m.why, "no answer to"));
  check_capabilities (&s, true);
  assert_false (s.qemus.pauses || s.m.left.src_set);
  assert_int_equal (s.m.left.dst_held, held);
  scene_tear_down (&s);
}

static void
test_answer_is_lost (void **state)
{
  (void) state;
  lose_answer ("migrate-set-capabilities", false);
  lose_answer ("stop", true);
  lose_answer ("migrate-incoming", true);
}

/* -- while memory moves ------------------------------------------------------------- */

static void
kill_destination_server (void *opaque, const struct vm *src)
{
  struct scene *s = opaque;

  (void) src;
  s->servers.dst.dead = true;
}

static void
test_server_dies_meanwhile (void **state)
{
  struct choices c = { .max_faults = 0 };
  struct scene s = { .qemus = { .looks = 40, .return_path = true } };

  (void) state;
  scene_set_up (&s, &c);
  s.m.on_progress = kill_destination_server;
  s.m.opaque = &s;
  scene_migrate (&s);
  assert_int_equal (s.m.result, MIGRATE_BACK);
  assert_non_null (strstr (s.m.why, "/b: the destination's server"));
  assert_true (s.qemus.looks > 20);
  assert_false (s.m.passed);
  assert_false (s.qemus.pauses);
  assert_true (s.qemus.return_path);
  scene_tear_down (&s);
}

/* In the last second nobody is asked any more: it would be the guest that
 * waits for the answer. */
static void
test_server_dies_in_the_last_second (void **state)
{
  struct choices c = { .max_faults = 0 };
  struct scene s = { .qemus = { .looks = 10, .remaining = 1000 } };

  (void) state;
  scene_set_up (&s, &c);
  s.m.on_progress = kill_destination_server;
  s.m.opaque = &s;
  scene_migrate (&s);
  assert_int_equal (s.m.result, MIGRATE_BACK);
  assert_int_equal (s.qemus.looks, 0);
  assert_true (s.m.passed);
  scene_tear_down (&s);
}

/* -- others at the monitor ------------------------------------------------------------ */

/* The listener of a monitor that nobody accepts from. */
static void
test_monitor_is_busy (void **state)
{
  struct choices c = { .max_faults = 0 };
  struct scene s = { .qemus = { .fault_at = 0 } };
  struct answer a = { .outcome = OUTCOME_DONE };
  struct vm first = { .timeout_us = 2000000 };
  uint64_t start_us;

  (void) state;
  scene_set_up (&s, &c);
  first.path = s.qemus.src.path;
  assert_true (vm_connect (&first, &a));
  answer_clear (&a);
  s.m.src.timeout_us = s.m.dst.timeout_us = 5000000;
  start_us = clock_us ();
  migrate_run (&s.m);
  assert_true (clock_us () - start_us < 3000000);
  assert_int_equal (s.m.result, MIGRATE_NOT_STARTED);
  assert_non_null (strstr (s.m.why, "is connected to this monitor"));
  assert_int_equal (s.m.runner, MIGRATE_UNKNOWN);
  vm_disconnect (&first);
  qmp_world_stop (&s.qemus);
  scene_tear_down (&s);
}

/* -- the pause ---------------------------------------------------------------------- */

/* When the guest stopped, nobody saw who could tell. */
static void
test_pause_of_resumed (void **state)
{
  struct choices c = { .max_faults = 0 };
  struct scene s = { .qemus = { .fault_at = 0 } };

  (void) state;
  scene_set_up (&s, &c);
  s.qemus.src.state = "finish-migrate";
  s.qemus.src.migration = "pre-switchover";
  s.qemus.dst.migration = "active";
  scene_migrate (&s);
  assert_int_equal (s.m.result, MIGRATE_DONE);
  assert_int_equal (migrate_pause_us (&s.m), 0);
  scene_tear_down (&s);
}

/* Of what did not come to be there is no row. */
static void
test_timeline_of_nothing (void **state)
{
  struct migrate m = { .nr = 1 };
  json_t *list = migrate_timeline_json (&m);

  (void) state;
  assert_int_equal (json_array_size (list), 0);
  json_decref (list);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_left_after_refusal),
    cmocka_unit_test (test_blocked),
    cmocka_unit_test (test_left_after_migration),
    cmocka_unit_test (test_answer_is_lost),
    cmocka_unit_test (test_server_dies_meanwhile),
    cmocka_unit_test (test_server_dies_in_the_last_second),
    cmocka_unit_test (test_monitor_is_busy),
    cmocka_unit_test (test_pause_of_resumed),
    cmocka_unit_test (test_timeline_of_nothing),
  };

  return scene_main (tests);
}
