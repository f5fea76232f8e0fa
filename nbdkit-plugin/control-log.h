/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A line in the log for each client that the control endpoint has sent away;
 * any thread.
 */

#ifndef BATON_CONTROL_LOG_H
#define BATON_CONTROL_LOG_H

#include "error.h"

/* At most so many lines in a second: whoever floods us does not get to fill
 * the disk.  The next line tells how many were left out. */
#define CONTROL_LOG_LINES 10

void control_log_refused (void *opaque, const char *peer,
                          const struct error *why);

#endif /* BATON_CONTROL_LOG_H */
