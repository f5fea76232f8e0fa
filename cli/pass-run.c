/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Passing an image, done (pass-run.h).
 *
 * Guarantees: ends, because no step comes twice and servers keep to their
 * deadlines; asks nothing but what was decided, in that order, until the
 * end, and then only for statuses.
 */

#include <config.h>

#include <signal.h>
#include <string.h>

#include "clock.h"
#include "pass-run.h"

/* Asked to end, end after the hand-over: a guest must not be left waiting
 * because somebody pressed ^C. */
void
pass_run_block_signals (void)
{
  sigset_t set;

  sigemptyset (&set);
  sigaddset (&set, SIGINT);
  sigaddset (&set, SIGTERM);
  sigaddset (&set, SIGHUP);
  pthread_sigmask (SIG_BLOCK, &set, NULL);
}

const char *
pass_step_command (enum pass_step step)
{
  switch (step) {
  case PASS_FLUSH_SRC:
    return "flush";
  case PASS_LOOK_DST:
    return "invalidate";
  case PASS_INACTIVATE_SRC:
  case PASS_FETCH_TICKET:
  case PASS_FETCH_DST_TICKET:
  case PASS_TAKE_BACK:
  case PASS_TAKE_BACK_AGAIN:
    return "inactivate";
  case PASS_ACTIVATE_DST:
  case PASS_ROLL_BACK:
  case PASS_RETURN_SRC:
    return "activate";
  default:
    return NULL;
  }
}

/* New reference, or NULL. */
static json_t *
arguments_of (const struct pass_run *r, enum pass_step step,
              const json_t *inactivate_arguments)
{
  const char *command = pass_step_command (step);
  const bool with_ticket = step == PASS_ACTIVATE_DST ||
                           step == PASS_RETURN_SRC;

  /* A copy: json_incref is not for two threads at a time. */
  if (command != NULL && strcmp (command, "inactivate") == 0)
    return json_deep_copy (inactivate_arguments);
  if (with_ticket && r->ticket != NULL)
    return json_pack ("{s:O}", "ticket", r->ticket);
  return NULL;
}

static void
ask (const struct pass_run *r, struct peer *s, enum pass_step step,
     const json_t *inactivate_arguments, struct answer *ret)
{
  const char *command = pass_step_command (step);
  json_t *arguments;

  if (command == NULL) {
    peer_status (s, ret);
    return;
  }
  arguments = arguments_of (r, step, inactivate_arguments);
  peer_command (s, command, arguments, ret);
  json_decref (arguments);
}

/* The last release's is what counts: a server that was asked again for its
 * own may tell of one long ago. */
static void
take_ticket (struct pass_run *r, json_t *ticket)
{
  uint64_t epoch = 0;

  field_u64 (ticket, "epoch", &epoch);
  if (ticket == NULL || (r->ticket != NULL && epoch <= r->ticket_epoch))
    return;
  json_decref (r->ticket);
  r->ticket = json_incref (ticket);
  r->ticket_epoch = epoch;
}

struct pass_event
pass_run_event (struct pass_run *r)
{
  const struct answer *answer = &r->records[r->nr_records - 1].answer;
  struct pass_event e;

  memset (&e, 0, sizeof e);
  e.outcome = answer->outcome;
  if (pass_step_command (r->pass.step) == NULL)
    pass_view_parse (answer->body, &e.view);
  else
    take_ticket (r, json_object_get (answer->body, "ticket"));
  e.has_ticket = r->ticket != NULL;
  return e;
}

static void
measure_pause (struct pass_run *r)
{
  const struct pass_record *last = &r->records[r->nr_records - 1];
  size_t i;

  for (i = 0; i < r->nr_records; i++)
    if (r->records[i].step == PASS_INACTIVATE_SRC) {
      r->paused = true;
      r->pause_us = last->start_us + last->answer.us - r->records[i].start_us;
    }
}

/* New reference, or NULL.  A server that was last silent is not waited for
 * again; and what it told last, it need not tell again. */
static json_t *
final_status (const struct pass_run *r, struct peer *s, bool is_dst)
{
  const struct pass_record *last = NULL;
  struct answer answer = { .outcome = OUTCOME_DONE };
  json_t *status;
  size_t i;

  for (i = 0; i < r->nr_records; i++)
    if (pass_step_asks_dst (r->records[i].step) == is_dst)
      last = &r->records[i];
  if (last == NULL || last->answer.outcome == OUTCOME_NOT_SENT ||
      last->answer.outcome == OUTCOME_LOST)
    return NULL;
  if (pass_step_command (last->step) == NULL)
    return json_incref (last->answer.body);
  peer_status (s, &answer);
  status = json_incref (answer.body);
  answer_clear (&answer);
  return status;
}

void
pass_run_ask (struct pass_run *r, struct peer *src, struct peer *dst,
              const json_t *inactivate_arguments, uint64_t start_us)
{
  struct pass_record *record = &r->records[r->nr_records++];

  record->step = r->pass.step;
  record->start_us = clock_us () - start_us;
  ask (r, pass_step_asks_dst (record->step) ? dst : src, record->step,
       inactivate_arguments, &record->answer);
}

void
pass_run_finish (struct pass_run *r, struct peer *src, struct peer *dst)
{
  measure_pause (r);
  r->src_status = final_status (r, src, false);
  r->dst_status = final_status (r, dst, true);
}

void
pass_run (struct peer *src, struct peer *dst,
          const json_t *inactivate_arguments, struct pass_run *ret)
{
  const uint64_t start_us = clock_us ();

  memset (ret, 0, sizeof *ret);
  pass_begin (&ret->pass, false);
  while (ret->pass.step != PASS_END) {
    struct pass_event e;

    if (ret->pass.step == PASS_INACTIVATE_SRC)
      pass_run_block_signals ();
    pass_run_ask (ret, src, dst, inactivate_arguments, start_us);
    e = pass_run_event (ret);
    pass_advance (&ret->pass, &e);
  }
  pass_run_finish (ret, src, dst);
}

void
pass_run_clear (struct pass_run *r)
{
  size_t i;

  if (r == NULL)
    return;
  for (i = 0; i < r->nr_records; i++)
    answer_clear (&r->records[i].answer);
  json_decref (r->ticket);
  json_decref (r->src_status);
  json_decref (r->dst_status);
  memset (r, 0, sizeof *r);
}

const struct answer *
pass_run_answer (const struct pass_run *r, enum pass_step step)
{
  size_t i;

  for (i = 0; i < r->nr_records; i++)
    if (r->records[i].step == step)
      return &r->records[i].answer;
  return NULL;
}
