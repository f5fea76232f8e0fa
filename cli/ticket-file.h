/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reading a ticket that `baton inactivate` printed, as text or with --json.
 */

#ifndef BATON_TICKET_FILE_H
#define BATON_TICKET_FILE_H

#include <jansson.h>

#include "error.h"

/* FILE "-": the standard input.  New reference, or NULL. */
json_t *ticket_file_read (const char *file, struct error *err);

#endif /* BATON_TICKET_FILE_H */
