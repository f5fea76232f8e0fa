/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where requests go (nbd-load.h): a function of the seed and of how many went
 * before, so that every server gets the same ones.
 */

#include <config.h>

#include "nbd-load.h"

/* Every bit of N has its share in every bit of the result. */
static uint64_t
mix (uint64_t n)
{
  n += UINT64_C (0x9e3779b97f4a7c15);
  n = (n ^ (n >> 30)) * UINT64_C (0xbf58476d1ce4e5b9);
  n = (n ^ (n >> 27)) * UINT64_C (0x94d049bb133111eb);
  return n ^ (n >> 31);
}

/* A permutation of 2^BITS numbers: each step can be undone. */
static uint64_t
permute (uint64_t n, unsigned bits, uint64_t seed)
{
  const uint64_t mask = (UINT64_C (1) << bits) - 1;
  unsigned i;

  for (i = 0; i < 4; ++i) {
    n = (n + mix (seed + i)) & mask;
    n = (n * (mix (~seed + i) | 1)) & mask;
    n ^= n >> (bits / 2 + 1);
  }
  return n;
}

/* The same of NR numbers: what falls outside is permuted again. */
static uint64_t
permute_below (uint64_t n, uint64_t nr, uint64_t seed)
{
  unsigned bits = 1;

  while (bits < 63 && (UINT64_C (1) << bits) < nr)
    ++bits;
  do
    n = permute (n, bits, seed);
  while (n >= nr);
  return n;
}

uint64_t
load_place (const struct load *l, uint64_t index)
{
  const uint64_t nr_blocks = l->span_bytes / l->block_bytes;
  uint64_t block = index % nr_blocks;

  if (l->pattern == PATTERN_RANDOM)
    block = mix (l->seed ^ mix (index)) % nr_blocks;
  else if (l->pattern == PATTERN_ONCE)
    block = permute_below (block, nr_blocks, l->seed);
  return block * l->block_bytes;
}
