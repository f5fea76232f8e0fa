/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Passing a group of images, done: asks what pass-group.h decides, all
 * members at the same time, and keeps each one's record.
 */

#ifndef BATON_GROUP_RUN_H
#define BATON_GROUP_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "parallel.h"
#include "pass-run.h"

struct group_run {
  size_t nr;
  struct pass_run *runs;        /* NR, at their ends; times since one start */
  enum pass_result result;
  uint64_t start_us;            /* clock_us then */
  bool paused;                  /* the first source was told to inactivate */
  uint64_t pause_us;            /* from then to the last member's end */
};

/* How to ask: parallel_each, but for tests. */
typedef void (*group_each) (size_t nr, parallel_work work, void *opaque);

/* Fill *RET; SRCS and DSTS have NR each.  As pass_run: from the pause on
 * signals are blocked, and stay so.  -1: no memory, and nothing was done. */
int group_run (size_t nr, struct peer *const *srcs, struct peer *const *dsts,
               const json_t *inactivate_arguments, group_each each,
               struct group_run *ret);

/* -- in two halves, with something else between them ----------------------- */

struct group_work;

/* All that changes nothing: the checks, and the flush of the sources.  What
 * is pointed to must outlive *RET.  -1: no memory. */
int group_prepare (size_t nr, struct peer *const *srcs,
                   struct peer *const *dsts,
                   const json_t *inactivate_arguments, group_each each,
                   struct group_work **ret);
/* Can all go on?  And is each served by its source, by its destination? */
bool group_is_ready (const struct group_work *w);
bool group_is_at_sources (const struct group_work *w);
bool group_is_at_destinations (const struct group_work *w);
/* The rest of group_run, where the first half ended well or not.  Consumes W,
 * as group_drop does, which asks for nothing. */
void group_complete (struct group_work *w, struct group_run *ret);
void group_drop (struct group_work *w);

/* NULL is accepted. */
void group_run_clear (struct group_run *g);

#endif /* BATON_GROUP_RUN_H */
