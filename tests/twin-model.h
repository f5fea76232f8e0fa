/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a disk must hold after the operations of a twin run, and the story
 * of a byte that it does not hold.
 */

#ifndef BATON_TESTS_TWIN_MODEL_H
#define BATON_TESTS_TWIN_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "twin-plan.h"

struct model {
  uint8_t *bytes;               /* SIZE of them, mapped sparsely; owned */
  uint64_t size;
  struct op *history;           /* operations applied so far; owned */
  size_t nr_history;
  size_t capacity;
};

/* All zeros.  -1 with errno. */
int model_init (struct model *m, uint64_t size);
void model_destroy (struct model *m);

/* The payload of the write OP: every 8 bytes of the disk hold the number of
 * the operation plus one and their own place, so that a wrong byte tells
 * whose it is. */
void model_payload (const struct op *op, uint8_t *ret_buf);
/* Take over bytes that the disk held before the run. */
void model_load (struct model *m, const uint8_t *buf, uint64_t offset,
                 size_t len);
/* OP has been issued: zero, trim or write.  -1: out of memory. */
int model_apply (struct model *m, const struct op *op);

bool model_is_zero (const struct model *m, uint64_t offset, uint64_t len);
/* Equal: true.  Otherwise *RET_AT is the guest offset that differs first. */
bool model_equal (const struct model *m, const uint8_t *buf, uint64_t offset,
                  size_t len, uint64_t *ret_at);

void op_print (FILE *fp, const struct op *op);
/* Bytes expected and found at AT, and the last operations that touched it.
 * BUF holds LEN guest bytes from OFFSET. */
void model_explain (const struct model *m, FILE *fp, uint64_t at,
                    const uint8_t *buf, uint64_t offset, size_t len);

#endif /* BATON_TESTS_TWIN_MODEL_H */
