/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Two QEMUs and one VM, as `baton migrate` may find them: a model, behind
 * real sockets, of what QEMU 7.2 does with the commands that are used.  One
 * question may go wrong.
 *
 * The model watches its own rules: a VM runs only where its image is, not
 * twice, and never again at the source when it has run at the destination.
 *
 * A thread of its own serves both monitors; what is here may be read between
 * qmp_world_stop and the next qmp_world_start, and by who waits for an answer.
 */

#ifndef BATON_QMP_WORLD_H
#define BATON_QMP_WORLD_H

#include <pthread.h>
#include <stdbool.h>

#include <jansson.h>

enum qmp_fate {
  QMP_REFUSED,
  QMP_DIES_BEFORE,
  QMP_DIES_AFTER,               /* carried out, and no answer */
  QMP_FAILS,                    /* the migration, if there is one */
};
#define NR_QMP_FATES (QMP_FAILS + 1)

struct qmp_vm {
  char path[64];
  int listen_fd, fd;            /* -1: closed */
  char line[4096];              /* what has come of the next one */
  size_t len;
  bool alive;
  bool autostart;
  const char *state, *migration;        /* as QMP has them; NULL: none */
  const bool *has_image;
  const char *disks;            /* what query-block returns; NULL: one, at
                                 * unix:/default */
  bool silent;                  /* says nothing */
};

struct qmp_world {
  struct qmp_vm src, dst;
  bool pauses;                  /* pause-before-switchover is set */
  bool return_path;             /* ... of the source; `events` of both */
  bool events[2];
  const char *blocked;          /* why the source cannot be migrated, or NULL */
  const char *refused;          /* this command always is; NULL: none */
  const char *before;           /* what became of an earlier migration; NULL:
                                 * there was none */
  const char *lost;             /* the answer to it is, once; NULL: none */
  /* Who gets this is silent from then on, and does what it is told; NULL:
   * nobody.  All fields of it are for the time before qmp_world_start. */
  const char *silent_from;
  unsigned silent_after;        /* ... after so many of these */
  unsigned silent_for;          /* ... for so many questions; 0: for ever */
  bool silent_both;             /* ... and so is the other one */
  bool silent_deaf;             /* ... and does not do it */
  unsigned slow_from, slow_for; /* from this question on so many answers ... */
  unsigned slow_us;             /* ... take so long each */
  unsigned looks;               /* so often it is asked before memory is moved */
  int remaining;                /* bytes of it, as told; 0: 8 seconds' */
  bool dst_ran;
  const char *violation;        /* NULL: none */
  unsigned nr_questions;        /* greetings do not count */
  unsigned fault_at;            /* which of them, from 1; 0: none */
  enum qmp_fate fate;
  char faulted[32];             /* the command that it was */
  bool (*is_heard) (void *opaque);      /* NULL: each question is.  False: its
                                         * connection ends.  In the thread. */
  void *opaque;
  pthread_t thread;
  int stop_fds[2];
};

/* The source runs, the destination waits. */
void qmp_world_start (struct qmp_world *w, const char *dir,
                      const bool *src_has_image, const bool *dst_has_image);
void qmp_world_stop (struct qmp_world *w);

#endif /* BATON_QMP_WORLD_H */
