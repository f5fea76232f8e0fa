/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How an image is passed (pass-decide.h has the diagram and the rules).
 *
 * One function per step takes what came of it.  Each sets the next step and
 * no step comes twice, so that a pass ends after at most PASS_END steps.
 */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "pass-decide-internal.h"

/* -- views ------------------------------------------------------------ */

static enum pass_state
parse_state (const char *word)
{
  static const char *const words[] = {
    [PASS_STATE_INACTIVE] = "inactive",
    [PASS_STATE_ACTIVATING] = "activating",
    [PASS_STATE_ACTIVE] = "active",
    [PASS_STATE_INACTIVATING] = "inactivating",
  };
  int i;

  for (i = PASS_STATE_INACTIVE; i <= PASS_STATE_INACTIVATING; i++)
    if (word != NULL && strcmp (word, words[i]) == 0)
      return (enum pass_state) i;
  return PASS_STATE_UNKNOWN;
}

void
pass_view_parse (const json_t *status, struct pass_view *ret)
{
  const json_t *storage = json_object_get (status, "storage");
  const char *host = field_string (status, "host");
  const char *locks = field_string (storage, "locks");

  memset (ret, 0, sizeof *ret);
  ret->state = parse_state (field_string (status, "state"));
  ret->has_size = field_u64 (status, "virtual-size", &ret->size_bytes);
  ret->has_file = field_u64 (status, "file-number", &ret->file_number);
  ret->has_data_file = field_u64 (status, "data-file-number",
                                  &ret->data_file_number);
  ret->has_pid = field_u64 (status, "pid", &ret->pid);
  field_bool (status, "locked", &ret->locked);
  field_bool (status, "read-only", &ret->read_only);
  ret->locks_work = locks != NULL && strcmp (locks, "yes") == 0 &&
                    json_is_null (json_object_get (storage, "warning"));
  if (host != NULL)
    snprintf (ret->host, sizeof ret->host, "%s", host);
}

struct pass_view
pass_heard (const struct pass_event *e)
{
  static const struct pass_view silent = { .state = PASS_STATE_UNKNOWN };

  return e->outcome == OUTCOME_DONE ? e->view : silent;
}

bool
pass_same_server (const struct pass_view *a, const struct pass_view *b)
{
  return a->has_pid && b->has_pid && a->pid == b->pid &&
         a->host[0] != '\0' && strcmp (a->host, b->host) == 0;
}

/* -- ends ------------------------------------------------------------- */

static enum pass_owner
owner_of (const struct pass *p)
{
  const bool src = p->src.state == PASS_STATE_ACTIVE;
  const bool dst = p->dst.state == PASS_STATE_ACTIVE;

  if (src != dst)
    return src ? PASS_OWNER_SRC : PASS_OWNER_DST;
  if (p->src.state == PASS_STATE_INACTIVE &&
      p->dst.state == PASS_STATE_INACTIVE)
    return PASS_OWNER_NONE;
  return PASS_OWNER_UNKNOWN;
}

void
pass_end (struct pass *p, enum pass_result result)
{
  p->step = PASS_END;
  p->result = result;
  p->owner = owner_of (p);
}

void
pass_end_with_dst (struct pass *p, enum pass_result result)
{
  p->reason = PASS_REASON_NONE;
  p->dst.state = PASS_STATE_ACTIVE;
  p->step = PASS_END;
  p->result = result;
  p->owner = PASS_OWNER_DST;
}

/* The first step that went wrong is the one to tell of. */
void
pass_blame (struct pass *p, enum pass_reason reason)
{
  if (p->reason != PASS_REASON_NONE)
    return;
  p->reason = reason;
  p->culprit = p->step;
}

/* -- before anything is changed ---------------------------------------- */

static void
take_ask_src (struct pass *p, const struct pass_event *e)
{
  p->src = pass_heard (e);
  if (e->outcome != OUTCOME_DONE)
    pass_blame (p, PASS_REASON_STEP);
  /* Asked in any case: it may be the one who has the image. */
  p->step = PASS_ASK_DST;
}

/* Why not to begin.  Both have told their state. */
enum pass_reason
pass_obstacle (const struct pass_view *src, const struct pass_view *dst)
{
  if (pass_same_server (src, dst))
    return PASS_REASON_SAME_SERVER;
  if (src->has_size && dst->has_size && src->size_bytes != dst->size_bytes)
    return PASS_REASON_SIZES_DIFFER;
  if (src->has_file && dst->has_file && src->file_number != dst->file_number)
    return PASS_REASON_FILES_DIFFER;
  if (src->has_data_file && dst->has_data_file &&
      src->data_file_number != dst->data_file_number)
    return PASS_REASON_DATA_FILES_DIFFER;
  if (src->state == PASS_STATE_ACTIVE && dst->state == PASS_STATE_ACTIVE)
    return PASS_REASON_BOTH_ACTIVE;
  if (dst->state == PASS_STATE_INACTIVE && dst->read_only && !src->read_only)
    return PASS_REASON_DST_READ_ONLY;
  if (src->state == PASS_STATE_INACTIVE && dst->state == PASS_STATE_INACTIVE)
    return PASS_REASON_NONE_ACTIVE;
  if (src->state != PASS_STATE_ACTIVE && src->state != PASS_STATE_INACTIVE)
    return PASS_REASON_SRC_BUSY;
  if (dst->state != PASS_STATE_ACTIVE && dst->state != PASS_STATE_INACTIVE)
    return PASS_REASON_DST_BUSY;
  return PASS_REASON_NONE;
}

/* The last caller may have died on the way; the source then has the ticket.
 * The reason stands until it gives one. */
static void
resume (struct pass *p)
{
  p->resumed = true;
  p->lock_decides = false;
  p->step = PASS_FETCH_TICKET;
}

static void
take_ask_dst (struct pass *p, const struct pass_event *e)
{
  p->dst = pass_heard (e);
  if (e->outcome != OUTCOME_DONE)
    pass_blame (p, PASS_REASON_STEP);
  else
    pass_blame (p, pass_obstacle (&p->src, &p->dst));
  p->lock_decides = p->src.locked;
  if (p->reason == PASS_REASON_NONE_ACTIVE && p->grouped)
    pass_resume_member (p);
  else if (p->reason == PASS_REASON_NONE_ACTIVE)
    resume (p);
  else if (p->reason != PASS_REASON_NONE)
    pass_end (p, PASS_NOT_STARTED);
  else if (p->dst.state == PASS_STATE_ACTIVE)
    pass_end_with_dst (p, PASS_ALREADY_DONE);
  else
    p->step = p->grouped ? PASS_LOOK_DST : PASS_FLUSH_SRC;
}

static void
give_up (struct pass *p)
{
  pass_blame (p, PASS_REASON_STEP);
  p->giving_up = true;
  p->step = PASS_RECHECK_SRC;
}

static void
take_flush_src (struct pass *p, const struct pass_event *e)
{
  if (e->outcome == OUTCOME_DONE)
    p->step = PASS_INACTIVATE_SRC;
  else
    give_up (p);
}

/* -- the hand-over ----------------------------------------------------- */

static void
take_inactivate_src (struct pass *p, const struct pass_event *e)
{
  switch (e->outcome) {
  case OUTCOME_DONE:
    p->src.state = PASS_STATE_INACTIVE;
    p->step = PASS_ACTIVATE_DST;
    return;
  case OUTCOME_LOST:
    pass_blame (p, PASS_REASON_STEP);
    p->step = PASS_RECHECK_SRC;
    return;
  default:
    give_up (p);
  }
}

static void
take_recheck_src (struct pass *p, const struct pass_event *e)
{
  p->src = pass_heard (e);
  if (p->giving_up && p->grouped && p->src.state == PASS_STATE_INACTIVE) {
    pass_resume_late (p);
    return;
  }
  if (p->giving_up) {
    pass_end (p, PASS_NOT_STARTED);
    return;
  }
  switch (p->src.state) {
  case PASS_STATE_INACTIVE:
    p->reason = PASS_REASON_NONE;
    p->step = PASS_FETCH_TICKET;
    return;
  case PASS_STATE_ACTIVE:
  case PASS_STATE_ACTIVATING:
  case PASS_STATE_INACTIVATING:
    /* The question may be waiting.  Commands run one after the other, so
     * this settles it. */
    p->step = PASS_ROLL_BACK;
    return;
  default:
    pass_end (p, PASS_FAILED);
  }
}

static void
take_ticket_again (struct pass *p, const struct pass_event *e)
{
  if (e->outcome == OUTCOME_DONE && e->has_ticket) {
    p->reason = PASS_REASON_NONE;
    p->step = PASS_ACTIVATE_DST;
  } else
    pass_end (p, PASS_NOT_STARTED);
}

/* It was inactive a moment ago. */
static void
take_fetch_ticket (struct pass *p, const struct pass_event *e)
{
  if (p->resumed && p->grouped) {
    pass_take_member_ticket (p, e);
    return;
  }
  if (p->resumed) {
    take_ticket_again (p, e);
    return;
  }
  if (e->outcome != OUTCOME_REFUSED) {
    p->step = PASS_ACTIVATE_DST;
    return;
  }
  pass_blame (p, PASS_REASON_STEP);
  p->step = PASS_ROLL_BACK;
}

static void
take_activate_dst (struct pass *p, const struct pass_event *e)
{
  if (e->outcome == OUTCOME_DONE) {
    pass_end_with_dst (p, PASS_DONE);
    return;
  }
  pass_blame (p, PASS_REASON_STEP);
  if (e->outcome != OUTCOME_REFUSED)
    p->dst.state = PASS_STATE_UNKNOWN;
  if (p->resumed && e->outcome != OUTCOME_LOST) {
    if (p->grouped)
      p->step = PASS_RETURN_SRC;
    else
      pass_end (p, PASS_NOT_STARTED);
    return;
  }
  /* Not sent: whatever it is, it has not got the image from us. */
  p->step = e->outcome == OUTCOME_LOST ? PASS_RECHECK_DST : PASS_ROLL_BACK;
}

static void
take_recheck_dst (struct pass *p, const struct pass_event *e)
{
  p->dst = pass_heard (e);
  if (p->dst.state == PASS_STATE_ACTIVE)
    pass_end_with_dst (p, PASS_DONE);
  else if (p->lock_decides)
    p->step = PASS_ROLL_BACK;
  else
    pass_end (p, PASS_FAILED);
}

/* -- the way back ------------------------------------------------------ */

void
pass_end_rolled_back (struct pass *p)
{
  p->src.state = PASS_STATE_ACTIVE;
  p->step = PASS_END;
  p->result = PASS_ROLLED_BACK;
  p->owner = PASS_OWNER_SRC;
}

static void
take_roll_back (struct pass *p, const struct pass_event *e)
{
  switch (e->outcome) {
  case OUTCOME_DONE:
    pass_end_rolled_back (p);
    return;
  case OUTCOME_REFUSED:
    /* Perhaps because the destination has the lock after all. */
    p->src.state = PASS_STATE_INACTIVE;
    p->step = PASS_RECHECK_WINNER;
    return;
  default:
    p->src.state = PASS_STATE_UNKNOWN;
    p->step = PASS_RECHECK_ROLL_BACK;
  }
}

static void
take_recheck_roll_back (struct pass *p, const struct pass_event *e)
{
  p->src = pass_heard (e);
  if (p->src.state == PASS_STATE_ACTIVE)
    pass_end_rolled_back (p);
  else
    p->step = PASS_RECHECK_WINNER;
}

static void
take_recheck_winner (struct pass *p, const struct pass_event *e)
{
  p->dst = pass_heard (e);
  if (p->dst.state == PASS_STATE_ACTIVE)
    pass_end_with_dst (p, PASS_DONE);
  else
    pass_end (p, PASS_FAILED);
}

/* -- the table --------------------------------------------------------- */

static const struct {
  const char *name;
  bool asks_dst;
  void (*take) (struct pass *p, const struct pass_event *e);
} steps[] = {
  [PASS_ASK_SRC] = { "status source", false, take_ask_src },
  [PASS_ASK_DST] = { "status destination", true, take_ask_dst },
  [PASS_FLUSH_SRC] = { "flush source", false, take_flush_src },
  [PASS_INACTIVATE_SRC] = { "inactivate source", false, take_inactivate_src },
  [PASS_RECHECK_SRC] = { "recheck source", false, take_recheck_src },
  [PASS_FETCH_TICKET] = { "fetch ticket", false, take_fetch_ticket },
  [PASS_ACTIVATE_DST] = { "activate destination", true, take_activate_dst },
  [PASS_RECHECK_DST] = { "recheck destination", true, take_recheck_dst },
  [PASS_ROLL_BACK] = { "reactivate source", false, take_roll_back },
  [PASS_RECHECK_ROLL_BACK] = { "recheck source", false,
                               take_recheck_roll_back },
  [PASS_RECHECK_WINNER] = { "recheck destination", true,
                            take_recheck_winner },
  [PASS_LOOK_DST] = { "look destination", true, pass_take_look },
  [PASS_COMPARE_DST] = { "compare destination", true, pass_take_compare },
  [PASS_FETCH_DST_TICKET] = { "fetch ticket back", true,
                              pass_take_dst_ticket },
  [PASS_ASK_SRC_BACK] = { "recheck source", false, pass_take_ask_src_back },
  [PASS_TAKE_BACK] = { "take back", true, pass_take_take_back },
  [PASS_RECHECK_TAKE_BACK] = { "recheck destination", true,
                               pass_take_recheck_take_back },
  [PASS_TAKE_BACK_AGAIN] = { "take back again", true,
                             pass_take_take_back_again },
  [PASS_RETURN_SRC] = { "return to source", false, pass_take_return },
  [PASS_RECHECK_RETURN] = { "recheck source", false,
                            pass_take_recheck_return },
  [PASS_END] = { "end", false, NULL },
};

void
pass_begin (struct pass *p, bool grouped)
{
  memset (p, 0, sizeof *p);     /* padding too: a test compares them */
  p->step = PASS_ASK_SRC;
  p->grouped = grouped;
}

void
pass_advance (struct pass *p, const struct pass_event *e)
{
  if (p->step != PASS_END)
    steps[p->step].take (p, e);
}

const char *
pass_step_name (enum pass_step step)
{
  return steps[step].name;
}

bool
pass_step_asks_dst (enum pass_step step)
{
  return steps[step].asks_dst;
}
