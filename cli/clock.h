/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The clock of deadlines and of what is measured.
 */

#ifndef BATON_CLOCK_H
#define BATON_CLOCK_H

#include <limits.h>
#include <stdint.h>
#include <time.h>

/* Microseconds since some moment; never goes back. */
static inline uint64_t
clock_us (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return (uint64_t) now.tv_sec * 1000000 + (uint64_t) now.tv_nsec / 1000;
}

/* What is left until then, in milliseconds for poll(2), rounded up. */
static inline int
clock_left_ms (uint64_t deadline_us)
{
  const uint64_t now = clock_us ();
  uint64_t ms;

  if (now >= deadline_us)
    return 0;
  ms = (deadline_us - now + 999) / 1000;
  return ms > INT_MAX ? INT_MAX : (int) ms;
}

#endif /* BATON_CLOCK_H */
