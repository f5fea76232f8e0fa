/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Telling what came of a command: errors on stderr, one line each with a
 * second one for what to do; and the loop over endpoints that all
 * subcommands but pass have.
 */

#ifndef BATON_REPORT_H
#define BATON_REPORT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "answer.h"
#include "subcommand.h"

/* "COMMAND refused: what (Class)" and the like; no newline. */
void report_what (FILE *out, const char *command, const struct answer *a);

/* "baton: ENDPOINT: what", and "baton: hint: ..." where there is one. */
void report_failure (FILE *err, const char *endpoint, const char *command,
                     const struct answer *a);

/* {"endpoint", "command", "result", "us", "retried", "return" or "error"}.
 * New reference. */
json_t *report_json (const char *endpoint, const char *command,
                     const struct answer *a);

/* Ask each endpoint in turn for COMMAND ("status" is one), going on after
 * failures.  PRINT: what to say of success, as text.  An exit code. */
typedef void (*report_printer) (FILE *out, const char *endpoint,
                                const struct answer *a);
int report_each (const struct options *options, size_t nr_endpoints,
                 char *const *endpoints, const char *command,
                 const json_t *arguments, report_printer print);

/* "ENDPOINT: WHAT, in so long". */
void report_line (FILE *out, const char *endpoint, const char *what,
                  const struct answer *a);

#endif /* BATON_REPORT_H */
