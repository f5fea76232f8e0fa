/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A server's status as text, for a person who was woken up for it.
 */

#ifndef BATON_STATUS_TEXT_H
#define BATON_STATUS_TEXT_H

#include <stdio.h>

#include <jansson.h>

/* Aligned lines of key and value, then the last hand-over.  Members that
 * are missing are left out; members that we do not know come last, as they
 * are. */
void status_text (FILE *out, const json_t *status);

#endif /* BATON_STATUS_TEXT_H */
