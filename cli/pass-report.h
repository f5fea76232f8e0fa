/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Telling what came of a pass: what was done or why it was not, who has the
 * image now, what to type next, and a timeline.  A group's report
 * (group-report.h) is made of its members'.
 */

#ifndef BATON_PASS_REPORT_H
#define BATON_PASS_REPORT_H

#include <stdio.h>

#include <jansson.h>

#include "output.h"
#include "pass-run.h"

struct pass_report {
  const struct pass_run *run;
  const char *src, *dst;        /* endpoints */
};

/* Success and the timeline to OUT, failure to ERR. */
void pass_report_text (FILE *out, FILE *err, const struct pass_report *r);
/* Failure alone. */
void pass_report_failure (FILE *err, const struct pass_report *r);
/* That without what to type. */
void pass_report_who (FILE *err, const struct pass_report *r);
/* The image's path, as the destination told it; NULL: it did not. */
const char *pass_report_image (const struct pass_report *r);
/* The steps, and the servers' own phases below them. */
void pass_report_timeline (FILE *out, const struct pass_report *r);
/* All of it.  New reference. */
json_t *pass_report_json (const struct pass_report *r);
/* All but the message. */
json_t *pass_report_facts (const struct pass_report *r);
const char *pass_result_name (enum pass_result result);
const char *pass_owner_name (enum pass_owner owner);

/* The timeline's rows, on a scale that begins BASE_US after the run did; at
 * most PASS_REPORT_MAX_ROWS; their number.  Names are borrowed from R. */
#define PASS_REPORT_MAX_PHASES 16
#define PASS_REPORT_MAX_ROWS (PASS_END * (1 + PASS_REPORT_MAX_PHASES) + 1)
size_t pass_report_rows (const struct pass_run *r, uint64_t base_us,
                         struct output_row *rows);
/* When the first step that is shown began; UINT64_MAX: there is none. */
uint64_t pass_report_start_us (const struct pass_run *r);

/* Is it where it was to go? */
bool pass_report_ok (const struct pass_report *r);

#endif /* BATON_PASS_REPORT_H */
