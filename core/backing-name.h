/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From a name found inside an image to a path that may be opened.
 */

#ifndef BATON_BACKING_NAME_H
#define BATON_BACKING_NAME_H

#include "error.h"
#include "image.h"

/* Relative names start at the directory of OVERLAY_NAME, as in QEMU.
 * EPERM where POLICY forbids it, ENOTSUP for "json:" and protocol names.
 * *RET is malloced. */
int backing_name_resolve (const char *overlay_name, const char *name,
                          enum backing_policy policy, char **ret,
                          struct error *err);

#endif /* BATON_BACKING_NAME_H */
