/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A pass from the inside: for pass-decide.c, pass-member.c and pass-group.c
 * only.
 */

#ifndef BATON_PASS_DECIDE_INTERNAL_H
#define BATON_PASS_DECIDE_INTERNAL_H

#include "pass-decide.h"

/* What a status told; nothing where it was not answered. */
struct pass_view pass_heard (const struct pass_event *e);
/* Why not to begin.  Both have told their state. */
enum pass_reason pass_obstacle (const struct pass_view *src,
                                const struct pass_view *dst);
/* The first reason that is given stands. */
void pass_blame (struct pass *p, enum pass_reason reason);

void pass_end (struct pass *p, enum pass_result result);
void pass_end_with_dst (struct pass *p, enum pass_result result);
void pass_end_rolled_back (struct pass *p);

/* -- pass-member.c: what a group's member does besides ------------------- */

/* Both were found inactive. */
void pass_resume_member (struct pass *p);
/* The source did what an earlier caller had asked of it, before what this one
 * asked. */
void pass_resume_late (struct pass *p);
/* A member that did nothing wrong has no part in it: leave all as it is. */
void pass_leave_member (struct pass *p);
/* The same after the pause began: to its source with it.  Only where it waits
 * for the others, or has ended well. */
void pass_return_member (struct pass *p);

void pass_take_look (struct pass *p, const struct pass_event *e);
void pass_take_compare (struct pass *p, const struct pass_event *e);
void pass_take_member_ticket (struct pass *p, const struct pass_event *e);
void pass_take_dst_ticket (struct pass *p, const struct pass_event *e);
void pass_take_ask_src_back (struct pass *p, const struct pass_event *e);
void pass_take_take_back (struct pass *p, const struct pass_event *e);
void pass_take_recheck_take_back (struct pass *p, const struct pass_event *e);
void pass_take_take_back_again (struct pass *p, const struct pass_event *e);
void pass_take_return (struct pass *p, const struct pass_event *e);
void pass_take_recheck_return (struct pass *p, const struct pass_event *e);

#endif /* BATON_PASS_DECIDE_INTERNAL_H */
