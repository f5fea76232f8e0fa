/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A stopwatch for the phases of a command.  Monotonic clock, microseconds.
 * Private to core/handoff*.c; for one thread.
 */

#ifndef BATON_HANDOFF_TIMELINE_H
#define BATON_HANDOFF_TIMELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "handoff.h"

struct stopwatch {
  uint64_t start_us;
  uint64_t lap_us;
  struct handoff_timeline timeline;
};

/* COMMAND, NAME: static strings. */
void stopwatch_start (struct stopwatch *w, const char *command);
/* The phase called NAME ends now; the next one begins. */
void stopwatch_lap (struct stopwatch *w, const char *name);
void stopwatch_stop (struct stopwatch *w, bool ok);

#endif /* BATON_HANDOFF_TIMELINE_H */
