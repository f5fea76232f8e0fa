/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Clients that were sent away (control-log.h).
 *
 * `log_lock` guards the counts.  It is a leaf, not held while anything is
 * printed.
 */

#include <config.h>

#include <stdbool.h>
#include <stdint.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include "control-log.h"
#include "mutex.h"
#include "transport.h"

static struct mutex log_lock = { PTHREAD_MUTEX_INITIALIZER };
static int64_t window_ms;       /* when the current second began */
static unsigned nr_lines;       /* since then */
static unsigned nr_left_out;    /* and not told of */

static bool
may_print_locked (unsigned *ret_left_out) REQUIRES (&log_lock)
{
  const int64_t now_ms = transport_clock_ms ();

  if (now_ms - window_ms >= 1000) {
    window_ms = now_ms;
    nr_lines = 0;
  }
  if (nr_lines >= CONTROL_LOG_LINES) {
    nr_left_out++;
    return false;
  }
  nr_lines++;
  *ret_left_out = nr_left_out;
  nr_left_out = 0;
  return true;
}

void
control_log_refused (void *opaque, const char *peer, const struct error *why)
{
  unsigned left_out = 0;
  bool print;

  (void) opaque;
  mutex_lock (&log_lock);
  print = may_print_locked (&left_out);
  mutex_unlock (&log_lock);
  if (left_out > 0)
    nbdkit_error ("control: %u more clients were sent away", left_out);
  if (print)
    nbdkit_error ("control: sent away %s: %s", peer, why->text);
}
