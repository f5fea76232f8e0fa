/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the parts of a migration (migrate-run.h) share.
 */

#ifndef BATON_MIGRATE_INTERNAL_H
#define BATON_MIGRATE_INTERNAL_H

#include "migrate-run.h"

/* Keep the first reason.  WHERE: a monitor, or NULL.  Always false, so that
 * `return migrate_fail (...)` reads. */
bool migrate_fail (struct migrate *m, const char *where, const char *fmt, ...)
  __attribute__ ((format (printf, 3, 4)));
/* The same for what was asked of a monitor. */
bool migrate_fail_answer (struct migrate *m, const struct vm *v,
                          const char *execute, const struct answer *a);

/* Said at once, and kept for the report. */
void migrate_warn (struct migrate *m, const char *where, const char *fmt, ...)
  __attribute__ ((format (printf, 3, 4)));

/* migrate-look.c: how far is it?  False: it cannot be done, see `why`. */
enum migrate_stage {
  MIGRATE_STAGE_START,          /* nothing has been done */
  MIGRATE_STAGE_MOVING,
  MIGRATE_STAGE_MOVED,          /* the source is stopped for good */
  MIGRATE_STAGE_ENDED,
};
bool migrate_look (struct migrate *m, enum migrate_stage *ret);
bool migrate_connect (struct migrate *m, struct vm *v);
/* What it says that it is, now. */
enum pass_state migrate_state (struct peer *server);
/* Ask all servers who has the images now. */
enum migrate_side migrate_images (const struct migrate *m);

/* migrate-disks.c: is there a pair for every disk of both VMs, and a disk for
 * every pair?  What cannot be told is a warning. */
bool migrate_check_disks (struct migrate *m);

/* migrate-start.c: from "nothing has been done" to memory moving. */
bool migrate_start (struct migrate *m);

/* Capabilities become what they were, where that is known. */
void migrate_restore (struct migrate *m);

/* migrate-settle.c: it failed.  Bring all back, as far as is safe. */
void migrate_settle (struct migrate *m);
/* ... who runs it and who has the images, as told now. */
void migrate_find_owners (struct migrate *m);

#endif /* BATON_MIGRATE_INTERNAL_H */
