/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Telling what came of a group's pass (group-report.h).
 *
 * Of a failure: for each image what went wrong with it, and who has it; then
 * a line on all of them; then who keeps silent, and what to type.
 * Pure but for the streams.
 */

#include <config.h>

#include "group-report.h"
#include "output.h"
#include "pass-report.h"

bool
group_report_ok (const struct group_report *r)
{
  return r->run->result == PASS_DONE || r->run->result == PASS_ALREADY_DONE;
}

static struct pass_report
member (const struct group_report *r, size_t i)
{
  return (struct pass_report) {
    .run = &r->run->runs[i],
    .src = r->endpoints[2 * i], .dst = r->endpoints[2 * i + 1],
  };
}

static size_t
count (const struct group_report *r, enum pass_owner owner)
{
  size_t i, n = 0;

  for (i = 0; i < r->run->nr; i++)
    n += r->run->runs[i].pass.owner == owner;
  return n;
}

/* -- failure ----------------------------------------------------------------- */

static void
tell_all (FILE *err, const struct group_report *r)
{
  const size_t nr = r->run->nr;

  switch (r->run->result) {
  case PASS_NOT_STARTED:
    fprintf (err, "baton: none of the %zu images was passed: all are as they "
             "were\n", nr);
    return;
  case PASS_ROLLED_BACK:
    fprintf (err, "baton: none of the %zu images was passed: all are served "
             "by their sources\n", nr);
    return;
  default:
    fprintf (err, "baton: the %zu images are NOT TOGETHER: %zu served by the "
             "source, %zu by the destination, %zu by nobody, %zu not known\n",
             nr, count (r, PASS_OWNER_SRC), count (r, PASS_OWNER_DST),
             count (r, PASS_OWNER_NONE), count (r, PASS_OWNER_UNKNOWN));
  }
}

static void
tell_silent (FILE *err, const char *endpoint, const json_t *status)
{
  if (status == NULL)
    fprintf (err, "baton: hint: %s does not answer: if its process has "
             "ended, start it again\n", endpoint);
}

/* No ticket leads on: somebody who knows has to say who was the last. */
static void
tell_choice (FILE *err, const struct pass_report *r)
{
  if (r->run->pass.reason != PASS_REASON_NONE_ACTIVE)
    return;
  fputs ("baton: hint: neither knows of a release: begin with: baton activate ",
         err);
  output_word (err, r->src);
  putc ('\n', err);
}

/* BACK: with the two of each pair exchanged. */
static void
tell_command (FILE *err, const struct group_report *r, bool back)
{
  size_t i;

  fputs ("baton pass", err);
  for (i = 0; i < 2 * r->run->nr; i++) {
    putc (' ', err);
    output_word (err, r->endpoints[back ? i ^ 1 : i]);
  }
}

static void
tell_hints (FILE *err, const struct group_report *r)
{
  size_t i;

  if (count (r, PASS_OWNER_SRC) == r->run->nr)
    return;
  for (i = 0; i < r->run->nr; i++) {
    const struct pass_report m = member (r, i);

    tell_silent (err, m.src, m.run->src_status);
    tell_silent (err, m.dst, m.run->dst_status);
    tell_choice (err, &m);
  }
  fputs ("baton: hint: to go on: ", err);
  tell_command (err, r, false);
  fputs ("; to undo it: ", err);
  tell_command (err, r, true);
  putc ('\n', err);
}

void
group_report_failure (FILE *err, const struct group_report *r)
{
  size_t i;

  for (i = 0; i < r->run->nr; i++) {
    const struct pass_report m = member (r, i);

    pass_report_who (err, &m);
  }
  tell_all (err, r);
  tell_hints (err, r);
}

/* -- the timelines ------------------------------------------------------------ */

static uint64_t
start_us (const struct group_report *r)
{
  uint64_t start = UINT64_MAX;
  size_t i;

  for (i = 0; i < r->run->nr; i++) {
    const uint64_t us = pass_report_start_us (&r->run->runs[i]);

    if (us < start)
      start = us;
  }
  return start;
}

static uint64_t
end_us (const struct group_report *r, uint64_t base_us)
{
  struct output_row rows[PASS_REPORT_MAX_ROWS];
  uint64_t end = 1;
  size_t i;

  for (i = 0; i < r->run->nr; i++) {
    const size_t n = pass_report_rows (&r->run->runs[i], base_us, rows);
    const uint64_t us = output_timeline_end_us (rows, n);

    if (us > end)
      end = us;
  }
  return end;
}

static void
tell_name (FILE *out, const struct pass_report *m)
{
  const char *image = pass_report_image (m);

  output_clean (out, image != NULL ? image : m->dst);
  putc ('\n', out);
}

/* All on one scale. */
static void
tell_timelines (FILE *out, const struct group_report *r)
{
  const uint64_t base_us = start_us (r), scale_us = end_us (r, base_us);
  struct output_row rows[PASS_REPORT_MAX_ROWS];
  size_t i, n;

  for (i = 0; i < r->run->nr; i++) {
    const struct pass_report m = member (r, i);

    n = pass_report_rows (m.run, base_us, rows);
    if (n == 0)
      continue;
    tell_name (out, &m);
    output_timeline_until (out, rows, n, scale_us);
  }
}

/* -- success ------------------------------------------------------------------ */

static void
tell_success (FILE *out, const struct group_report *r)
{
  char us[OUTPUT_NUMBER_BYTES];
  size_t i;

  if (r->run->result == PASS_ALREADY_DONE) {
    fprintf (out, "all %zu images are at their destinations already: nothing "
             "to do\n", r->run->nr);
    return;
  }
  fprintf (out, "passed %zu images\n", r->run->nr);
  for (i = 0; i < r->run->nr; i++) {
    const struct pass_report m = member (r, i);

    fputs ("  ", out);
    tell_name (out, &m);
    fprintf (out, "    from %s\n    to   %s\n", m.src, m.dst);
  }
  output_us (r->run->pause_us, us);
  if (r->run->paused)
    fprintf (out, "the guest waited %s\n", us);
  putc ('\n', out);
}

void
group_report_text (FILE *out, FILE *err, const struct group_report *r)
{
  if (group_report_ok (r))
    tell_success (out, r);
  if (r->run->paused)
    tell_timelines (out, r);
  fflush (out);
  if (!group_report_ok (r))
    group_report_failure (err, r);
}

/* -- JSON --------------------------------------------------------------------- */

static const char *
owner_name (const struct group_report *r)
{
  const enum pass_owner first = r->run->runs[0].pass.owner;

  if (count (r, first) == r->run->nr)
    return pass_owner_name (first);
  return count (r, PASS_OWNER_UNKNOWN) > 0 ? "unknown" : "mixed";
}

static json_t *
image_json (const struct pass_report *m)
{
  json_t *o = pass_report_facts (m);

  json_object_set_new (o, "source", json_string (m->src));
  json_object_set_new (o, "destination", json_string (m->dst));
  return o;
}

static json_t *
pause_json (const struct group_run *run)
{
  if (!run->paused || run->result == PASS_FAILED)
    return json_null ();
  return json_integer ((json_int_t) run->pause_us);
}

static void
print_failure (FILE *out, const void *report)
{
  group_report_failure (out, report);
}

json_t *
group_report_json (const struct group_report *r)
{
  json_t *o = json_object (), *images = json_array ();
  size_t i;

  for (i = 0; i < r->run->nr; i++) {
    const struct pass_report m = member (r, i);

    json_array_append_new (images, image_json (&m));
  }
  json_object_set_new (o, "result",
                       json_string (pass_result_name (r->run->result)));
  json_object_set_new (o, "owner", json_string (owner_name (r)));
  json_object_set_new (o, "pause-us", pause_json (r->run));
  json_object_set_new (o, "images", images);
  if (!group_report_ok (r))
    json_object_set_new (o, "message", output_lines (print_failure, r));
  return o;
}
