/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The rounds' faults (faults-plan.h).
 *
 * Round r has kind r mod NR_FAULT_KINDS, and the places of a kind are gone
 * through with a step that has no factor in common with their number.
 */

#include <config.h>

#include <string.h>

#include "faults-plan.h"
#include "random.h"

/* A pass has some messages fewer. */
#define NR_MESSAGES 44
#define MESSAGE_STEP 29

/* How many I/Os of each class a hand-over makes on one side, about. */
static const unsigned char nr_ios[NR_IO_CLASSES] = {
  [IO_READ] = 9, [IO_WRITE] = 3, [IO_SYNC] = 3, [IO_SPACE] = 1,
  [IO_LOCK] = 16, [IO_OPEN] = 3,
};

static const char *const names[] = {
  [FAULT_NONE] = "none",
  [FAULT_LOSE] = "lose", [FAULT_CUT] = "cut", [FAULT_REPEAT] = "repeat",
  [FAULT_DELAY] = "delay",
  [FAULT_KILL_SRC] = "kill-src", [FAULT_KILL_DST] = "kill-dst",
  [FAULT_KILL_SERVERS] = "kill-servers",
  [FAULT_KILL_CALLER] = "kill-caller", [FAULT_KILL_ALL] = "kill-all",
  [FAULT_STOP_SRC] = "stop-src", [FAULT_STOP_DST] = "stop-dst",
  [FAULT_STOP_SERVERS] = "stop-servers",
  [FAULT_STOP_CALLER] = "stop-caller",
  [FAULT_STOP_KILL_SRC] = "stop-kill-src",
  [FAULT_STOP_KILL_DST] = "stop-kill-dst",
  [FAULT_IO_SRC] = "io-src", [FAULT_IO_DST] = "io-dst",
};

static void
plan_io (uint64_t place, struct fault *ret)
{
  ret->io_class = (enum io_class) (place % NR_IO_CLASSES);
  ret->forever = place / NR_IO_CLASSES % 2;
  ret->nr_good = (unsigned) (place / NR_IO_CLASSES / 2 %
                             nr_ios[ret->io_class]);
}

void
fault_plan (uint64_t seed, uint64_t round, unsigned only, struct fault *ret)
{
  const uint64_t place = only < NR_FAULT_KINDS ? round
                                               : round / NR_FAULT_KINDS;
  struct random random = { .state = seed + round * 1000003 };

  *ret = (struct fault) {
    .kind = (enum fault_kind) (only < NR_FAULT_KINDS
                               ? only : round % NR_FAULT_KINDS),
    .message = 1 + (unsigned) (place * MESSAGE_STEP % NR_MESSAGES),
    .taste = (unsigned) random_below (&random, 1 << 16),
  };
  plan_io (place, ret);
  /* Half at once, others while the message is worked on. */
  if (random_chance (&random, 1, 2))
    ret->delay_us = random_below (&random, 1 << random_below (&random, 14));
  ret->late_us = 20000 + random_below (&random, 450000);
}

const char *
fault_name (enum fault_kind kind)
{
  return names[kind];
}

unsigned
fault_by_name (const char *name)
{
  unsigned i;

  for (i = 0; i < NR_FAULT_KINDS; i++)
    if (strcmp (names[i], name) == 0)
      break;
  return i;
}

bool
fault_makes_wait (enum fault_kind kind)
{
  return kind == FAULT_LOSE || kind == FAULT_DELAY ||
    (kind >= FAULT_STOP_SRC && kind <= FAULT_STOP_KILL_DST);
}

bool
fault_comes_late (enum fault_kind kind)
{
  return kind == FAULT_DELAY || kind == FAULT_REPEAT ||
    (kind >= FAULT_STOP_SRC && kind <= FAULT_STOP_KILL_DST);
}
