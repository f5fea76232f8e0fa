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
  json_t *ticket;               /* of the last release; owned, or NULL */
  uint64_t ticket_epoch;        /* 0: none, or it names none */
  /* At the end; NULL: silent.  Owned. */
  json_t *src_status;
  json_t *dst_status;
};

/* Fill *RET.  INACTIVATE_ARGUMENTS is borrowed.  Once it pauses the guest,
 * INT, TERM and HUP are blocked, and stay so: what was begun is brought to
 * an end, which the deadlines see to. */
void pass_run (struct peer *src, struct peer *dst,
               const json_t *inactivate_arguments, struct pass_run *ret);
/* -- a step at a time, for a group (group-run.h); *R starts zeroed ------- */

/* Do what the step says and record the answer.  START_US: clock_us at the
 * start of it all.  Different runs, with peers of their own, may be at it on
 * different threads. */
void pass_run_ask (struct pass_run *r, struct peer *src, struct peer *dst,
                   const json_t *inactivate_arguments, uint64_t start_us);
/* What came of the last record. */
struct pass_event pass_run_event (struct pass_run *r);
/* At the end: what was measured, and the final statuses. */
void pass_run_finish (struct pass_run *r, struct peer *src, struct peer *dst);

/* What STEP asks for; NULL: a status. */
const char *pass_step_command (enum pass_step step);

/* Block INT, TERM and HUP. */
void pass_run_block_signals (void);

/* NULL is accepted. */
void pass_run_clear (struct pass_run *r);

/* The answer to STEP, or NULL where it was not taken. */
const struct answer *pass_run_answer (const struct pass_run *r,
                                      enum pass_step step);

#endif /* BATON_PASS_RUN_H */
