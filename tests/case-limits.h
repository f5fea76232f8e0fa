/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Promise I's limits, for what runs in this process: memory and time.
 *
 * Memory: with a sanitizer, what is allocated is counted by its hooks; else
 * it is what the kernel lets this process map beyond what it had when the
 * limits were set, and more is ENOMEM.  Time: of the CPU, times 10 with a
 * sanitizer; and a minute by the clock, which a deadlock does not pass.
 *
 * Whoever goes beyond, or gets a deadly signal, has the process say which
 * case it was, and abort.  One thread; state is the process's.
 */

#ifndef BATON_TESTS_CASE_LIMITS_H
#define BATON_TESTS_CASE_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#define LIMIT_MEMORY_BYTES (UINT64_C (64) << 20)

/* Once, when what is not the cases' own has been allocated. */
void limits_init (void);
/* Each case, or part of one; CASE_NAME is borrowed until the next. */
void limits_begin (const char *case_name, unsigned cpu_seconds);
void limits_end (void);

struct limits_worst {
  uint64_t memory_bytes;        /* 0: not known */
  uint64_t cpu_us;
  char memory_case[96], cpu_case[96];
};
const struct limits_worst *limits_get_worst (void);

#endif /* BATON_TESTS_CASE_LIMITS_H */
