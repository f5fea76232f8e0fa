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

static void
no_warning (const char *text)
{
  (void) text;
}

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
    .on_warning = no_warning,
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

/* -- disks ----------------------------------------------------------------------- */

#define DISK(name, file, bytes)                                               \
  "{\"device\": \"\", \"qdev\": \"/q\", \"inserted\": {\"ro\": false, "           \
  "\"drv\": \"nbd\", \"node-name\": \"" name "\", \"file\": \"" file "\", "     \
  "\"image\": {\"virtual-size\": " #bytes "}}}"
#define ONE DISK ("one", "nbd+unix://?socket=/data/one", 1048576)

/* With one pair, of an image of 1 MiB whose server listens at LISTENS. */
static void
migrate_with_disks (const char *disks, const char *listens, bool allow,
                    enum migrate_result result, size_t nr_warnings)
{
  struct choices c = { .max_faults = 0 };
  struct scene s = { .qemus = { .fault_at = 0 } };

  set_up (&s, &c);
  s.qemus.src.disks = disks;
  s.servers.src.listens = listens;
  s.m.allow_other_disks = allow;
  migrate_run (&s.m);
  qmp_world_stop (&s.qemus);
  if (s.m.result != result ||
      json_array_size (s.m.warnings) != nr_warnings)
    fail_msg ("%s: %d, %zu warnings, %s", disks, (int) s.m.result,
              json_array_size (s.m.warnings), s.m.why);
  check (&s);
  if (result == MIGRATE_NOT_STARTED) {
    assert_string_equal (s.m.where, s.qemus.src.path);
    assert_non_null (strstr (s.m.why, "no pair"));
    assert_false (s.qemus.pauses);
  }
  tear_down (&s);
}

/* Where the data socket is known, and where it is not. */
static void
test_disk_is_the_pairs (void **state)
{
  static const char *const files[] = {
    "nbd+unix://?socket=/data/one", "nbd+unix:///name?socket=/data/one",
    "nbd:unix:/data/one:exportname=name",
    "json:{\\\"driver\\\": \\\"raw\\\", \\\"file\\\": {\\\"driver\\\": "
    "\\\"nbd\\\", \\\"server\\\": {\\\"path\\\": \\\"/data/one\\\"}}}",
    "json:{\\\"driver\\\": \\\"nbd\\\", "
    "\\\"server.path\\\": \\\"/data/one\\\"}",
  };
  static const char *const tcp[] = {
    "nbd://host-a:10810", "nbd://host-a:10810/name", "nbd:host-a:10810",
    "nbds://host-a:10810", "nbd://127.0.0.1:10810", "nbd://[::1]:10810",
  };
  char disks[512];
  size_t i;

  (void) state;
  for (i = 0; i < sizeof files / sizeof files[0]; i++) {
    snprintf (disks, sizeof disks, "[" DISK ("one", "%s", 1048576) "]",
              files[i]);
    migrate_with_disks (disks, "unix:/data/one", false, MIGRATE_DONE, 0);
    migrate_with_disks (disks, "unix:/data/other", false, MIGRATE_DONE, 1);
    migrate_with_disks (disks, NULL, false, MIGRATE_DONE, 1);
  }
  for (i = 0; i < sizeof tcp / sizeof tcp[0]; i++) {
    snprintf (disks, sizeof disks, "[" DISK ("one", "%s", 1048576) "]",
              tcp[i]);
    migrate_with_disks (disks, "tcp:host-a:10810", false, MIGRATE_DONE, 0);
    migrate_with_disks (disks, "tcp:host-a:10811", false, MIGRATE_DONE, 1);
  }
}

static void
test_disk_is_left_out (void **state)
{
  static const char more[] =
    "[" ONE ", " DISK ("two", "nbd://host-a:10809", 1048576) "]";
  static const char larger[] =
    "[" DISK ("two", "nbd://host-a:10809", 2097152) "]";

  (void) state;
  migrate_with_disks (more, "unix:/data/one", false, MIGRATE_NOT_STARTED, 0);
  migrate_with_disks (more, NULL, false, MIGRATE_NOT_STARTED, 0);
  migrate_with_disks (larger, NULL, false, MIGRATE_NOT_STARTED, 0);
  migrate_with_disks (more, "unix:/data/one", true, MIGRATE_DONE, 1);
}

/* Read-only, of no device, no NBD, the same one twice. */
static void
test_disk_does_not_count (void **state)
{
  (void) state;
  migrate_with_disks ("[" ONE ", {\"qdev\": \"/q\", \"inserted\": {\"ro\": "
                      "true, \"file\": \"nbd://h:1\"}}]", "unix:/data/one",
                      false, MIGRATE_DONE, 0);
  migrate_with_disks ("[" ONE ", {\"inserted\": {\"ro\": false, \"file\": "
                      "\"nbd://h:1\"}}, {\"qdev\": \"/cd\"}]",
                      "unix:/data/one", false, MIGRATE_DONE, 0);
  migrate_with_disks ("[" ONE ", {\"qdev\": \"/q\", \"inserted\": {\"ro\": "
                      "false, \"file\": \"/shared/raw\"}}]",
                      "unix:/data/one", false, MIGRATE_DONE, 0);
  migrate_with_disks ("[" ONE ", " ONE "]", "unix:/data/one", false,
                      MIGRATE_DONE, 0);
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
    cmocka_unit_test (test_disk_is_the_pairs),
    cmocka_unit_test (test_disk_is_left_out),
    cmocka_unit_test (test_disk_does_not_count),
  };
  int failed;

  signal (SIGPIPE, SIG_IGN);
  if (mkdtemp (dir) == NULL)
    return 99;
  failed = cmocka_run_group_tests (tests, NULL, NULL);
  rmdir (dir);
  return failed;
}
