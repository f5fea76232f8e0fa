/* SPDX-License-Identifier: BSD-3-Clause
 *
 * When the members of a group go on (pass-group.h has the rules).
 *
 * A phase only grows, a member that ended badly stays so, and one that ended
 * well can be sent back once: the group ends.
 */

#include <config.h>

#include "pass-decide-internal.h"
#include "pass-group.h"

/* -- members ------------------------------------------------------------- */

static bool
ended (const struct pass *p)
{
  return p->step == PASS_END;
}

static bool
ended_well (const struct pass *p)
{
  return ended (p) &&
         (p->result == PASS_DONE || p->result == PASS_ALREADY_DONE);
}

/* About to ask for a status, before anything is changed. */
static bool
is_asking (const struct pass *p)
{
  return p->step == PASS_ASK_SRC || p->step == PASS_ASK_DST ||
         p->step == PASS_COMPARE_DST || p->step == PASS_RECHECK_SRC;
}

/* Its source is inactive, and it has not asked the destination. */
static bool
is_half_way (const struct pass *p)
{
  return p->step == PASS_ACTIVATE_DST;
}

static bool
is_ready (const struct pass *p)
{
  return p->step == PASS_INACTIVATE_SRC || is_half_way (p) || ended_well (p);
}

static bool
all (struct pass *const *members, size_t nr,
     bool (*test) (const struct pass *p))
{
  size_t i;

  for (i = 0; i < nr; i++)
    if (!test (members[i]))
      return false;
  return true;
}

static bool
any_failed (struct pass *const *members, size_t nr)
{
  size_t i;

  for (i = 0; i < nr; i++)
    if (ended (members[i]) && !ended_well (members[i]))
      return true;
  return false;
}

/* -- one server in two pairs ---------------------------------------------- */

static bool
share_a_server (const struct pass *a, const struct pass *b)
{
  return pass_same_server (&a->src, &b->src) ||
         pass_same_server (&a->src, &b->dst) ||
         pass_same_server (&a->dst, &b->src) ||
         pass_same_server (&a->dst, &b->dst);
}

static void
refuse_twice (struct pass *p)
{
  if (ended (p) && !ended_well (p))
    return;
  p->reason = PASS_REASON_TWICE;
  pass_end (p, PASS_NOT_STARTED);
}

static void
compare (struct pass *const *members, size_t nr)
{
  size_t i, j;

  for (i = 0; i < nr; i++)
    for (j = i + 1; j < nr; j++)
      if (share_a_server (members[i], members[j]))
        refuse_twice (members[j]);
}

/* -- the group ------------------------------------------------------------ */

static bool
is_told (const struct pass *p)
{
  return !is_asking (p);
}

static bool
is_inactivated (const struct pass *p)
{
  return is_half_way (p) || ended_well (p);
}

/* Another has failed while nothing was changed.  Those whose state is not
 * known tell it first: who has which image is to be said. */
static void
leave (struct pass *p)
{
  if (!ended (p) && !is_asking (p))
    pass_leave_member (p);
}

/* Another has failed since.  A member that is in the middle of something gets
 * here again when it knows what came of that. */
static void
give_back (struct pass *p)
{
  if (is_ready (p))
    pass_return_member (p);
}

static void
give_up (const struct group *g, struct pass *const *members, size_t nr)
{
  size_t i;

  for (i = 0; i < nr; i++)
    if (g->phase == GROUP_CHECKING)
      leave (members[i]);
    else
      give_back (members[i]);
}

static void
open_gates (struct group *g, struct pass *const *members, size_t nr)
{
  if (g->phase == GROUP_CHECKING && all (members, nr, is_ready))
    g->phase = GROUP_INACTIVATING;
  if (g->phase == GROUP_INACTIVATING && all (members, nr, is_inactivated))
    g->phase = GROUP_ACTIVATING;
}

static void
settle (struct group *g, struct pass *const *members, size_t nr)
{
  if (!g->compared && all (members, nr, is_told)) {
    g->compared = true;
    compare (members, nr);
  }
  if (any_failed (members, nr))
    give_up (g, members, nr);
  else
    open_gates (g, members, nr);
}

void
group_begin (struct group *g, struct pass *const *members, size_t nr)
{
  size_t i;

  *g = (struct group) { .phase = GROUP_CHECKING };
  for (i = 0; i < nr; i++)
    pass_begin (members[i], true);
}

bool
group_asks (const struct group *g, const struct pass *member)
{
  switch (member->step) {
  case PASS_END:
    return false;
  case PASS_INACTIVATE_SRC:
    return g->phase >= GROUP_INACTIVATING;
  case PASS_ACTIVATE_DST:
    return g->phase >= GROUP_ACTIVATING;
  default:
    return true;
  }
}

void
group_advance (struct group *g, struct pass *const *members, size_t nr,
               const struct pass_event *events)
{
  size_t i;

  for (i = 0; i < nr; i++)
    if (group_asks (g, members[i]))
      pass_advance (members[i], &events[i]);
  settle (g, members, nr);
}

/* -- at the end ------------------------------------------------------------ */

static bool
is_already_done (const struct pass *p)
{
  return p->result == PASS_ALREADY_DONE;
}

static bool
is_unchanged (const struct pass *p)
{
  return p->result == PASS_NOT_STARTED || is_already_done (p);
}

static bool
is_at_source (const struct pass *p)
{
  return p->owner == PASS_OWNER_SRC;
}

enum pass_result
group_result (struct pass *const *members, size_t nr)
{
  if (all (members, nr, is_already_done))
    return PASS_ALREADY_DONE;
  if (all (members, nr, ended_well))
    return PASS_DONE;
  if (all (members, nr, is_unchanged))
    return PASS_NOT_STARTED;
  if (all (members, nr, is_at_source))
    return PASS_ROLLED_BACK;
  return PASS_FAILED;
}
