/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Short words for tests of the allocator on the smallest image.
 */

#ifndef BATON_TESTS_ALLOCATOR_FIXTURE_H
#define BATON_TESTS_ALLOCATOR_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "allocator-internal.h"
#include "engine-fixture.h"

static inline struct extent
take (struct engine *e, uint64_t want)
{
  struct error err = ERROR_INIT;
  struct extent r = { 0, 0 };

  if (allocator_take (&e->allocator, want, &r, &err) == -1)
    fail_msg ("%s", err.text);
  assert_in_range (r.nr_clusters, 1, want);
  return r;
}

static inline uint64_t
refcount (struct engine *e, uint64_t cluster) NO_TSA
{
  uint64_t n = 0;

  assert_int_equal (refcounts_get (&e->allocator.refcounts, cluster, &n,
                                   NULL), 0);
  return n;
}

static inline void
count_up (struct engine *e, uint64_t cluster) NO_TSA
{
  assert_int_equal (refcounts_add (&e->allocator.refcounts,
                                   (struct extent) { cluster, 1 }, 1, 0,
                                   NULL), 0);
}

/* Reserved and quarantined. */
static inline void
assert_stats (struct engine *e, uint64_t reserved, uint64_t quarantined)
{
  uint64_t r, q;

  allocator_get_stats (&e->allocator, &r, &q);
  assert_int_equal (r, reserved);
  assert_int_equal (q, quarantined);
  assert_int_equal (allocator_quarantined (&e->allocator), quarantined);
}

static inline uint64_t
reserved (struct engine *e)
{
  uint64_t r, q;

  allocator_get_stats (&e->allocator, &r, &q);
  return r;
}

/* Take all that the pool has, and reserve nothing for it, so that the next
 * extent there is a new one. */
static inline void
drain (struct engine *e)
{
  struct extent r;

  while (allocator_pool_take (&e->allocator, 1000000, &r))
    continue;
}

#endif /* BATON_TESTS_ALLOCATOR_FIXTURE_H */
