/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One `baton pass` between two servers through their proxies, with one
 * fault; until nothing of it is under way any more.
 */

#ifndef BATON_TESTS_FAULTS_PASS_H
#define BATON_TESTS_FAULTS_PASS_H

#include <stdbool.h>
#include <stdint.h>

#include "faults-plan.h"
#include "faults-world.h"

struct pass_outcome {
  bool hit;                     /* the fault came to pass */
  bool caller_killed;
  int exit_code;                /* of baton */
  char result[32];              /* "done", "rolled-back", ... as it said */
  char owner[32];               /* "src", "dst", "none", "unknown" */
  unsigned nr_messages;
};

/* From servers[SRC] to the other.  Who was stopped is running or dead at the
 * end. */
void faulty_pass (struct world *w, unsigned src, const struct fault *f,
                  struct pass_outcome *ret);

#endif /* BATON_TESTS_FAULTS_PASS_H */
