/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How an image is passed: what to do next, given what came of what was
 * done.  Pure: no I/O, no clock, no text from a server; so that every
 * interleaving of lost, refused and failed steps can be tried in a test.
 *
 *   ask src -> ask dst -> flush src -> inactivate src -> activate dst -> end
 *                  |          |             |               |
 *                  +----------+---- no -----+          no, or silence
 *                             |             |               |
 *                             v         silence: ask src    v
 *                     end, as before        |      (ask dst) activate src
 *                                           v               |
 *             inactive: ask for the ticket, on;              v
 *                            else activate src              |
 *                                                  end, rolled back or told
 *                                                  plainly who has it
 *
 * Rules:
 *   1. The destination is asked to activate only after the source has said
 *      that it is inactive.
 *   2. The source is asked to activate again only if the destination was
 *      never asked to or refused, or if a lock on the image decides between
 *      the two.  That a destination which did not answer is inactive is not
 *      enough: the question may be waiting there.
 *      The ownership record does not make it enough either: it is read and
 *      then written, which two servers without a lock may do at once.
 *   3. A server's ownership is claimed only as its own last word has it.
 *   4. Where both are inactive at the start, and the source still has the
 *      ticket of its release, an earlier pass is finished: the destination is
 *      asked with that ticket, which is refused where anybody had the image
 *      since.  The source is then not activated: it was not before.
 *   5. The destination gets the ticket that the source gave.  Where the
 *      source said that it is inactive, and then not which ticket it gave,
 *      the destination is asked without: it still compares what it sees with
 *      the storage, and takes over only what is released.
 *
 * One of a group (pass-group.h) takes more steps, which pass-member.c decides.
 */

#ifndef BATON_PASS_DECIDE_H
#define BATON_PASS_DECIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "answer.h"

enum pass_state {
  PASS_STATE_UNKNOWN,           /* silent, or a word that we do not know */
  PASS_STATE_INACTIVE,
  PASS_STATE_ACTIVATING,
  PASS_STATE_ACTIVE,
  PASS_STATE_INACTIVATING,
};

/* What a status told. */
struct pass_view {
  enum pass_state state;
  bool has_size;
  uint64_t size_bytes;          /* virtual */
  bool has_file;
  uint64_t file_number;         /* inode: the same on all hosts */
  bool has_data_file;
  uint64_t data_file_number;    /* likewise */
  bool has_pid;
  uint64_t pid;
  char host[128];               /* "" : not told */
  bool locked;
  bool read_only;
  bool locks_work;              /* as its look at the storage told */
};

/* Fill *RET from a status object; whatever is missing is unknown. */
void pass_view_parse (const json_t *status, struct pass_view *ret);

enum pass_step {
  PASS_ASK_SRC,                 /* status */
  PASS_ASK_DST,
  PASS_FLUSH_SRC,
  PASS_INACTIVATE_SRC,
  PASS_RECHECK_SRC,             /* status: did it inactivate? */
  PASS_FETCH_TICKET,            /* inactivate again, for the answer's sake */
  PASS_ACTIVATE_DST,
  PASS_RECHECK_DST,             /* status: did it activate? */
  PASS_ROLL_BACK,               /* activate the source again */
  PASS_RECHECK_ROLL_BACK,       /* status of the source: did it? */
  PASS_RECHECK_WINNER,          /* status of the destination: has it the
                                 * lock that the source did not get? */
  /* Of a group's members only: */
  PASS_LOOK_DST,                /* invalidate: can it read the image? */
  PASS_COMPARE_DST,             /* status: and is it the same one? */
  PASS_FETCH_DST_TICKET,        /* inactivate what is inactive: was it the
                                 * last to have the image? */
  PASS_ASK_SRC_BACK,            /* status: is it there to have it back? */
  PASS_TAKE_BACK,               /* inactivate the destination */
  PASS_RECHECK_TAKE_BACK,       /* status: does it answer? */
  PASS_TAKE_BACK_AGAIN,
  PASS_RETURN_SRC,              /* activate the source with the last ticket */
  PASS_RECHECK_RETURN,          /* status of the source: did it? */
  PASS_END,
};

enum pass_result {
  PASS_DONE,
  PASS_ALREADY_DONE,
  PASS_NOT_STARTED,             /* nothing was changed */
  PASS_ROLLED_BACK,             /* changed, and changed back */
  PASS_FAILED,                  /* see owner */
};

enum pass_owner {
  PASS_OWNER_UNKNOWN,
  PASS_OWNER_SRC,
  PASS_OWNER_DST,
  PASS_OWNER_NONE,              /* both are inactive */
};

/* Why it was not done. */
enum pass_reason {
  PASS_REASON_NONE,
  PASS_REASON_STEP,             /* the answer to `culprit` tells */
  PASS_REASON_SAME_SERVER,
  PASS_REASON_SIZES_DIFFER,
  PASS_REASON_FILES_DIFFER,
  PASS_REASON_DATA_FILES_DIFFER,
  PASS_REASON_DST_READ_ONLY,
  PASS_REASON_BOTH_ACTIVE,
  PASS_REASON_NONE_ACTIVE,
  PASS_REASON_SRC_BUSY,         /* between two states */
  PASS_REASON_DST_BUSY,
  PASS_REASON_TWICE,            /* a server of another pair too */
  PASS_REASON_GROUP,            /* another image could not be passed */
};

struct pass {
  enum pass_step step;          /* what to do now */
  struct pass_view src, dst;    /* as last heard */
  bool lock_decides;            /* the source held a lock while active, so
                                 * at most one of the two can be active */
  bool resumed;                 /* both were inactive at the start */
  bool giving_up;               /* only ask who has it, and end */
  bool grouped;                 /* one of several: see pass-group.h */

  /* Valid at PASS_END: */
  enum pass_result result;
  enum pass_owner owner;
  enum pass_reason reason;
  enum pass_step culprit;       /* of the first step that went wrong */
};

/* What came of the step. */
struct pass_event {
  enum outcome outcome;
  struct pass_view view;        /* of a status; else zeroed */
  bool has_ticket;              /* the source has given one by now */
};

void pass_begin (struct pass *p, bool grouped);
/* Take what came of P->step and set the next one. */
void pass_advance (struct pass *p, const struct pass_event *e);

/* "status of source", "flush source", ...: for people; and the server that
 * a step asks. */
const char *pass_step_name (enum pass_step step);
bool pass_step_asks_dst (enum pass_step step);

/* Have both told that they are one process? */
bool pass_same_server (const struct pass_view *a, const struct pass_view *b);

#endif /* BATON_PASS_DECIDE_H */
