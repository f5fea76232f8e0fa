/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What an operator does after a pass that went wrong: starts what has died,
 * looks, and types the command that docs/HANDOVER.md names.  Each must work at
 * the first go, or at the second where a message was late and took effect
 * after the look.
 */

#ifndef BATON_TESTS_FAULTS_OPERATOR_H
#define BATON_TESTS_FAULTS_OPERATOR_H

#include "faults-plan.h"
#include "faults-world.h"

struct deeds {                  /* how often */
  uint64_t nr_recovered;        /* a server was restarted and took it back */
  uint64_t nr_activated;        /* baton activate */
  uint64_t nr_resumed;          /* baton pass, with both inactive */
  uint64_t nr_poisoned;         /* stopped and restarted */
  uint64_t nr_again;            /* had to look again: see above */
};

/* Bring it about that one server is active and can write, and the other
 * inactive: which one is returned.  SRC: whence the pass was; F: what went
 * wrong.  Ends the program where that cannot be done. */
unsigned operate (struct world *w, unsigned src, const struct fault *f,
                  struct deeds *deeds);

/* The index of the one that is active.  Two at once end the program; -1:
 * none. */
int find_active (struct world *w, struct seen seen[2]);

/* baton pass from servers[SRC], which is active: must succeed. */
void pass_cleanly (struct world *w, unsigned src);

#endif /* BATON_TESTS_FAULTS_OPERATOR_H */
