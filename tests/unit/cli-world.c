/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Two servers and one image (cli-world.h).
 */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli-world.h"

static struct world_server *
other (struct world_server *s)
{
  return s == &s->world->src ? &s->world->dst : &s->world->src;
}

static void
check (struct world *w)
{
  if (w->src.active && w->dst.active)
    w->both_were_active = true;
}

static bool
is_dst (const struct world_server *s)
{
  return s == &s->world->dst;
}

/* A new ticket, or the same again. */
static void
release (struct world_server *s)
{
  if (s->active) {
    s->ticket = s->world->epoch;
    s->world->held = false;
  }
  s->active = false;
}

static bool
record_allows (const struct world_server *s, int ticket)
{
  const struct world *w = s->world;
  const bool mine = w->held && w->held_by_dst == is_dst (s);

  if (ticket != 0)
    return w->held ? mine && w->epoch == ticket + 1 : w->epoch == ticket;
  if (s->ticket != 0)
    return !w->held && w->epoch == s->ticket;
  return !w->held || mine;
}

/* NULL, or the class of the refusal. */
static const char *
take_over (struct world_server *s, int ticket)
{
  struct world *w = s->world;

  if (s->active)
    return NULL;
  if (w->locks && other (s)->active)
    return "LockHeld";
  if (w->records && !record_allows (s, ticket))
    return "Overtaken";
  s->active = true;
  w->epoch++;
  w->held = true;
  w->held_by_dst = is_dst (s);
  check (w);
  return NULL;
}

/* NULL, or the class of the refusal. */
static const char *
carry_out (struct world_server *s, const char *execute, int ticket)
{
  if (s->dead)
    return "Dead";
  if (strcmp (execute, "flush") == 0) {
    s->nr_flushes += s->active;
    return s->active ? NULL : "WrongState";
  }
  if (strcmp (execute, "invalidate") == 0)
    return s->active ? "WrongState" : NULL;
  if (strcmp (execute, "activate") == 0)
    return take_over (s, ticket);
  release (s);
  return NULL;
}

static void
carry_out_waiting (struct world_server *s)
{
  int i;

  for (i = 0; i < s->nr_waiting; i++)
    carry_out (s, s->waiting[i].execute, s->waiting[i].ticket);
  s->nr_waiting = 0;
  memset (s->waiting, 0, sizeof s->waiting);
}

static bool
changes_ownership (const char *execute)
{
  return strcmp (execute, "activate") == 0 ||
         strcmp (execute, "inactivate") == 0;
}

/* The same twice in a row is the same as once. */
static void
wait_its_turn (struct world_server *s, const char *execute, int ticket)
{
  const int last = s->nr_waiting - 1;

  if (!changes_ownership (execute) ||
      (last >= 0 && strcmp (s->waiting[last].execute, execute) == 0 &&
       s->waiting[last].ticket == ticket))
    return;
  if (s->nr_waiting == MAX_WAITING)
    abort ();
  s->waiting[s->nr_waiting++] = (struct world_command) { execute, ticket };
}

static void
die (struct world_server *s)
{
  s->dead = true;
  s->active = false;
  s->nr_waiting = 0;
  memset (s->waiting, 0, sizeof s->waiting);
}

static void
answer_status (struct world_server *s, struct answer *ret)
{
  answer_set (ret, OUTCOME_DONE, "%s", "");
  ret->body = json_pack ("{s:s, s:s, s:i, s:b, s:I, s:s, s:{s:s, s:n}}",
                         "state", s->active ? "active" : "inactive",
                         "host", s->world->host, "pid", s->pid,
                         "locked", s->active && s->world->locks,
                         "virtual-size", (json_int_t) 1048576,
                         "image", "/i.qcow2", "storage",
                         "locks", s->world->locks ? "yes" : "none",
                         "warning");
  if (s->listens != NULL)
    json_object_set_new (ret->body, "listens",
                         json_pack ("[s]", s->listens));
}

static void
answer_lost (struct answer *ret, bool timed_out)
{
  answer_set (ret, OUTCOME_LOST, timed_out ? "no answer in time"
                                           : "the connection was lost");
  ret->timed_out = timed_out;
}

static void
answer_refused (struct answer *ret, const char *class)
{
  answer_set (ret, OUTCOME_REFUSED, "cannot do that");
  snprintf (ret->class, sizeof ret->class, "%s", class);
}

static void
answer_now (struct world_server *s, const char *execute, int ticket,
            struct answer *ret)
{
  const char *class = NULL;

  if (execute == NULL) {
    answer_status (s, ret);
    return;
  }
  class = carry_out (s, execute, ticket);
  if (class != NULL)
    answer_refused (ret, class);
  else
    answer_set (ret, OUTCOME_DONE, "%s", "");
  if (class == NULL && strcmp (execute, "inactivate") == 0 && s->ticket)
    ret->body = json_pack ("{s:{s:i}}", "ticket", "epoch", s->ticket);
}

/* A refusal of what would do nothing is no refusal. */
static bool
would_do_nothing (const struct world_server *s, const char *execute)
{
  return (strcmp (execute, "inactivate") == 0 && !s->active) ||
         (strcmp (execute, "activate") == 0 && s->active);
}

static void
answer_refused_or_not (struct world_server *s, const char *execute,
                       int ticket, struct answer *ret)
{
  if (execute == NULL || would_do_nothing (s, execute))
    answer_now (s, execute, ticket, ret);
  else
    answer_refused (ret, "StaleView");
}

/* The fates in which the reply is lost. */
static void
lose (struct world_server *s, const char *execute, int ticket,
      enum fate fate, struct answer *ret)
{
  answer_lost (ret, fate >= FATE_TIMEOUT_BEFORE && fate <= FATE_TIMEOUT_LATE);
  if (fate == FATE_DIES_BEFORE || fate == FATE_RESTARTS) {
    die (s);
    s->dead = fate == FATE_DIES_BEFORE;
    s->pid = fate == FATE_RESTARTS ? 100 + is_dst (s) : s->pid;
    s->ticket = s->world->records ? 0 : s->ticket;
    return;
  }
  if (execute == NULL || fate == FATE_BROKEN_BEFORE ||
      fate == FATE_TIMEOUT_BEFORE)
    return;
  if (fate == FATE_BROKEN_LATE || fate == FATE_TIMEOUT_LATE)
    wait_its_turn (s, execute, ticket);
  else
    carry_out (s, execute, ticket);
  if (fate == FATE_DIES_AFTER)
    die (s);
}

static void
ask (struct world_server *s, const char *execute, int ticket,
     struct answer *ret)
{
  enum fate fate;

  s->world->nr_questions++;
  fate = s->dead ? FATE_NOT_SENT : s->world->choose (s->world, execute);
  if (execute != NULL && fate != FATE_NOT_SENT && fate != FATE_BROKEN_LATE &&
      fate != FATE_TIMEOUT_LATE && fate != FATE_BROKEN_BEFORE &&
      fate != FATE_TIMEOUT_BEFORE)
    carry_out_waiting (s);
  switch (fate) {
  case FATE_OK:
    answer_now (s, execute, ticket, ret);
    return;
  case FATE_REFUSED:
    answer_refused_or_not (s, execute, ticket, ret);
    return;
  case FATE_NOT_SENT:
    answer_set (ret, OUTCOME_NOT_SENT, "cannot connect");
    return;
  default:
    lose (s, execute, ticket, fate, ret);
  }
}

static void
world_status (struct peer *p, struct answer *ret)
{
  ask ((struct world_server *) p, NULL, 0, ret);
}

static void
world_command (struct peer *p, const char *execute, const json_t *arguments,
               struct answer *ret)
{
  struct world_server *s = (struct world_server *) p;
  uint64_t epoch = 0;

  field_u64 (json_object_get (arguments, "ticket"), "epoch", &epoch);
  if (strcmp (execute, "activate") == 0)
    s->asked_with = (int) epoch;
  ask (s, execute, (int) epoch, ret);
}

static void
world_free (struct peer *p)
{
  (void) p;
}

void
world_init (struct world *w, bool locks,
            enum fate (*choose) (struct world *w, const char *execute),
            void *opaque)
{
  static const struct peer_ops ops = {
    .status = world_status, .command = world_command, .free = world_free,
  };

  memset (w, 0, sizeof *w);
  w->host = "h";
  w->locks = locks;
  w->choose = choose;
  w->opaque = opaque;
  w->epoch = 1;
  w->held = true;
  w->src = (struct world_server) {
    .peer = { &ops, "/a.sock" }, .world = w, .active = true, .pid = 1,
  };
  w->dst = (struct world_server) {
    .peer = { &ops, "/b.sock" }, .world = w, .pid = 2,
  };
}

void
world_end (struct world *w)
{
  carry_out_waiting (&w->src);
  carry_out_waiting (&w->dst);
}
