/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The stopwatch: see handoff-timeline.h.  A phase beyond the table's room is
 * counted in the total alone.
 */

#include <config.h>

#include <time.h>

#include "handoff-timeline.h"

static uint64_t
now_us (void)
{
  struct timespec ts;

  clock_gettime (CLOCK_MONOTONIC, &ts);
  return (uint64_t) ts.tv_sec * 1000000 + (uint64_t) ts.tv_nsec / 1000;
}

void
stopwatch_start (struct stopwatch *w, const char *command)
{
  *w = (struct stopwatch) { .start_us = now_us () };
  w->lap_us = w->start_us;
  w->timeline.command = command;
}

void
stopwatch_lap (struct stopwatch *w, const char *name)
{
  struct handoff_timeline *t = &w->timeline;
  const uint64_t now = now_us ();

  if (t->nr_phases < HANDOFF_MAX_PHASES)
    t->phases[t->nr_phases++] =
      (struct handoff_phase) { .name = name, .us = now - w->lap_us };
  w->lap_us = now;
}

void
stopwatch_stop (struct stopwatch *w, bool ok)
{
  w->timeline.ok = ok;
  w->timeline.total_us = now_us () - w->start_us;
}
