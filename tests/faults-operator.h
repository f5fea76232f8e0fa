/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What an operator does after a pass that went wrong: starts what has died,
 * looks, and types the command that docs/HANDOVER.md names.  Each must work at
 * the first go.
 */

#ifndef BATON_TESTS_FAULTS_OPERATOR_H
#define BATON_TESTS_FAULTS_OPERATOR_H

#include "faults-world.h"

struct deeds {                  /* how often */
  uint64_t nr_recovered;        /* a server was restarted and took it back */
  uint64_t nr_activated;        /* baton activate */
  uint64_t nr_resumed;          /* baton pass, with both inactive */
  uint64_t nr_poisoned;         /* stopped and restarted */
};

/* Bring it about that one server is active and can write, and the other
 * inactive: which one is returned.  SRC: whence the pass was; TASTE: for the
 * choice between commands.  Ends the program where that cannot be done. */
unsigned operate (struct world *w, unsigned src, unsigned taste,
                  struct deeds *deeds);

/* The index of the one that is active.  Two at once end the program; -1:
 * none. */
int find_active (struct world *w, struct seen seen[2]);

/* baton pass from servers[SRC], which is active: must succeed. */
void pass_cleanly (struct world *w, unsigned src);

#endif /* BATON_TESTS_FAULTS_OPERATOR_H */
