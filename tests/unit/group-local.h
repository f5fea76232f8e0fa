/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One member of a group in the model of cli-world.h: its pass, its two
 * servers and what the test remembers of them, as one value that can be
 * compared, stored and gone on from.  And all that can come of its question.
 */

#ifndef BATON_TESTS_GROUP_LOCAL_H
#define BATON_TESTS_GROUP_LOCAL_H

#include <stdbool.h>
#include <stdint.h>

#include "cli-world.h"
#include "pass-decide.h"

/* Without padding that is not zero, and without pointers into itself. */
struct local {
  struct pass pass;
  struct world world;
  int ticket;                   /* of the last release, as heard */
  bool was_src, was_dst;        /* who was active when the caller began */
  bool inherits;                /* something waited then, of another caller */
  bool excused;                 /* an answer was lost, or nobody was there,
                                 * or a step of the way back was refused */
  bool back_done;               /* that was answered "done" */
  uint8_t nr_faults;
  bool folded;                  /* nothing will change any more, and: */
  bool died;                    /* a server has */
  uint8_t fitting;              /* bit per result that would fit */
};

struct local_outcome {
  struct pass_event event;
  struct local after;           /* its pass has not been told yet */
};

#define MAX_OUTCOMES 160

/* A pair of servers as at the first start of a caller.  They do not tell who
 * they are, so that all pairs are alike. */
void local_init (struct local *l, bool locks, bool records);
/* Another caller begins. */
void local_begin (struct local *l);

/* All that can come of L's question while at most MAX_FAULTS go wrong, each
 * different one once, the good one first.  Returns their number. */
unsigned local_ask (const struct local *l, unsigned max_faults,
                    struct local_outcome outcomes[MAX_OUTCOMES]);

/* Forget what makes no difference, so that there are fewer states.  LAST: no
 * other caller comes after this one. */
void local_fold (struct local *l, bool last);

/* Is what is said at the end true of this one, where RESULT is said of the
 * group?  That no more than one server is or will be active is part of it. */
bool local_fits (const struct local *l, enum pass_result result);

bool local_same_process (const struct local *l, bool dst);

#endif /* BATON_TESTS_GROUP_LOCAL_H */
