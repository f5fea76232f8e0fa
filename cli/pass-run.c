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
static void
block_signals (void)
{
  sigset_t set;

  sigemptyset (&set);
  sigaddset (&set, SIGINT);
  sigaddset (&set, SIGTERM);
  sigaddset (&set, SIGHUP);
  sigprocmask (SIG_BLOCK, &set, NULL);
}

/* NULL: a status. */
static const char *
command_of (enum pass_step step)
{
  switch (step) {
  case PASS_FLUSH_SRC:
    return "flush";
  case PASS_INACTIVATE_SRC:
  case PASS_FETCH_TICKET:
    return "inactivate";
  case PASS_ACTIVATE_DST:
  case PASS_ROLL_BACK:
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
  if (step == PASS_INACTIVATE_SRC || step == PASS_FETCH_TICKET)
    return json_incref ((json_t *) inactivate_arguments);
  if (step == PASS_ACTIVATE_DST && r->ticket != NULL)
    return json_pack ("{s:O}", "ticket", r->ticket);
  return NULL;
}

static void
ask (const struct pass_run *r, struct peer *s, enum pass_step step,
     const json_t *inactivate_arguments, struct answer *ret)
{
  const char *command = command_of (step);
  json_t *arguments;

  if (command == NULL) {
    peer_status (s, ret);
    return;
  }
  arguments = arguments_of (r, step, inactivate_arguments);
  peer_command (s, command, arguments, ret);
  json_decref (arguments);
}

static void
advance (struct pass_run *r, const struct answer *answer)
{
  struct pass_event e = { .outcome = answer->outcome };
  json_t *ticket = json_object_get (answer->body, "ticket");

  if (command_of (r->pass.step) == NULL)
    pass_view_parse (answer->body, &e.view);
  else if (ticket != NULL && r->ticket == NULL)
    r->ticket = json_incref (ticket);
  e.has_ticket = r->ticket != NULL;
  pass_advance (&r->pass, &e);
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
  if (command_of (last->step) == NULL)
    return json_incref (last->answer.body);
  peer_status (s, &answer);
  status = json_incref (answer.body);
  answer_clear (&answer);
  return status;
}

void
pass_run (struct peer *src, struct peer *dst,
          const json_t *inactivate_arguments, struct pass_run *ret)
{
  const uint64_t start_us = clock_us ();

  memset (ret, 0, sizeof *ret);
  pass_begin (&ret->pass);
  while (ret->pass.step != PASS_END) {
    struct pass_record *record = &ret->records[ret->nr_records++];

    record->step = ret->pass.step;
    record->start_us = clock_us () - start_us;
    if (record->step == PASS_INACTIVATE_SRC)
      block_signals ();
    ask (ret, pass_step_asks_dst (record->step) ? dst : src, record->step,
         inactivate_arguments, &record->answer);
    advance (ret, &record->answer);
  }
  measure_pause (ret);
  ret->src_status = final_status (ret, src, false);
  ret->dst_status = final_status (ret, dst, true);
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
