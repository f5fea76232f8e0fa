/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What `baton migrate` tells of a migration (cli/migrate-report.c): what is
 * left set in the QEMUs, what to type next, and where the pass lies in the
 * guest's pause.
 */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "migrate-report.h"
#include "migrate-scene.h"

static char *const operands[] = { "/q/a", "/q/b", "/c/a", "/c/b" };

/* Stopped for good, and not passed; all that can be is left. */
static struct migrate
stopped (void)
{
  return (struct migrate) {
    .nr = 1, .result = MIGRATE_FAILED, .runner = MIGRATE_NOBODY,
    .images = MIGRATE_SRC, .why = "why",
    .src = { .path = operands[0], .state = "postmigrate" },
    .dst = { .path = operands[1], .state = "inmigrate" },
    .left = { .src_set = true, .dst_set = true, .dst_held = true,
              .dst_listens = true },
  };
}

/* Free it. */
static char *
failure_of (const struct migrate *m)
{
  const struct migrate_report r = { .m = m, .operands = operands };
  char *text;
  size_t len;
  FILE *f = open_memstream (&text, &len);

  assert_non_null (f);
  migrate_report_failure (f, &r);
  fclose (f);
  return text;
}

static bool
says (const struct migrate *m, const char *what)
{
  char *text = failure_of (m);
  const bool found = strstr (text, what) != NULL;

  free (text);
  return found;
}

static size_t
nr_left (const struct migrate *m)
{
  const struct migrate_report r = { .m = m, .operands = operands };
  json_t *o = migrate_report_json (&r);
  const size_t n = json_array_size (json_object_get (o, "left"));

  json_decref (o);
  return n;
}

/* -- what is left ----------------------------------------------------------------- */

/* What keeps a destination that waits is nothing to one that has its memory,
 * and nothing of one that has ended is left. */
static void
test_left (void **state)
{
  struct migrate m = stopped ();

  (void) state;
  assert_int_equal (nr_left (&m), 4);
  assert_true (says (&m, "will not run by itself"));
  assert_true (says (&m, "listens for a migration"));
  strcpy (m.dst.state, "paused");
  assert_int_equal (nr_left (&m), 2);
  assert_false (says (&m, "will not run by itself"));
  assert_false (says (&m, "listens for a migration"));
  m.dst.ended = true;
  assert_int_equal (nr_left (&m), 1);
  m.src.ended = true;
  assert_int_equal (nr_left (&m), 0);
  assert_false (says (&m, "stays so"));
}

static void
test_nothing_was_changed (void **state)
{
  struct migrate m = stopped ();

  (void) state;
  m.result = MIGRATE_NOT_STARTED;
  assert_true (says (&m, "nothing was migrated: "));
  assert_false (says (&m, "nothing was changed"));
  m.left = (struct migrate_left) { .src_set = false };
  assert_true (says (&m, "nothing was changed: "));
}

/* -- what to type ------------------------------------------------------------------ */

/* The command that goes on is not refused for what this one was allowed. */
static void
test_hint (void **state)
{
  struct migrate m = stopped ();

  (void) state;
  assert_true (says (&m, "to go on: baton migrate /q/a /q/b /c/a /c/b; to undo "
                         "it: baton migrate --cancel /q/a /q/b /c/a /c/b\n"));
  m.allow_other_disks = true;
  assert_true (says (&m, "to go on: baton migrate --allow-other-disks /q/a "
                         "/q/b /c/a /c/b; to undo it: baton migrate --cancel "
                         "/q/a"));
  m.allow_other_images = true;
  assert_true (says (&m, "baton migrate --allow-other-disks "
                         "--allow-other-images /q/a"));
  m.images = MIGRATE_DST;
  assert_false (says (&m, "--cancel"));
}

/* Who was told to cancel and says nothing may run, or stand still. */
static void
test_hint_silent (void **state)
{
  struct migrate m = stopped ();

  (void) state;
  m.runner = MIGRATE_UNKNOWN;
  m.src.state[0] = '\0';
  m.dst.ended = true;
  assert_true (says (&m, "make sure that it runs: baton migrate --cancel /q/a "
                         "/q/b /c/a /c/b; for the next attempt"));
  assert_false (says (&m, "may go on from there"));
  assert_false (says (&m, "to go on: "));
}

/* -- when it was -------------------------------------------------------------------- */

/* Of NAME in LIST, by KEY. */
static json_int_t
start_of (const json_t *list, const char *key, const char *name)
{
  size_t i;
  json_t *row;

  json_array_foreach (list, i, row)
    if (strcmp (json_string_value (json_object_get (row, key)), name) == 0)
      return json_integer_value (json_object_get (row, "start-us"));
  fail_msg ("there is no %s", name);
  return 0;
}

/* Both clocks are told apart by `pass-start-us`: the pass has begun, with its
 * checks, before the guest stopped. */
static void
test_pass_start (void **state)
{
  static const char *const steps[] = {
    "inactivate source", "activate destination",
  };
  struct choices c = { .max_faults = 0 };
  struct scene s = { .qemus = { .fault_at = 0 } };
  const struct migrate_report r = { .m = &s.m, .operands = operands };
  json_t *o, *images;
  json_int_t pass_us;
  size_t i;

  (void) state;
  scene_set_up (&s, &c);
  migrate_run (&s.m);
  qmp_world_stop (&s.qemus);
  assert_int_equal (s.m.result, MIGRATE_DONE);
  o = migrate_report_json (&r);
  assert_true (json_is_integer (json_object_get (o, "pass-start-us")));
  pass_us = json_integer_value (json_object_get (o, "pass-start-us"));
  assert_true (pass_us < 0);
  images = json_object_get (json_object_get (o, "pass"), "images");
  for (i = 0; i < sizeof steps / sizeof steps[0]; i++)
    assert_int_equal (
      pass_us + start_of (json_object_get (json_array_get (images, 0),
                                           "steps"), "step", steps[i]),
      start_of (json_object_get (o, "timeline"), "name", steps[i]));
  json_decref (o);
  scene_tear_down (&s);
}

/* Where nobody stopped there is no such clock. */
static void
test_no_pass_start (void **state)
{
  struct migrate m = stopped ();
  const struct migrate_report r = { .m = &m, .operands = operands };
  struct pass_run run = { .nr_records = 0 };
  json_t *o;

  (void) state;
  m.passed = true;
  m.pass = (struct group_run) { .nr = 1, .runs = &run, .start_us = 5 };
  o = migrate_report_json (&r);
  assert_true (json_is_null (json_object_get (o, "pass-start-us")));
  json_decref (o);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_left),
    cmocka_unit_test (test_nothing_was_changed),
    cmocka_unit_test (test_hint),
    cmocka_unit_test (test_hint_silent),
    cmocka_unit_test (test_pass_start),
    cmocka_unit_test (test_no_pass_start),
  };

  return scene_main (tests);
}
