/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What becomes of each question in the model of cli-world.h, and an odometer
 * over all that can: with at most `max_faults` that go wrong.
 */

#ifndef BATON_CLI_CHOICES_H
#define BATON_CLI_CHOICES_H

#include <stdbool.h>

#include "cli-world.h"

#define MAX_CHOICES 128

/* Starts zeroed but for max_faults and, where some went wrong before,
 * nr_faults. */
struct choices {
  unsigned max_faults;
  unsigned nr_faults;
  unsigned len;
  enum fate fates[MAX_CHOICES];
  unsigned limits[MAX_CHOICES];
  unsigned at;
};

/* For world_init, with a struct choices as its OPAQUE. */
enum fate choices_choose (struct world *w, const char *execute);

/* The next combination; false after the last.  NR_FAULTS: as at the start. */
bool choices_next (struct choices *c, unsigned nr_faults);

#endif /* BATON_CLI_CHOICES_H */
