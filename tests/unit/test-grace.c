/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Grace periods: all sequences of a few steps, and threads.
 *
 * The threads read what a pointer names while another thread replaces the
 * pointer, waits for grace and destroys the old thing; the destruction is a
 * plain store, so that TSan sees it, too, if it comes too early.
 */

#include <config.h>

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "grace.h"

static void
test_waits_for_those_who_were_there (void **state)
{
  struct grace g = { 0 };
  const unsigned early = grace_enter (&g);
  const uint64_t unlinked = grace_now (&g);
  unsigned late;

  (void) state;
  grace_advance (&g);
  grace_advance (&g);
  assert_false (grace_passed (&g, unlinked));
  late = grace_enter (&g);
  assert_int_not_equal (late, early);
  grace_advance (&g);
  assert_false (grace_passed (&g, unlinked));
  grace_leave (&g, early);
  grace_advance (&g);
  assert_true (grace_passed (&g, unlinked));
  grace_leave (&g, late);
}

static void
test_passes_at_once_when_idle (void **state)
{
  struct grace g = { 0 };
  const uint64_t unlinked = grace_now (&g);

  (void) state;
  assert_false (grace_passed (&g, unlinked));
  grace_advance (&g);
  assert_true (grace_passed (&g, unlinked));
}

/* -- all sequences ---------------------------------------- */

#define MAX_STEPS 9
#define MAX_READERS 3

struct world {
  struct grace g;
  bool inside[MAX_READERS];
  unsigned parity[MAX_READERS];
  bool unlinked;
  uint64_t epoch;               /* of the unlinking */
  bool was_inside[MAX_READERS]; /* then, and ever since */
};

static struct world
copy_of (struct world *w)
{
  struct world c;

  memcpy (&c, w, sizeof c);
  return c;
}

static void
check_world (struct world *w)
{
  unsigned i;

  if (!w->unlinked || !grace_passed (&w->g, w->epoch))
    return;
  for (i = 0; i < MAX_READERS; ++i)
    assert_false (w->was_inside[i]);
}

static void
step_reader (struct world *w, unsigned i)
{
  if (w->inside[i])
    grace_leave (&w->g, w->parity[i]);
  else
    w->parity[i] = grace_enter (&w->g);
  w->inside[i] = !w->inside[i];
  w->was_inside[i] = false;
}

static void
explore (struct world *w, unsigned steps, uint64_t *nr)
{
  unsigned i;

  ++*nr;
  check_world (w);
  if (steps == 0)
    return;
  for (i = 0; i < MAX_READERS + 2; ++i) {
    struct world next = copy_of (w);

    if (i < MAX_READERS)
      step_reader (&next, i);
    else if (i == MAX_READERS)
      grace_advance (&next.g);
    else if (!next.unlinked) {
      next.unlinked = true;
      next.epoch = grace_now (&next.g);
      memcpy (next.was_inside, next.inside, sizeof next.inside);
    }
    else
      continue;
    explore (&next, steps - 1, nr);
  }
}

static void
test_all_sequences (void **state)
{
  struct world w = { 0 };
  uint64_t nr = 0;

  (void) state;
  explore (&w, MAX_STEPS, &nr);
  print_message ("%llu states of grace\n", (unsigned long long) nr);
}

/* -- threads ---------------------------------------- */

#define NR_READERS 3
#define NR_THINGS 3000

struct shared {
  struct grace g;
  int things[NR_THINGS];        /* 1: alive; plain memory on purpose */
  _Atomic unsigned current;
  _Atomic bool stop;
  _Atomic unsigned nr_dead_seen;
};

static void *
read_things (void *p)
{
  struct shared *s = p;

  while (!atomic_load (&s->stop)) {
    const unsigned parity = grace_enter (&s->g);
    const unsigned i = atomic_load (&s->current);

    sched_yield ();
    if (s->things[i] != 1)
      atomic_fetch_add (&s->nr_dead_seen, 1);
    grace_leave (&s->g, parity);
  }
  return NULL;
}

static void
replace_thing (struct shared *s, unsigned i)
{
  uint64_t epoch;

  atomic_store (&s->current, i + 1);
  epoch = grace_now (&s->g);
  while (!grace_passed (&s->g, epoch)) {
    grace_advance (&s->g);
    sched_yield ();
  }
  s->things[i] = 0;
}

static void
test_threads (void **state)
{
  struct shared *s = calloc (1, sizeof *s);
  pthread_t threads[NR_READERS];
  unsigned i;

  (void) state;
  assert_non_null (s);
  for (i = 0; i < NR_THINGS; ++i)
    s->things[i] = 1;
  for (i = 0; i < NR_READERS; ++i)
    assert_int_equal (pthread_create (&threads[i], NULL, read_things, s), 0);
  for (i = 0; i + 1 < NR_THINGS; ++i)
    replace_thing (s, i);
  atomic_store (&s->stop, true);
  for (i = 0; i < NR_READERS; ++i)
    pthread_join (threads[i], NULL);
  assert_int_equal (s->nr_dead_seen, 0);
  free (s);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_waits_for_those_who_were_there),
    cmocka_unit_test (test_passes_at_once_when_idle),
    cmocka_unit_test (test_all_sequences),
    cmocka_unit_test (test_threads),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
