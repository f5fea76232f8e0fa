/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Telling what came of a pass: what was done or why it was not, who has the
 * image now, what to type next, and a timeline.
 */

#ifndef BATON_PASS_REPORT_H
#define BATON_PASS_REPORT_H

#include <stdio.h>

#include <jansson.h>

#include "pass-run.h"

struct pass_report {
  const struct pass_run *run;
  const char *src, *dst;        /* endpoints */
};

/* Success and the timeline to OUT, failure to ERR. */
void pass_report_text (FILE *out, FILE *err, const struct pass_report *r);
/* Failure alone. */
void pass_report_failure (FILE *err, const struct pass_report *r);
/* The steps, and the servers' own phases below them. */
void pass_report_timeline (FILE *out, const struct pass_report *r);
/* All of it.  New reference. */
json_t *pass_report_json (const struct pass_report *r);

/* Is it where it was to go? */
bool pass_report_ok (const struct pass_report *r);

#endif /* BATON_PASS_REPORT_H */
