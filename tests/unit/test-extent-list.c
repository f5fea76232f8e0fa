/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Extent lists: what goes in comes out, once for each time it went in.
 */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "extent-list.h"
#include "random.h"

#define NR_CLUSTERS 512u

static void
append (struct extent_list *l, uint64_t first, uint64_t nr)
{
  assert_int_equal (extent_list_append (l, (struct extent) { first, nr },
                                        NULL), 0);
}

static void
assert_extent (struct extent e, uint64_t first, uint64_t nr)
{
  assert_int_equal (e.first, first);
  assert_int_equal (e.nr_clusters, nr);
}

static void
test_append_joins_what_follows (void **state)
{
  struct extent_list l = EXTENT_LIST_INIT;

  (void) state;
  append (&l, 10, 5);
  append (&l, 15, 1);
  append (&l, 30, 2);
  append (&l, 28, 2);           /* before, not after: kept apart */
  append (&l, 40, 0);
  assert_int_equal (l.len, 3);
  assert_extent (l.v[0], 10, 6);
  assert_extent (l.v[1], 30, 2);
  assert_extent (l.v[2], 28, 2);
  assert_int_equal (l.nr_clusters, 10);
  extent_list_clear (&l);
  assert_int_equal (l.len, 0);
  assert_int_equal (l.nr_clusters, 0);
}

static void
test_take_prefers_one_long_enough (void **state)
{
  struct extent_list l = EXTENT_LIST_INIT;

  (void) state;
  append (&l, 10, 2);
  append (&l, 20, 4);
  append (&l, 40, 3);
  assert_extent (extent_list_take (&l, 3), 20, 3);
  assert_extent (extent_list_take (&l, 3), 40, 3);
  assert_extent (extent_list_take (&l, 9), 10, 2);
  assert_extent (extent_list_take (&l, 9), 23, 1);
  assert_int_equal (l.len, 0);
  assert_int_equal (l.nr_clusters, 0);
  extent_list_clear (&l);
}

static void
test_move (void **state)
{
  struct extent_list a = EXTENT_LIST_INIT, b = EXTENT_LIST_INIT;

  (void) state;
  append (&a, 1, 2);
  append (&b, 3, 4);
  append (&b, 100, 1);
  assert_int_equal (extent_list_move (&a, &b, NULL), 0);
  assert_int_equal (b.len, 0);
  assert_int_equal (b.nr_clusters, 0);
  assert_int_equal (a.nr_clusters, 7);
  assert_int_equal (extent_list_move (&a, &b, NULL), 0);
  assert_int_equal (a.nr_clusters, 7);
  extent_list_clear (&a);
  extent_list_clear (&b);
}

static void
test_sort_joins_but_keeps_duplicates (void **state)
{
  struct extent_list l = EXTENT_LIST_INIT;

  (void) state;
  extent_list_sort (&l);
  append (&l, 20, 4);
  append (&l, 10, 5);
  append (&l, 15, 5);
  append (&l, 22, 1);
  append (&l, 22, 1);
  extent_list_sort (&l);
  assert_int_equal (l.len, 3);
  assert_extent (l.v[0], 10, 14);
  assert_extent (l.v[1], 22, 1);
  assert_extent (l.v[2], 22, 1);
  assert_int_equal (l.nr_clusters, 16);
  extent_list_clear (&l);
}

/* How often each cluster is in the list. */
static void
assert_counts (const struct extent_list *l, const unsigned *model)
{
  unsigned counts[NR_CLUSTERS] = { 0 };
  uint64_t total = 0, c;
  size_t i;

  for (i = 0; i < l->len; ++i) {
    total += l->v[i].nr_clusters;
    for (c = 0; c < l->v[i].nr_clusters; ++c)
      counts[l->v[i].first + c]++;
  }
  assert_int_equal (total, l->nr_clusters);
  assert_memory_equal (counts, model, sizeof counts);
}

static void
random_step (struct extent_list *l, unsigned *model, struct random *r)
{
  struct extent e;
  uint64_t c;

  switch (random_below (r, 5)) {
  case 0:
    extent_list_sort (l);
    break;
  case 1: case 2:
    if (l->len == 0)
      break;
    e = extent_list_take (l, 1 + random_below (r, 9));
    assert_true (e.nr_clusters >= 1 && e.nr_clusters <= 9);
    for (c = e.first; c < e.first + e.nr_clusters; ++c)
      assert_true (model[c]-- > 0);
    break;
  default:
    e.first = random_below (r, NR_CLUSTERS - 16);
    e.nr_clusters = random_below (r, 16);
    for (c = e.first; c < e.first + e.nr_clusters; ++c)
      model[c]++;
    append (l, e.first, e.nr_clusters);
    break;
  }
}

static void
test_random (void **state)
{
  uint64_t seed;

  (void) state;
  for (seed = 1; seed <= 20; ++seed) {
    struct extent_list l = EXTENT_LIST_INIT;
    unsigned model[NR_CLUSTERS] = { 0 };
    struct random r = { seed };
    unsigned i;

    for (i = 0; i < 300; ++i) {
      random_step (&l, model, &r);
      assert_counts (&l, model);
    }
    extent_list_clear (&l);
  }
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_append_joins_what_follows),
    cmocka_unit_test (test_take_prefers_one_long_enough),
    cmocka_unit_test (test_move),
    cmocka_unit_test (test_sort_joins_but_keeps_duplicates),
    cmocka_unit_test (test_random),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
