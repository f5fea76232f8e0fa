/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Admission of a data request, waiting where it has to.
 */

#ifndef BATON_HOLD_H
#define BATON_HOLD_H

#include "handoff.h"
#include "hang-up.h"

/* ADMITTED or ADMITTED_INACTIVE (then handoff_leave must follow), or -1 after
 * nbdkit_error and nbdkit_set_error.  HANDLE: nbdkit's, of the connection.  On
 * nbdkit's threads only. */
int hold_admit (void *handle, enum request_kind kind,
                struct image **ret_image);

/* The handle of a new connection, and its end. */
void *hold_open (void);
void hold_close (void *handle);

#endif /* BATON_HOLD_H */
