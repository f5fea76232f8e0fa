/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The connections of one listener: how many there may be, and which has to
 * go when there are too many.
 *
 * Each slot has a thread from the first connection that it was taken for to
 * the end of the listener: GnuTLS keeps some memory for every thread that has
 * used it, so threads that come and go would let a client take all there is.
 *
 * A connection is pending until it has negotiated all (on TCP: proved who
 * it is), then admitted, at last ended.  Pending ones never keep an
 * admitted one out, nor each other for long: when there are too many, the
 * oldest of the host that has the most is cut off, so that one host that
 * floods us loses its own.  Those that may only look leave room for those
 * that may command.
 *
 * `lock` guards all states.  It is a leaf.
 */

#ifndef BATON_SLOTS_H
#define BATON_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

#include <pthread.h>

#include "control.h"
#include "mutex.h"
#include "peer-name.h"

/* More than may be served: those cut off need a moment to end. */
#define SLOTS_MAX (CONTROL_MAX_CLIENTS + 2 * CONTROL_MAX_PENDING)

enum slot_state {
  SLOT_FREE,
  SLOT_PENDING,
  SLOT_ADMITTED,
  SLOT_ENDED,                   /* its thread has yet to close it */
};

struct slots;

struct slot {
  struct slots *slots;
  void *owner;                  /* the listener; constant */
  enum slot_state state;
  bool cut;                     /* told to go while pending */
  bool may_command;             /* once admitted */
  uint64_t serial;              /* the order of their coming */
  bool has_thread;              /* these two: the accepting thread's */
  pthread_t thread;
  struct cond given;            /* there is a connection, or the end */
  int fd;                       /* open, and this, until ended */
  struct peer_name peer;        /* constant while not free */
};

struct slots {
  struct mutex lock;
  bool stopping;
  uint64_t last_serial;
  unsigned nr_pending;          /* those that were cut are not counted */
  unsigned nr_admitted;
  unsigned nr_lookers;          /* of these: they may not command */
  struct slot all[SLOTS_MAX];
};

void slots_init (struct slots *s, void *owner);
void slots_destroy (struct slots *s);

/* For the accepting thread.  A pending slot for FD, or NULL where there is
 * no room.  Its thread is told, unless it has none yet. */
struct slot *slots_take (struct slots *s, int fd,
                         const struct peer_name *peer);
/* No thread was started after all. */
void slots_give_back (struct slot *slot);
/* Nothing is taken any more: let every thread end, and wait for it. */
void slots_join_all (struct slots *s);

/* For the slot's thread. */

/* Wait for a connection, when the one before has been closed; false: there
 * will be none. */
bool slot_wait (struct slot *slot);

/* It has proved itself.  EUSERS: there are enough, or it was cut off. */
int slot_admit (struct slot *slot, bool may_command, struct error *err);
/* Before its descriptor is closed. */
void slot_end (struct slot *slot);
/* Was it cut off to make room? */
bool slot_was_cut (struct slot *slot);

#endif /* BATON_SLOTS_H */
