/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Random lives of host clusters, against an ownership oracle.
 *
 * The oracle knows who has each cluster, when it was released, which readers
 * were inside then, and what syncs have completed since.  Whatever
 * allocator_take returns must be free by that account: not metadata, nobody's,
 * released before a sync that completed, and no reader inside who could have
 * seen it before; and it must be clean: refcount 1 and zeros, now and after a
 * power cut.  In the end everything is given back and QEMU finds no leak.
 */

#include <config.h>

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine-fixture.h"
#include "random.h"

#define MAX_CLUSTERS 60000u
#define MAX_HELD 64
#define NR_READERS 3
#define NR_STEPS 600

struct owner {
  unsigned references;          /* pointers to it: 0: nobody's */
  uint64_t released;            /* syncs begun when it lost the last one */
  uint64_t ticket;              /* of the clock, then */
};

struct world {
  struct engine e;
  struct random rng;
  struct owner *owners;
  struct extent held[MAX_HELD];
  unsigned nr_held;
  bool inside[NR_READERS];
  unsigned parity[NR_READERS];
  uint64_t entered[NR_READERS]; /* clock */
  uint64_t clock;
  uint64_t nr_syncs;
  uint64_t nr_taken;
  uint64_t highest;
};

static uint64_t
refcount (struct world *w, uint64_t cluster) NO_TSA
{
  uint64_t n = 0;

  assert_int_equal (refcounts_get (&w->e.allocator.refcounts, cluster, &n,
                                   NULL), 0);
  return n;
}

static void
check_owner (struct world *w, uint64_t c)
{
  const struct owner *o = &w->owners[c];
  unsigned i;

  assert_true (c < MAX_CLUSTERS);
  assert_int_equal (o->references, 0);
  assert_false (metadata_map_touches (w->e.metadata, c, 1));
  assert_int_equal (refcount (w, c), 1);
  assert_true (engine_cluster_is_zero (&w->e, c));
  if (o->ticket == 0)
    return;
  /* One sync for the pointer, one for the punch. */
  assert_true (w->nr_syncs >= o->released + 2);
  for (i = 0; i < NR_READERS; ++i)
    assert_false (w->inside[i] && w->entered[i] < o->ticket);
}

static void
check_after_crash (struct world *w, struct extent e)
{
  struct engine after;
  uint64_t c;

  engine_crash (&w->e, random_next (&w->rng), &after);
  for (c = e.first; c < e.first + e.nr_clusters; ++c) {
    assert_int_equal (engine_refcount_on_disk (&after, c), 1);
    assert_true (engine_cluster_is_zero (&after, c));
  }
  engine_free (&after);
}

static void
take (struct world *w)
{
  struct error err = ERROR_INIT;
  struct extent e;
  uint64_t c;

  if (w->nr_held == MAX_HELD)
    return;
  if (allocator_take (&w->e.allocator, 1 + random_below (&w->rng, 30), &e,
                      &err) == -1)
    fail_msg ("%s", err.text);
  for (c = e.first; c < e.first + e.nr_clusters; ++c) {
    check_owner (w, c);
    w->owners[c].references = 1;
    w->highest = c > w->highest ? c : w->highest;
  }
  if (random_chance (&w->rng, 1, 4))
    check_after_crash (w, e);
  for (c = e.first; c < e.first + e.nr_clusters; ++c)
    engine_fill_cluster (&w->e, c, 0xaa);
  w->held[w->nr_held++] = e;
  w->nr_taken += e.nr_clusters;
}

/* As a snapshot does. */
static void NO_TSA
share (struct world *w)
{
  const struct extent e = w->nr_held
    ? w->held[random_below (&w->rng, w->nr_held)] : (struct extent) { 0, 0 };
  uint64_t c;

  for (c = e.first; c < e.first + e.nr_clusters; ++c) {
    if (w->owners[c].references > 2)
      return;
    assert_int_equal (refcounts_add (&w->e.allocator.refcounts,
                                     (struct extent) { c, 1 }, 1, 0, NULL),
                      0);
    w->owners[c].references++;
  }
}

static void
release_one (struct world *w, unsigned i)
{
  const struct extent e = w->held[i];
  bool gone = true;
  uint64_t c;

  for (c = e.first; c < e.first + e.nr_clusters; ++c) {
    struct owner *o = &w->owners[c];

    if (--o->references == 0)
      *o = (struct owner) { 0, w->nr_syncs, ++w->clock };
    else
      gone = false;
  }
  allocator_release (&w->e.allocator, e);
  if (gone || w->owners[e.first].references == 0)
    w->held[i] = w->held[--w->nr_held];
}

static void
release (struct world *w)
{
  if (w->nr_held > 0)
    release_one (w, random_below (&w->rng, w->nr_held));
}

static void
move_reader (struct world *w)
{
  const unsigned i = random_below (&w->rng, NR_READERS);

  if (w->inside[i])
    grace_leave (&w->e.grace, w->parity[i]);
  else {
    w->parity[i] = grace_enter (&w->e.grace);
    w->entered[i] = ++w->clock;
  }
  w->inside[i] = !w->inside[i];
}

/* One sync, with something released in the middle of it. */
static void
sync_once (struct world *w)
{
  struct error err = ERROR_INIT;

  w->nr_syncs++;
  allocator_before_sync (&w->e.allocator);
  if (random_chance (&w->rng, 1, 2))
    release (w);
  if (io_sync (w->e.io, &err) == -1)
    fail_msg ("%s", err.text);
  allocator_after_sync (&w->e.allocator);
  if (random_chance (&w->rng, 1, 4))
    release (w);
  allocator_reclaim (&w->e.allocator);
}

static void
step (struct world *w)
{
  switch (random_below (&w->rng, 10)) {
  case 0: case 1: case 2: take (w); break;
  case 3: case 4: case 5: release (w); break;
  case 6: share (w); break;
  case 7: move_reader (w); break;
  default: sync_once (w); break;
  }
}

static void
finish (struct world *w)
{
  struct error err = ERROR_INIT;
  unsigned i;

  for (i = 0; i < NR_READERS; ++i)
    if (w->inside[i])
      grace_leave (&w->e.grace, w->parity[i]);
  while (w->nr_held > 0)
    release_one (w, 0);
  for (i = 0; i < 4; ++i)
    engine_sync (&w->e);
  assert_int_equal (allocator_quarantined (&w->e.allocator), 0);
  if (allocator_empty_pool (&w->e.allocator, &err) == -1)
    fail_msg ("%s", err.text);
  assert_int_equal (w->e.allocator.nr_stuck, 0);
  if (engine_qemu_check (w->e.disk) != -1)
    assert_int_equal (engine_qemu_check (w->e.disk), 0);
}

static void
run (uint64_t seed, uint32_t order)
{
  struct world *w = calloc (1, sizeof *w);
  unsigned i;

  assert_non_null (w);
  engine_new (&w->e, &(struct engine_shape) {
    .cluster_bits = 9, .refcount_order = order, .nr_slots = 2 });
  w->rng.state = seed;
  w->owners = calloc (MAX_CLUSTERS, sizeof *w->owners);
  assert_non_null (w->owners);
  for (i = 0; i < NR_STEPS; ++i)
    step (w);
  print_message ("seed %" PRIu64 ": %" PRIu64 " clusters taken, %" PRIu64
                 " syncs, highest cluster %" PRIu64 "\n", seed, w->nr_taken,
                 w->nr_syncs, w->highest);
  /* What comes back is used again: the file does not just grow. */
  assert_true (w->highest < MAX_CLUSTERS / 2);
  finish (w);
  free (w->owners);
  engine_free (&w->e);
  free (w);
}

static void
test_random (void **state)
{
  const char *only = getenv ("BATON_TEST_SEED");
  const uint64_t first = only ? strtoull (only, NULL, 10) : 1;
  const uint64_t last = only ? first : getenv ("BATON_TEST_LONG") ? 200 : 8;
  uint64_t seed;

  (void) state;
  for (seed = first; seed <= last; ++seed)
    run (seed, 2 + seed % 5);
}

int
main (void)
{
  const struct CMUnitTest tests[] = { cmocka_unit_test (test_random) };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
