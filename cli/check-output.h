/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What `baton check` says: the summary, the same as JSON, and a bar.
 */

#ifndef BATON_CLI_CHECK_OUTPUT_H
#define BATON_CLI_CHECK_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "check.h"

/* As `qemu-img check` ends. */
void check_output_text (FILE *out, const struct check_result *r);

/* The members of `qemu-img check --output=json`, and "rebuilt" and
 * "memory-bytes".  A new reference; NULL: no memory. */
json_t *check_output_json (const char *path, const struct check_result *r);

/* A bar on one line, drawn again when it changes, at most ten times a
 * second. */
struct check_bar {
  bool shown;                   /* draw it at all */
  bool drawn;                   /* something is on the line now */
  uint64_t last_us;
};
void check_bar_draw (struct check_bar *b, const char *phase, uint64_t done,
                     uint64_t total);
/* Make the line empty, for other text. */
void check_bar_clear (struct check_bar *b);

#endif /* BATON_CLI_CHECK_OUTPUT_H */
