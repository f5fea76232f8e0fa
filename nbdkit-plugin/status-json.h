/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The status document, as docs/CONTROL-PROTOCOL.md describes it.
 */

#ifndef BATON_STATUS_JSON_H
#define BATON_STATUS_JSON_H

#include <jansson.h>

/* A new reference, never NULL. */
json_t *status_json (void);
/* Its member "ownership" alone.  A new reference, or NULL. */
json_t *ownership_json (void);

#endif /* BATON_STATUS_JSON_H */
