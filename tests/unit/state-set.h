/* SPDX-License-Identifier: BSD-3-Clause
 *
 * States that were seen, of one size, each with a number: what an exhaustive
 * search keeps.  Compared as bytes, so padding must be zero.
 */

#ifndef BATON_TESTS_STATE_SET_H
#define BATON_TESTS_STATE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct state_set {
  size_t value_bytes;
  char *values;                 /* by number; moves when it grows */
  uint32_t nr, max;
  uint32_t *slots;              /* number + 1; 0: free */
  uint32_t nr_slots;
};

/* The number of VALUE, which is put in where it is new. */
uint32_t state_set_number (struct state_set *s, const void *value,
                           bool *ret_new);
void state_set_free (struct state_set *s);

/* P, but for NULL, which ends the test. */
void *state_set_must (void *p);

#endif /* BATON_TESTS_STATE_SET_H */
