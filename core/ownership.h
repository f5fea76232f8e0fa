/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Who may take an image over: the decision table of docs/HANDOVER.md, as a
 * pure function of what the record says, what is asked, and what this server
 * remembers.
 *
 * Also the ticket: what the server that released an image tells the one that
 * takes it over.  Values; nothing here owns memory.  No lock.
 */

#ifndef BATON_OWNERSHIP_H
#define BATON_OWNERSHIP_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"
#include "record.h"
#include "view.h"

/* One release of one image. */
struct release {
  uint8_t uuid[RECORD_ID_BYTES];
  uint64_t epoch;
  uint8_t nonce[RECORD_ID_BYTES];
};

struct ticket {
  struct release release;
  uint64_t virtual_size;
  uint64_t file_bytes;
  uint64_t mtime_ns;            /* 0: not known, and not compared */
  struct view_digests digests;
  bool has_backing;
  uint8_t backing[DIGEST_BYTES]; /* of the whole chain */
};

/* What is asked, and by whom. */
struct ownership_request {
  const struct ticket *ticket;          /* NULL: none */
  bool force;
  bool locked;                          /* a real lock on the file is held */
  const char *host;
  const uint8_t *instance;              /* RECORD_ID_BYTES */
  const struct release *released;       /* by this process, last; NULL: it
                                         * released nothing */
};

enum ownership_how {
  OWNERSHIP_CREATE,             /* there was no record */
  OWNERSHIP_TICKET,             /* as the ticket says */
  OWNERSHIP_START,              /* released; an operator's start */
  OWNERSHIP_ROLLBACK,           /* what this process released, again */
  OWNERSHIP_RECOVERY,           /* this host had it, and its process ended */
  OWNERSHIP_OWN,                /* an activation of ours that failed late */
  OWNERSHIP_FORCED,
};

struct ownership_answer {
  enum ownership_how how;
  const char *overridden;       /* OWNERSHIP_FORCED: class of the refusal */
  bool changed_since;           /* somebody who does not know the record has
                                 * had the image open for writing since */
};

/* 0, or -1 with class and text: "StaleView", "OtherImage", "Overtaken",
 * "ChangedSinceRelease", "HeldElsewhere", "RecordDamaged".  All but StaleView
 * may be forced.  V: what was seen past the cache, under the lock. */
int ownership_decide (const struct view *v, const struct ownership_request *q,
                      struct ownership_answer *ret, struct error *err);

/* The record of who takes over from what V saw.  UUID: for a new one. */
void ownership_next (const struct view *v, const struct ownership_request *q,
                     const uint8_t uuid[RECORD_ID_BYTES], struct record *ret);

/* "create", "ticket", ...: for status and messages. */
const char *ownership_how_name (enum ownership_how how);

#endif /* BATON_OWNERSHIP_H */
