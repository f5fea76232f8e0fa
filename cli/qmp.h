/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A connection to a QEMU's monitor (QMP over a Unix socket).
 *
 * One command at a time; events are handed to the caller's function while a
 * command's reply is waited for, and in qmp_wait.  Single-threaded.  Every
 * call ends: there is a deadline for each.  A monitor has one client at a
 * time: a second one gets no greeting until the first has gone.
 *
 * QEMU: docs/interop/qmp-spec.
 */

#ifndef BATON_QMP_H
#define BATON_QMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "answer.h"

struct qmp;

/* EVENT: "MIGRATION" and the like; DATA: borrowed, or NULL.  It must not ask
 * anything. */
typedef void (*qmp_event) (void *opaque, const char *event,
                           const json_t *data);

/* Connect, and leave the negotiation mode.  Who is not greeted within a second
 * or two is told that somebody else has the monitor (`timed_out`).  PATH and
 * OPAQUE must outlive *RET.  Where RET_ANSWER is not OUTCOME_DONE there is no *RET; its text says why. */
void qmp_connect (const char *path, uint64_t timeout_us, qmp_event on_event,
                  void *opaque, struct qmp **ret, struct answer *ret_answer);

/* ARGUMENTS: borrowed, or NULL.  *RET->body is what was returned; what *RET
 * holds is dropped first. */
void qmp_ask (struct qmp *q, const char *execute, const json_t *arguments,
              uint64_t timeout_us, struct answer *ret);

/* Take in what comes on any of QS (NULLs are left out), until something has
 * come, TIMEOUT_US are over or a signal comes. */
void qmp_wait (struct qmp *const *qs, size_t nr, uint64_t timeout_us);

/* Has the other side gone? */
bool qmp_is_closed (const struct qmp *q);

/* clock_us when something came last, be it an event or an answer that was too
 * late. */
uint64_t qmp_heard_us (const struct qmp *q);

/* NULL is accepted. */
void qmp_free (struct qmp *q);

#endif /* BATON_QMP_H */
