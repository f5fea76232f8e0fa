/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The control endpoint with its times given: for tests, which cannot wait
 * as long as a user would.  Everybody else: control.h.
 */

#ifndef BATON_LISTENER_H
#define BATON_LISTENER_H

#include <stdint.h>

#include "control.h"

struct control_timing {
  int64_t handshake_ms;         /* the whole negotiation */
  int64_t io_ms;                /* one request, one reply: session.h */
};

int control_listener_new_timed (const char *path,
                                const struct control_callbacks *callbacks,
                                void *opaque, const char *description,
                                const struct control_timing *timing,
                                struct control_listener **ret,
                                struct error *err);

#endif /* BATON_LISTENER_H */
