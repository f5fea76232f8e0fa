/* SPDX-License-Identifier: BSD-3-Clause
 *
 * `baton migrate` (cli/migrate-*.c) is killed after each of its questions, to
 * monitors and to servers: none of the later ones is heard.  The same command
 * again brings the VM and its image to the destination; or --cancel lets it run
 * on at the source, where that is not too late, and then the same command does
 * what it should.  Nothing is run twice, or where its image is not.
 */

#include <config.h>

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "migrate-scene.h"

struct caller {
  atomic_uint nr_asked, lives_for;      /* questions */
};

/* By the model's thread as well. */
static bool
is_heard (void *opaque)
{
  struct caller *c = opaque;

  return atomic_fetch_add (&c->nr_asked, 1) < atomic_load (&c->lives_for);
}

static enum fate
choose (struct world *w, const char *execute)
{
  (void) execute;
  return is_heard (w->opaque) ? FATE_OK : FATE_NOT_SENT;
}

static void
set_up (struct scene *s, struct caller *c, unsigned lives_for)
{
  struct choices none = { .max_faults = 0 };

  atomic_init (&c->nr_asked, 0);
  atomic_init (&c->lives_for, lives_for);
  *s = (struct scene) {
    .qemus = { .looks = 1, .is_heard = is_heard, .opaque = c },
  };
  scene_set_up (s, &none);
  s->servers.choose = choose;
  s->servers.opaque = c;
  s->m.uri = "unix:/incoming";
}

/* False: it has ended by itself. */
static bool
kill_caller (struct scene *s, struct caller *c)
{
  migrate_run (&s->m);
  scene_again (s);
  s->m.uri = "unix:/incoming";
  return atomic_load (&c->nr_asked) > atomic_exchange (&c->lives_for, UINT_MAX);
}

static void
check_there (struct scene *s, unsigned lives_for)
{
  qmp_world_stop (&s->qemus);
  scene_check (s);
  if ((s->m.result != MIGRATE_DONE && s->m.result != MIGRATE_ALREADY_DONE) ||
      s->m.runner != MIGRATE_DST || s->m.images != MIGRATE_DST)
    fail_msg ("after %u: %d, %s", lives_for, (int) s->m.result, s->m.why);
}

static bool
goes_on (unsigned lives_for)
{
  struct caller c;
  struct scene s;
  bool killed;

  set_up (&s, &c, lives_for);
  killed = kill_caller (&s, &c);
  migrate_run (&s.m);
  check_there (&s, lives_for);
  scene_tear_down (&s);
  return killed;
}

static void
test_goes_on (void **state)
{
  unsigned n = 0;

  (void) state;
  while (goes_on (n))
    n++;
  print_message ("killed after each of %u questions\n", n);
  assert_true (n > 30);
}

/* What --cancel has not undone is at the destination, or goes there. */
static bool
is_cancelled (unsigned lives_for, unsigned *nr_undone)
{
  struct caller c;
  struct scene s;
  bool killed;

  set_up (&s, &c, lives_for);
  killed = kill_caller (&s, &c);
  migrate_cancel (&s.m);
  if (s.m.result == MIGRATE_NOT_STARTED) {
    scene_again (&s);
    migrate_run (&s.m);
    check_there (&s, lives_for);
  }
  else {
    qmp_world_stop (&s.qemus);
    assert_null (s.qemus.violation);
    assert_false (s.servers.both_were_active);
    if (!scene_runs (&s.qemus.src) || s.m.runner != MIGRATE_SRC ||
        s.m.images != MIGRATE_SRC)
      fail_msg ("after %u: %d, %s", lives_for, (int) s.m.result, s.m.why);
    *nr_undone += s.m.result == MIGRATE_DONE;
  }
  scene_tear_down (&s);
  return killed;
}

static void
test_is_cancelled (void **state)
{
  unsigned n = 0, nr_undone = 0;

  (void) state;
  while (is_cancelled (n, &nr_undone))
    n++;
  print_message ("%u times there was something to be undone\n", nr_undone);
  assert_true (nr_undone > 5 && nr_undone < n);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_goes_on),
    cmocka_unit_test (test_is_cancelled),
  };

  return scene_main (tests);
}
