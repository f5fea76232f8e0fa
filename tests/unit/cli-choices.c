/* SPDX-License-Identifier: BSD-3-Clause
 *
 * All that can become of each question (cli-choices.h).
 */

#include <config.h>

#include <assert.h>
#include <stddef.h>

#include "cli-choices.h"

enum fate
choices_choose (struct world *w, const char *execute)
{
  struct choices *c = w->opaque;
  const unsigned limit = execute == NULL ? NR_STATUS_FATES : NR_FATES;
  enum fate fate;

  assert (c->at < MAX_CHOICES);
  if (c->at == c->len) {
    c->fates[c->at] = FATE_OK;
    c->len++;
  }
  c->limits[c->at] = c->nr_faults < c->max_faults ? limit : 1;
  fate = c->fates[c->at++];
  if (fate != FATE_OK)
    c->nr_faults++;
  return fate;
}

bool
choices_next (struct choices *c, unsigned nr_faults)
{
  c->at = 0;
  c->nr_faults = nr_faults;
  while (c->len > 0) {
    if (c->fates[c->len - 1] + 1 < c->limits[c->len - 1]) {
      c->fates[c->len - 1]++;
      return true;
    }
    c->len--;
  }
  return false;
}
