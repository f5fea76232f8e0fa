/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Two servers and one image, as `baton pass` may find them: a model behind
 * the table of cli/peer.h in which every question may go wrong in every
 * way.  What goes wrong is chosen by the test, question by question.
 *
 * With `records` the image has a record of who owns it, and servers obey it
 * (docs/HANDOVER.md); a ticket is the epoch of a release.
 *
 * A server runs its commands one after the other; a question that was not
 * answered in time may still be waiting there, and is carried out before
 * the next command, or when the world ends.
 */

#ifndef BATON_CLI_WORLD_H
#define BATON_CLI_WORLD_H

#include <stdbool.h>

#include "peer.h"

enum fate {
  FATE_OK,
  FATE_NOT_SENT,
  FATE_BROKEN_BEFORE,           /* connection lost, never carried out */
  FATE_BROKEN_AFTER,            /* carried out, the reply lost */
  FATE_BROKEN_LATE,             /* connection lost, carried out later */
  FATE_TIMEOUT_BEFORE,          /* the same three with a deadline */
  FATE_TIMEOUT_AFTER,
  FATE_TIMEOUT_LATE,
  FATE_DIES_BEFORE,
  FATE_DIES_AFTER,
  FATE_RESTARTS,                /* and comes back inactive */
  FATE_REFUSED,
};
#define NR_STATUS_FATES 6       /* OK to TIMEOUT_BEFORE tell all there is */
#define NR_FATES (FATE_REFUSED + 1)

struct world;

#define MAX_WAITING 12

struct world_command {
  const char *execute;
  int ticket;
};

struct world_server {
  struct peer peer;             /* first */
  struct world *world;
  bool active;
  bool dead;
  int pid;
  unsigned nr_flushes;          /* that it was told, and did */
  const char *listens;          /* at this address; NULL: it does not say */
  int ticket;                   /* of its last release; 0: none */
  int asked_with;               /* ticket of the last activate; 0: none */
  int nr_waiting;               /* commands asked, not yet carried out */
  struct world_command waiting[MAX_WAITING];
};

struct world {
  struct world_server src, dst;
  const char *host;             /* of both */
  bool locks;                   /* the image is locked by who is active */
  bool records;                 /* off at first */
  bool both_were_active;        /* what must never be */
  unsigned nr_questions;
  int epoch;                    /* activations so far */
  bool held;                    /* as the record says, in that epoch ... */
  bool held_by_dst;             /* ... and by whom */
  enum fate (*choose) (struct world *w, const char *execute);
  void *opaque;                 /* the test's */
};

/* SRC is active, DST inactive. */
void world_init (struct world *w, bool locks,
                 enum fate (*choose) (struct world *w, const char *execute),
                 void *opaque);
/* What waits is carried out. */
void world_end (struct world *w);

#endif /* BATON_CLI_WORLD_H */
