/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The operations of a twin run: a pure function of the seed and of the
 * geometry, so that a failure replays whatever the timing was.
 *
 * Most operations fall into a few hot windows, a part of them exactly onto
 * ranges that were zeroed or trimmed a moment ago, because the bugs of an
 * image format live where the states of one cluster follow each other.
 */

#ifndef BATON_TESTS_TWIN_PLAN_H
#define BATON_TESTS_TWIN_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "random.h"

enum op_kind {
  OP_READ,
  OP_WRITE,
  OP_ZERO,
  OP_TRIM,
  OP_FLUSH,                     /* len is 0 */
  OP_CACHE,
  OP_STATUS,
  NR_OP_KINDS
};

struct op {
  uint64_t index;               /* 0, 1, ... in the order of the plan */
  enum op_kind kind;
  uint64_t offset;              /* guest bytes */
  uint64_t len;
  bool fua;                     /* write, zero, trim */
  bool no_hole;                 /* zero */
  bool fast;                    /* zero: may be refused with ENOTSUP */
  bool blank;                   /* write: the payload is zeros */
  bool req_one;                 /* status */
};

const char *op_kind_name (enum op_kind kind);

#define PLAN_HOT_WINDOWS 3
#define PLAN_RECENT 16

struct plan {
  struct random random;
  uint64_t size;                /* of the disk, bytes */
  uint64_t cluster;             /* bytes; only a hint where edges are */
  uint64_t align;               /* every offset and length: a multiple */
  uint64_t max_data_len;        /* of one read or write, bytes */
  uint64_t next_index;
  uint64_t hot[PLAN_HOT_WINDOWS];       /* where the windows start */
  struct op recent[PLAN_RECENT];        /* ring of zeroed ranges */
  size_t nr_recent;
};

/* SIZE >= ALIGN, a multiple of it; ALIGN a power of two. */
void plan_init (struct plan *p, uint64_t seed, uint64_t size,
                uint64_t cluster, uint64_t align);
void plan_next (struct plan *p, struct op *ret);

#endif /* BATON_TESTS_TWIN_PLAN_H */
