/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Passing an image, done: asks what pass-decide.h decides and keeps a
 * record of it, for the report (pass-report.h).
 */

#ifndef BATON_PASS_RUN_H
#define BATON_PASS_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "answer.h"
#include "pass-decide.h"
#include "peer.h"

struct pass_record {
  enum pass_step step;
  uint64_t start_us;            /* since the first record's start */
  struct answer answer;
};

struct pass_run {
  struct pass pass;             /* at its end */
  size_t nr_records;
  struct pass_record records[PASS_END];         /* no step comes twice */
  bool paused;                  /* the guest was made to wait ... */
  uint64_t pause_us;            /* ... so long; unless PASS_FAILED: then it
                                 * waits still */
  json_t *ticket;               /* what the source gave; owned, or NULL */
  /* At the end; NULL: silent.  Owned. */
  json_t *src_status;
  json_t *dst_status;
};

/* Fill *RET.  INACTIVATE_ARGUMENTS is borrowed.  Once it pauses the guest,
 * INT, TERM and HUP are blocked, and stay so: what was begun is brought to
 * an end, which the deadlines see to. */
void pass_run (struct peer *src, struct peer *dst,
               const json_t *inactivate_arguments, struct pass_run *ret);
/* NULL is accepted. */
void pass_run_clear (struct pass_run *r);

/* The answer to STEP, or NULL where it was not taken. */
const struct answer *pass_run_answer (const struct pass_run *r,
                                      enum pass_step step);

#endif /* BATON_PASS_RUN_H */
