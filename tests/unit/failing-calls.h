/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Calls that ask for memory, or for what a library needs memory for, of which
 * the Nth fails.  A program that uses it is linked with $(wrap_calls), which
 * sends these calls of ours, and no library's own, to failing-calls.c.
 * For one thread.
 */

#ifndef BATON_TESTS_FAILING_CALLS_H
#define BATON_TESTS_FAILING_CALLS_H

#include <stdbool.h>
#include <stdlib.h>
#include <stdint.h>

/* From now on the NTH call fails, counted from 1; 0: none. */
void fail_call (unsigned nth);
/* And all after it. */
void fail_calls_from (unsigned nth);
/* Beside the one that was set before, which is kept: both count all calls,
 * and no call is failed by both. */
void fail_call_too (unsigned nth, bool forever);
/* Whether it has, or the last one; and no further one fails. */
bool fail_call_struck (void);
/* Whether the one that was kept has. */
bool fail_call_kept_struck (void);
/* Calls since fail_call or fail_calls_from. */
uint64_t fail_call_seen (void);

/* Of all the places where a call can fail each one is tried; one of N in builds
 * that are slow, but for that which counts coverage. */
static inline unsigned
one_of (unsigned n)
{
  return getenv ("BATON_TEST_RUNS") && !getenv ("BATON_TEST_EVERY") ? n : 1;
}

#endif /* BATON_TESTS_FAILING_CALLS_H */
