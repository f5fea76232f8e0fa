/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A migration (cli/migrate-*.c), between a model of two QEMUs (qmp-world.h)
 * and one of two servers (cli-world.h), with one question to any of them that
 * goes wrong, in every way.
 *
 * Whatever does: no VM runs where its image is not, or twice; what is said at
 * the end of who runs it and who has the image is so; and the guest stands
 * still only where the only QEMU that has its memory has ended, or may run it.
 */

#include <config.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli-choices.h"
#include "cli-world.h"
#include "migrate-run.h"
#include "qmp-world.h"

static char dir[] = "/tmp/baton-test.XXXXXX";

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

struct scene {
  struct world servers;
  struct qmp_world qemus;
  struct peer *src, *dst;
  struct migrate m;
};

static const volatile sig_atomic_t never = 0;

static void
set_up (struct scene *s, struct choices *c)
{
  world_init (&s->servers, true, choices_choose, c);
  s->servers.records = true;
  s->src = &s->servers.src.peer;
  s->dst = &s->servers.dst.peer;
  s->src->endpoint = "/a";
  s->dst->endpoint = "/b";
  qmp_world_start (&s->qemus, dir, &s->servers.src.active,
                   &s->servers.dst.active);
  s->m = (struct migrate) {
    .nr = 1, .srcs = &s->src, .dsts = &s->dst, .timeout_us = 2000000,
    .each = one_by_one, .interrupted = &never, .on_progress = no_progress,
    .src = { .path = s->qemus.src.path, .timeout_us = 2000000 },
    .dst = { .path = s->qemus.dst.path, .timeout_us = 2000000 },
  };
}

static void
tear_down (struct scene *s)
{
  migrate_clear (&s->m);
}

static bool
runs (const struct qmp_vm *v)
{
  return v->alive && strcmp (v->state, "running") == 0;
}

/* -- what must be so ------------------------------------------------------------- */

static void
check_told (const struct scene *s)
{
  const struct migrate *m = &s->m;

  if (m->runner == MIGRATE_SRC || m->result == MIGRATE_BACK)
    assert_true (runs (&s->qemus.src));
  if (m->runner == MIGRATE_DST || m->result == MIGRATE_DONE)
    assert_true (runs (&s->qemus.dst));
  if (m->runner == MIGRATE_NOBODY)
    assert_false (runs (&s->qemus.src) || runs (&s->qemus.dst));
  if (m->images == MIGRATE_SRC || m->result == MIGRATE_BACK)
    assert_true (s->servers.src.active);
  if (m->images == MIGRATE_DST || m->result == MIGRATE_DONE)
    assert_true (s->servers.dst.active);
  if (m->result != MIGRATE_DONE)
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

static void
check (const struct scene *s)
{
  if (s->qemus.violation != NULL)
    fail_msg ("%s; fault %u at question %u, %s", s->qemus.violation,
              (unsigned) s->qemus.fate, s->qemus.fault_at, s->qemus.faulted);
  assert_false (s->servers.both_were_active);
  check_told (s);
  if (!runs (&s->qemus.src) && !runs (&s->qemus.dst) && !may_stand_still (s))
    fail_msg ("it stands still (%s); fault %u at question %u, %s", s->m.why,
              (unsigned) s->qemus.fate, s->qemus.fault_at, s->qemus.faulted);
}

/* -- the faults ------------------------------------------------------------------ */

static void
test_without_fault (void **state)
{
  struct choices c = { .max_faults = 0 };
  struct scene s = { .qemus = { .fault_at = 0 } };

  (void) state;
  set_up (&s, &c);
  migrate_run (&s.m);
  qmp_world_stop (&s.qemus);
  check (&s);
  assert_int_equal (s.m.result, MIGRATE_DONE);
  assert_int_equal (s.m.runner, MIGRATE_DST);
  assert_int_equal (s.m.images, MIGRATE_DST);
  tear_down (&s);
}

/* False: there are not so many questions. */
static bool
try_monitor (unsigned fault_at, enum qmp_fate fate)
{
  struct choices c = { .max_faults = 0 };
  struct scene s = { .qemus = { .fault_at = fault_at, .fate = fate } };
  bool reached;

  set_up (&s, &c);
  migrate_run (&s.m);
  qmp_world_stop (&s.qemus);
  check (&s);
  reached = s.qemus.nr_questions >= fault_at;
  tear_down (&s);
  return reached;
}

static void
test_monitors (void **state)
{
  unsigned fate, i, n = 0;

  (void) state;
  for (fate = 0; fate < NR_QMP_FATES; fate++)
    for (i = 1; try_monitor (i, (enum qmp_fate) fate); i++)
      n++;
  print_message ("%u runs\n", n);
  assert_true (n > 60);
}

static void
test_servers (void **state)
{
  struct choices c = { .max_faults = 1 };
  unsigned n = 0;

  (void) state;
  do {
    struct scene s = { .qemus = { .fault_at = 0 } };

    set_up (&s, &c);
    migrate_run (&s.m);
    qmp_world_stop (&s.qemus);
    check (&s);
    tear_down (&s);
    n++;
  } while (choices_next (&c, 0));
  print_message ("%u runs\n", n);
  assert_true (n > 60);
}

/* One that was left at the switchover is undone. */
static void
test_cancel (void **state)
{
  struct choices c = { .max_faults = 0 };
  struct scene s = { .qemus = { .fault_at = 0 } };

  (void) state;
  set_up (&s, &c);
  s.qemus.src.state = "finish-migrate";
  s.qemus.src.migration = "pre-switchover";
  s.qemus.dst.migration = "active";
  migrate_cancel (&s.m);
  qmp_world_stop (&s.qemus);
  assert_null (s.qemus.violation);
  assert_int_equal (s.m.result, MIGRATE_DONE);
  assert_int_equal (s.m.runner, MIGRATE_SRC);
  assert_true (runs (&s.qemus.src));
  assert_false (s.qemus.dst.alive);
  tear_down (&s);
}

/* ... and not where the images have gone. */
static void
test_cancel_too_late (void **state)
{
  struct choices c = { .max_faults = 0 };
  struct scene s = { .qemus = { .fault_at = 0 } };

  (void) state;
  set_up (&s, &c);
  s.qemus.src.state = "postmigrate";
  s.qemus.src.migration = "completed";
  s.qemus.dst.state = "paused";
  s.qemus.dst.migration = "completed";
  s.servers.src.active = false;
  s.servers.dst.active = true;
  migrate_cancel (&s.m);
  qmp_world_stop (&s.qemus);
  assert_null (s.qemus.violation);
  assert_int_equal (s.m.result, MIGRATE_NOT_STARTED);
  assert_false (runs (&s.qemus.src));
  tear_down (&s);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_without_fault),
    cmocka_unit_test (test_monitors),
    cmocka_unit_test (test_servers),
    cmocka_unit_test (test_cancel),
    cmocka_unit_test (test_cancel_too_late),
  };
  int failed;

  signal (SIGPIPE, SIG_IGN);
  if (mkdtemp (dir) == NULL)
    return 99;
  failed = cmocka_run_group_tests (tests, NULL, NULL);
  rmdir (dir);
  return failed;
}
