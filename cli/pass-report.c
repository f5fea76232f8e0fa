/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Telling what came of a pass, in words (pass-report.h).
 *
 * A failure is told in this order, a line each: what went wrong; what went
 * wrong on the way back, where that did; who has the image; what to type.
 * Pure but for the streams.
 */

#include <config.h>

#include <inttypes.h>

#include "output.h"
#include "pass-report.h"
#include "report.h"

bool
pass_report_ok (const struct pass_report *r)
{
  return r->run->pass.result == PASS_DONE ||
         r->run->pass.result == PASS_ALREADY_DONE;
}

static const char *
command_of (enum pass_step step)
{
  const char *command = pass_step_command (step);

  return command != NULL ? command : "status";
}

/* -- what went wrong --------------------------------------------------- */

static void
tell_sizes (FILE *err, const struct pass_report *r)
{
  fprintf (err, "baton: %s: its virtual size is %" PRIu64 " bytes, but that "
           "of %s is %" PRIu64 ": not the same image\n",
           r->dst, r->run->pass.dst.size_bytes,
           r->src, r->run->pass.src.size_bytes);
}

static void
tell_files (FILE *err, const struct pass_report *r)
{
  fprintf (err, "baton: %s: its image is file number %" PRIu64 ", but that "
           "of %s is %" PRIu64 ": not the same image (see baton status)\n",
           r->dst, r->run->pass.dst.file_number,
           r->src, r->run->pass.src.file_number);
}

static void
tell_data_files (FILE *err, const struct pass_report *r)
{
  fprintf (err, "baton: %s: its image's data file is file number %" PRIu64
           ", but that of %s is %" PRIu64 ": not the same disk (start both "
           "with the same data-file=)\n",
           r->dst, r->run->pass.dst.data_file_number,
           r->src, r->run->pass.src.data_file_number);
}

static void
tell_busy (FILE *err, const char *endpoint, enum pass_state state)
{
  static const char *const words[] = {
    [PASS_STATE_UNKNOWN] = "its state is a word that I do not know",
    [PASS_STATE_INACTIVE] = "it is inactive",
    [PASS_STATE_ACTIVATING] = "it is activating just now",
    [PASS_STATE_ACTIVE] = "it is active",
    [PASS_STATE_INACTIVATING] = "it is inactivating just now",
  };

  fprintf (err, "baton: %s: %s\n", endpoint, words[state]);
}

static void
tell_same (FILE *err, const struct pass_report *r)
{
  fprintf (err, "baton: %s: the same server as %s (process %" PRIu64 " on ",
           r->dst, r->src, r->run->pass.src.pid);
  output_clean (err, r->run->pass.src.host);
  fputs (")\n", err);
}

static void
tell_step (FILE *err, const struct pass_report *r, enum pass_step step)
{
  const struct answer *a = pass_run_answer (r->run, step);

  if (a == NULL)
    return;
  fprintf (err, "baton: %s: ", pass_step_asks_dst (step) ? r->dst : r->src);
  report_what (err, command_of (step), a);
  if (a->hint[0] != '\0') {
    fputs ("\nbaton: hint: ", err);
    output_clean (err, a->hint);
  }
  putc ('\n', err);
}

static void
tell_reason (FILE *err, const struct pass_report *r)
{
  switch (r->run->pass.reason) {
  case PASS_REASON_STEP:
    tell_step (err, r, r->run->pass.culprit);
    return;
  case PASS_REASON_SAME_SERVER:
    tell_same (err, r);
    return;
  case PASS_REASON_SIZES_DIFFER:
    tell_sizes (err, r);
    return;
  case PASS_REASON_FILES_DIFFER:
    tell_files (err, r);
    return;
  case PASS_REASON_DATA_FILES_DIFFER:
    tell_data_files (err, r);
    return;
  case PASS_REASON_DST_READ_ONLY:
    fprintf (err, "baton: %s: it serves read-only, which the guest would "
             "not survive (start it without -r)\n", r->dst);
    return;
  case PASS_REASON_BOTH_ACTIVE:
    fprintf (err, "baton: %s: active, and so is %s: these are two images, or "
             "one without locks, which is in danger\n", r->dst, r->src);
    return;
  case PASS_REASON_NONE_ACTIVE:
    fprintf (err, "baton: %s: not active, so it has nothing to pass\n",
             r->src);
    return;
  case PASS_REASON_SRC_BUSY:
    tell_busy (err, r->src, r->run->pass.src.state);
    return;
  case PASS_REASON_DST_BUSY:
    tell_busy (err, r->dst, r->run->pass.dst.state);
    return;
  case PASS_REASON_TWICE:
    fprintf (err, "baton: %s, %s: one of these servers is in another pair "
             "too: name each image once\n", r->src, r->dst);
    return;
  default:
    return;
  }
}

static bool
is_way_back (enum pass_step step)
{
  return step == PASS_ROLL_BACK || step == PASS_ASK_SRC_BACK ||
         step == PASS_TAKE_BACK || step == PASS_TAKE_BACK_AGAIN ||
         step == PASS_RETURN_SRC;
}

static void
tell_way_back (FILE *err, const struct pass_report *r)
{
  size_t i;

  if (r->run->pass.result != PASS_FAILED)
    return;
  for (i = r->run->nr_records; i > 0; i--) {
    const struct pass_record *record = &r->run->records[i - 1];

    if (is_way_back (record->step) &&
        record->answer.outcome != OUTCOME_DONE) {
      tell_step (err, r, record->step);
      return;
    }
  }
}

/* -- who has it -------------------------------------------------------- */

static void
tell_unknown (FILE *err, const struct pass_report *r)
{
  static const char *const words[] = {
    [PASS_STATE_UNKNOWN] = "does not tell",
    [PASS_STATE_INACTIVE] = "is inactive",
    [PASS_STATE_ACTIVATING] = "is activating",
    [PASS_STATE_ACTIVE] = "is active",
    [PASS_STATE_INACTIVATING] = "is inactivating",
  };

  fprintf (err, "who has the image is NOT KNOWN: %s %s, %s %s\n",
           r->src, words[r->run->pass.src.state],
           r->dst, words[r->run->pass.dst.state]);
}

static void
tell_rolled_back (FILE *err, const struct pass_report *r)
{
  char us[OUTPUT_NUMBER_BYTES];

  fprintf (err, "rolled back: %s is active again and serves the image",
           r->src);
  if (r->run->paused) {
    output_us (r->run->pause_us, us);
    fprintf (err, ", after a pause of %s", us);
  }
  putc ('\n', err);
}

static void
tell_owner (FILE *err, const struct pass_report *r)
{
  const struct pass *p = &r->run->pass;

  fputs ("baton: ", err);
  if (p->result == PASS_NOT_STARTED)
    fputs ("nothing was changed: ", err);
  if (p->result == PASS_ROLLED_BACK)
    tell_rolled_back (err, r);
  else if (p->reason == PASS_REASON_BOTH_ACTIVE)
    fputs ("both are active\n", err);
  else if (p->reason == PASS_REASON_SAME_SERVER)
    fputs ("there is nowhere to pass it\n", err);
  else if (p->owner == PASS_OWNER_SRC)
    fprintf (err, "%s is active and serves the image\n", r->src);
  else if (p->owner == PASS_OWNER_DST)
    fprintf (err, "%s is active and serves the image\n", r->dst);
  else if (p->owner == PASS_OWNER_NONE)
    fprintf (err, "NEITHER is active: neither %s nor %s serves the image\n",
             r->src, r->dst);
  else
    tell_unknown (err, r);
}

/* -- what to type ------------------------------------------------------ */

static void
tell_command (FILE *err, const char *subcommand, const char *first,
              const char *second)
{
  fprintf (err, "baton %s ", subcommand);
  output_word (err, first);
  if (second != NULL) {
    putc (' ', err);
    output_word (err, second);
  }
}

/* Neither serves it. */
static void
hint_choice (FILE *err, const struct pass_report *r)
{
  fputs ("baton: hint: to finish the hand-over: ", err);
  tell_command (err, "pass", r->src, r->dst);
  fputs ("; to undo it: ", err);
  tell_command (err, "activate", r->src, NULL);
  putc ('\n', err);
}

/* The source is silent, the destination waits. */
static void
hint_source_gone (FILE *err, const struct pass_report *r)
{
  fputs ("baton: hint: if the source's process has ended for good: ", err);
  tell_command (err, "activate", r->dst, NULL);
  putc ('\n', err);
}

static void
hint_find_out (FILE *err, const struct pass_report *r)
{
  fputs ("baton: hint: find out with: ", err);
  tell_command (err, "status", r->src, r->dst);
  fputs ("; activate one only when the other is inactive or its process has "
         "ended\n", err);
}

static void
hint_compare (FILE *err, const struct pass_report *r)
{
  fputs ("baton: hint: compare them with: ", err);
  tell_command (err, "status", r->src, r->dst);
  putc ('\n', err);
}

/* The source may be slow, but not dead. */
static void
hint_late (FILE *err, const struct pass_report *r)
{
  fputs ("baton: hint: it may yet do what it did not answer; look again "
         "with: ", err);
  tell_command (err, "status", r->src, NULL);
  putc ('\n', err);
}

static bool
inactivate_lost (const struct pass_report *r)
{
  const struct answer *a = pass_run_answer (r->run, PASS_INACTIVATE_SRC);

  return a != NULL && a->outcome == OUTCOME_LOST;
}

static void
tell_hint (FILE *err, const struct pass_report *r)
{
  const struct pass *p = &r->run->pass;

  if (p->reason == PASS_REASON_SAME_SERVER ||
      p->reason == PASS_REASON_SIZES_DIFFER ||
      p->reason == PASS_REASON_FILES_DIFFER ||
      p->reason == PASS_REASON_DATA_FILES_DIFFER)
    return;
  if (p->reason == PASS_REASON_BOTH_ACTIVE)
    hint_compare (err, r);
  else if (p->result == PASS_ROLLED_BACK) {
    if (inactivate_lost (r))
      hint_late (err, r);
  }
  else if (p->owner == PASS_OWNER_NONE)
    hint_choice (err, r);
  else if (p->owner == PASS_OWNER_UNKNOWN &&
           p->src.state == PASS_STATE_UNKNOWN &&
           p->dst.state == PASS_STATE_INACTIVE)
    hint_source_gone (err, r);
  else if (p->owner == PASS_OWNER_UNKNOWN &&
           (p->result == PASS_FAILED || p->reason != PASS_REASON_STEP))
    hint_find_out (err, r);
}

void
pass_report_who (FILE *err, const struct pass_report *r)
{
  tell_reason (err, r);
  tell_way_back (err, r);
  tell_owner (err, r);
}

void
pass_report_failure (FILE *err, const struct pass_report *r)
{
  pass_report_who (err, r);
  tell_hint (err, r);
}

/* -- success ------------------------------------------------------------ */

const char *
pass_report_image (const struct pass_report *r)
{
  const struct answer *first = pass_run_answer (r->run, PASS_ASK_DST);
  const char *image = field_string (r->run->dst_status, "image");

  if (image == NULL && first != NULL)
    image = field_string (first->body, "image");
  return image;
}

static void
tell_success (FILE *out, const struct pass_report *r)
{
  const char *image = pass_report_image (r);
  char us[OUTPUT_NUMBER_BYTES];

  if (r->run->pass.result == PASS_ALREADY_DONE) {
    fprintf (out, "%s is active already and %s is not: nothing to do\n",
             r->dst, r->src);
    return;
  }
  output_us (r->run->pause_us, us);
  fputs ("passed ", out);
  output_clean (out, image != NULL ? image : "the image");
  fprintf (out, "\n  from %s\n  to   %s\nthe guest waited %s\n\n",
           r->src, r->dst, us);
}

void
pass_report_text (FILE *out, FILE *err, const struct pass_report *r)
{
  if (pass_report_ok (r))
    tell_success (out, r);
  if (r->run->paused)
    pass_report_timeline (out, r);
  fflush (out);
  if (!pass_report_ok (r))
    pass_report_failure (err, r);
}
