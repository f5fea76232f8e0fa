/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a member of a group does besides (pass-group.h): before the pause the
 * destination looks at the storage; and what was passed can be fetched back.
 *
 *   ask src -> inactivate dst -> activate src with dst's ticket -> end
 *      |              |                  |
 *  silence: end   silence: ask       silence: ask
 *                     |
 *             inactivate dst again
 *
 * The source is asked only after the destination has said that it is
 * inactive, or was not asked to be anything else: rule 2 of pass-decide.h
 * holds without a lock.  Where the destination keeps silent it is left alone.
 */

#include <config.h>

#include "pass-decide-internal.h"

/* -- before anything is changed ----------------------------------------- */

void
pass_resume_member (struct pass *p)
{
  p->reason = PASS_REASON_NONE;
  p->resumed = true;
  p->lock_decides = p->src.locks_work && p->dst.locks_work;
  p->step = PASS_LOOK_DST;
}

void
pass_resume_late (struct pass *p)
{
  p->reason = PASS_REASON_NONE;
  p->resumed = true;
  p->giving_up = false;
  p->step = PASS_FETCH_TICKET;
}

static void
not_started (struct pass *p, enum pass_reason reason)
{
  pass_blame (p, reason);
  pass_end (p, PASS_NOT_STARTED);
}

/* It may have become active: an earlier caller's word can have waited there. */
void
pass_take_look (struct pass *p, const struct pass_event *e)
{
  if (e->outcome != OUTCOME_DONE)
    pass_blame (p, PASS_REASON_STEP);
  p->step = PASS_COMPARE_DST;
}

/* It looked afresh, perhaps at another file. */
void
pass_take_compare (struct pass *p, const struct pass_event *e)
{
  enum pass_reason obstacle;

  p->dst = pass_heard (e);
  if (e->outcome != OUTCOME_DONE) {
    not_started (p, PASS_REASON_STEP);
    return;
  }
  obstacle = pass_obstacle (&p->src, &p->dst);
  if (obstacle == PASS_REASON_NONE && p->dst.state == PASS_STATE_ACTIVE)
    pass_end_with_dst (p, PASS_ALREADY_DONE);
  else if (p->resumed && obstacle == PASS_REASON_NONE_ACTIVE &&
           p->reason == PASS_REASON_NONE)
    p->step = PASS_FETCH_TICKET;
  else if (obstacle != PASS_REASON_NONE || p->reason != PASS_REASON_NONE)
    not_started (p, obstacle);
  else
    p->step = PASS_FLUSH_SRC;
}

/* An earlier group was cut off.  Which way it went, and how far, the tickets
 * tell: the one of the last release is what counts. */
void
pass_take_member_ticket (struct pass *p, const struct pass_event *e)
{
  if (e->outcome == OUTCOME_DONE) {
    p->step = PASS_FETCH_DST_TICKET;
    return;
  }
  p->src.state = PASS_STATE_UNKNOWN;
  not_started (p, PASS_REASON_STEP);
}

void
pass_take_dst_ticket (struct pass *p, const struct pass_event *e)
{
  if (e->outcome != OUTCOME_DONE)
    p->dst.state = PASS_STATE_UNKNOWN;
  if (e->outcome != OUTCOME_DONE)
    not_started (p, PASS_REASON_STEP);
  else if (!e->has_ticket)
    not_started (p, PASS_REASON_NONE_ACTIVE);
  else
    p->step = PASS_ACTIVATE_DST;
}

/* -- when another member fails ------------------------------------------- */

void
pass_leave_member (struct pass *p)
{
  not_started (p, PASS_REASON_GROUP);
}

void
pass_return_member (struct pass *p)
{
  pass_blame (p, PASS_REASON_GROUP);
  if (p->step == PASS_INACTIVATE_SRC)
    pass_end (p, PASS_NOT_STARTED);
  else if (p->step == PASS_END)
    p->step = PASS_ASK_SRC_BACK;
  else
    /* The source's own release needs no ticket, unless it was not the last. */
    p->step = p->resumed ? PASS_RETURN_SRC : PASS_ROLL_BACK;
}

/* An image that the source cannot have stays where it is served. */
void
pass_take_ask_src_back (struct pass *p, const struct pass_event *e)
{
  p->src = pass_heard (e);
  if (p->src.state == PASS_STATE_INACTIVE)
    p->step = PASS_TAKE_BACK;
  else
    pass_end (p, PASS_FAILED);
}

void
pass_take_take_back (struct pass *p, const struct pass_event *e)
{
  switch (e->outcome) {
  case OUTCOME_DONE:
    p->dst.state = PASS_STATE_INACTIVE;
    p->step = PASS_RETURN_SRC;
    return;
  case OUTCOME_LOST:
    p->dst.state = PASS_STATE_UNKNOWN;
    p->step = PASS_RECHECK_TAKE_BACK;
    return;
  case OUTCOME_NOT_SENT:
    p->dst.state = PASS_STATE_UNKNOWN;
    pass_end (p, PASS_FAILED);
    return;
  default:
    /* Requests in flight did not end. */
    p->dst.state = PASS_STATE_ACTIVE;
    pass_end (p, PASS_FAILED);
  }
}

/* Whatever it says: it may have to carry out the question yet, and the answer
 * has the ticket. */
void
pass_take_recheck_take_back (struct pass *p, const struct pass_event *e)
{
  p->dst = pass_heard (e);
  if (e->outcome == OUTCOME_DONE)
    p->step = PASS_TAKE_BACK_AGAIN;
  else
    pass_end (p, PASS_FAILED);
}

void
pass_take_take_back_again (struct pass *p, const struct pass_event *e)
{
  pass_take_take_back (p, e);
  if (p->step == PASS_RECHECK_TAKE_BACK)
    pass_end (p, PASS_FAILED);
}

void
pass_take_return (struct pass *p, const struct pass_event *e)
{
  switch (e->outcome) {
  case OUTCOME_DONE:
    pass_end_rolled_back (p);
    return;
  case OUTCOME_REFUSED:
    p->src.state = PASS_STATE_INACTIVE;
    pass_end (p, PASS_FAILED);
    return;
  default:
    p->src.state = PASS_STATE_UNKNOWN;
    p->step = PASS_RECHECK_RETURN;
  }
}

void
pass_take_recheck_return (struct pass *p, const struct pass_event *e)
{
  p->src = pass_heard (e);
  if (p->src.state == PASS_STATE_ACTIVE)
    pass_end_rolled_back (p);
  else
    pass_end (p, PASS_FAILED);
}
