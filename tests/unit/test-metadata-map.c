/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Metadata map, against an array of booleans.
 *
 * Removing is the difficult half: it moves later keys of a probe sequence
 * back.  So the random test removes as much as it adds, around the sizes at
 * which the tables inside grow, and looks at every key after each step that
 * removed.
 */

#include <config.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "metadata-map.h"
#include "random.h"

#define NR_KEYS 4096u

struct model {
  struct metadata_map *map;
  bool in[NR_KEYS];
  uint64_t spread;              /* key I is cluster I * SPREAD */
};

static struct metadata_map *
new_map (void)
{
  struct metadata_map *m = NULL;

  assert_int_equal (metadata_map_new (&m, NULL), 0);
  return m;
}

static void
test_ranges (void **state)
{
  struct metadata_map *m = new_map ();

  (void) state;
  assert_false (metadata_map_touches (m, 0, 1000));
  assert_int_equal (metadata_map_add (m, 10, 5, NULL), 0);
  assert_int_equal (metadata_map_add (m, 12, 1, NULL), 0);
  assert_false (metadata_map_touches (m, 5, 5));
  assert_true (metadata_map_touches (m, 5, 6));
  assert_true (metadata_map_touches (m, 14, 100));
  assert_false (metadata_map_touches (m, 15, 100));
  assert_false (metadata_map_touches (m, 12, 0));
  metadata_map_remove (m, 12, 1);
  assert_false (metadata_map_touches (m, 12, 1));
  assert_true (metadata_map_touches (m, 12, 2));
  metadata_map_remove (m, 0, 100);
  assert_false (metadata_map_touches (m, 0, 100));
  metadata_map_free (m);
  metadata_map_free (NULL);
}

/* All or nothing; and room made ahead loses nothing. */
static void
test_claims (void **state)
{
  struct metadata_map *m = new_map ();
  struct error err = ERROR_INIT;

  (void) state;
  assert_int_equal (metadata_map_claim (m, 10, 5, "a table", &err), 0);
  assert_int_equal (metadata_map_reserve (m, 10000, &err), 0);
  assert_int_equal (metadata_map_claim (m, 8, 4, "another", &err), -1);
  assert_non_null (strstr (err.text, "another at host cluster 10 overlaps"));
  assert_false (metadata_map_touches (m, 0, 10));
  assert_true (metadata_map_touches (m, 10, 1));
  assert_true (metadata_map_touches (m, 14, 1));
  assert_false (metadata_map_touches (m, 15, 100));
  assert_int_equal (metadata_map_claim (m, 8, 2, "another", &err), 0);
  metadata_map_free (m);
}

static void
test_far_clusters (void **state)
{
  /* The last cluster of 512 bytes below 2^56. */
  const uint64_t last = (UINT64_C (1) << 47) - 1;
  struct metadata_map *m = new_map ();

  (void) state;
  assert_int_equal (metadata_map_add (m, last, 1, NULL), 0);
  assert_int_equal (metadata_map_add (m, 0, 1, NULL), 0);
  assert_true (metadata_map_touches (m, last, 1));
  assert_true (metadata_map_touches (m, 0, 1));
  assert_false (metadata_map_touches (m, last - 1, 1));
  metadata_map_free (m);
}

static void
check_all (const struct model *m)
{
  uint64_t key;

  for (key = 0; key < NR_KEYS; ++key)
    if (metadata_map_touches (m->map, key * m->spread, 1) != m->in[key])
      fail_msg ("cluster %llu", (unsigned long long) (key * m->spread));
}

/* Grows the set for a while, then shrinks it, and so on. */
static void
random_step (struct model *m, struct random *r, unsigned phase)
{
  const uint64_t key = random_below (r, NR_KEYS);
  const bool add = random_below (r, 4) != phase % 4;

  if (phase % 2 == 0 ? add : !add) {
    assert_int_equal (metadata_map_add (m->map, key * m->spread, 1, NULL), 0);
    m->in[key] = true;
  }
  else {
    metadata_map_remove (m->map, key * m->spread, 1);
    m->in[key] = false;
  }
}

static void
run (uint64_t seed, uint64_t spread)
{
  struct model *m = calloc (1, sizeof *m);
  struct random r = { seed };
  unsigned i;

  assert_non_null (m);
  m->map = new_map ();
  m->spread = spread;
  for (i = 0; i < 40000; ++i) {
    random_step (m, &r, i / 4000);
    if (i % 200 == 0)
      check_all (m);
  }
  check_all (m);
  metadata_map_free (m->map);
  free (m);
}

static void
test_random (void **state)
{
  (void) state;
  run (1, 1);
  run (2, 1);
  run (3, UINT64_C (1) << 20);
  run (4, 3);
}

/* Remove each key of full tables, one after another: each removal must leave
 * all others findable, whatever it moves. */
static void
test_each_removal (void **state)
{
  struct model *m = calloc (1, sizeof *m);
  uint64_t key;

  (void) state;
  assert_non_null (m);
  m->map = new_map ();
  m->spread = 1;
  for (key = 0; key < 500; ++key) {
    m->in[key] = true;
    assert_int_equal (metadata_map_add (m->map, key, 1, NULL), 0);
  }
  for (key = 0; key < 500; ++key) {
    m->in[key] = false;
    metadata_map_remove (m->map, key, 1);
    check_all (m);
  }
  metadata_map_free (m->map);
  free (m);
}

struct worker {
  struct metadata_map *map;
  uint64_t first;
  bool wrong;
};

static void *
work (void *p)
{
  struct worker *w = p;
  uint64_t i;

  for (i = 0; i < 3000; ++i) {
    const uint64_t key = w->first + (i % 700) * 4;

    w->wrong |= metadata_map_add (w->map, key, 1, NULL) == -1;
    w->wrong |= !metadata_map_touches (w->map, key, 1);
    if (i % 3 == 0) {
      metadata_map_remove (w->map, key, 1);
      w->wrong |= metadata_map_touches (w->map, key, 1);
    }
  }
  return NULL;
}

static void
test_threads (void **state)
{
  struct metadata_map *m = new_map ();
  struct worker workers[4];
  pthread_t threads[4];
  unsigned i;

  (void) state;
  for (i = 0; i < 4; ++i) {
    workers[i] = (struct worker) { m, i, false };
    assert_int_equal (pthread_create (&threads[i], NULL, work, &workers[i]),
                      0);
  }
  for (i = 0; i < 4; ++i) {
    pthread_join (threads[i], NULL);
    assert_false (workers[i].wrong);
  }
  metadata_map_free (m);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_ranges),
    cmocka_unit_test (test_claims),
    cmocka_unit_test (test_far_clusters),
    cmocka_unit_test (test_random),
    cmocka_unit_test (test_each_removal),
    cmocka_unit_test (test_threads),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
