/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the guest's pause consisted of (migrate-report.h).
 *
 * Times are this side's: of the moment when a word came, or was sent.  Two
 * hosts' clocks are not compared.
 */

#include <config.h>

#include <stdlib.h>

#include "migrate-report.h"
#include "output.h"
#include "pass-report.h"

#define OWN_ROWS 6

uint64_t
migrate_pause_start_us (const struct migrate *m)
{
  return m->src.stopped_us != 0 ? m->src.stopped_us : m->switch_us;
}

static uint64_t
end_us (const struct migrate *m)
{
  return m->dst.resumed_us != 0 ? m->dst.resumed_us : m->resumed_us;
}

uint64_t
migrate_pause_us (const struct migrate *m)
{
  const uint64_t start = migrate_pause_start_us (m);

  /* Nobody heard it stop. */
  if (m->adopted && m->src.stopped_us == 0)
    return 0;
  return start == 0 || end_us (m) < start ? 0 : end_us (m) - start;
}

struct rows {
  uint64_t base_us;             /* clock_us at the start of the scale */
  size_t nr;
  struct output_row *rows;
};

/* Where both are known. */
static void
add (struct rows *r, unsigned indent, const char *name, char mark,
     uint64_t from_us, uint64_t to_us)
{
  if (from_us == 0 || from_us < r->base_us || to_us < from_us)
    return;
  r->rows[r->nr++] = (struct output_row) {
    .indent = indent, .name = name, .mark = mark,
    .start_us = from_us - r->base_us, .us = to_us - from_us,
  };
}

/* What was asked of the servers while the guest waited. */
static void
add_pass (struct rows *r, const struct migrate *m)
{
  size_t i, k;

  for (i = 0; i < m->pass.nr; i++) {
    const struct pass_run *run = &m->pass.runs[i];
    unsigned steps = 0;

    for (k = 0; k < run->nr_records && steps < MIGRATE_MAX_STEPS; k++) {
      const struct pass_record *record = &run->records[k];
      const uint64_t start = m->pass.start_us + record->start_us;

      if (start < m->pass_us)
        continue;
      add (r, 1, pass_step_name (record->step), '-', start,
           start + record->answer.us);
      steps++;
    }
  }
}

uint64_t
migrate_timeline_start_us (const struct migrate *m)
{
  const uint64_t start = migrate_pause_start_us (m);

  if (start != 0)
    return start;
  return m->pass_us != 0 ? m->pass_us : m->cont_us;
}

static void
fill (const struct migrate *m, struct rows *r)
{
  r->base_us = migrate_timeline_start_us (m);
  add (r, 0, "source stops", '#', m->src.stopped_us, m->src.at_switchover_us);
  add (r, 0, "memory and devices", '#', m->switch_us, m->src.moved_us);
  add (r, 0, "pass images", '#', m->pass_us, m->passed_us);
  add_pass (r, m);
  add (r, 0, "destination loads", '#', m->passed_us, m->dst.moved_us);
  add (r, 0, "resume", '#', m->cont_us, m->resumed_us);
  if (migrate_pause_us (m) != 0)
    add (r, 0, "pause", '=', r->base_us, end_us (m));
}

/* Rows are the caller's; false: no memory, or there is nothing to show. */
static bool
make (const struct migrate *m, struct rows *ret)
{
  *ret = (struct rows) {
    .rows = calloc (OWN_ROWS + m->pass.nr * MIGRATE_MAX_STEPS,
                    sizeof *ret->rows),
  };
  if (ret->rows != NULL)
    fill (m, ret);
  return ret->nr > 0;
}

void
migrate_timeline (FILE *out, const struct migrate *m)
{
  struct rows r;

  if (make (m, &r))
    output_timeline (out, r.rows, r.nr);
  free (r.rows);
}

json_t *
migrate_timeline_json (const struct migrate *m)
{
  json_t *list = json_array ();
  struct rows r;
  size_t i;

  if (make (m, &r))
    for (i = 0; i < r.nr; i++)
      json_array_append_new (list, json_pack ("{s:s, s:I, s:I}",
        "name", r.rows[i].name,
        "start-us", (json_int_t) r.rows[i].start_us,
        "us", (json_int_t) r.rows[i].us));
  free (r.rows);
  return list;
}
