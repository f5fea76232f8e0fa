/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Telling what came of a migration: always who runs the VM and who has its
 * images; of success, what the guest's pause consisted of; of failure, what
 * failed first and what to type.
 */

#ifndef BATON_MIGRATE_REPORT_H
#define BATON_MIGRATE_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include "migrate-run.h"

struct migrate_report {
  const struct migrate *m;
  char *const *operands;        /* both monitors, then SRC DST... */
  bool cancel;                  /* it was to be undone */
};

bool migrate_report_ok (const struct migrate_report *r);
/* Success and the timeline to OUT, failure to ERR. */
void migrate_report_text (FILE *out, FILE *err,
                          const struct migrate_report *r);
/* Failure alone. */
void migrate_report_failure (FILE *err, const struct migrate_report *r);
/* All of it.  New reference. */
json_t *migrate_report_json (const struct migrate_report *r);

/* -- progress (migrate-progress.c) ------------------------------------------ */

/* One line on the standard error, drawn over itself. */
void migrate_progress_draw (const struct vm *src);
void migrate_progress_clear (void);

/* -- the pause (migrate-timeline.c) ------------------------------------------ */

#define MIGRATE_MAX_STEPS 6     /* of an image, while the guest waits */

/* When the guest stopped; 0: it did not, or nobody said. */
uint64_t migrate_pause_start_us (const struct migrate *m);
/* 0: not known, as where it had stopped before this command came. */
uint64_t migrate_pause_us (const struct migrate *m);
/* Where its times are counted from, by clock_us; 0: there is none. */
uint64_t migrate_timeline_start_us (const struct migrate *m);
void migrate_timeline (FILE *out, const struct migrate *m);
json_t *migrate_timeline_json (const struct migrate *m);

#endif /* BATON_MIGRATE_REPORT_H */
