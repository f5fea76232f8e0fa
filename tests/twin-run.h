/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The two servers of a twin run, and the running of a plan on both.
 *
 * Everything here ends the program (exit status 1) with a message that
 * names the seed and the operation when a server does wrong.
 */

#ifndef BATON_TESTS_TWIN_RUN_H
#define BATON_TESTS_TWIN_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libnbd.h>

#include "twin-model.h"
#include "twin-plan.h"

#define MAX_CONNECTIONS 16
#define MAX_DEPTH 64

struct side {
  const char *label;            /* "A" or "B" */
  struct nbd_handle *nbd[MAX_CONNECTIONS];      /* owned */
  size_t nr_connections;
  uint64_t size;                /* of the disk, bytes */
  uint64_t min_block;           /* bytes */
  bool trim_as_zero;            /* trim does not promise zeros there */
  bool one_by_one;              /* never two requests in flight: see B */
  bool busy;                    /* one_by_one: a request is in flight */
  bool can_fua;
  bool can_fast_zero;
  bool can_trim;
  bool can_cache;
  bool can_status;              /* base:allocation was negotiated */
};

struct run {
  struct side a;                /* the server under test */
  struct side b;                /* the reference.  One request at a time:
                                 * QEMU 7.2 loses a write now and then that
                                 * meets a write-zeroes in one cluster */
  struct model model;
  struct plan plan;
  uint64_t seed;
  uint64_t nr_ops;
  size_t depth;                 /* operations in flight, at most */
  bool verbose;
  uint64_t counts[NR_OP_KINDS];
  uint64_t nr_fast_refused;
};

/* Run the plan, up to DEPTH at a time on A.  Operations in flight never overlap, so that the model is
 * exact; they may well share a cluster. */
void run_operations (struct run *run);

/* SIDE answered OP with bytes that the model does not expect, from AT. */
void run_fail_data (struct run *run, const struct side *side,
                    const struct op *op, uint64_t at, const uint8_t *buf)
  __attribute__ ((noreturn));
void run_fail (struct run *run, const struct side *side, const struct op *op,
               const char *what) __attribute__ ((noreturn));

/* Checks one answer to block status.  Its address is what libnbd's extent
 * callback gets as user data. */
struct status_check {
  struct run *run;
  struct op op;
  uint64_t covered;             /* bytes described so far */
};
int run_check_extents (void *status_check, const char *context,
                       uint64_t offset, uint32_t *entries, size_t nr_entries,
                       int *error);

#endif /* BATON_TESTS_TWIN_RUN_H */
