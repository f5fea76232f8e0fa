/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Passing a group, done (group-run.h).
 *
 * In each round every member that has something to ask asks one question, on
 * a thread of its own: so a phase lasts as long as its slowest member, and
 * not as all together.  Between rounds there is one thread, which decides.
 * Guarantees: ends, because no step of a member comes twice and servers keep
 * to their deadlines.
 */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "group-run.h"
#include "pass-group.h"

struct group_work {
  struct group group;
  group_each each;
  size_t nr;
  struct pass_run *runs;
  struct pass **members;        /* those in `runs` */
  struct pass_event *events;
  struct peer *const *srcs, *const *dsts;
  const json_t *inactivate_arguments;
  uint64_t start_us;
};

/* -- a round --------------------------------------------------------------- */

static void
ask_one (void *opaque, size_t i)
{
  struct group_work *w = opaque;
  struct pass_run *r = &w->runs[i];

  if (!group_asks (&w->group, &r->pass))
    return;
  pass_run_ask (r, w->srcs[i], w->dsts[i], w->inactivate_arguments,
                w->start_us);
  w->events[i] = pass_run_event (r);
}

static bool
asks_any (const struct group_work *w)
{
  size_t i;

  for (i = 0; i < w->nr; i++)
    if (group_asks (&w->group, w->members[i]))
      return true;
  return false;
}

static void
go_round (struct group_work *w)
{
  w->each (w->nr, ask_one, w);
  group_advance (&w->group, w->members, w->nr, w->events);
}

static void
check_all (struct group_work *w)
{
  group_begin (&w->group, w->members, w->nr);
  while (w->group.phase == GROUP_CHECKING && asks_any (w))
    go_round (w);
}

static void
pass_all (struct group_work *w)
{
  while (asks_any (w)) {
    if (w->group.phase != GROUP_CHECKING)
      pass_run_block_signals ();
    go_round (w);
  }
}

/* -- the end --------------------------------------------------------------- */

static void
finish_one (void *opaque, size_t i)
{
  struct group_work *w = opaque;

  pass_run_finish (&w->runs[i], w->srcs[i], w->dsts[i]);
}

static uint64_t
end_of (const struct pass_run *r)
{
  const struct pass_record *last = &r->records[r->nr_records - 1];

  return last->start_us + last->answer.us;
}

static uint64_t
start_of_pause (const struct pass_run *r)
{
  return end_of (r) - r->pause_us;
}

static void
measure (struct group_run *g)
{
  uint64_t start = UINT64_MAX, end = 0;
  size_t i;

  for (i = 0; i < g->nr; i++) {
    const struct pass_run *r = &g->runs[i];

    if (!r->paused)
      continue;
    g->paused = true;
    if (start_of_pause (r) < start)
      start = start_of_pause (r);
    if (end_of (r) > end)
      end = end_of (r);
  }
  g->pause_us = g->paused ? end - start : 0;
}

/* -- memory ---------------------------------------------------------------- */

static int
allocate (struct group_work *w)
{
  size_t i;

  w->runs = calloc (w->nr, sizeof *w->runs);
  w->members = calloc (w->nr, sizeof *w->members);
  w->events = calloc (w->nr, sizeof *w->events);
  if (w->runs == NULL || w->members == NULL || w->events == NULL)
    return -1;
  for (i = 0; i < w->nr; i++)
    w->members[i] = &w->runs[i].pass;
  return 0;
}

/* All but the runs. */
static void
release (struct group_work *w)
{
  free (w->members);
  free (w->events);
  free (w);
}

void
group_drop (struct group_work *w)
{
  size_t i;

  if (w == NULL)
    return;
  for (i = 0; w->runs != NULL && i < w->nr; i++)
    pass_run_clear (&w->runs[i]);
  free (w->runs);
  release (w);
}

/* -- in two halves ---------------------------------------------------------- */

int
group_prepare (size_t nr, struct peer *const *srcs, struct peer *const *dsts,
               const json_t *inactivate_arguments, group_each each,
               struct group_work **ret)
{
  struct group_work *w = calloc (1, sizeof *w);

  if (w == NULL)
    return -1;
  *w = (struct group_work) {
    .each = each, .nr = nr, .srcs = srcs, .dsts = dsts,
    .inactivate_arguments = inactivate_arguments, .start_us = clock_us (),
  };
  if (allocate (w) == -1) {
    group_drop (w);
    return -1;
  }
  check_all (w);
  *ret = w;
  return 0;
}

static bool
all_are (const struct group_work *w, enum pass_step step)
{
  size_t i;

  for (i = 0; i < w->nr; i++)
    if (w->members[i]->step != step)
      return false;
  return true;
}

bool
group_is_ready (const struct group_work *w)
{
  return w->group.phase != GROUP_CHECKING;
}

bool
group_is_at_sources (const struct group_work *w)
{
  return all_are (w, PASS_INACTIVATE_SRC);
}

bool
group_is_at_destinations (const struct group_work *w)
{
  return all_are (w, PASS_END) &&
         group_result (w->members, w->nr) == PASS_ALREADY_DONE;
}

void
group_complete (struct group_work *w, struct group_run *ret)
{
  pass_all (w);
  w->each (w->nr, finish_one, w);
  *ret = (struct group_run) {
    .nr = w->nr, .runs = w->runs, .start_us = w->start_us,
    .result = group_result (w->members, w->nr),
  };
  measure (ret);
  release (w);
}

int
group_run (size_t nr, struct peer *const *srcs, struct peer *const *dsts,
           const json_t *inactivate_arguments, group_each each,
           struct group_run *ret)
{
  struct group_work *w;

  if (group_prepare (nr, srcs, dsts, inactivate_arguments, each, &w) == -1)
    return -1;
  group_complete (w, ret);
  return 0;
}

void
group_run_clear (struct group_run *g)
{
  size_t i;

  if (g == NULL)
    return;
  for (i = 0; i < g->nr; i++)
    pass_run_clear (&g->runs[i]);
  free (g->runs);
  memset (g, 0, sizeof *g);
}
