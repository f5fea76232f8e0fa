/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The tests' own random numbers (SplitMix64): the same seed gives the same
 * run on every machine, which rand() does not promise.  Not thread-safe.
 */

#ifndef BATON_TESTS_RANDOM_H
#define BATON_TESTS_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct random {
  uint64_t state;
};

static inline uint64_t
random_next (struct random *r)
{
  uint64_t z = (r->state += UINT64_C (0x9e3779b97f4a7c15));

  z = (z ^ (z >> 30)) * UINT64_C (0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C (0x94d049bb133111eb);
  return z ^ (z >> 31);
}

/* 0 <= result < LIMIT; 0 where LIMIT is 0. */
static inline uint64_t
random_below (struct random *r, uint64_t limit)
{
  uint64_t n = random_next (r);

  return limit == 0 ? 0 : n % limit;
}

/* True NR_OF times in OUT_OF. */
static inline bool
random_chance (struct random *r, unsigned nr_of, unsigned out_of)
{
  return random_below (r, out_of) < nr_of;
}

#endif /* BATON_TESTS_RANDOM_H */
