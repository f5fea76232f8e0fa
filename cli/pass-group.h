/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How the images of one VM are passed as a group, all or none: which of its
 * members goes on, and when.  Pure, as pass-decide.h is, which decides what
 * each member does.
 *
 *   phase           a member does                    and then waits for all
 *   checking        status, the destination looks,   before inactivate src
 *                   status, flush src
 *   inactivating    inactivate src                   before activate dst
 *   activating      activate dst
 *
 * The members move in rounds, one question each, asked at the same time.
 *
 * Rules, besides those of pass-decide.h:
 *   1. No source is asked to inactivate before every member is ready for it,
 *      and no destination to activate before every source is inactive.
 *   2. Where a member fails while checking, nothing is changed: each image
 *      stays where it was found.
 *   3. Where one fails later, the group gives all back: a source that was
 *      inactivated is activated, and a destination that was activated is
 *      inactivated first.  That is also done with what was found at its
 *      destination already, for an earlier group that was cut off left it
 *      there.
 *   4. What was found inactive on both sides goes forward, by the ticket of
 *      its last release, whoever gave it.
 *   5. A destination is told to give an image up only while its source
 *      answers: where one of the two can serve it, it is served.
 */

#ifndef BATON_PASS_GROUP_H
#define BATON_PASS_GROUP_H

#include <stdbool.h>
#include <stddef.h>

#include "pass-decide.h"

enum group_phase {
  GROUP_CHECKING,
  GROUP_INACTIVATING,
  GROUP_ACTIVATING,
};

struct group {
  enum group_phase phase;
  bool compared;                /* servers of different pairs */
};

/* MEMBERS: NR of them, the caller's, here and below. */
void group_begin (struct group *g, struct pass *const *members, size_t nr);

/* Is this one's step to be done now? */
bool group_asks (const struct group *g, const struct pass *member);

/* Take what came of the steps of those that were asked (EVENTS[i] is of
 * MEMBERS[i]), and set the next ones.  The group has ended when it asks
 * nobody. */
void group_advance (struct group *g, struct pass *const *members, size_t nr,
                    const struct pass_event *events);

/* -- at the end ---------------------------------------------------------- */

/* PASS_DONE, or PASS_ALREADY_DONE: all are at their destinations.
 * PASS_NOT_STARTED: all are where they were.  PASS_ROLLED_BACK: all are at
 * their sources.  PASS_FAILED: none of these, see each. */
enum pass_result group_result (struct pass *const *members, size_t nr);

#endif /* BATON_PASS_GROUP_H */
