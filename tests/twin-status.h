/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Block status of the two servers of a twin run.
 *
 * Like twin-run.h, everything here ends the program where a server does
 * wrong.
 */

#ifndef BATON_TESTS_TWIN_STATUS_H
#define BATON_TESTS_TWIN_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "twin-run.h"

/* Guest bytes on whose status A and B do not agree word for word. */
struct status_figures {
  uint64_t nr_same;
  uint64_t nr_held;             /* B: a hole of zeros.  A: zeros that have
                                 * host space (an allocated zero cluster) */
  uint64_t nr_looked;           /* B: data that read zeros, for it looks for
                                 * holes in the file.  A: data */
  uint64_t nr_only_a_zero;      /* these two only of two files */
  uint64_t nr_only_b_zero;
};

/* What A says of all of the disk, asked in pieces of random length, agrees
 * with the model. */
void status_verify (struct run *run);

/* How A and B belong together. */
enum status_rule {
  STATUS_TWINS,                 /* equal bytes, different histories: all is
                                 * counted and nothing fails */
  STATUS_SAME_FILE,             /* both serve one file at this moment: only
                                 * nr_held and nr_looked may differ */
};
void status_compare (struct run *run, enum status_rule rule,
                     struct status_figures *ret);

#endif /* BATON_TESTS_TWIN_STATUS_H */
