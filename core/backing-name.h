/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From a name found inside an image to a path that may be opened.
 */

#ifndef BATON_BACKING_NAME_H
#define BATON_BACKING_NAME_H

#include <stdbool.h>

#include "error.h"
#include "image.h"

/* Who names a file: for the messages. */
enum named_file { NAMED_BACKING, NAMED_DATA };

bool backing_name_is_json (const char *name);

/* Relative names start at the directory of OVERLAY_NAME, as in QEMU; also
 * those in "file:" names, and of data files, which QEMU looks for from where
 * it was started: a server has no such place.  EPERM where POLICY forbids it,
 * ENOTSUP for protocol names other than "file:".  *RET is malloced. */
int backing_name_resolve (enum named_file kind, const char *overlay_name,
                          const char *name, enum backing_policy policy,
                          char **ret, struct error *err);

/* The same of a path: a colon in it is nothing special. */
int backing_path_resolve (enum named_file kind, const char *overlay_name,
                          const char *path, enum backing_policy policy,
                          char **ret, struct error *err);

#endif /* BATON_BACKING_NAME_H */
