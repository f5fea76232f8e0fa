/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Arithmetic on sizes and offsets that came from outside.
 *
 * checked_* return false where the result does not fit; *RET is then
 * untouched.  The rest is for quantities already known to be sane:
 * ALIGN is always a power of two.
 */

#ifndef BATON_CHECKED_H
#define BATON_CHECKED_H

#include <stdbool.h>
#include <stdint.h>

static inline bool
checked_add (uint64_t a, uint64_t b, uint64_t *ret)
{
  uint64_t r;

  if (__builtin_add_overflow (a, b, &r))
    return false;
  *ret = r;
  return true;
}

static inline bool
checked_mul (uint64_t a, uint64_t b, uint64_t *ret)
{
  uint64_t r;

  if (__builtin_mul_overflow (a, b, &r))
    return false;
  *ret = r;
  return true;
}

static inline uint64_t
align_down (uint64_t n, uint64_t align)
{
  return n & ~(align - 1);
}

static inline uint64_t
align_up (uint64_t n, uint64_t align)
{
  return align_down (n + align - 1, align);
}

static inline bool
is_aligned (uint64_t n, uint64_t align)
{
  return (n & (align - 1)) == 0;
}

static inline uint64_t
div_round_up (uint64_t n, uint64_t d)
{
  return n / d + (n % d != 0);
}

static inline uint64_t
min_u64 (uint64_t a, uint64_t b)
{
  return a < b ? a : b;
}

static inline uint64_t
max_u64 (uint64_t a, uint64_t b)
{
  return a > b ? a : b;
}

#endif /* BATON_CHECKED_H */
