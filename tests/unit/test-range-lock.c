/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Range lock: overlapping ranges exclude each other, others do not.
 */

#include <config.h>

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "random.h"
#include "range-lock.h"

#define NR_THREADS 4
#define NR_CLUSTERS 32u
#define NR_ROUNDS 2000

struct waiter {
  struct range_lock *lock;
  uint64_t first, last;
  _Atomic bool held;
};

static void *
wait_for_range (void *p)
{
  struct waiter *w = p;
  struct range r;

  range_lock_take (w->lock, &r, w->first, w->last);
  atomic_store (&w->held, true);
  range_lock_drop (w->lock, &r);
  return NULL;
}

/* Whether [FIRST, LAST] can be had while [10, 20] and [30, 30] are held. */
static bool
can_have (uint64_t first, uint64_t last)
{
  struct range_lock lock;
  struct range a, b;
  struct waiter w = { .lock = &lock, .first = first, .last = last };
  pthread_t thread;
  bool had;
  int i;

  range_lock_init (&lock);
  range_lock_take (&lock, &a, 10, 20);
  range_lock_take (&lock, &b, 30, 30);
  assert_int_equal (pthread_create (&thread, NULL, wait_for_range, &w), 0);
  for (i = 0; i < 30 && !atomic_load (&w.held); ++i)
    usleep (1000);
  had = atomic_load (&w.held);
  range_lock_drop (&lock, &a);
  range_lock_drop (&lock, &b);
  pthread_join (thread, NULL);
  assert_true (atomic_load (&w.held));
  range_lock_destroy (&lock);
  return had;
}

static void
test_who_waits (void **state)
{
  (void) state;
  assert_true (can_have (0, 9));
  assert_true (can_have (21, 29));
  assert_true (can_have (31, UINT64_MAX));
  assert_false (can_have (9, 10));
  assert_false (can_have (20, 20));
  assert_false (can_have (15, 16));
  assert_false (can_have (0, 100));
  assert_false (can_have (30, 30));
}

struct shared {
  struct range_lock lock;
  unsigned owners[NR_CLUSTERS]; /* plain on purpose, for TSan */
  _Atomic unsigned nr_wrong;
  _Atomic unsigned next_seed;
};

static void
hold_once (struct shared *s, struct random *rng)
{
  const uint64_t first = random_below (rng, NR_CLUSTERS);
  const uint64_t last = first + random_below (rng, NR_CLUSTERS - first);
  struct range r;
  uint64_t c;

  range_lock_take (&s->lock, &r, first, last);
  for (c = first; c <= last; ++c)
    if (s->owners[c]++ != 0)
      atomic_fetch_add (&s->nr_wrong, 1);
  sched_yield ();
  for (c = first; c <= last; ++c)
    s->owners[c]--;
  range_lock_drop (&s->lock, &r);
}

static void *
work (void *p)
{
  struct shared *s = p;
  struct random rng = { atomic_fetch_add (&s->next_seed, 1) };
  unsigned i;

  for (i = 0; i < NR_ROUNDS; ++i)
    hold_once (s, &rng);
  return NULL;
}

static void
test_threads (void **state)
{
  struct shared s = { .next_seed = 1 };
  pthread_t threads[NR_THREADS];
  unsigned i;

  (void) state;
  range_lock_init (&s.lock);
  for (i = 0; i < NR_THREADS; ++i)
    assert_int_equal (pthread_create (&threads[i], NULL, work, &s), 0);
  for (i = 0; i < NR_THREADS; ++i)
    pthread_join (threads[i], NULL);
  assert_int_equal (s.nr_wrong, 0);
  assert_null (s.lock.held);
  range_lock_destroy (&s.lock);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_who_waits),
    cmocka_unit_test (test_threads),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
