/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A migration that failed, or shall not be: all back to the source, as far as
 * that is safe (migrate-run.h has the rules).
 *
 * The source is told to run only after its own servers have said, now, that
 * they are active with all images, and only where the destination was never
 * told to run.
 */

#include <config.h>

#include <string.h>

#include "clock.h"
#include "migrate-internal.h"

#define CANCEL_US UINT64_C (10000000)
#define MIN_CANCEL_US UINT64_C (2000000)
#define LOOK_US UINT64_C (50000)

/* -- the source's QEMU ------------------------------------------------------------ */

/* Not so briefly that a switchover that is being cancelled is overtaken. */
static void
wait_for_end (struct migrate *m)
{
  const uint64_t patience_us = m->timeout_us < CANCEL_US ? m->timeout_us
                                                         : CANCEL_US;
  const uint64_t end_us =
    clock_us () + (patience_us > MIN_CANCEL_US ? patience_us : MIN_CANCEL_US);

  while (vm_is_connected (&m->src) && clock_us () < end_us) {
    vm_look (&m->src);
    /* After the migration's end comes the VM's own; and silence is no end. */
    if (m->src.state[0] != '\0' && !vm_is_migrating (&m->src) &&
        !vm_is (&m->src, "finish-migrate"))
      return;
    qmp_wait (&m->src.qmp, 1, LOOK_US);
  }
}

/* Where there is no migration it does nothing: so who is silent is told too,
 * and may hear it later. */
static void
cancel (struct migrate *m)
{
  struct answer a = { .outcome = OUTCOME_DONE };

  vm_look (&m->src);
  if (vm_is_migrating (&m->src) || m->src.state[0] == '\0')
    vm_do (&m->src, "migrate_cancel", NULL, &a);
  answer_clear (&a);
  wait_for_end (m);
}

/* -- the images --------------------------------------------------------------------- */

static void
give_back (struct migrate *m)
{
  if (!m->passed || m->returned || m->dst_may_run ||
      (m->pass.result != PASS_DONE && m->pass.result != PASS_ALREADY_DONE))
    return;
  m->returned = group_run (m->nr, m->dsts, m->srcs, m->inactivate_arguments,
                           m->each, &m->back) == 0;
}

/* -- the VM --------------------------------------------------------------------------- */

/* It has a copy of the VM that nobody shall run; unless it is the only one. */
static void
end_destination (struct migrate *m)
{
  struct answer a = { .outcome = OUTCOME_DONE };

  if (!vm_is_connected (&m->src))
    return;
  if (vm_is_connected (&m->dst))
    vm_do (&m->dst, "quit", NULL, &a);
  answer_clear (&a);
  vm_disconnect (&m->dst);
  m->dst.state[0] = '\0';
  m->dst.ended = true;
}

static bool
run_source (struct migrate *m)
{
  struct answer a = { .outcome = OUTCOME_DONE };

  if (!vm_is_connected (&m->src))
    return false;
  vm_look (&m->src);
  if (!vm_is (&m->src, "running") && m->was_running &&
      !vm_do (&m->src, "cont", NULL, &a))
    migrate_fail_answer (m, &m->src, "cont", &a);
  answer_clear (&a);
  vm_look (&m->src);
  return vm_is (&m->src, "running") || !m->was_running;
}

void
migrate_settle (struct migrate *m)
{
  m->result = MIGRATE_FAILED;
  if (m->dst_may_run)
    return;
  cancel (m);
  give_back (m);
  if (migrate_images (m) != MIGRATE_SRC)
    return;
  end_destination (m);
  if (run_source (m))
    m->result = MIGRATE_BACK;
  migrate_restore (m);
}

/* -- who has what ----------------------------------------------------------------------- */

static bool
tells (const struct vm *v)
{
  return v->state[0] != '\0' || v->ended;
}

static enum migrate_side
runner (const struct migrate *m)
{
  const bool src = vm_is (&m->src, "running");
  const bool dst = vm_is (&m->dst, "running");

  if (src && dst)
    return MIGRATE_MIXED;
  if (src || dst)
    return src ? MIGRATE_SRC : MIGRATE_DST;
  return tells (&m->src) && tells (&m->dst) ? MIGRATE_NOBODY
                                            : MIGRATE_UNKNOWN;
}

static void
find_state (struct vm *v)
{
  struct answer a = { .outcome = OUTCOME_DONE };

  if (v->qmp == NULL && !v->ended && !v->busy)
    vm_connect (v, &a);
  if (v->qmp != NULL)
    vm_look (v);
  answer_clear (&a);
}

void
migrate_find_owners (struct migrate *m)
{
  find_state (&m->src);
  /* Who was turned away at the one need not queue up at the other. */
  if (!m->src.busy)
    find_state (&m->dst);
  m->runner = runner (m);
  m->images = migrate_images (m);
}

/* -- cancelling one that was cut off ------------------------------------------------------ */

static bool
may_cancel (struct migrate *m)
{
  if (!migrate_connect (m, &m->src))
    return false;
  if (!migrate_connect (m, &m->dst))
    m->why[0] = '\0';           /* so much the better */
  if (vm_is (&m->dst, "running"))
    return migrate_fail (m, m->dst.path, "the VM runs at the destination: "
                         "migrate it back");
  if (migrate_images (m) != MIGRATE_SRC)
    return migrate_fail (m, NULL, "the source's servers do not have all "
                         "images, so the VM cannot run there");
  return true;
}

void
migrate_cancel (struct migrate *m)
{
  m->result = MIGRATE_NOT_STARTED;
  m->was_running = true;
  if (may_cancel (m)) {
    if (!vm_is_migrating (&m->src) && !vm_is (&m->src, "postmigrate"))
      m->result = MIGRATE_ALREADY_DONE;
    else {
      migrate_settle (m);
      if (m->result == MIGRATE_BACK)
        m->result = MIGRATE_DONE;
    }
  }
  migrate_find_owners (m);
}
