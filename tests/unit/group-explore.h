/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An exhaustive search: every reachable state of the decisions (pass-group.c,
 * pass-member.c, pass-decide.c) and of a model of the servers (cli-world.h).
 * In each:
 *   - never are both servers of an image active, also when what still waits
 *     at them is carried out;
 *   - what is said of each image's owner is so;
 *   - at the end all images are at their destinations, or all at their
 *     sources, or all as they were; unless a server could not be heard, or
 *     refused to have its image back;
 *   - where locks decide, one fault that kills no server is always mended;
 *   - no destination is told to activate while a source is active;
 *   - the same command again passes all, whenever all servers live.
 */

#ifndef BATON_TESTS_GROUP_EXPLORE_H
#define BATON_TESTS_GROUP_EXPLORE_H

#include <stdbool.h>
#include <stdint.h>

#define GROUP_MAX_PAIRS 3
#define GROUP_NO_LIMIT UINT8_MAX

/* At most MAX_FAULTS questions of all go wrong; MAX_DEATHS: how many callers
 * die or end at any moment and are followed by another.  Fails the test where
 * one of the above does not hold. */
void group_explore (unsigned nr_pairs, unsigned max_faults,
                    unsigned max_deaths, bool locks, bool records);

#endif /* BATON_TESTS_GROUP_EXPLORE_H */
