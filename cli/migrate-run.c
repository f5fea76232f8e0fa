/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A live migration, done (migrate-run.h has the rules).
 *
 * Guarantees: ends, once memory has moved, because every question and the
 * switchover have deadlines; tells no VM to run but in resume() here and in
 * migrate-settle.c.
 */

#include <config.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "migrate-internal.h"

#define LOOK_US UINT64_C (250000)
/* Where more than so much time is left, what the guest has written meanwhile
 * is flushed, so that the pause need not. */
#define FLUSH_AHEAD_US UINT64_C (1000000)
#define FLUSH_EVERY_US UINT64_C (1000000)
/* For so long a destination's server may not tell that it waits for its image:
 * it may be started again. */
#define SILENT_US UINT64_C (1000000)

/* -- memory moves ------------------------------------------------------------- */

static void
wait_for_word (struct migrate *m, uint64_t us)
{
  struct qmp *const both[] = { m->src.qmp, m->dst.qmp };

  qmp_wait (both, 2, us);
}

static uint64_t
left_us (const struct vm *src)
{
  if (src->memory.bytes_per_s == 0)
    return UINT64_MAX;
  return src->memory.remaining * 1000000 / src->memory.bytes_per_s;
}

static void
flush_one (void *opaque, size_t i)
{
  struct migrate *m = opaque;
  struct answer a = { .outcome = OUTCOME_DONE };

  /* What fails here fails again where it counts. */
  peer_command (m->srcs[i], "flush", NULL, &a);
  answer_clear (&a);
}

static void
flush_ahead (struct migrate *m, uint64_t *last_us)
{
  if (left_us (&m->src) < FLUSH_AHEAD_US ||
      clock_us () - *last_us < FLUSH_EVERY_US)
    return;
  m->each (m->nr, flush_one, m);
  *last_us = clock_us ();
}

struct waiters {
  struct migrate *m;
  bool *wait;                   /* m->nr */
};

static void
ask_waiter (void *opaque, size_t i)
{
  const struct waiters *w = opaque;

  w->wait[i] = migrate_state (w->m->dsts[i]) == PASS_STATE_INACTIVE;
}

/* The first destination's server that does not wait; NULL: all do. */
static const char *
find_missing (struct migrate *m)
{
  struct waiters w = { .m = m, .wait = calloc (m->nr, sizeof *w.wait) };
  const char *missing = NULL;
  size_t i;

  if (w.wait == NULL)
    return NULL;
  m->each (m->nr, ask_waiter, &w);
  for (i = 0; i < m->nr && missing == NULL; i++)
    if (!w.wait[i])
      missing = m->dsts[i]->endpoint;
  free (w.wait);
  return missing;
}

/* What cannot be passed need not be moved to the end.  Not in the last
 * moments: the source must not wait, stopped, for who does not answer. */
static bool
check_servers (struct migrate *m, uint64_t *silent_since_us)
{
  const char *missing;

  if (left_us (&m->src) < FLUSH_AHEAD_US)
    return true;
  missing = find_missing (m);
  if (missing == NULL)
    *silent_since_us = 0;
  else if (*silent_since_us == 0)
    *silent_since_us = clock_us ();
  else if (clock_us () - *silent_since_us >= SILENT_US)
    return migrate_fail (m, NULL, "%s: the destination's server does not "
                         "wait for its image any more, or does not answer: "
                         "so the migration is cancelled", missing);
  return true;
}

/* The vCPUs are stopped, all is written and flushed, and the source would
 * still run on if the migration were cancelled. */
static bool
go_on (struct migrate *m)
{
  struct answer a = { .outcome = OUTCOME_DONE };
  json_t *arguments = json_pack ("{s:s}", "state", "pre-switchover");
  bool done;

  pass_run_block_signals ();
  if (!vm_is_connected (&m->dst)) {
    json_decref (arguments);
    return migrate_fail (m, m->dst.path, "the destination's QEMU has ended");
  }
  m->switch_us = clock_us ();
  done = vm_do (&m->src, "migrate-continue", arguments, &a);
  /* Another may have said it first; and silence shows what it was later. */
  if (!done && a.outcome == OUTCOME_REFUSED)
    vm_look (&m->src);
  if (!done && a.outcome == OUTCOME_REFUSED &&
      vm_migration_is (&m->src, "pre-switchover"))
    migrate_fail_answer (m, &m->src, "migrate-continue", &a);
  answer_clear (&a);
  json_decref (arguments);
  return m->why[0] == '\0';
}

/* Has the destination got all?  It may have to digest it. */
static bool
has_all (struct migrate *m)
{
  const uint64_t end_us = clock_us () + m->timeout_us;

  while (!vm_migration_is (&m->dst, "completed")) {
    if (!vm_is_connected (&m->dst) || clock_us () > end_us)
      return false;
    wait_for_word (m, LOOK_US / 10);
    if (!vm_migration_is (&m->dst, "completed"))
      vm_look (&m->dst);
  }
  return true;
}

/* The source has ended: perhaps it had sent all before. */
static bool
survives (struct migrate *m)
{
  return (m->switch_us != 0 && has_all (m)) ||
         migrate_fail (m, m->src.path, "the source's QEMU has ended, and its "
                       "VM with it");
}

/* A main loop may stand still for seconds, as behind a slow disk, while memory
 * moves: no reason to give up yet.  *TOLD_US: the silence that was told. */
static bool
bear_silence (struct migrate *m, uint64_t *told_us)
{
  const uint64_t since_us = vm_silent_since_us (&m->src);

  if (since_us == 0)
    return true;
  if (clock_us () - since_us >= m->timeout_us)
    return migrate_fail (m, m->src.path, "the source's QEMU does not answer "
                         "any more");
  if (*told_us != since_us)
    migrate_warn (m, m->src.path, "the source's QEMU does not answer; if it "
                  "does not within %g s, or at ^C, the migration is cancelled",
                  (double) m->timeout_us / 1e6);
  *told_us = since_us;
  return true;
}

static bool
check_on_the_way (struct migrate *m)
{
  if (vm_migration_is (&m->src, "failed"))
    return migrate_fail (m, m->src.path, "the migration failed: %s",
                         m->src.migration_error[0] != '\0'
                           ? m->src.migration_error : "QEMU does not say why");
  if (m->src.state[0] != '\0' && !vm_is_migrating (&m->src))
    return migrate_fail (m, m->src.path, m->unheard
                           ? "the migration has not begun, or was cancelled"
                           : "the migration was cancelled");
  if (!vm_is_connected (&m->dst))
    return migrate_fail (m, m->dst.path, "the destination's QEMU has ended");
  if (*m->interrupted && m->switch_us == 0)
    return migrate_fail (m, NULL, "interrupted");
  if (m->switch_us != 0 && clock_us () - m->switch_us > m->timeout_us)
    return migrate_fail (m, m->src.path, "the switchover takes longer than "
                         "%" PRIu64 " ms", m->timeout_us / 1000);
  return true;
}

/* What is done now and then while memory moves. */
struct way {
  uint64_t looked_us, flushed_us, missing_us, told_us;
};

static bool
look_around (struct migrate *m, struct way *w)
{
  vm_look (&m->src);
  if (!bear_silence (m, &w->told_us))
    return false;
  m->on_progress (m->opaque, &m->src);
  flush_ahead (m, &w->flushed_us);
  if (vm_migration_is (&m->src, "active") &&
      !check_servers (m, &w->missing_us))
    return false;
  w->looked_us = clock_us ();
  return true;
}

/* Where nobody knows whether it has begun, an earlier one may be what is
 * completed: then the VM still runs. */
static bool
has_moved (struct migrate *m)
{
  if (!vm_migration_is (&m->src, "completed"))
    return false;
  if (m->unheard && !vm_is (&m->src, "postmigrate"))
    vm_look (&m->src);
  return !m->unheard || (vm_migration_is (&m->src, "completed") &&
                         vm_is (&m->src, "postmigrate"));
}

/* Until the source is stopped for good. */
static bool
move (struct migrate *m)
{
  struct way w = { .flushed_us = clock_us () };

  while (!has_moved (m)) {
    if (!vm_is_connected (&m->src))
      return survives (m);
    if (!check_on_the_way (m))
      return false;
    if (vm_migration_is (&m->src, "pre-switchover") && m->switch_us == 0 &&
        !go_on (m))
      return false;
    if (clock_us () - w.looked_us > LOOK_US && m->switch_us == 0) {
      if (!look_around (m, &w))
        return false;
      continue;
    }
    wait_for_word (m, LOOK_US);
    if (m->switch_us != 0 && m->src.at_switchover_us == 0)
      vm_look (&m->src);        /* it tells of no events */
  }
  return true;
}

/* -- the images ------------------------------------------------------------------ */

static bool
pass_images (struct migrate *m)
{
  pass_run_block_signals ();
  m->pass_us = clock_us ();
  group_complete (m->work, &m->pass);
  m->work = NULL;
  m->passed = true;
  m->passed_us = clock_us ();
  return m->pass.result == PASS_DONE || m->pass.result == PASS_ALREADY_DONE ||
         migrate_fail (m, NULL, "the images could not be passed");
}

/* -- the destination ------------------------------------------------------------ */

static bool
wait_for_destination (struct migrate *m)
{
  if (has_all (m))
    return true;
  if (!vm_is_connected (&m->dst))
    return migrate_fail (m, m->dst.path, "the destination's QEMU has ended "
                         "before it had run the VM");
  return migrate_fail (m, m->dst.path, "it is not ready to run the VM after "
                       "%" PRIu64 " ms", m->timeout_us / 1000);
}

static bool
resume (struct migrate *m)
{
  struct answer a = { .outcome = OUTCOME_DONE };
  bool done;

  if (!wait_for_destination (m))
    return false;
  if (!m->was_running || vm_is (&m->dst, "running"))
    return true;
  m->cont_us = clock_us ();
  done = vm_do (&m->dst, "cont", NULL, &a);
  m->resumed_us = clock_us ();
  m->dst_may_run = m->dst_may_run || a.outcome == OUTCOME_DONE ||
                   a.outcome == OUTCOME_LOST;
  if (!done)
    migrate_fail_answer (m, &m->dst, "cont", &a);
  answer_clear (&a);
  return done;
}

/* -- all of it -------------------------------------------------------------------- */

/* One that was started by another: it must not run by itself either. */
static void
hold_destination (struct migrate *m)
{
  struct answer a = { .outcome = OUTCOME_DONE };

  if (vm_is (&m->dst, "inmigrate"))
    vm_do (&m->dst, "stop", NULL, &a);
  answer_clear (&a);
}

static bool
go_from (struct migrate *m, enum migrate_stage stage)
{
  if (stage == MIGRATE_STAGE_START && !migrate_start (m))
    return false;
  m->started = true;
  if (m->adopted)
    hold_destination (m);
  if (stage != MIGRATE_STAGE_MOVED && !move (m))
    return false;
  return pass_images (m) && resume (m);
}

void
migrate_run (struct migrate *m)
{
  enum migrate_stage stage;

  m->result = MIGRATE_NOT_STARTED;
  if (migrate_look (m, &stage)) {
    if (stage == MIGRATE_STAGE_ENDED)
      m->result = MIGRATE_ALREADY_DONE;
    else if (go_from (m, stage))
      m->result = MIGRATE_DONE;
    else if (m->started)
      migrate_settle (m);
    else
      migrate_restore (m);
    if (m->result == MIGRATE_DONE)
      migrate_restore (m);
  }
  migrate_find_owners (m);
  if (m->result == MIGRATE_DONE && m->was_running &&
      m->runner == MIGRATE_NOBODY) {
    m->result = MIGRATE_FAILED;
    migrate_fail (m, m->dst.path, "it was told to run the VM, and has ended "
                  "since");
  }
}

void
migrate_clear (struct migrate *m)
{
  vm_disconnect (&m->src);
  vm_disconnect (&m->dst);
  group_drop (m->work);
  m->work = NULL;
  json_decref (m->left.src_was);
  json_decref (m->left.dst_was);
  m->left = (struct migrate_left) { .src_was = NULL };
  json_decref (m->warnings);
  m->warnings = NULL;
  if (m->passed)
    group_run_clear (&m->pass);
  if (m->returned)
    group_run_clear (&m->back);
}
