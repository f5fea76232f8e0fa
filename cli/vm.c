/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A virtual machine, as its monitor tells of it (vm.h).
 *
 * QEMU: qapi/run-state.json, qapi/migration.json.
 */

#include <config.h>

#include <string.h>

#include "clock.h"
#include "vm.h"

/* Who has not answered is not waited for so long again, or many questions
 * would take minutes. */
#define AGAIN 5

static void
set_word (char *word, const char *text)
{
  snprintf (word, VM_WORD_BYTES, "%s", text != NULL ? text : "");
}

/* -- events ------------------------------------------------------------------ */

static void
take_migration (struct vm *v, const char *status)
{
  set_word (v->migration, status);
  if (vm_migration_is (v, "pre-switchover"))
    v->at_switchover_us = clock_us ();
  else if (vm_migration_is (v, "completed"))
    v->moved_us = clock_us ();
}

static void
take_event (void *opaque, const char *event, const json_t *data)
{
  struct vm *v = opaque;

  if (strcmp (event, "MIGRATION") == 0)
    take_migration (v, field_string (data, "status"));
  else if (strcmp (event, "STOP") == 0)
    v->stopped_us = clock_us ();
  else if (strcmp (event, "RESUME") == 0)
    v->resumed_us = clock_us ();
}

/* -- questions ---------------------------------------------------------------- */

bool
vm_connect (struct vm *v, struct answer *ret)
{
  qmp_connect (v->path, v->timeout_us, take_event, v, &v->qmp, ret);
  v->busy = v->qmp == NULL && ret->timed_out;
  return v->qmp != NULL;
}

void
vm_disconnect (struct vm *v)
{
  qmp_free (v->qmp);
  v->qmp = NULL;
}

/* What came late is no answer, but no silence either. */
uint64_t
vm_silent_since_us (const struct vm *v)
{
  return v->qmp != NULL && v->unheard_us > qmp_heard_us (v->qmp)
           ? v->unheard_us : 0;
}

bool
vm_do (struct vm *v, const char *execute, const json_t *arguments,
       struct answer *ret)
{
  const bool silent = vm_silent_since_us (v) != 0;

  if (v->qmp == NULL) {
    answer_set (ret, OUTCOME_NOT_SENT, "there is no connection");
    return false;
  }
  if (!silent)
    v->unheard_us = clock_us ();
  qmp_ask (v->qmp, execute, arguments,
           silent ? v->timeout_us / AGAIN : v->timeout_us, ret);
  return ret->outcome == OUTCOME_DONE;
}

static void
take_memory (struct vm *v, const json_t *info)
{
  const json_t *ram = json_object_get (info, "ram");
  struct vm_memory *m = &v->memory;
  uint64_t downtime_ms;

  field_u64 (ram, "transferred", &m->transferred);
  field_u64 (ram, "remaining", &m->remaining);
  field_u64 (ram, "total", &m->total);
  m->bytes_per_s = (uint64_t)
    (json_number_value (json_object_get (ram, "mbps")) * 1e6 / 8);
  if (field_u64 (info, "downtime", &downtime_ms))
    m->downtime_ms = downtime_ms;
}

/* The first of the reasons is enough to begin with. */
static void
take_blocked (struct vm *v, const json_t *info)
{
  const char *why = json_string_value (
    json_array_get (json_object_get (info, "blocked-reasons"), 0));

  snprintf (v->blocked, sizeof v->blocked, "%s", why != NULL ? why : "");
}

static void
take_info (struct vm *v, const json_t *info)
{
  const char *why = field_string (info, "error-desc");

  set_word (v->migration, field_string (info, "status"));
  take_memory (v, info);
  take_blocked (v, info);
  if (why != NULL)
    snprintf (v->migration_error, sizeof v->migration_error, "%s", why);
}

void
vm_look (struct vm *v)
{
  struct answer a = { .outcome = OUTCOME_DONE };

  v->state[0] = v->migration[0] = '\0';
  if (vm_do (v, "query-status", NULL, &a)) {
    set_word (v->state, field_string (a.body, "status"));
    if (vm_do (v, "query-migrate", NULL, &a))
      take_info (v, a.body);
    else
      v->state[0] = '\0';       /* half an answer is none */
  }
  answer_clear (&a);
  if (v->qmp != NULL && qmp_is_closed (v->qmp)) {
    v->ended = true;
    v->state[0] = '\0';
  }
}

bool
vm_is_connected (const struct vm *v)
{
  return v->qmp != NULL && !qmp_is_closed (v->qmp);
}

bool
vm_is (const struct vm *v, const char *state)
{
  return strcmp (v->state, state) == 0;
}

bool
vm_migration_is (const struct vm *v, const char *status)
{
  return strcmp (v->migration, status) == 0;
}

bool
vm_is_migrating (const struct vm *v)
{
  static const char *const on_the_way[] = {
    "setup", "active", "pre-switchover", "device", "cancelling",
    "wait-unplug", "postcopy-active",
  };
  size_t i;

  for (i = 0; i < sizeof on_the_way / sizeof on_the_way[0]; i++)
    if (vm_migration_is (v, on_the_way[i]))
      return true;
  return false;
}
