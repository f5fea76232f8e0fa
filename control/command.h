/* SPDX-License-Identifier: BSD-3-Clause
 *
 * JSON command -> callback -> JSON reply (docs/CONTROL-PROTOCOL.md,
 * "Commands").
 *
 * Knows no NBD.  Runs on the connection's thread and blocks as long as the
 * callback does; takes no locks.
 */

#ifndef BATON_COMMAND_H
#define BATON_COMMAND_H

#include <stddef.h>

#include <jansson.h>

#include "access.h"
#include "control.h"
#include "error.h"

/* Brackets within brackets; a ticket needs three. */
#define COMMAND_MAX_DEPTH 32
/* The caller's "id", as JSON: so that every reply can carry it. */
#define COMMAND_MAX_ID_BYTES 1024

/* Run the command in PAYLOAD (at most CONTROL_EXPORT_BYTES; NULs and white
 * space at its end are padding) for a client with ROLE.  0, or -1 with ERR,
 * whose text is UTF-8.
 * *RET_REPLY is set in both cases: a new reference to the reply that
 * belongs into the document, or NULL where memory is short. */
int command_run (const struct control_callbacks *callbacks, void *opaque,
                 enum access_role role, const void *payload,
                 size_t len_bytes, json_t **ret_reply, struct error *err);

/* {"error": {...}, "id": ID} for ERR, whose text is made UTF-8.  ID is
 * borrowed, or NULL.  New reference, or NULL: no memory. */
json_t *command_refusal (struct error *err, json_t *id);

#endif /* BATON_COMMAND_H */
