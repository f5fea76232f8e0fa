/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A pass as a timeline, and as JSON (pass-report.h).
 *
 * Steps are as long as this side measured them; below a step stand the
 * phases that the server itself measured, centred in it, for half of the
 * rest may be the way there and half the way back.
 */

#include <config.h>

#include <string.h>

#include "output.h"
#include "pass-report.h"

/* -- the servers' own phases -------------------------------------------- */

static bool
changes_state (enum pass_step step)
{
  switch (step) {
  case PASS_INACTIVATE_SRC: case PASS_ACTIVATE_DST: case PASS_ROLL_BACK:
  case PASS_TAKE_BACK: case PASS_TAKE_BACK_AGAIN: case PASS_RETURN_SRC:
    return true;
  default:
    return false;
  }
}

/* The "last-handover" that tells of record I, or NULL. */
static const json_t *
handover_of (const struct pass_run *r, size_t i)
{
  const struct pass_record *record = &r->records[i];
  const char *wanted = pass_step_command (record->step);
  const json_t *status = pass_step_asks_dst (record->step) ? r->dst_status
                                                           : r->src_status;
  const json_t *handover = json_object_get (status, "last-handover");
  const char *command = field_string (handover, "command");
  uint64_t us;

  if (!changes_state (record->step))
    return NULL;
  /* It may tell of an earlier one, where this one was refused at once. */
  if (command == NULL || strcmp (command, wanted) != 0 ||
      !field_u64 (handover, "total-us", &us) || us > record->answer.us)
    return NULL;
  return handover;
}

static size_t
add_phases (const json_t *handover, const struct output_row *step,
            struct output_row *rows)
{
  uint64_t us = 0;

  if (handover == NULL)
    return 0;
  field_u64 (handover, "total-us", &us);
  return output_phases (handover, 1, step->start_us + (step->us - us) / 2,
                        rows, PASS_REPORT_MAX_PHASES);
}

/* -- rows ---------------------------------------------------------------- */

static const char *
note_of (const struct answer *a)
{
  switch (a->outcome) {
  case OUTCOME_DONE:
    return a->retried ? "asked twice" : NULL;
  case OUTCOME_REFUSED:
    return "refused";
  default:
    return "no answer";
  }
}

static bool
is_preparation (enum pass_step step)
{
  return step == PASS_ASK_SRC || step == PASS_ASK_DST ||
         step == PASS_LOOK_DST || step == PASS_COMPARE_DST;
}

uint64_t
pass_report_start_us (const struct pass_run *r)
{
  size_t i;

  for (i = 0; i < r->nr_records; i++)
    if (!is_preparation (r->records[i].step))
      return r->records[i].start_us;
  return UINT64_MAX;
}

size_t
pass_report_rows (const struct pass_run *r, uint64_t base_us,
                  struct output_row *rows)
{
  uint64_t pause_at_us = 0;
  size_t i, n = 0;

  for (i = 0; i < r->nr_records; i++) {
    const struct pass_record *record = &r->records[i];
    struct output_row *row = &rows[n];

    if (is_preparation (record->step))
      continue;
    *row = (struct output_row) {
      .name = pass_step_name (record->step), .mark = '#',
      .start_us = record->start_us - base_us, .us = record->answer.us,
      .note = note_of (&record->answer),
    };
    if (record->step == PASS_INACTIVATE_SRC)
      pause_at_us = row->start_us;
    n += 1 + add_phases (handover_of (r, i), row, row + 1);
  }
  if (r->paused)
    rows[n++] = (struct output_row) {
      .name = "pause", .mark = '=', .start_us = pause_at_us,
      .us = r->pause_us,
      .note = r->pass.result == PASS_FAILED ? "and on" : NULL,
    };
  return n;
}

void
pass_report_timeline (FILE *out, const struct pass_report *r)
{
  struct output_row rows[PASS_REPORT_MAX_ROWS];

  output_timeline (out, rows, pass_report_rows (r->run,
                                    pass_report_start_us (r->run), rows));
}

/* -- JSON ---------------------------------------------------------------- */

const char *
pass_result_name (enum pass_result result)
{
  static const char *const names[] = {
    [PASS_DONE] = "done",
    [PASS_ALREADY_DONE] = "already-done",
    [PASS_NOT_STARTED] = "unchanged",
    [PASS_ROLLED_BACK] = "rolled-back",
    [PASS_FAILED] = "failed",
  };

  return names[result];
}

const char *
pass_owner_name (enum pass_owner owner)
{
  static const char *const names[] = {
    [PASS_OWNER_UNKNOWN] = "unknown",
    [PASS_OWNER_SRC] = "src",
    [PASS_OWNER_DST] = "dst",
    [PASS_OWNER_NONE] = "none",
  };

  return names[owner];
}

static json_t *
step_json (const struct pass_record *record, const struct pass_report *r)
{
  json_t *o = json_object ();
  const bool is_dst = pass_step_asks_dst (record->step);
  const struct answer *a = &record->answer;

  json_object_set_new (o, "step", json_string (pass_step_name (record->step)));
  json_object_set_new (o, "endpoint", json_string (is_dst ? r->dst : r->src));
  json_object_set_new (o, "start-us",
                       json_integer ((json_int_t) record->start_us));
  json_object_set_new (o, "us", json_integer ((json_int_t) a->us));
  json_object_set_new (o, "outcome", json_string (outcome_name (a->outcome)));
  json_object_set_new (o, "retried", json_boolean (a->retried));
  if (a->outcome != OUTCOME_DONE)
    json_object_set_new (o, "error", answer_error_json (a));
  return o;
}

/* NULL becomes null. */
static void
set_status (json_t *o, const char *key, json_t *status)
{
  if (status == NULL)
    json_object_set_new (o, key, json_null ());
  else
    json_object_set (o, key, status);
}

static void
set_pause (json_t *o, const struct pass_run *r)
{
  const bool known = r->paused && r->pass.result != PASS_FAILED;

  json_object_set_new (o, "pause-us",
                       known ? json_integer ((json_int_t) r->pause_us)
                             : json_null ());
}

json_t *
pass_report_facts (const struct pass_report *r)
{
  json_t *o = json_object (), *steps = json_array ();
  size_t i;

  for (i = 0; i < r->run->nr_records; i++)
    json_array_append_new (steps, step_json (&r->run->records[i], r));
  json_object_set_new (o, "result",
                       json_string (pass_result_name (r->run->pass.result)));
  json_object_set_new (o, "owner",
                       json_string (pass_owner_name (r->run->pass.owner)));
  set_pause (o, r->run);
  json_object_set_new (o, "steps", steps);
  set_status (o, "src", r->run->src_status);
  set_status (o, "dst", r->run->dst_status);
  return o;
}

static void
print_failure (FILE *out, const void *report)
{
  pass_report_failure (out, report);
}

json_t *
pass_report_json (const struct pass_report *r)
{
  json_t *o = pass_report_facts (r);

  if (!pass_report_ok (r))
    json_object_set_new (o, "message", output_lines (print_failure, r));
  return o;
}
