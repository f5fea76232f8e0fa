/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which fault comes in which round.  Pure: the number of a round and a seed
 * say all, and the rounds go through all kinds, and through all places of
 * each, in turn.
 */

#ifndef BATON_TESTS_FAULTS_PLAN_H
#define BATON_TESTS_FAULTS_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "faulty-io.h"

enum fault_kind {
  FAULT_NONE,
  /* one message, of either direction and either server */
  FAULT_LOSE, FAULT_CUT, FAULT_REPEAT, FAULT_DELAY,
  /* processes, when a message comes */
  FAULT_KILL_SRC, FAULT_KILL_DST, FAULT_KILL_SERVERS, FAULT_KILL_CALLER,
  FAULT_KILL_ALL,
  FAULT_STOP_SRC, FAULT_STOP_DST, FAULT_STOP_SERVERS, FAULT_STOP_CALLER,
  /* stopped, and then killed */
  FAULT_STOP_KILL_SRC, FAULT_STOP_KILL_DST,
  /* the Nth I/O of inactivate, of activate */
  FAULT_IO_SRC, FAULT_IO_DST,
};
#define NR_FAULT_KINDS (FAULT_IO_DST + 1)

struct fault {
  enum fault_kind kind;
  unsigned message;             /* of the pass, from 1; not for I/O */
  uint64_t delay_us;            /* from the message to the blow */
  uint64_t late_us;             /* of a message; or how long it is stopped */
  enum io_class io_class;
  unsigned nr_good;             /* I/Os of that class that succeed before */
  bool forever;
  unsigned taste;               /* where the operator has a choice */
};

/* ONLY: all rounds are of that kind; NR_FAULT_KINDS: of any. */
void fault_plan (uint64_t seed, uint64_t round, unsigned only,
                 struct fault *ret);

const char *fault_name (enum fault_kind kind);
/* NR_FAULT_KINDS where there is no such kind. */
unsigned fault_by_name (const char *name);

/* Is a message lost or late, or a process stopped: is there anything that
 * makes somebody wait until a deadline? */
bool fault_makes_wait (enum fault_kind kind);
/* May a server still do, after the pass has ended, what it was told? */
bool fault_comes_late (enum fault_kind kind);

#endif /* BATON_TESTS_FAULTS_PLAN_H */
