/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Telling what came of a migration (migrate-report.h).
 *
 * Pure but for the streams.
 */

#include <config.h>

#include <inttypes.h>

#include "group-report.h"
#include "migrate-report.h"
#include "output.h"
#include "pass-report.h"

bool
migrate_report_ok (const struct migrate_report *r)
{
  return r->m->result == MIGRATE_DONE || r->m->result == MIGRATE_ALREADY_DONE;
}

/* -- who has what --------------------------------------------------------------- */

static const char *
state_of (const struct vm *v)
{
  if (v->state[0] != '\0')
    return v->state;
  return v->ended ? "ended" : "silent";
}

static void
tell_runner (FILE *f, const struct migrate *m)
{
  switch (m->runner) {
  case MIGRATE_SRC:
    fprintf (f, "the VM runs at the source (%s)", m->src.path);
    return;
  case MIGRATE_DST:
    fprintf (f, "the VM runs at the destination (%s)", m->dst.path);
    return;
  case MIGRATE_MIXED:
    fputs ("BOTH run the VM", f);
    return;
  default:
    fprintf (f, "%s (source: ", m->runner == MIGRATE_NOBODY
               ? "the VM runs NOWHERE" : "who runs the VM is NOT KNOWN");
    output_clean (f, state_of (&m->src));
    fputs ("; destination: ", f);
    output_clean (f, state_of (&m->dst));
    putc (')', f);
  }
}

static void
tell_images (FILE *f, const struct migrate *m)
{
  const char *what = m->nr == 1 ? "its image is" : "its images are";

  switch (m->images) {
  case MIGRATE_SRC:
    fprintf (f, "%s with the source's server%s", what, m->nr == 1 ? "" : "s");
    return;
  case MIGRATE_DST:
    fprintf (f, "%s with the destination's server%s", what,
             m->nr == 1 ? "" : "s");
    return;
  case MIGRATE_NOBODY:
    fprintf (f, "%s with NO server", what);
    return;
  case MIGRATE_MIXED:
    fputs ("its images are NOT TOGETHER", f);
    return;
  default:
    fprintf (f, "who has %s is NOT KNOWN", m->nr == 1 ? "its image"
                                                      : "its images");
  }
}

static void
tell_owners (FILE *f, const struct migrate *m)
{
  tell_runner (f, m);
  fputs (", ", f);
  tell_images (f, m);
  putc ('\n', f);
}

/* -- what is left behind ---------------------------------------------------------- */

#define NR_LEFT 4

/* Of QEMUs that are still there; NULL: that is not left.  Once the memory has
 * come in the destination waits for nothing more. */
static void
find_left (const struct migrate *m, const char *ret[NR_LEFT])
{
  const struct migrate_left *left = &m->left;
  const bool dst = !m->dst.ended && m->result != MIGRATE_DONE;
  const bool waits = dst && vm_is (&m->dst, "inmigrate");

  ret[0] = left->src_set && !m->src.ended && m->result != MIGRATE_DONE
    ? "the source's capabilities are as a migration needs them" : NULL;
  ret[1] = left->dst_set && dst
    ? "the destination's capability \"events\" is set" : NULL;
  ret[2] = left->dst_held && waits
    ? "the destination will not run by itself" : NULL;
  ret[3] = left->dst_listens && waits
    ? "the destination listens for a migration" : NULL;
}

static bool
is_left (const struct migrate *m)
{
  const char *texts[NR_LEFT];
  size_t i;

  find_left (m, texts);
  for (i = 0; i < NR_LEFT; i++)
    if (texts[i] != NULL)
      return true;
  return false;
}

static void
tell_left (FILE *err, const struct migrate *m)
{
  const char *texts[NR_LEFT];
  const char *before = "baton: what was set stays so: ";
  size_t i;

  if (!is_left (m))
    return;
  find_left (m, texts);
  for (i = 0; i < NR_LEFT; i++)
    if (texts[i] != NULL) {
      fprintf (err, "%s%s", before, texts[i]);
      before = "; ";
    }
  fputs (m->dst.ended ? "\n" : " (the same command again may go on from "
                                "there)\n", err);
}

static json_t *
left_json (const struct migrate *m)
{
  json_t *list = json_array ();
  const char *texts[NR_LEFT];
  size_t i;

  find_left (m, texts);
  for (i = 0; i < NR_LEFT; i++)
    if (texts[i] != NULL)
      json_array_append_new (list, json_string (texts[i]));
  return list;
}

static bool
pass_failed (const struct migrate *m)
{
  return m->passed && m->pass.result != PASS_DONE &&
         m->pass.result != PASS_ALREADY_DONE;
}

/* Each image of which there is something to say. */
static void
tell_pass (FILE *err, const struct group_run *run, char *const *endpoints,
           bool back)
{
  size_t i;

  for (i = 0; i < run->nr; i++) {
    const struct pass_report p = {
      .run = &run->runs[i],
      .src = endpoints[2 * i + back], .dst = endpoints[2 * i + !back],
    };

    pass_report_who (err, &p);
  }
}

static void
tell_why (FILE *err, const struct migrate_report *r)
{
  const struct migrate *m = r->m;

  if (m->why[0] == '\0')
    return;
  fputs ("baton: ", err);
  if (m->where[0] != '\0')
    fprintf (err, "%s: ", m->where);
  output_clean (err, m->why);
  putc ('\n', err);
  if (pass_failed (m))
    tell_pass (err, &m->pass, r->operands + 2, false);
  if (m->returned && m->back.result != PASS_DONE &&
      m->back.result != PASS_ALREADY_DONE)
    tell_pass (err, &m->back, r->operands + 2, true);
}

static void
tell_command (FILE *err, const struct migrate_report *r, const char *option)
{
  size_t i;

  fprintf (err, "baton migrate%s", option);
  for (i = 0; i < 2 + 2 * r->m->nr; i++) {
    putc (' ', err);
    output_word (err, r->operands[i]);
  }
}

static void
hint_stopped (FILE *err, const struct migrate_report *r)
{
  char allowed[64];

  fputs ("baton: hint: when what is said above is mended, to go on: ", err);
  snprintf (allowed, sizeof allowed, "%s%s",
            r->m->allow_other_disks ? " --allow-other-disks" : "",
            r->m->allow_other_images ? " --allow-other-images" : "");
  tell_command (err, r, allowed);
  if (r->m->images == MIGRATE_SRC) {
    fputs ("; to undo it: ", err);
    tell_command (err, r, " --cancel");
  }
  putc ('\n', err);
}

/* The source was told to cancel, and may run; the destination has ended. */
static void
hint_silent (FILE *err, const struct migrate_report *r)
{
  fputs ("baton: hint: the source's QEMU may have been told to go on, and has "
         "not said so: when it answers again, make sure that it runs: ", err);
  tell_command (err, r, " --cancel");
  fputs ("; for the next attempt the destination's QEMU has to be started "
         "again\n", err);
}

static void
tell_hint (FILE *err, const struct migrate_report *r)
{
  const struct migrate *m = r->m;

  if (m->result == MIGRATE_BACK && m->started)
    fputs ("baton: hint: for the next attempt the destination's QEMU has to "
           "be started again\n", err);
  if (m->result == MIGRATE_BACK || m->runner == MIGRATE_SRC)
    return;
  if (m->runner == MIGRATE_UNKNOWN && m->dst.ended && !m->src.ended) {
    hint_silent (err, r);
    return;
  }
  if (vm_is (&m->src, "postmigrate") || vm_is (&m->src, "finish-migrate"))
    hint_stopped (err, r);
  else if (m->runner == MIGRATE_NOBODY && m->src.state[0] == '\0')
    fputs ("baton: hint: the guest is lost with its memory; its images are "
           "not: start it anew where they are served\n", err);
}

void
migrate_report_failure (FILE *err, const struct migrate_report *r)
{
  tell_why (err, r);
  fputs ("baton: ", err);
  if (r->m->result == MIGRATE_NOT_STARTED)
    fputs (is_left (r->m) ? "nothing was migrated: " : "nothing was changed: ",
           err);
  tell_owners (err, r->m);
  tell_left (err, r->m);
  tell_hint (err, r);
}

/* -- success ------------------------------------------------------------------------ */

static void
tell_pause (FILE *out, const struct migrate *m)
{
  char us[OUTPUT_NUMBER_BYTES], size[OUTPUT_NUMBER_BYTES];

  output_size (m->src.memory.transferred, size);
  if (m->src.memory.transferred != 0)
    fprintf (out, "%s of memory were moved\n", size);
  if (!m->was_running) {
    fputs ("it was paused, and stays so\n", out);
    return;
  }
  output_us (migrate_pause_us (m), us);
  if (migrate_pause_us (m) != 0)
    fprintf (out, "the guest was stopped for %s\n", us);
  else if (m->adopted)
    fputs ("for how long the guest was stopped is not known: it was before "
           "this command came\n", out);
}

static void
tell_success (FILE *out, const struct migrate_report *r)
{
  if (r->m->result == MIGRATE_ALREADY_DONE)
    fputs (r->cancel ? "there is no migration to be undone: "
                     : "migrated already: ", out);
  else
    fputs (r->cancel ? "undone: " : "migrated: ", out);
  tell_owners (out, r->m);
  if (r->m->result == MIGRATE_ALREADY_DONE || r->cancel)
    return;
  tell_pause (out, r->m);
  putc ('\n', out);
}

void
migrate_report_text (FILE *out, FILE *err, const struct migrate_report *r)
{
  if (migrate_report_ok (r))
    tell_success (out, r);
  if (!r->cancel)
    migrate_timeline (out, r->m);
  fflush (out);
  if (!migrate_report_ok (r))
    migrate_report_failure (err, r);
}

/* -- JSON ----------------------------------------------------------------------------- */

static const char *
side_name (enum migrate_side side, bool is_vm)
{
  switch (side) {
  case MIGRATE_SRC:
    return "src";
  case MIGRATE_DST:
    return "dst";
  case MIGRATE_NOBODY:
    return "none";
  case MIGRATE_MIXED:
    return is_vm ? "both" : "mixed";
  default:
    return "unknown";
  }
}

static const char *
result_name (enum migrate_result result)
{
  static const char *const names[] = {
    [MIGRATE_DONE] = "done",
    [MIGRATE_ALREADY_DONE] = "already-done",
    [MIGRATE_NOT_STARTED] = "unchanged",
    [MIGRATE_BACK] = "rolled-back",
    [MIGRATE_FAILED] = "failed",
  };

  return names[result];
}

static json_t *
memory_json (const struct vm_memory *m)
{
  return json_pack ("{s:I, s:I, s:I}",
                    "transferred", (json_int_t) m->transferred,
                    "total", (json_int_t) m->total,
                    "qemu-downtime-ms", (json_int_t) m->downtime_ms);
}

/* When `pass` begins, on the timeline's clock: before it, mostly. */
static json_t *
pass_start_json (const struct migrate *m)
{
  const uint64_t start = migrate_timeline_start_us (m);

  if (start == 0 || m->pass.start_us == 0)
    return json_null ();
  return json_integer ((json_int_t) m->pass.start_us - (json_int_t) start);
}

static void
print_failure (FILE *out, const void *report)
{
  migrate_report_failure (out, report);
}

json_t *
migrate_report_json (const struct migrate_report *r)
{
  const struct migrate *m = r->m;
  const struct group_report pass = {
    .run = &m->pass, .endpoints = r->operands + 2,
  };
  json_t *o = json_object ();

  json_object_set_new (o, "result", json_string (result_name (m->result)));
  json_object_set_new (o, "vm", json_string (side_name (m->runner, true)));
  json_object_set_new (o, "images",
                       json_string (side_name (m->images, false)));
  json_object_set_new (o, "pause-us", migrate_pause_us (m) == 0
                         ? json_null ()
                         : json_integer ((json_int_t) migrate_pause_us (m)));
  json_object_set_new (o, "memory", memory_json (&m->src.memory));
  json_object_set_new (o, "timeline", migrate_timeline_json (m));
  json_object_set_new (o, "resumed", json_boolean (m->adopted &&
                                               m->result !=
                                                 MIGRATE_ALREADY_DONE));
  json_object_set_new (o, "left", left_json (m));
  json_object_set_new (o, "warnings", m->warnings != NULL
                         ? json_incref (m->warnings) : json_array ());
  if (m->passed) {
    json_object_set_new (o, "pass", group_report_json (&pass));
    json_object_set_new (o, "pass-start-us", pass_start_json (m));
  }
  if (!migrate_report_ok (r))
    json_object_set_new (o, "message", output_lines (print_failure, r));
  return o;
}
