/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The ticket as JSON, as docs/CONTROL-PROTOCOL.md describes it.
 */

#ifndef BATON_TICKET_JSON_H
#define BATON_TICKET_JSON_H

#include <jansson.h>

#include "error.h"
#include "ownership.h"

/* A new reference; NULL: no memory. */
json_t *ticket_json (const struct ticket *t);

/* EINVAL, "BadTicket", naming the member that is wrong, missing or unknown;
 * *RET is then untouched. */
int ticket_parse (const json_t *json, struct ticket *ret, struct error *err);

#endif /* BATON_TICKET_JSON_H */
