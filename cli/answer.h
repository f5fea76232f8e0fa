/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What came of one question to a server.
 *
 * The four outcomes are all there are, and `pass` reasons with nothing
 * else: the server did it, the server said no, the question never left
 * this side, or it may have arrived and nobody knows.
 *
 * An answer is owned by its caller and zeroed before use; it owns BODY.
 * No locks; single-threaded, as all of cli/.
 */

#ifndef BATON_ANSWER_H
#define BATON_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

enum outcome {
  OUTCOME_DONE,
  OUTCOME_REFUSED,              /* answered: no, and nothing was changed */
  OUTCOME_NOT_SENT,             /* it never got the question */
  OUTCOME_LOST,                 /* it may have got it: all is possible */
};

struct answer {
  enum outcome outcome;
  bool timed_out;               /* lost to a deadline, not with a connection:
                                 * it may well be carried out later */
  bool retried;                 /* asked twice: the first reply was lost */
  uint64_t us;                  /* as measured here, retries included */
  json_t *body;                 /* the status, or "return"; may be NULL */
  /* All but OUTCOME_DONE: */
  char class[40];               /* "LockHeld", ...; "" where none was given */
  char errno_name[24];          /* "EPERM", ... or "" */
  char text[512];               /* one line */
  char hint[256];               /* what to do next, or "" */
};

/* "done", "refused", "not-sent", "lost": as in --json. */
const char *outcome_name (enum outcome outcome);

/* Set outcome and text; the rest is left alone. */
void answer_set (struct answer *a, enum outcome outcome, const char *fmt, ...)
  __attribute__ ((format (printf, 3, 4)));
void answer_hint (struct answer *a, const char *fmt, ...)
  __attribute__ ((format (printf, 2, 3)));

/* {"class", "desc", "errno", "hint"}: what A complains of.  New reference. */
json_t *answer_error_json (const struct answer *a);

/* Drop what it owns and zero it.  NULL is accepted. */
void answer_clear (struct answer *a);

/* -- members of a JSON object that may be missing or of another type -- */

/* Borrowed; NULL where there is no such string. */
const char *field_string (const json_t *object, const char *key);
/* False, and *RET untouched, where there is no such number or truth. */
bool field_u64 (const json_t *object, const char *key, uint64_t *ret);
bool field_bool (const json_t *object, const char *key, bool *ret);

#endif /* BATON_ANSWER_H */
