/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A QEMU that does not answer `baton migrate` (cli/migrate-*.c), for a while or
 * for ever: while memory moves it is waited for, and said so; silence is taken
 * neither for the end of a migration nor for an answer; and it all ends in a
 * time that does not grow with the number of questions.
 */

#include <config.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clock.h"
#include "migrate-scene.h"

/* Both QEMUs are asked for their state this often before memory moves. */
#define FIRST_LOOKS 3

/* QUESTION_US: for each to a QEMU. */
static void
set_up (struct scene *s, struct choices *c, uint64_t question_us,
        uint64_t timeout_us)
{
  scene_set_up (s, c);
  s->m.src.timeout_us = s->m.dst.timeout_us = question_us;
  s->m.timeout_us = timeout_us;
}

static bool
is_warned (const struct migrate *m, const char *what)
{
  const char *text = json_string_value (json_array_get (m->warnings, 0));

  return text != NULL && strstr (text, what) != NULL;
}

/* -- for a while ----------------------------------------------------------------- */

static void
test_waited_for (void **state)
{
  struct choices c = { .max_faults = 0 };
  struct scene s = { .qemus = {
    .looks = 4, .silent_from = "query-status", .silent_after = FIRST_LOOKS + 1,
    .silent_for = 4 } };

  (void) state;
  set_up (&s, &c, 500000, 10000000);
  scene_migrate (&s);
  assert_int_equal (s.m.result, MIGRATE_DONE);
  assert_true (is_warned (&s.m, "QEMU does not answer; if it does not "
                          "within 10 s, or at ^C, the migration is "
                          "cancelled"));
  scene_tear_down (&s);
}

/* Between its two answers to one look. */
static void
test_half_an_answer (void **state)
{
  struct choices c = { .max_faults = 0 };
  struct scene s = { .qemus = {
    .looks = 4, .silent_from = "query-migrate", .silent_after = FIRST_LOOKS + 2,
    .silent_for = 2 } };

  (void) state;
  set_up (&s, &c, 500000, 10000000);
  scene_migrate (&s);
  assert_int_equal (s.m.result, MIGRATE_DONE);
  scene_tear_down (&s);
}

/* Only the answer to "migrate" is lost: it has begun. */
static void
test_start_unheard (void **state)
{
  struct choices c = { .max_faults = 0 };
  struct scene s = { .qemus = { .lost = "migrate", .looks = 2 } };

  (void) state;
  set_up (&s, &c, 500000, 10000000);
  scene_migrate (&s);
  assert_null (s.qemus.lost);
  assert_int_equal (s.m.result, MIGRATE_DONE);
  assert_string_equal (s.m.why, "");
  scene_tear_down (&s);
}

/* "migrate" was not heard, and "completed" is what became of an earlier one: the
 * VM runs. */
static void
test_completed_before (void **state)
{
  struct choices c = { .max_faults = 0 };
  struct scene s = { .qemus = {
    .before = "completed", .silent_from = "migrate", .silent_for = 2,
    .silent_deaf = true } };

  (void) state;
  set_up (&s, &c, 300000, 10000000);
  scene_migrate (&s);
  assert_int_equal (s.m.result, MIGRATE_BACK);
  assert_int_equal (s.m.images, MIGRATE_SRC);
  assert_int_equal (s.m.runner, MIGRATE_SRC);
  assert_false (s.m.passed);
  assert_string_equal (s.m.why,
                       "the migration has not begun, or was cancelled");
  scene_tear_down (&s);
}

/* Each answer comes too late, and comes: who is slow is not silent. */
static void
test_slow_is_not_silent (void **state)
{
  struct choices c = { .max_faults = 0 };
  struct scene s = { .qemus = { .looks = 6, .slow_from = 20, .slow_for = 3,
                                .slow_us = 600000 } };

  (void) state;
  set_up (&s, &c, 400000, 1100000);
  scene_migrate (&s);
  assert_true (s.qemus.nr_questions > s.qemus.slow_from + s.qemus.slow_for);
  assert_int_equal (s.m.result, MIGRATE_DONE);
  scene_tear_down (&s);
}

static volatile sig_atomic_t pressed;
static unsigned nr_looks;

static void
press_at_last (void *opaque, const struct vm *src)
{
  (void) opaque;
  (void) src;
  pressed = ++nr_looks > 25;
}

/* Who was silent, and answers within the time for a first question, though
 * not within that for a further one. */
static void
test_slow_after_silence (void **state)
{
  struct choices c = { .max_faults = 0 };
  struct scene s = { .qemus = {
    .looks = 4, .silent_from = "query-status", .silent_after = FIRST_LOOKS + 1,
    .silent_for = 2, .slow_from = 22, .slow_for = 30, .slow_us = 150000 } };

  (void) state;
  pressed = 0;
  nr_looks = 0;
  set_up (&s, &c, 500000, 10000000);
  s.m.interrupted = &pressed;
  s.m.on_progress = press_at_last;
  scene_migrate (&s);
  assert_int_equal (s.m.result, MIGRATE_DONE);
  scene_tear_down (&s);
}

/* -- for ever -------------------------------------------------------------------- */

static void
check_given_up (const struct scene *s)
{
  assert_int_equal (s->m.result, MIGRATE_FAILED);
  assert_string_equal (s->m.where, s->qemus.src.path);
  assert_string_equal (s->m.why, "the source's QEMU does not answer any more");
  assert_int_equal (s->m.runner, MIGRATE_UNKNOWN);
  assert_int_equal (s->m.images, MIGRATE_SRC);
}

static void
test_given_up (void **state)
{
  struct choices c = { .max_faults = 0 };
  struct scene s = { .qemus = {
    .looks = 8, .silent_from = "query-status", .silent_after = FIRST_LOOKS + 1,
  } };

  (void) state;
  set_up (&s, &c, 400000, 1000000);
  scene_migrate (&s);
  check_given_up (&s);
  assert_int_equal (json_array_size (s.m.warnings), 1);
  /* It was told to, all the same. */
  assert_string_equal (s.qemus.src.migration, "cancelled");
  assert_true (scene_runs (&s.qemus.src));
  assert_false (s.qemus.dst.alive);
  scene_tear_down (&s);
}

/* It has begun, and answers nothing any more: the guest must not be left
 * standing, nor "nothing was changed" be said. */
static void
test_silent_from_the_start (void **state)
{
  struct choices c = { .max_faults = 0 };
  struct scene s = { .qemus = { .silent_from = "migrate" } };

  (void) state;
  set_up (&s, &c, 400000, 1000000);
  scene_migrate (&s);
  check_given_up (&s);
  assert_true (scene_runs (&s.qemus.src));
  assert_false (s.qemus.dst.alive);
  scene_tear_down (&s);
}

/* A dozen questions, of which only the first to each is waited for. */
static void
test_both_are_silent (void **state)
{
  struct choices c = { .max_faults = 0 };
  struct scene s = { .qemus = {
    .looks = 8, .silent_from = "query-status", .silent_after = FIRST_LOOKS + 1,
    .silent_both = true, .silent_deaf = true } };
  uint64_t start_us;

  (void) state;
  set_up (&s, &c, 700000, 400000);
  start_us = clock_us ();
  migrate_run (&s.m);
  start_us = clock_us () - start_us;
  qmp_world_stop (&s.qemus);
  scene_check (&s);
  check_given_up (&s);
  assert_true (start_us > 700000);
  if (start_us > 7000000)
    fail_msg ("%u ms", (unsigned) (start_us / 1000));
  scene_tear_down (&s);
}

/* -- while it is cancelled ------------------------------------------------------------ */

static void
press (void *opaque, const struct vm *src)
{
  (void) opaque;
  (void) src;
  pressed = 1;
}

/* The source runs on, and says so when it is able to. */
static void
test_silence_is_no_end (void **state)
{
  struct choices c = { .max_faults = 0 };
  struct scene s = { .qemus = {
    .looks = 8, .silent_from = "migrate_cancel", .silent_for = 10 } };

  (void) state;
  pressed = 0;
  set_up (&s, &c, 500000, 10000000);
  s.m.interrupted = &pressed;
  s.m.on_progress = press;
  scene_migrate (&s);
  assert_int_equal (s.qemus.silent_for, 0);
  assert_string_equal (s.m.why, "interrupted");
  assert_int_equal (s.m.result, MIGRATE_BACK);
  assert_int_equal (s.m.runner, MIGRATE_SRC);
  scene_tear_down (&s);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_waited_for),
    cmocka_unit_test (test_half_an_answer),
    cmocka_unit_test (test_start_unheard),
    cmocka_unit_test (test_completed_before),
    cmocka_unit_test (test_slow_is_not_silent),
    cmocka_unit_test (test_slow_after_silence),
    cmocka_unit_test (test_given_up),
    cmocka_unit_test (test_silent_from_the_start),
    cmocka_unit_test (test_both_are_silent),
    cmocka_unit_test (test_silence_is_no_end),
  };

  return scene_main (tests);
}
