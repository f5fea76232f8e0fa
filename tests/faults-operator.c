/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The operator (faults-operator.h): rows of the table "What went wrong, and
 * what to type" in docs/HANDOVER.md.
 */

#include <config.h>

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "faults-operator.h"

#define SETTLE_SECONDS 20

/* -- looking ------------------------------------------------------------------ */

/* A command that came late, or to one who was stopped, may be under way. */
static void
look_settled (struct server *s, struct seen *ret)
{
  const uint64_t end_us = faults_now_us () + SETTLE_SECONDS * 1000000;

  for (;;) {
    server_look (s, ret);
    if (!ret->between)
      return;
    if (faults_now_us () > end_us)
      faults_fail ("%s stays between two states", s->name);
    nanosleep (&(struct timespec) { 0, 2000000 }, NULL);
  }
}

int
find_active (struct world *w, struct seen seen[2])
{
  look_settled (&w->servers[0], &seen[0]);
  look_settled (&w->servers[1], &seen[1]);
  /* Each has told of another moment. */
  if (seen[0].active && seen[1].active)
    look_settled (&w->servers[0], &seen[0]);
  if (seen[0].active && seen[1].active)
    faults_fail ("TWO ACTIVE SERVERS, of epochs %llu and %llu",
                 (unsigned long long) seen[0].epoch,
                 (unsigned long long) seen[1].epoch);
  return seen[0].active ? 0 : seen[1].active ? 1 : -1;
}

/* -- typing ------------------------------------------------------------------- */

static void
must (struct world *w, const char *command, struct server *s,
      struct server *other)
{
  const char *const words[] = {
    "--json", command, s->control, other ? other->control : NULL, NULL,
  };

  if (baton_type (w, words) != 0)
    faults_fail ("baton %s %s%s%s, which should help, does not: see baton.err",
                 command, s->name, other ? " " : "", other ? other->name : "");
}

void
pass_cleanly (struct world *w, unsigned src)
{
  must (w, "pass", &w->servers[src], &w->servers[!src]);
}

/* -- the dead ----------------------------------------------------------------- */

static void
restart_inactive (struct world *w, struct server *s)
{
  if (!server_start (w, s, false))
    faults_fail ("%s does not start inactive: see its log", s->name);
}

/* "restart A: it recovers the image by itself"; where it must not have it, it
 * says so. */
static void
restart_active (struct world *w, struct server *s, struct deeds *deeds)
{
  if (server_start (w, s, true)) {
    deeds->nr_recovered++;
    return;
  }
  if (!server_log_has (s, "(LockHeld)") &&
      !server_log_has (s, "(HeldElsewhere)") &&
      !server_log_has (s, "host-") && !server_log_has (s, "lock"))
    faults_fail ("%s does not start: see its log", s->name);
  restart_inactive (w, s);
}

/* -- nobody is active ---------------------------------------------------------- */

/* By the one who knows more: its last release or crash is seen by whoever
 * looked last. */
static const struct seen *
newest (const struct seen seen[2])
{
  if (seen[0].epoch != seen[1].epoch)
    return seen[0].epoch > seen[1].epoch ? &seen[0] : &seen[1];
  return seen[0].released ? &seen[0] : &seen[1];
}

static unsigned
owner_index (const struct seen *s)
{
  if (strcmp (s->owner, "host-a") != 0 && strcmp (s->owner, "host-b") != 0)
    faults_fail ("the record names \"%s\"", s->owner);
  return s->owner[5] == 'b';
}

/* "baton inactivate" again, for its ticket. */
static void
activate_with_ticket (struct world *w, struct server *from, struct server *to)
{
  char out[PATH_MAX], ticket[PATH_MAX];
  const char *const words[] = {
    "activate", "--ticket", ticket, to->control, NULL,
  };

  must (w, "inactivate", from, NULL);
  snprintf (out, sizeof out, "%s/baton.out", w->paths.dir);
  snprintf (ticket, sizeof ticket, "%s/ticket", w->paths.dir);
  if (rename (out, ticket) == -1 || baton_type (w, words) != 0)
    faults_fail ("baton activate --ticket t %s does not help: see baton.err",
                 to->name);
}

/* Released by OWNER, whose process may have died since.  The other one may
 * be a former source that was overtaken: without a ticket it would be refused
 * for as long as it lives. */
static void
choose (struct world *w, unsigned owner, const bool was_dead[2],
        unsigned taste, struct deeds *deeds)
{
  struct server *o = &w->servers[owner], *other = &w->servers[!owner];

  if (!was_dead[owner] && taste % 3 == 0) {
    must (w, "pass", o, other);
    deeds->nr_resumed++;
    return;
  }
  if (!was_dead[owner] && taste % 3 == 1)
    activate_with_ticket (w, o, other);
  else
    must (w, "activate", was_dead[!owner] && taste % 2 ? other : o, NULL);
  deeds->nr_activated++;
}

static void
take_up (struct world *w, const struct seen seen[2], const bool was_dead[2],
         unsigned taste, struct deeds *deeds)
{
  const struct seen *s = newest (seen);
  unsigned owner;

  if (!s->held && !s->released)
    faults_fail ("there is no ownership record any more");
  owner = owner_index (s);
  if (s->held) {
    must (w, "activate", &w->servers[owner], NULL);
    deeds->nr_activated++;
  } else
    choose (w, owner, was_dead, taste, deeds);
}

/* -- the whole ------------------------------------------------------------------ */

static void
cure (struct world *w, struct server *s, struct deeds *deeds)
{
  server_kill (s);
  restart_active (w, s, deeds);
  deeds->nr_poisoned++;
}

/* Looks, and types what the table says; returns who is active then, or -1. */
static int
operate_once (struct world *w, const bool was_dead[2], unsigned taste,
              struct deeds *deeds)
{
  struct seen seen[2];
  const int active = find_active (w, seen);

  if (active != -1 && seen[active].poisoned)
    cure (w, &w->servers[active], deeds);
  else if (active == -1)
    take_up (w, seen, was_dead, taste, deeds);
  return find_active (w, seen);
}

unsigned
operate (struct world *w, unsigned src, const struct fault *f,
         struct deeds *deeds)
{
  struct seen seen;
  bool was_dead[2];
  unsigned i;
  int active;

  for (i = 0; i < 2; i++) {
    was_dead[i] = server_is_dead (&w->servers[i]);
    if (was_dead[i] && i == src && f->taste & 0x100)
      restart_active (w, &w->servers[i], deeds);
    else if (was_dead[i])
      restart_inactive (w, &w->servers[i]);
  }
  active = operate_once (w, was_dead, f->taste, deeds);
  /* A server may not yet have read an "inactivate" that came late when it was
   * looked at: whoever looks again finds it inactive, as `baton` has told. */
  if (active == -1 && fault_comes_late (f->kind)) {
    deeds->nr_again++;
    active = operate_once (w, was_dead, f->taste, deeds);
  }
  if (active == -1)
    faults_fail ("the obvious command did not help");
  server_look (&w->servers[active], &seen);
  if (seen.poisoned)
    faults_fail ("%s is still poisoned", w->servers[active].name);
  return (unsigned) active;
}
