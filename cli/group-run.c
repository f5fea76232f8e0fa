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

struct work {
  struct group group;
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
  struct work *w = opaque;
  struct pass_run *r = &w->runs[i];

  if (!group_asks (&w->group, &r->pass))
    return;
  pass_run_ask (r, w->srcs[i], w->dsts[i], w->inactivate_arguments,
                w->start_us);
  w->events[i] = pass_run_event (r);
}

static bool
asks_any (const struct work *w)
{
  size_t i;

  for (i = 0; i < w->nr; i++)
    if (group_asks (&w->group, w->members[i]))
      return true;
  return false;
}

static void
go (struct work *w, group_each each)
{
  group_begin (&w->group, w->members, w->nr);
  while (asks_any (w)) {
    if (w->group.phase != GROUP_CHECKING)
      pass_run_block_signals ();
    each (w->nr, ask_one, w);
    group_advance (&w->group, w->members, w->nr, w->events);
  }
}

/* -- the end --------------------------------------------------------------- */

static void
finish_one (void *opaque, size_t i)
{
  struct work *w = opaque;

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
prepare (struct work *w)
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

static void
release (struct work *w)
{
  free (w->members);
  free (w->events);
}

int
group_run (size_t nr, struct peer *const *srcs, struct peer *const *dsts,
           const json_t *inactivate_arguments, group_each each,
           struct group_run *ret)
{
  struct work w = {
    .nr = nr, .srcs = srcs, .dsts = dsts,
    .inactivate_arguments = inactivate_arguments, .start_us = clock_us (),
  };

  if (prepare (&w) == -1) {
    free (w.runs);
    release (&w);
    return -1;
  }
  go (&w, each);
  each (nr, finish_one, &w);
  *ret = (struct group_run) {
    .nr = nr, .runs = w.runs, .result = group_result (w.members, nr),
  };
  measure (ret);
  release (&w);
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
