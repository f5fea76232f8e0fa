/* SPDX-License-Identifier: BSD-3-Clause
 *
 * `baton pass` in every interleaving of up to MAX_FAULTS lost, late, refused
 * and unsent questions and dying servers, with and without locks on the
 * image (cli-world.h): never two active servers, and never a word about the
 * owner that is not so.
 */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli-choices.h"
#include "cli-world.h"
#include "pass-run.h"

#define MAX_FAULTS 4

static void
check_owner (const struct pass *p, const struct world *w)
{
  const struct world_server *src = &w->src, *dst = &w->dst;

  /* A process may have ended since its last word. */
  if (p->owner == PASS_OWNER_SRC)
    assert_true (src->active || src->dead || src->pid != 1);
  if (p->owner == PASS_OWNER_DST)
    assert_true (dst->active || dst->dead || dst->pid != 2);
  if (p->owner == PASS_OWNER_NONE)
    assert_true (!src->active && !dst->active);
}

static void
check_result (const struct pass *p, const struct world *w)
{
  switch (p->result) {
  case PASS_DONE:
    assert_int_equal (p->owner, PASS_OWNER_DST);
    assert_false (w->src.active);
    return;
  case PASS_ROLLED_BACK:
    assert_int_equal (p->owner, PASS_OWNER_SRC);
    assert_false (w->dst.active);
    return;
  case PASS_NOT_STARTED:
    assert_true (p->reason != PASS_REASON_NONE);
    assert_false (w->dst.active);
    assert_true (w->src.active || w->src.dead || w->src.pid != 1);
    return;
  default:
    assert_int_equal (p->result, PASS_FAILED);
    assert_true (p->reason != PASS_REASON_NONE);
    assert_true (p->owner == PASS_OWNER_NONE ||
                 p->owner == PASS_OWNER_UNKNOWN);
  }
}

static bool
was_told (const struct pass_run *run, enum pass_step step)
{
  const struct answer *a = pass_run_answer (run, step);

  return a != NULL && a->outcome == OUTCOME_DONE;
}

/* The destination was given the ticket of the release before it, unless the
 * source did not tell it. */
static void
check_ticket (const struct pass_run *run, const struct world *w)
{
  const bool told = was_told (run, PASS_INACTIVATE_SRC) ||
                    was_told (run, PASS_FETCH_TICKET);

  assert_int_equal (w->src.asked_with, 0);
  if (pass_run_answer (run, PASS_ACTIVATE_DST) == NULL)
    return;
  if (told && w->src.pid == 1)
    assert_true (w->dst.asked_with != 0);
  if (w->dst.asked_with != 0)
    assert_int_equal (w->dst.asked_with, w->src.ticket);
}

/* So that a failure can be understood. */
static void
tell (const struct pass_run *run, const struct world *w)
{
  const struct choices *c = w->opaque;
  size_t i;

  print_error ("%s locks; fates:", w->locks ? "with" : "without");
  for (i = 0; i < c->len; i++)
    print_error (" %d", c->fates[i]);
  print_error ("\n");
  for (i = 0; i < run->nr_records; i++)
    print_error ("  %s: %s\n", pass_step_name (run->records[i].step),
                 outcome_name (run->records[i].answer.outcome));
}

/* Once all that waited has been carried out: what was said to be at the
 * source is there still. */
static bool
stays (const struct pass_run *run, const struct world *w)
{
  const struct answer *back = pass_run_answer (run, PASS_ROLL_BACK);
  const bool promised = run->pass.result == PASS_NOT_STARTED ||
                        (run->pass.result == PASS_ROLLED_BACK &&
                         back->outcome == OUTCOME_DONE);

  return !promised || w->src.active || w->src.dead || w->src.pid != 1;
}

static void
check_world (const struct pass_run *run, struct world *w)
{
  assert_int_equal (run->pass.step, PASS_END);
  check_owner (&run->pass, w);
  check_result (&run->pass, w);
  check_ticket (run, w);
  world_end (w);
  if (w->both_were_active || !stays (run, w))
    tell (run, w);
  assert_true (stays (run, w));
  assert_false (w->both_were_active);
}

static unsigned
run_all (struct choices *c, bool locks,
         void (*check) (const struct pass_run *run, struct world *w))
{
  struct pass_run run;
  struct world w;
  unsigned n = 0;

  do {
    world_init (&w, locks, choices_choose, c);
    pass_run (&w.src.peer, &w.dst.peer, NULL, &run);
    check (&run, &w);
    pass_run_clear (&run);
    n++;
  } while (choices_next (c, 0));
  return n;
}

static void
test_every_interleaving (void **state)
{
  int locks;

  (void) state;
  for (locks = 0; locks <= 1; locks++) {
    struct choices c = { .max_faults = MAX_FAULTS };

    print_message ("%s locks: %u runs\n", locks ? "with" : "without",
                   run_all (&c, locks, check_world));
  }
}

/* One lost connection is mended by asking again, and one refusal by the
 * destination by the way back. */
static void
check_mended (const struct pass_run *run, struct world *w)
{
  const struct choices *c = w->opaque;
  unsigned i, worst = FATE_OK;

  for (i = 0; i < c->len; i++)
    if (c->fates[i] > worst)
      worst = c->fates[i];
  if (worst == FATE_BROKEN_BEFORE || worst == FATE_BROKEN_AFTER ||
      worst == FATE_BROKEN_LATE || worst == FATE_OK)
    assert_int_equal (run->pass.result, PASS_DONE);
  if (worst == FATE_REFUSED)
    assert_true (run->pass.result != PASS_FAILED);
  if (!w->src.dead && w->src.pid == 1 && run->pass.result == PASS_FAILED)
    /* Only an unanswered destination, or a source that forgot to answer,
     * may leave it open. */
    assert_true (worst >= FATE_TIMEOUT_BEFORE && worst != FATE_REFUSED);
}

static void
test_one_fault (void **state)
{
  int locks;

  (void) state;
  for (locks = 0; locks <= 1; locks++) {
    struct choices c = { .max_faults = 1 };

    assert_true (run_all (&c, locks, check_mended) > 40);
  }
}

static void
check_smooth (const struct pass_run *run, struct world *w)
{
  static const enum pass_step steps[] = {
    PASS_ASK_SRC, PASS_ASK_DST, PASS_FLUSH_SRC, PASS_INACTIVATE_SRC,
    PASS_ACTIVATE_DST,
  };
  size_t i;

  (void) w;
  assert_int_equal (run->pass.result, PASS_DONE);
  assert_int_equal (run->nr_records, 5);
  for (i = 0; i < 5; i++)
    assert_int_equal (run->records[i].step, steps[i]);
  assert_true (run->paused);
  assert_string_equal (field_string (run->dst_status, "state"), "active");
  assert_string_equal (field_string (run->src_status, "state"), "inactive");
}

static void
test_smooth (void **state)
{
  struct choices c = { .max_faults = 0 };

  (void) state;
  assert_int_equal (run_all (&c, true, check_smooth), 1);
}

/* -- after a caller who died on the way --------------------------------- */

static void
check_resumed (const struct pass_run *run, struct world *w)
{
  const struct choices *c = w->opaque;

  assert_int_equal (run->pass.step, PASS_END);
  check_owner (&run->pass, w);
  assert_null (pass_run_answer (run, PASS_ROLL_BACK));
  if (c->nr_faults == 0)
    assert_int_equal (run->pass.result, PASS_DONE);
  if (run->pass.result == PASS_DONE)
    assert_int_equal (w->dst.asked_with, 1);
  else if (run->pass.result == PASS_NOT_STARTED)
    assert_false (w->dst.active);
  world_end (w);
  assert_false (w->both_were_active);
}

static void
test_resume (void **state)
{
  struct choices c = { .max_faults = MAX_FAULTS };
  struct pass_run run;
  struct world w;

  (void) state;
  do {
    world_init (&w, true, choices_choose, &c);
    w.src.active = false;
    w.src.ticket = w.epoch;
    w.held = false;
    pass_run (&w.src.peer, &w.dst.peer, NULL, &run);
    check_resumed (&run, &w);
    pass_run_clear (&run);
  } while (choices_next (&c, 0));
}

/* A source that has no ticket never had the image, or has forgotten. */
static void
test_nothing_to_resume (void **state)
{
  struct choices c = { .max_faults = 0 };
  struct pass_run run;
  struct world w;

  (void) state;
  world_init (&w, true, choices_choose, &c);
  w.src.active = false;
  pass_run (&w.src.peer, &w.dst.peer, NULL, &run);
  assert_int_equal (run.pass.result, PASS_NOT_STARTED);
  assert_int_equal (run.pass.reason, PASS_REASON_NONE_ACTIVE);
  assert_int_equal (run.pass.owner, PASS_OWNER_NONE);
  assert_false (w.dst.active);
  pass_run_clear (&run);
}

/* -- before anything is changed ---------------------------------------- */

static void
check_start (const char *src, const char *dst, enum pass_result result,
             enum pass_reason reason, enum pass_owner owner)
{
  struct pass_event e = { .outcome = OUTCOME_DONE };
  struct pass p;
  const char *const statuses[] = { src, dst };
  int i;

  pass_begin (&p, false);
  for (i = 0; i < 2; i++) {
    json_t *status = json_loads (statuses[i], 0, NULL);

    assert_non_null (status);
    pass_view_parse (status, &e.view);
    pass_advance (&p, &e);
    json_decref (status);
  }
  assert_int_equal (p.step, PASS_END);
  assert_int_equal (p.result, result);
  assert_int_equal (p.reason, reason);
  assert_int_equal (p.owner, owner);
}

static void
refused (const char *src, const char *dst, enum pass_reason reason,
         enum pass_owner owner)
{
  check_start (src, dst, PASS_NOT_STARTED, reason, owner);
}

static void
test_obstacles (void **state)
{
  const char *active = "{\"state\":\"active\"}";
  const char *inactive = "{\"state\":\"inactive\"}";

  (void) state;
  check_start (inactive, active, PASS_ALREADY_DONE, PASS_REASON_NONE,
               PASS_OWNER_DST);
  refused (active, active, PASS_REASON_BOTH_ACTIVE, PASS_OWNER_UNKNOWN);
  refused (inactive, "{\"state\":\"inactive\",\"read-only\":true}",
           PASS_REASON_DST_READ_ONLY, PASS_OWNER_NONE);
  refused ("{\"state\":\"inactivating\"}", inactive, PASS_REASON_SRC_BUSY,
           PASS_OWNER_UNKNOWN);
  refused ("{}", inactive, PASS_REASON_SRC_BUSY, PASS_OWNER_UNKNOWN);
  refused (active, "{\"state\":\"activating\"}", PASS_REASON_DST_BUSY,
           PASS_OWNER_SRC);
  refused (active, "{\"state\":\"dormant\"}", PASS_REASON_DST_BUSY,
           PASS_OWNER_SRC);
  refused (active, "{\"state\":\"inactive\",\"read-only\":true}",
           PASS_REASON_DST_READ_ONLY, PASS_OWNER_SRC);
  refused ("{\"state\":\"active\",\"virtual-size\":512}",
           "{\"state\":\"inactive\",\"virtual-size\":1024}",
           PASS_REASON_SIZES_DIFFER, PASS_OWNER_SRC);
  refused ("{\"state\":\"active\",\"file-number\":7}",
           "{\"state\":\"inactive\",\"file-number\":8}",
           PASS_REASON_FILES_DIFFER, PASS_OWNER_SRC);
  refused ("{\"state\":\"active\",\"file-number\":7,\"data-file-number\":1}",
           "{\"state\":\"inactive\",\"file-number\":7,"
           "\"data-file-number\":2}",
           PASS_REASON_DATA_FILES_DIFFER, PASS_OWNER_SRC);
  refused ("{\"state\":\"active\",\"host\":\"h\",\"pid\":7}",
           "{\"state\":\"active\",\"host\":\"h\",\"pid\":7}",
           PASS_REASON_SAME_SERVER, PASS_OWNER_UNKNOWN);
  /* The same number on two hosts is not the same process. */
  check_start ("{\"state\":\"inactive\",\"host\":\"g\",\"pid\":7}",
               "{\"state\":\"active\",\"host\":\"h\",\"pid\":7}",
               PASS_ALREADY_DONE, PASS_REASON_NONE, PASS_OWNER_DST);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_smooth),
    cmocka_unit_test (test_obstacles),
    cmocka_unit_test (test_resume),
    cmocka_unit_test (test_nothing_to_resume),
    cmocka_unit_test (test_one_fault),
    cmocka_unit_test (test_every_interleaving),
  };

  return cmocka_run_group_tests_name ("cli-pass", tests, NULL, NULL);
}
