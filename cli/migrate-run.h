/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A live migration of a VM whose disks are images served by others, done.
 *
 *   look at all -> start -> memory moves -> pre-switchover -> go on
 *        |           |           |               |              |
 *        no          no        failed          failed         failed
 *        v           v           v               v              |
 *     nothing was changed        cancel; the source runs on <---+
 *                                                    ^          |
 *                                                    |       completed
 *                                                    |          v
 *           the source runs on, where it has all <- no - pass the images
 *                         ^                                     |
 *                         |                                     v
 *                 give them back <------------- refused - the destination runs
 *
 * Rules:
 *   1. A VM is told to run only where its images are: the destination after
 *      all were passed, the source while, or after, it has all of them again.
 *   2. The destination never runs by itself: before the migration it is told
 *      to stay stopped.  So until this side says "cont" the source's memory
 *      is the newest, and the way back is open; after that it is closed,
 *      also where the answer was lost.
 *   3. The images are passed when the source has sent all and is stopped for
 *      good.  QEMU runs a source by itself whose migration fails or is
 *      cancelled before that, at pre-switchover too: it must have its
 *      disks then.
 *   4. pause-before-switchover is set: so that a source is never stopped for
 *      good while nobody is there who passes its images.
 *   5. Nothing is remembered: who comes after one that was killed finds out
 *      from both monitors and all images how far it went, and goes on.
 */

#ifndef BATON_MIGRATE_RUN_H
#define BATON_MIGRATE_RUN_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "group-run.h"
#include "vm.h"

enum migrate_result {
  MIGRATE_DONE,
  MIGRATE_ALREADY_DONE,
  MIGRATE_NOT_STARTED,          /* nothing was changed, but see `left` */
  MIGRATE_BACK,                 /* the source runs on, with all its images */
  MIGRATE_FAILED,               /* see runner and images */
};

enum migrate_side {
  MIGRATE_UNKNOWN,
  MIGRATE_NOBODY,
  MIGRATE_SRC,
  MIGRATE_DST,
  MIGRATE_MIXED,                /* of images: not together */
};

/* What was set in the QEMUs, and still is. */
struct migrate_left {
  json_t *src_was, *dst_was;    /* capabilities as they were; NULL: not known,
                                 * or nothing is to be restored */
  bool src_set, dst_set;        /* they are as we need them */
  bool dst_held;                /* it does not run by itself */
  bool dst_listens;             /* at `uri`, because we said so */
};

struct migrate {
  /* What to do; all borrowed. */
  const char *uri;              /* NULL: the destination tells */
  size_t nr;
  struct peer *const *srcs, *const *dsts;
  const json_t *inactivate_arguments;
  uint64_t timeout_us;          /* of the switchover; of a source's silence */
  group_each each;              /* how to ask several servers */
  const volatile sig_atomic_t *interrupted;
  bool unheard;                 /* the answer to "migrate" was lost */
  bool allow_other_disks;       /* a disk need not be of a pair */
  bool allow_other_images;      /* a pair need not be of a disk */
  void (*on_warning) (const char *text);
  void (*on_progress) (void *opaque, const struct vm *src);
  void *opaque;

  struct vm src, dst;           /* paths and deadlines are the caller's */

  /* What came of it. */
  enum migrate_result result;
  enum migrate_side runner, images;
  char where[128];              /* what failed first: a monitor, or "" */
  char why[640];                /* ""; or one line */
  json_t *warnings;             /* texts; NULL: none */
  bool adopted;                 /* was on its way when we came */
  struct migrate_left left;
  bool passed;                  /* `pass` is filled */
  bool returned;                /* `back` is */
  struct group_run pass, back;
  uint64_t switch_us, pass_us, passed_us, cont_us, resumed_us;
                                /* clock_us then; 0: it did not come to it */

  /* On the way. */
  struct group_work *work;
  bool was_running;             /* so it shall run again */
  bool started;                 /* the destination's QEMU has been used */
  bool dst_may_run;             /* the way back is closed */
};

void migrate_run (struct migrate *m);
/* Undo one that was cut off: let the source run on. */
void migrate_cancel (struct migrate *m);
void migrate_clear (struct migrate *m);

#endif /* BATON_MIGRATE_RUN_H */
