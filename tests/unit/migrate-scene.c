/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A migration, for tests (migrate-scene.h).
 */

#include <config.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "migrate-scene.h"

static void
one_by_one (size_t nr, parallel_work work, void *opaque)
{
  size_t i;

  for (i = 0; i < nr; i++)
    work (opaque, i);
}

static void
no_progress (void *opaque, const struct vm *src)
{
  (void) opaque;
  (void) src;
}

static void
no_warning (const char *text)
{
  (void) text;
}

static const volatile sig_atomic_t never = 0;

static char dir[] = "/tmp/baton-test.XXXXXX";

bool
scene_begin (void)
{
  signal (SIGPIPE, SIG_IGN);
  return mkdtemp (dir) != NULL;
}

int
scene_end (int status)
{
  rmdir (dir);
  return status;
}

void
scene_set_up (struct scene *s, struct choices *c)
{
  world_init (&s->servers, true, choices_choose, c);
  s->servers.records = true;
  s->src = &s->servers.src.peer;
  s->dst = &s->servers.dst.peer;
  s->src->endpoint = "/a";
  s->dst->endpoint = "/b";
  s->servers.src.listens = s->servers.dst.listens = "unix:/default";
  qmp_world_start (&s->qemus, dir, &s->servers.src.active,
                   &s->servers.dst.active);
  s->m = (struct migrate) { .nr = 0 };
  scene_again (s);
}

void
scene_again (struct scene *s)
{
  migrate_clear (&s->m);
  s->m = (struct migrate) {
    .nr = 1, .srcs = &s->src, .dsts = &s->dst, .timeout_us = 2000000,
    .each = one_by_one, .interrupted = &never, .on_progress = no_progress,
    .on_warning = no_warning,
    .src = { .path = s->qemus.src.path, .timeout_us = 2000000 },
    .dst = { .path = s->qemus.dst.path, .timeout_us = 2000000 },
  };
}

void
scene_tear_down (struct scene *s)
{
  migrate_clear (&s->m);
}

bool
scene_runs (const struct qmp_vm *v)
{
  return v->alive && strcmp (v->state, "running") == 0;
}

/* -- what must be so ------------------------------------------------------------- */

static void
check_told (const struct scene *s)
{
  const struct migrate *m = &s->m;

  if (m->runner == MIGRATE_SRC || m->result == MIGRATE_BACK)
    assert_true (scene_runs (&s->qemus.src));
  if (m->runner == MIGRATE_DST || m->result == MIGRATE_DONE)
    assert_true (scene_runs (&s->qemus.dst));
  if (m->runner == MIGRATE_NOBODY)
    assert_false (scene_runs (&s->qemus.src) || scene_runs (&s->qemus.dst));
  if (m->images == MIGRATE_SRC || m->result == MIGRATE_BACK)
    assert_true (s->servers.src.active);
  if (m->images == MIGRATE_DST || m->result == MIGRATE_DONE)
    assert_true (s->servers.dst.active);
  if (m->result != MIGRATE_DONE && m->result != MIGRATE_ALREADY_DONE)
    assert_string_not_equal (m->why, "");
}

/* Of one fault. */
static bool
may_stand_still (const struct scene *s)
{
  return !s->qemus.src.alive ||
         (!s->qemus.dst.alive &&
          (s->qemus.dst_ran || strcmp (s->qemus.faulted, "cont") == 0)) ||
         /* A server has failed, and the image could not be given back. */
         (s->qemus.fault_at == 0 && !s->servers.src.active);
}

void
scene_check (const struct scene *s)
{
  if (s->qemus.violation != NULL)
    fail_msg ("%s; fault %u at question %u, %s", s->qemus.violation,
              (unsigned) s->qemus.fate, s->qemus.fault_at, s->qemus.faulted);
  assert_false (s->servers.both_were_active);
  check_told (s);
  if (!scene_runs (&s->qemus.src) && !scene_runs (&s->qemus.dst) && !may_stand_still (s))
    fail_msg ("it stands still (%s); fault %u at question %u, %s", s->m.why,
              (unsigned) s->qemus.fate, s->qemus.fault_at, s->qemus.faulted);
}

void
scene_migrate (struct scene *s)
{
  migrate_run (&s->m);
  qmp_world_stop (&s->qemus);
  scene_check (s);
}
