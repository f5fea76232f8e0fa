/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One member of a group in a model (group-local.h).
 */

#include <config.h>

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "cli-choices.h"
#include "group-local.h"
#include "peer.h"

/* -- values ---------------------------------------------------------------- */

static void
wake (struct local *l, struct choices *c)
{
  l->world.src.world = l->world.dst.world = &l->world;
  l->world.choose = choices_choose;
  l->world.opaque = c;
}

static void
freeze (struct local *l)
{
  l->world.src.world = l->world.dst.world = NULL;
  l->world.choose = NULL;
  l->world.opaque = NULL;
  l->world.nr_questions = 0;
  l->world.src.asked_with = l->world.dst.asked_with = 0;
}

void
local_init (struct local *l, bool locks, bool records)
{
  memset (l, 0, sizeof *l);
  world_init (&l->world, locks, NULL, NULL);
  l->world.host = "";
  l->world.records = records;
  freeze (l);
  local_begin (l);
}

void
local_begin (struct local *l)
{
  memset (&l->pass, 0, sizeof l->pass);
  l->ticket = 0;
  l->was_src = l->world.src.active;
  l->was_dst = l->world.dst.active;
  l->inherits = l->world.src.nr_waiting > 0 || l->world.dst.nr_waiting > 0;
  l->excused = l->back_done = false;
}

bool
local_same_process (const struct local *l, bool dst)
{
  const struct world_server *s = dst ? &l->world.dst : &l->world.src;

  return !s->dead && s->pid == (dst ? 2 : 1);
}

/* -- asking ---------------------------------------------------------------- */

static const char *
command_of (enum pass_step step)
{
  switch (step) {
  case PASS_LOOK_DST: return "invalidate";
  case PASS_FLUSH_SRC: return "flush";
  case PASS_INACTIVATE_SRC: case PASS_FETCH_TICKET:
  case PASS_FETCH_DST_TICKET: case PASS_TAKE_BACK:
  case PASS_TAKE_BACK_AGAIN: return "inactivate";
  case PASS_ACTIVATE_DST: case PASS_ROLL_BACK:
  case PASS_RETURN_SRC: return "activate";
  default: return NULL;
  }
}

static void
ask_server (struct local *l, struct answer *ret)
{
  const enum pass_step step = l->pass.step;
  const char *command = command_of (step);
  struct peer *s = pass_step_asks_dst (step) ? &l->world.dst.peer
                                             : &l->world.src.peer;
  json_t *arguments = NULL;

  if (command == NULL) {
    peer_status (s, ret);
    return;
  }
  if (l->ticket != 0 && (step == PASS_ACTIVATE_DST || step == PASS_RETURN_SRC))
    arguments = json_pack ("{s:{s:i}}", "ticket", "epoch", l->ticket);
  peer_command (s, command, arguments, ret);
  json_decref (arguments);
}

static bool
is_way_back (enum pass_step step)
{
  return step == PASS_ROLL_BACK || step == PASS_RETURN_SRC ||
         step == PASS_TAKE_BACK || step == PASS_TAKE_BACK_AGAIN;
}

/* What this test notes, and the caller's memory of the ticket. */
static void
note (struct local *l, const struct answer *a)
{
  uint64_t epoch = 0;

  if (a->outcome == OUTCOME_LOST || a->outcome == OUTCOME_NOT_SENT)
    l->excused = true;
  if (is_way_back (l->pass.step)) {
    l->excused |= a->outcome == OUTCOME_REFUSED;
    l->back_done = a->outcome == OUTCOME_DONE;
  }
  field_u64 (json_object_get (a->body, "ticket"), "epoch", &epoch);
  if ((int) epoch > l->ticket)
    l->ticket = (int) epoch;
}

static void
ask_once (struct local *l, struct choices *c, struct pass_event *ret)
{
  struct answer answer = { .outcome = OUTCOME_DONE };

  wake (l, c);
  ask_server (l, &answer);
  note (l, &answer);
  memset (ret, 0, sizeof *ret);
  ret->outcome = answer.outcome;
  if (command_of (l->pass.step) == NULL)
    pass_view_parse (answer.body, &ret->view);
  ret->has_ticket = l->ticket != 0;
  answer_clear (&answer);
  freeze (l);
}

static bool
is_new (const struct local_outcome *outcomes, unsigned n)
{
  unsigned i;

  for (i = 0; i < n; i++)
    if (memcmp (&outcomes[i], &outcomes[n], sizeof outcomes[n]) == 0)
      return false;
  return true;
}

unsigned
local_ask (const struct local *l, unsigned max_faults,
           struct local_outcome outcomes[MAX_OUTCOMES])
{
  struct choices c = { .max_faults = max_faults, .nr_faults = l->nr_faults };
  unsigned n = 0;

  do {
    struct local_outcome *o = &outcomes[n];

    assert (n < MAX_OUTCOMES);
    memset (o, 0, sizeof *o);
    memcpy (&o->after, l, sizeof *l);
    ask_once (&o->after, &c, &o->event);
    /* Without a limit nobody counts. */
    o->after.nr_faults = (uint8_t) (max_faults < UINT8_MAX ? c.nr_faults : 0);
    n += is_new (outcomes, n);
  } while (choices_next (&c, l->nr_faults));
  return n;
}

/* -- what is said of it ---------------------------------------------------- */

/* A process may have ended since its last word. */
static bool
is_owner (const struct local *l, enum pass_owner owner)
{
  switch (owner) {
  case PASS_OWNER_SRC:
    return l->world.src.active || !local_same_process (l, false);
  case PASS_OWNER_DST:
    return l->world.dst.active || !local_same_process (l, true);
  case PASS_OWNER_NONE:
    return !l->world.src.active && !l->world.dst.active;
  default:
    return true;
  }
}

static bool
is_unchanged (const struct local *l)
{
  if (l->inherits)
    return true;
  return (l->world.src.active == l->was_src ||
          !local_same_process (l, false)) &&
         (l->world.dst.active == l->was_dst || !local_same_process (l, true));
}

static bool
fits (const struct local *l, enum pass_result result)
{
  switch (result) {
  case PASS_DONE: case PASS_ALREADY_DONE:
    return l->pass.owner == PASS_OWNER_DST && !l->world.src.active;
  case PASS_ROLLED_BACK:
    return l->pass.owner == PASS_OWNER_SRC && !l->world.dst.active;
  case PASS_NOT_STARTED:
    return is_unchanged (l) && (l->pass.reason != PASS_REASON_NONE ||
                                l->pass.result == PASS_ALREADY_DONE);
  default:
    return true;
  }
}

/* What was said to be at its source is there still when all that waits has
 * been carried out. */
static bool
stays (const struct local *l, enum pass_result result)
{
  const bool promised = result == PASS_ROLLED_BACK && l->back_done;
  struct local later = *l;

  wake (&later, NULL);
  world_end (&later.world);
  return !later.world.both_were_active &&
         (!promised || later.world.src.active ||
          !local_same_process (l, false));
}

bool
local_fits (const struct local *l, enum pass_result result)
{
  if (l->folded)
    return l->fitting >> result & 1;
  return is_owner (l, l->pass.owner) && fits (l, result) && stays (l, result);
}

/* -- folding --------------------------------------------------------------- */

static void
fold_view (struct pass_view *v)
{
  const enum pass_state state = v->state;
  const bool locked = v->locked;

  memset (v, 0, sizeof *v);
  v->state = state;
  v->locked = locked;
}

static void
fold_server (struct world_server *s)
{
  if (s->dead) {
    s->ticket = 0;
    s->pid = 0;
  }
}

/* Of a member that has ended badly: nobody asks it for anything any more. */
static void
fold_ended (struct local *l)
{
  struct local folded;
  int result;

  memset (&folded, 0, sizeof folded);
  for (result = PASS_DONE; result <= PASS_FAILED; result++)
    if (local_fits (l, (enum pass_result) result))
      folded.fitting |= (uint8_t) (1u << result);
  folded.folded = true;
  folded.died = !local_same_process (l, false) ||
                !local_same_process (l, true);
  folded.excused = l->excused;
  folded.nr_faults = l->nr_faults;
  folded.pass.step = l->pass.step;
  folded.pass.result = l->pass.result;
  folded.pass.owner = l->pass.owner;
  memcpy (l, &folded, sizeof *l);
}

void
local_fold (struct local *l, bool last)
{
  const bool badly = l->pass.step == PASS_END &&
                     l->pass.result != PASS_DONE &&
                     l->pass.result != PASS_ALREADY_DONE;

  /* What they say of sizes and processes is compared early. */
  if (l->pass.step != PASS_ASK_SRC && l->pass.step != PASS_ASK_DST &&
      l->pass.step != PASS_LOOK_DST && l->pass.step != PASS_COMPARE_DST) {
    fold_view (&l->pass.src);
    fold_view (&l->pass.dst);
    l->pass.culprit = PASS_ASK_SRC;
    if (l->pass.reason != PASS_REASON_NONE)
      l->pass.reason = PASS_REASON_STEP;
  }
  fold_server (&l->world.src);
  fold_server (&l->world.dst);
  if (badly && last && !l->folded)
    fold_ended (l);
}
