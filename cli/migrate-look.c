/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Before a migration: how far is it, and can it be done
 * (migrate-internal.h)?
 */

#include <config.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "migrate-internal.h"

bool
migrate_fail (struct migrate *m, const char *where, const char *fmt, ...)
{
  va_list args;

  if (m->why[0] != '\0')
    return false;
  snprintf (m->where, sizeof m->where, "%s", where != NULL ? where : "");
  va_start (args, fmt);
  vsnprintf (m->why, sizeof m->why, fmt, args);
  va_end (args);
  return false;
}

void
migrate_warn (struct migrate *m, const char *where, const char *fmt, ...)
{
  char text[640];
  size_t len = (size_t) snprintf (text, sizeof text, "%s: ", where);
  va_list args;

  if (len >= sizeof text)
    len = 0;
  va_start (args, fmt);
  vsnprintf (text + len, sizeof text - len, fmt, args);
  va_end (args);
  if (m->warnings == NULL)
    m->warnings = json_array ();
  json_array_append_new (m->warnings, json_string (text));
  m->on_warning (text);
}

bool
migrate_fail_answer (struct migrate *m, const struct vm *v,
                     const char *execute, const struct answer *a)
{
  return migrate_fail (m, v->path, a->outcome == OUTCOME_REFUSED
                         ? "QEMU refuses %s: %s" : "%s: %s",
                       execute, a->text);
}

/* -- the VM -------------------------------------------------------------------- */

bool
migrate_connect (struct migrate *m, struct vm *v)
{
  struct answer a = { .outcome = OUTCOME_DONE };

  if (!vm_connect (v, &a)) {
    migrate_fail (m, v->path, "%s", a.text);
    answer_clear (&a);
    return false;
  }
  answer_clear (&a);
  vm_look (v);
  return v->state[0] != '\0' ||
         migrate_fail (m, v->path, "it does not answer");
}

static bool
waits (const struct vm *v)
{
  return vm_is (v, "inmigrate");
}

static bool
source_stage (struct migrate *m, enum migrate_stage *ret)
{
  const struct vm *v = &m->src;

  *ret = MIGRATE_STAGE_START;
  if (vm_is (v, "postmigrate"))
    *ret = MIGRATE_STAGE_MOVED;
  else if (vm_is_migrating (v) && !vm_migration_is (v, "cancelling"))
    *ret = MIGRATE_STAGE_MOVING;
  else if (!vm_is (v, "running") && !vm_is (v, "paused"))
    return migrate_fail (m, v->path, "the VM is in state \"%s\": only one "
                         "that is running or paused can be migrated",
                         v->state);
  if (*ret == MIGRATE_STAGE_START && v->blocked[0] != '\0')
    return migrate_fail (m, v->path, "QEMU cannot migrate this VM: %s",
                         v->blocked);
  return true;
}

/* What the destination may be, where the source is so far. */
static bool
check_destination (struct migrate *m, enum migrate_stage stage)
{
  const struct vm *v = &m->dst;

  if (stage != MIGRATE_STAGE_MOVED && !waits (v))
    return migrate_fail (m, v->path, "the VM is in state \"%s\", and should "
                         "wait for a migration (start it with -incoming)",
                         v->state);
  if (stage == MIGRATE_STAGE_START && vm_is_migrating (v) &&
      !vm_migration_is (v, "setup"))
    return migrate_fail (m, v->path, "another VM is being migrated to it");
  if (stage == MIGRATE_STAGE_MOVED && !waits (v) && !vm_is (v, "paused") &&
      !vm_is (v, "running"))
    return migrate_fail (m, v->path, "the VM is in state \"%s\"", v->state);
  return true;
}

/* The source's QEMU may be gone when all is done. */
static bool
is_over (struct migrate *m)
{
  struct answer a = { .outcome = OUTCOME_DONE };

  if (m->dst.qmp == NULL && !m->dst.busy && vm_connect (&m->dst, &a))
    vm_look (&m->dst);
  answer_clear (&a);
  return vm_is (&m->dst, "running") && !vm_is_migrating (&m->dst) &&
         (m->src.qmp == NULL || vm_is (&m->src, "postmigrate")) &&
         migrate_images (m) == MIGRATE_DST;
}

static bool
look_at_vms (struct migrate *m, enum migrate_stage *ret)
{
  if (!migrate_connect (m, &m->src) && m->src.busy)
    return false;
  if (m->src.qmp == NULL || m->src.state[0] == '\0' ||
      !migrate_connect (m, &m->dst) ||
      !source_stage (m, ret) || !check_destination (m, *ret)) {
    if (!is_over (m))
      return false;
    m->why[0] = '\0';
    *ret = MIGRATE_STAGE_ENDED;
  }
  else if (is_over (m))
    *ret = MIGRATE_STAGE_ENDED;
  m->adopted = *ret != MIGRATE_STAGE_START;
  m->was_running = m->adopted || vm_is (&m->src, "running");
  return true;
}

/* -- the images ------------------------------------------------------------------ */

struct owners {
  const struct migrate *m;
  enum pass_state *states;      /* source and destination of each */
};

enum pass_state
migrate_state (struct peer *server)
{
  struct answer a = { .outcome = OUTCOME_DONE };
  struct pass_view view;

  peer_status (server, &a);
  pass_view_parse (a.outcome == OUTCOME_DONE ? a.body : NULL, &view);
  answer_clear (&a);
  return view.state;
}

static void
ask_owner (void *opaque, size_t i)
{
  const struct owners *o = opaque;

  o->states[i] = migrate_state (i % 2 == 0 ? o->m->srcs[i / 2]
                                           : o->m->dsts[i / 2]);
}

static enum migrate_side
owner_of (const enum pass_state states[2])
{
  const bool src = states[0] == PASS_STATE_ACTIVE;
  const bool dst = states[1] == PASS_STATE_ACTIVE;

  if (src != dst)
    return src ? MIGRATE_SRC : MIGRATE_DST;
  if (states[0] == PASS_STATE_INACTIVE && states[1] == PASS_STATE_INACTIVE)
    return MIGRATE_NOBODY;
  return MIGRATE_UNKNOWN;
}

enum migrate_side
migrate_images (const struct migrate *m)
{
  struct owners o = { .m = m };
  enum migrate_side side = MIGRATE_UNKNOWN;
  size_t i;

  o.states = calloc (2 * m->nr, sizeof *o.states);
  if (o.states == NULL)
    return MIGRATE_UNKNOWN;
  m->each (2 * m->nr, ask_owner, &o);
  for (i = 0; i < m->nr; i++) {
    const enum migrate_side one = owner_of (&o.states[2 * i]);

    if (i == 0 || one == MIGRATE_UNKNOWN)
      side = one;
    else if (one != side && side != MIGRATE_UNKNOWN)
      side = MIGRATE_MIXED;
  }
  free (o.states);
  return side;
}

/* A source that runs has its images; one that is moved may have passed them. */
static bool
look_at_images (struct migrate *m, enum migrate_stage stage)
{
  if (group_prepare (m->nr, m->srcs, m->dsts, m->inactivate_arguments,
                     m->each, &m->work) == -1)
    return migrate_fail (m, NULL, "not enough memory");
  if (stage == MIGRATE_STAGE_MOVED && group_is_at_destinations (m->work)) {
    m->dst_may_run = true;
    return true;
  }
  if (stage == MIGRATE_STAGE_MOVED && group_is_ready (m->work))
    return true;
  if (group_is_ready (m->work) && group_is_at_sources (m->work))
    return true;
  group_complete (m->work, &m->pass);
  m->work = NULL;
  m->passed = true;
  return migrate_fail (m, NULL, "not all images are with their sources, "
                       "ready to be passed");
}

bool
migrate_look (struct migrate *m, enum migrate_stage *ret)
{
  if (!look_at_vms (m, ret))
    return false;
  return *ret == MIGRATE_STAGE_ENDED ||
         (look_at_images (m, *ret) && migrate_check_disks (m));
}
