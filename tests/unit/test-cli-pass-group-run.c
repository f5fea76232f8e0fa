/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Passing a group, done and told (group-run.c, group-report.c), in the model
 * of cli-world.h: what each question is asked with, with up to 2 faults
 * anywhere; what is said, word for word; and that a round's questions are
 * asked at the same time.
 */

#include <config.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli-choices.h"
#include "cli-world.h"
#include "group-report.h"
#include "group-run.h"

#define NR 2

/* So that the choices come in one order. */
static void
one_by_one (size_t nr, parallel_work work, void *opaque)
{
  size_t i;

  for (i = 0; i < nr; i++)
    work (opaque, i);
}

struct scene {
  struct world worlds[NR];
  struct peer *srcs[NR], *dsts[NR];
};

static void
set_up (struct scene *s,
        enum fate (*choose_fate) (struct world *w, const char *execute),
        void *opaque)
{
  static const char *const hosts[NR] = { "h0", "h1" };
  static const char *const names[] = { "/a0", "/b0", "/a1", "/b1" };
  unsigned i;

  for (i = 0; i < NR; i++) {
    struct world *w = &s->worlds[i];

    world_init (w, true, choose_fate, opaque);
    w->host = hosts[i];
    w->records = true;
    w->src.peer.endpoint = names[2 * i];
    w->dst.peer.endpoint = names[2 * i + 1];
    s->srcs[i] = &w->src.peer;
    s->dsts[i] = &w->dst.peer;
  }
}

/* -- every question ----------------------------------------------------------- */

static const struct pass_record *
record_of (const struct pass_run *r, enum pass_step step)
{
  size_t i;

  for (i = 0; i < r->nr_records; i++)
    if (r->records[i].step == step)
      return &r->records[i];
  return NULL;
}

static bool
is_there (const struct world_server *s)
{
  return s->active || s->dead || s->pid > 2;
}

static void
check_member (const struct pass_run *r, const struct world *w)
{
  size_t i, j;

  assert_false (w->both_were_active);
  assert_int_equal (r->pass.step, PASS_END);
  for (i = 0; i < r->nr_records; i++)
    for (j = 0; j < i; j++)
      assert_int_not_equal (r->records[i].step, r->records[j].step);
  if (r->pass.owner == PASS_OWNER_SRC)
    assert_true (is_there (&w->src));
  if (r->pass.owner == PASS_OWNER_DST)
    assert_true (is_there (&w->dst));
  /* What went back went with the ticket of the release that came last. */
  if (record_of (r, PASS_RETURN_SRC) != NULL)
    assert_true (w->src.asked_with == w->dst.ticket ||
                 w->dst.pid > 2 || w->dst.dead);
  if (record_of (r, PASS_ACTIVATE_DST) != NULL && w->src.pid == 1)
    assert_true (w->dst.asked_with == 1 ||
                 record_of (r, PASS_INACTIVATE_SRC)->answer.outcome !=
                   OUTCOME_DONE);
}

static void
check_together (const struct group_run *g)
{
  size_t i, nr_src = 0, nr_dst = 0;

  for (i = 0; i < g->nr; i++) {
    nr_src += g->runs[i].pass.owner == PASS_OWNER_SRC;
    nr_dst += g->runs[i].pass.owner == PASS_OWNER_DST;
  }
  if (g->result == PASS_DONE)
    assert_int_equal (nr_dst, g->nr);
  if (g->result == PASS_ROLLED_BACK)
    assert_int_equal (nr_src, g->nr);
}

static void
test_every_question (void **state)
{
  struct choices c = { .max_faults = 2 };
  struct group_run g;
  struct scene s;
  unsigned i, n = 0;

  (void) state;
  do {
    set_up (&s, choices_choose, &c);
    assert_int_equal (group_run (NR, s.srcs, s.dsts, NULL, one_by_one, &g), 0);
    for (i = 0; i < NR; i++)
      check_member (&g.runs[i], &s.worlds[i]);
    check_together (&g);
    group_run_clear (&g);
    n++;
  } while (choices_next (&c, 0));
  print_message ("%u runs\n", n);
  assert_true (n > 5000);
}

/* -- at the same time ----------------------------------------------------------- */

/* Two who meet: the first waits for the second, for a while. */
struct meeting {
  pthread_mutex_t lock;
  pthread_cond_t both;
  unsigned nr_here, nr_met;
};

static enum fate
meet (struct world *w, const char *execute)
{
  struct meeting *m = w->opaque;
  struct timespec until;

  if (execute == NULL)
    return FATE_OK;
  clock_gettime (CLOCK_REALTIME, &until);
  until.tv_sec += 10;
  pthread_mutex_lock (&m->lock);
  if (++m->nr_here % NR == 0) {
    m->nr_met++;
    pthread_cond_broadcast (&m->both);
  }
  else {
    const unsigned met = m->nr_met;

    while (m->nr_met == met &&
           pthread_cond_timedwait (&m->both, &m->lock, &until) == 0)
      ;
  }
  pthread_mutex_unlock (&m->lock);
  return FATE_OK;
}

/* Look, flush, inactivate, activate: each pair of questions meets, or the
 * first would have waited in vain. */
static void
test_at_the_same_time (void **state)
{
  struct meeting m = {
    .lock = PTHREAD_MUTEX_INITIALIZER, .both = PTHREAD_COND_INITIALIZER,
  };
  struct group_run g;
  struct scene s;
  size_t i, j;

  (void) state;
  set_up (&s, meet, &m);
  assert_int_equal (group_run (NR, s.srcs, s.dsts, NULL, parallel_each, &g),
                    0);
  assert_int_equal (g.result, PASS_DONE);
  assert_int_equal (m.nr_met, 4);
  for (i = 0; i < NR; i++)
    for (j = 0; j < g.runs[i].nr_records; j++)
      assert_true (g.runs[i].records[j].answer.us < 5000000);
  group_run_clear (&g);
}

/* -- what is said --------------------------------------------------------------- */

/* The COUNTth question for EXECUTE, of all, has FATE. */
struct plan {
  const char *execute;
  int count;
  enum fate fate;
};

static enum fate
planned (struct world *w, const char *execute)
{
  struct plan *p = w->opaque;

  for (; p->execute != NULL; p++)
    if (execute != NULL && strcmp (execute, p->execute) == 0 &&
        --p->count == 0)
      return p->fate;
  return FATE_OK;
}

static char *const endpoints[] = { "/a0", "/b0", "/a1", "/b1" };

/* As if: so that no text depends on the clock. */
static void
pretend (struct group_run *g)
{
  size_t i, j;

  g->pause_us = 2000;
  for (i = 0; i < g->nr; i++) {
    g->runs[i].pause_us = 1500;
    for (j = 0; j < g->runs[i].nr_records; j++) {
      g->runs[i].records[j].start_us = 1000 * j;
      g->runs[i].records[j].answer.us = 1000;
    }
  }
}

static void
check_said (struct plan *plan, const char *out, const char *err)
{
  struct group_run g;
  struct scene s;
  char *texts[2];
  size_t lens[2];
  FILE *files[2];
  int i;

  set_up (&s, planned, plan);
  assert_int_equal (group_run (NR, s.srcs, s.dsts, NULL, one_by_one, &g), 0);
  pretend (&g);
  for (i = 0; i < 2; i++) {
    files[i] = open_memstream (&texts[i], &lens[i]);
    assert_non_null (files[i]);
  }
  group_report_text (files[0], files[1],
                     &(struct group_report) { &g, endpoints });
  for (i = 0; i < 2; i++)
    assert_int_equal (fclose (files[i]), 0);
  if (out != NULL)
    assert_string_equal (texts[0], out);
  assert_string_equal (texts[1], err);
  free (texts[0]);
  free (texts[1]);
  group_run_clear (&g);
}

static void
test_success (void **state)
{
  struct plan plan[] = { { NULL, 0, FATE_OK } };

  (void) state;
  check_said (plan,
    "passed 2 images\n"
    "  /i.qcow2\n    from /a0\n    to   /b0\n"
    "  /i.qcow2\n    from /a1\n    to   /b1\n"
    "the guest waited 2 ms\n"
    "\n"
    "/i.qcow2\n"
    "  flush source                1000 us  #############\n"
    "  inactivate source           1000 us               ##############\n"
    "  activate destination        1000 us                            "
    "##############\n"
    "  pause                       1500 us               "
    "====================\n"
    "/i.qcow2\n"
    "  flush source                1000 us  #############\n"
    "  inactivate source           1000 us               ##############\n"
    "  activate destination        1000 us                            "
    "##############\n"
    "  pause                       1500 us               "
    "====================\n",
    "");
}

static void
test_rolled_back (void **state)
{
  struct plan plan[] = {
    { "activate", 2, FATE_REFUSED }, { NULL, 0, FATE_OK },
  };

  (void) state;
  check_said (plan, NULL,
    "baton: rolled back: /a0 is active again and serves the image, after a "
    "pause of 1.5 ms\n"
    "baton: /b1: activate refused: cannot do that (StaleView)\n"
    "baton: rolled back: /a1 is active again and serves the image, after a "
    "pause of 1.5 ms\n"
    "baton: none of the 2 images was passed: all are served by their "
    "sources\n");
}

static void
test_unchanged (void **state)
{
  struct plan plan[] = {
    { "invalidate", 2, FATE_REFUSED }, { NULL, 0, FATE_OK },
  };

  (void) state;
  check_said (plan, "",
    "baton: nothing was changed: /a0 is active and serves the image\n"
    "baton: /b1: invalidate refused: cannot do that (StaleView)\n"
    "baton: nothing was changed: /a1 is active and serves the image\n"
    "baton: none of the 2 images was passed: all are as they were\n");
}

/* The first is at its destination, which does not give it back. */
static void
test_not_together (void **state)
{
  struct plan plan[] = {
    { "activate", 2, FATE_REFUSED }, { "inactivate", 3, FATE_REFUSED },
    { NULL, 0, FATE_OK },
  };

  (void) state;
  check_said (plan, NULL,
    "baton: /b0: inactivate refused: cannot do that (StaleView)\n"
    "baton: /b0 is active and serves the image\n"
    "baton: /b1: activate refused: cannot do that (StaleView)\n"
    "baton: rolled back: /a1 is active again and serves the image, after a "
    "pause of 1.5 ms\n"
    "baton: the 2 images are NOT TOGETHER: 1 served by the source, 1 by the "
    "destination, 0 by nobody, 0 not known\n"
    "baton: hint: to go on: baton pass /a0 /b0 /a1 /b1; to undo it: baton "
    "pass /b0 /a0 /b1 /a1\n");
}

static void
test_silent (void **state)
{
  struct plan plan[] = {
    { "activate", 2, FATE_DIES_AFTER }, { NULL, 0, FATE_OK },
  };

  (void) state;
  check_said (plan, NULL,
    "baton: rolled back: /a0 is active again and serves the image, after a "
    "pause of 1.5 ms\n"
    "baton: /b1: the connection was lost; then: cannot connect: whether it "
    "was done is not known\n"
    "baton: /a1: activate refused: cannot do that (Overtaken)\n"
    "baton: who has the image is NOT KNOWN: /a1 is inactive, /b1 does not "
    "tell\n"
    "baton: the 2 images are NOT TOGETHER: 1 served by the source, 0 by the "
    "destination, 0 by nobody, 1 not known\n"
    "baton: hint: /b1 does not answer: if its process has ended, start it "
    "again\n"
    "baton: hint: to go on: baton pass /a0 /b0 /a1 /b1; to undo it: baton "
    "pass /b0 /a0 /b1 /a1\n");
}

static void
test_json (void **state)
{
  struct plan plan[] = {
    { "activate", 2, FATE_REFUSED }, { NULL, 0, FATE_OK },
  };
  struct group_report report = { NULL, endpoints };
  struct group_run g;
  struct scene s;
  json_t *o, *image;

  (void) state;
  set_up (&s, planned, plan);
  assert_int_equal (group_run (NR, s.srcs, s.dsts, NULL, one_by_one, &g), 0);
  report.run = &g;
  assert_false (group_report_ok (&report));
  o = group_report_json (&report);
  assert_string_equal (field_string (o, "result"), "rolled-back");
  assert_string_equal (field_string (o, "owner"), "src");
  assert_true (json_is_integer (json_object_get (o, "pause-us")));
  assert_int_equal (json_array_size (json_object_get (o, "message")), 4);
  image = json_array_get (json_object_get (o, "images"), 1);
  assert_string_equal (field_string (image, "source"), "/a1");
  assert_string_equal (field_string (image, "destination"), "/b1");
  assert_int_equal (json_array_size (json_object_get (image, "steps")), 8);
  json_decref (o);
  group_run_clear (&g);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_success),
    cmocka_unit_test (test_rolled_back),
    cmocka_unit_test (test_unchanged),
    cmocka_unit_test (test_not_together),
    cmocka_unit_test (test_silent),
    cmocka_unit_test (test_json),
    cmocka_unit_test (test_at_the_same_time),
    cmocka_unit_test (test_every_question),
  };

  return cmocka_run_group_tests_name ("cli-pass-group-run", tests, NULL, NULL);
}
