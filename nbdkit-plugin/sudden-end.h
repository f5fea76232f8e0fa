/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The end of this process as clients survive it best: their connections
 * close, without an answer to what is parked, and those that reconnect send
 * it again to the next server.  nbdkit's own end, by a signal, answers
 * ESHUTDOWN first, and waits for idle clients.
 *
 * Only where nothing is left to lose: after handoff_retire.
 */

#ifndef BATON_SUDDEN_END_H
#define BATON_SUDDEN_END_H

#include <stdbool.h>

/* By the calling thread, once its client has read the answer. */
void sudden_end_wanted (void);
bool sudden_end_is_wanted (void);
/* Where that thread wants it, does not return: removes the socket files that this
 * process listens on, unless systemd made them, and exits with 0. */
void sudden_end_if_wanted (void);

#endif /* BATON_SUDDEN_END_H */
