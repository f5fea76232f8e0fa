/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Admission of a data request, waiting where it has to.
 */

#ifndef BATON_HOLD_H
#define BATON_HOLD_H

#include "handoff.h"

/* ADMITTED or ADMITTED_INACTIVE (then handoff_leave must follow), or -1 after
 * nbdkit_error and nbdkit_set_error.  On nbdkit's threads only. */
int hold_admit (enum request_kind kind, struct image **ret_image);

#endif /* BATON_HOLD_H */
