/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The document that is the content of the export: one JSON object
 * {"status": ..., "reply": ...}, a newline, and NULs to the end.
 *
 * Pure but for memory; no locks; any thread.
 */

#ifndef BATON_DOCUMENT_H
#define BATON_DOCUMENT_H

#include <stdint.h>

#include <jansson.h>

#include "control.h"

/* Fill BUF.  STATUS and REPLY are borrowed; NULL becomes null.  Always
 * succeeds: what does not fit (or could not be built) gives way to an
 * error that says so, first the reply, then the status.  The last byte is
 * always NUL. */
void document_render (json_t *status, json_t *reply,
                      uint8_t buf[CONTROL_EXPORT_BYTES]);

/* A JSON string of TEXT whatever its bytes are: where it is not UTF-8, '?'
 * stands for every byte that is not ASCII.  New reference, NULL: no memory. */
json_t *document_text (const char *text);

#endif /* BATON_DOCUMENT_H */
