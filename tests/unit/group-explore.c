/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Every state of a group's decisions and of its servers (group-explore.h):
 * breadth first, each state once.
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

#include "group-explore.h"
#include "group-local.h"
#include "pass-group.h"
#include "state-set.h"


/* A state: of the group, and of each member by its number. */
struct joint {
  uint8_t phase, compared, nr_deaths;
  uint32_t locals[GROUP_MAX_PAIRS];
};

/* What a member's question leads to, by the number of its state. */
struct successor {
  struct pass_event event;
  uint32_t after;
};

struct successors {
  bool known;
  unsigned nr;
  struct successor *list;
};

struct explorer {
  unsigned nr_pairs, max_faults, max_deaths;
  bool locks;
  struct state_set locals, joints;
  struct successors *successors;        /* of each local */
  uint32_t max_successors;
  uint32_t nr_ends[PASS_FAILED + 1];
};

/* -- states ---------------------------------------------------------------- */

static uint32_t
number_of_local (struct explorer *x, const struct local *l)
{
  bool new;

  return state_set_number (&x->locals, l, &new);
}

static const struct local *
local_at (const struct explorer *x, uint32_t i)
{
  return (const struct local *) x->locals.values + i;
}

static struct successors *
successors_at (struct explorer *x, uint32_t i)
{
  const uint32_t old = x->max_successors;

  if (i >= old) {
    x->max_successors = x->locals.max;
    x->successors = state_set_must (realloc (x->successors, x->max_successors *
                                   sizeof *x->successors));
    memset (x->successors + old, 0,
            (x->max_successors - old) * sizeof *x->successors);
  }
  return &x->successors[i];
}

static const struct successors *
successors_of (struct explorer *x, uint32_t i, unsigned max_faults)
{
  struct local_outcome outcomes[MAX_OUTCOMES];
  const struct local from = *local_at (x, i);
  struct successors s = { .known = true };
  unsigned j;

  if (successors_at (x, i)->known)
    return successors_at (x, i);
  s.nr = local_ask (&from, max_faults, outcomes);
  s.list = state_set_must (calloc (s.nr, sizeof *s.list));
  for (j = 0; j < s.nr; j++)
    s.list[j] = (struct successor) {
      outcomes[j].event, number_of_local (x, &outcomes[j].after),
    };
  *successors_at (x, i) = s;
  return successors_at (x, i);
}

/* A group that can be advanced. */
struct awake {
  struct group group;
  struct local locals[GROUP_MAX_PAIRS];
  struct pass *members[GROUP_MAX_PAIRS];
};

static void
wake (const struct explorer *x, const struct joint *j, struct awake *ret)
{
  unsigned i;

  ret->group = (struct group) { .phase = j->phase, .compared = j->compared };
  for (i = 0; i < x->nr_pairs; i++) {
    memcpy (&ret->locals[i], local_at (x, j->locals[i]), sizeof ret->locals[i]);
    ret->members[i] = &ret->locals[i].pass;
  }
}

static int
compare_numbers (const void *a, const void *b)
{
  const uint32_t x = *(const uint32_t *) a, y = *(const uint32_t *) b;

  return (x > y) - (x < y);
}

/* All pairs are alike, so their order makes no difference. */
static void
number_awake (struct explorer *x, const struct awake *a, unsigned nr_deaths,
              struct joint *ret)
{
  unsigned i;

  memset (ret, 0, sizeof *ret);
  ret->phase = (uint8_t) a->group.phase;
  ret->compared = a->group.compared;
  ret->nr_deaths = (uint8_t) nr_deaths;
  for (i = 0; i < x->nr_pairs; i++) {
    struct local l;

    memcpy (&l, &a->locals[i], sizeof l);
    local_fold (&l, x->max_deaths == 0);
    ret->locals[i] = number_of_local (x, &l);
  }
  qsort (ret->locals, x->nr_pairs, sizeof ret->locals[0], compare_numbers);
}

/* -- what must hold -------------------------------------------------------- */

static void
tell (const struct explorer *x, const struct awake *a)
{
  unsigned i;

  print_error ("phase %d\n", a->group.phase);
  for (i = 0; i < x->nr_pairs; i++) {
    const struct local *l = &a->locals[i];

    print_error ("  %s, result %d owner %d reason %d culprit %s; src %s%s%s "
                 "ticket %d, dst %s%s%s ticket %d; epoch %d %s%s; faults %d\n",
                 pass_step_name (l->pass.step), l->pass.result, l->pass.owner,
                 l->pass.reason, pass_step_name (l->pass.culprit),
                 l->world.src.active ? "active" : "inactive",
                 l->world.src.dead ? " dead" : "",
                 l->world.src.nr_waiting ? " waiting" : "",
                 l->world.src.ticket,
                 l->world.dst.active ? "active" : "inactive",
                 l->world.dst.dead ? " dead" : "",
                 l->world.dst.nr_waiting ? " waiting" : "",
                 l->world.dst.ticket, l->world.epoch,
                 l->world.held ? "held" : "released",
                 l->world.held_by_dst ? " by dst" : "", l->nr_faults);
  }
}

#define HOLDS(x, a, condition)                                              \
  do {                                                                      \
    if (!(condition)) {                                                     \
      tell (x, a);                                                          \
      fail_msg ("%s", #condition);                                          \
    }                                                                       \
  } while (0)

/* Where locks decide, one fault that kills nobody leaves nothing open. */
static bool
one_is_mended (const struct explorer *x, const struct awake *a)
{
  unsigned i, nr_faults = 0;

  for (i = 0; i < x->nr_pairs; i++) {
    const struct local *l = &a->locals[i];

    nr_faults += l->nr_faults;
    if (l->folded ? l->died : !local_same_process (l, false) ||
                              !local_same_process (l, true))
      return false;
  }
  return nr_faults == 1 && x->max_deaths == 0 && x->locks;
}

static void
check_end (struct explorer *x, const struct awake *a)
{
  const enum pass_result result = group_result (a->members, x->nr_pairs);
  bool excused = false;
  unsigned i;

  for (i = 0; i < x->nr_pairs; i++) {
    HOLDS (x, a, local_fits (&a->locals[i], result));
    excused |= a->locals[i].excused;
  }
  HOLDS (x, a, result != PASS_FAILED || excused);
  HOLDS (x, a, result != PASS_FAILED || !one_is_mended (x, a));
  x->nr_ends[result]++;
}

static void
check_always (struct explorer *x, const struct awake *a)
{
  bool activates = false, src_active = false;
  unsigned i;

  for (i = 0; i < x->nr_pairs; i++) {
    const struct local *l = &a->locals[i];

    HOLDS (x, a, !l->world.both_were_active);
    activates |= l->pass.step == PASS_ACTIVATE_DST &&
                 group_asks (&a->group, &l->pass);
    src_active |= l->world.src.active;
  }
  HOLDS (x, a, !activates || !src_active);
}

/* -- going on -------------------------------------------------------------- */

static void
visit (struct explorer *x, const struct awake *a, unsigned nr_deaths)
{
  struct joint j;
  bool new;

  number_awake (x, a, nr_deaths, &j);
  state_set_number (&x->joints, &j, &new);
}

static bool
asks_any (const struct explorer *x, const struct awake *a)
{
  unsigned i;

  for (i = 0; i < x->nr_pairs; i++)
    if (group_asks (&a->group, a->members[i]))
      return true;
  return false;
}

/* Take the successors WHICH of those that are asked. */
static void
advance (struct explorer *x, struct awake *a, const struct joint *j,
         const unsigned *which)
{
  struct pass_event events[GROUP_MAX_PAIRS];
  unsigned i;

  memset (events, 0, sizeof events);
  for (i = 0; i < x->nr_pairs; i++)
    if (group_asks (&a->group, a->members[i])) {
      const struct successor *s =
        &successors_of (x, j->locals[i], x->max_faults)->list[which[i]];

      events[i] = s->event;
      memcpy (&a->locals[i], local_at (x, s->after), sizeof a->locals[i]);
    }
  group_advance (&a->group, a->members, x->nr_pairs, events);
}

static void
begin (const struct explorer *x, struct awake *a)
{
  unsigned i;

  for (i = 0; i < x->nr_pairs; i++)
    local_begin (&a->locals[i]);
  group_begin (&a->group, a->members, x->nr_pairs);
}

/* The image is where its servers know the way on: a server that was started
 * again has forgotten what it gave away. */
static bool
can_go_on (const struct local *l)
{
  const struct world *w = &l->world;

  return local_same_process (l, false) && !w->dst.dead &&
         (local_same_process (l, true) || w->held ||
          w->epoch == w->src.ticket);
}

/* The same command, and nothing goes wrong any more. */
static void
check_goes_on (struct explorer *x, const struct awake *start)
{
  static const unsigned good[GROUP_MAX_PAIRS];
  struct awake a;
  struct joint j;
  unsigned i;

  for (i = 0; i < x->nr_pairs; i++)
    if (!can_go_on (&start->locals[i]))
      return;
  number_awake (x, start, 0, &j);
  wake (x, &j, &a);
  while (asks_any (x, &a)) {
    advance (x, &a, &j, good);
    number_awake (x, &a, 0, &j);
    wake (x, &j, &a);
  }
  HOLDS (x, &a, group_result (a.members, x->nr_pairs) == PASS_DONE ||
                group_result (a.members, x->nr_pairs) == PASS_ALREADY_DONE);
}

/* Another caller, after the first has died or ended. */
static void
come_again (struct explorer *x, struct awake *a, unsigned nr_deaths)
{
  const uint32_t nr = x->joints.nr;

  if (nr_deaths > x->max_deaths)
    return;
  begin (x, a);
  visit (x, a, nr_deaths);
  if (x->joints.nr > nr)
    check_goes_on (x, a);
}

static bool
too_many_faults (const struct explorer *x, const struct awake *a)
{
  unsigned i, nr = 0;

  for (i = 0; i < x->nr_pairs; i++)
    nr += a->locals[i].nr_faults;
  return nr > x->max_faults;
}

static void
take (struct explorer *x, const struct joint *j, const unsigned *which)
{
  struct awake a;

  wake (x, j, &a);
  advance (x, &a, j, which);
  if (too_many_faults (x, &a))
    return;
  check_always (x, &a);
  visit (x, &a, j->nr_deaths);
  /* What the servers did is done, though nobody heard it. */
  come_again (x, &a, j->nr_deaths + 1);
}

/* Each combination of what can come of each question. */
static void
take_all (struct explorer *x, const struct joint *j, const struct awake *a)
{
  unsigned which[GROUP_MAX_PAIRS] = { 0 }, limits[GROUP_MAX_PAIRS], i;

  for (i = 0; i < x->nr_pairs; i++)
    limits[i] = group_asks (&a->group, a->members[i])
      ? successors_of (x, j->locals[i], x->max_faults)->nr : 1;
  do {
    take (x, j, which);
    for (i = 0; i < x->nr_pairs && ++which[i] == limits[i]; i++)
      which[i] = 0;
  } while (i < x->nr_pairs);
}

static void
go_on (struct explorer *x, uint32_t number)
{
  struct joint j;
  struct awake a;

  memcpy (&j, x->joints.values + number * sizeof j, sizeof j);
  wake (x, &j, &a);
  if (asks_any (x, &a)) {
    take_all (x, &j, &a);
    return;
  }
  check_end (x, &a);
  come_again (x, &a, j.nr_deaths + 1);
}

void
group_explore (unsigned nr_pairs, unsigned max_faults, unsigned max_deaths,
               bool locks, bool records)
{
  struct explorer x = {
    .nr_pairs = nr_pairs, .max_faults = max_faults, .max_deaths = max_deaths,
    .locks = locks,
    .locals.value_bytes = sizeof (struct local),
    .joints.value_bytes = sizeof (struct joint),
  };
  struct awake a;
  uint32_t i;

  for (i = 0; i < nr_pairs; i++) {
    local_init (&a.locals[i], locks, records);
    a.members[i] = &a.locals[i].pass;
  }
  begin (&x, &a);
  visit (&x, &a, 0);
  for (i = 0; i < x.joints.nr; i++)
    go_on (&x, i);
  print_message ("%u pairs, %s locks, %s records: %u states; ends: %u done, "
                 "%u unchanged, %u rolled back, %u failed\n", nr_pairs,
                 locks ? "with" : "without", records ? "with" : "without",
                 x.joints.nr, x.nr_ends[PASS_DONE],
                 x.nr_ends[PASS_NOT_STARTED], x.nr_ends[PASS_ROLLED_BACK],
                 x.nr_ends[PASS_FAILED]);
  for (i = 0; i < x.max_successors; i++)
    free (x.successors[i].list);
  free (x.successors);
  state_set_free (&x.locals);
  state_set_free (&x.joints);
  /* It has seen every kind of end. */
  for (i = PASS_DONE; i <= PASS_FAILED; i++)
    assert_true (x.nr_ends[i] > 0 || i == PASS_ALREADY_DONE);
}
