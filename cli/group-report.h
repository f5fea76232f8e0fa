/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Telling what came of a group's pass: each image as pass-report.h tells it,
 * then the whole, and the one command that goes on from there.
 */

#ifndef BATON_GROUP_REPORT_H
#define BATON_GROUP_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include "group-run.h"

struct group_report {
  const struct group_run *run;
  char *const *endpoints;       /* SRC DST SRC DST..., two for each run */
};

/* Success and the timelines to OUT, failure to ERR. */
void group_report_text (FILE *out, FILE *err, const struct group_report *r);
/* Failure alone. */
void group_report_failure (FILE *err, const struct group_report *r);
/* All of it.  New reference. */
json_t *group_report_json (const struct group_report *r);

/* Are all where they were to go? */
bool group_report_ok (const struct group_report *r);

#endif /* BATON_GROUP_REPORT_H */
