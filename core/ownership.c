/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The decision table: see ownership.h, and docs/HANDOVER.md where it is drawn.
 *
 * One function per row that refuses; each returns true where it has filled
 * the refusal.  No I/O, no clock, no state.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ownership.h"

/* What the rows look at. */
struct question {
  const struct view *v;
  const struct record *r;
  const struct ownership_request *q;
  bool mine;                    /* held or released by this very process */
  bool this_host;
};

static struct question
make_question (const struct view *v, const struct ownership_request *q)
{
  return (struct question) {
    .v = v, .r = &v->record, .q = q,
    .mine = record_same_id (v->record.instance, q->instance),
    .this_host = strcmp (v->record.host, q->host) == 0,
  };
}

static bool
is_release (const struct record *r, const struct release *x)
{
  return r->state == RECORD_RELEASED && r->epoch == x->epoch &&
    record_same_id (r->uuid, x->uuid) && record_same_id (r->nonce, x->nonce);
}

/* -- rows without a ticket ------------------------------------------- */

static int
refuse_held (const struct question *x, struct error *err)
{
  if (x->this_host)
    return error_set_class (err, EBUSY, "HeldElsewhere",
                            "its record says that another process of this "
                            "host has it, and without a lock on the file "
                            "nothing tells whether that one has ended; when "
                            "it has, activate with force");
  return error_set_class (err, EBUSY, "HeldElsewhere",
                          "its record says that host %s has it (epoch %"
                          PRIu64 "); inactivate it there, or, when that host "
                          "is certain to have stopped, activate with force",
                          x->r->host, x->r->epoch);
}

/* Held: by us, by a process of this host that has ended, or elsewhere. */
static int
decide_held (const struct question *x, struct ownership_answer *ret,
             struct error *err)
{
  if (x->mine) {
    ret->how = OWNERSHIP_OWN;
    return 0;
  }
  if (!x->this_host || !x->q->locked)
    return refuse_held (x, err);
  ret->how = OWNERSHIP_RECOVERY;
  return 0;
}

static int
refuse_overtaken (const struct question *x, struct error *err)
{
  const bool held = x->r->state == RECORD_HELD;

  return error_set_class (err, ESTALE, "Overtaken",
                          "activated elsewhere since: its record is %s host "
                          "%s in epoch %" PRIu64 "; pass it back from there",
                          held ? "held by" : "released by", x->r->host,
                          x->r->epoch);
}

/* "epoch differs from the one I released: refuse, for ever". */
static bool
is_overtaken (const struct question *x)
{
  const struct release *mine = x->q->released;

  if (!mine || !record_same_id (mine->uuid, x->r->uuid))
    return false;
  if (x->mine && x->r->state == RECORD_HELD)
    return false;
  return !is_release (x->r, mine);
}

static int
decide_plain (const struct question *x, struct ownership_answer *ret,
              struct error *err)
{
  if (is_overtaken (x))
    return refuse_overtaken (x, err);
  if (x->r->state == RECORD_HELD)
    return decide_held (x, ret, err);
  ret->how = x->q->released && is_release (x->r, x->q->released)
    ? OWNERSHIP_ROLLBACK : OWNERSHIP_START;
  return 0;
}

/* -- rows with a ticket ---------------------------------------------- */

static int
refuse_stale (const struct question *x, struct error *err)
{
  return error_set_class (err, ESTALE, "StaleView",
                          "this host sees an older record (epoch %" PRIu64
                          ", %s) than the ticket speaks of (epoch %" PRIu64
                          "): what the source wrote has not reached it; check "
                          "the shared storage and activate again", x->r->epoch,
                          x->r->state == RECORD_HELD ? "held" : "released",
                          x->q->ticket->release.epoch);
}

static int
refuse_other (struct error *err, const char *why)
{
  return error_set_class (err, ESTALE, "OtherImage",
                          "it is not the image that the ticket is for: %s",
                          why);
}

static int
refuse_changed (struct error *err, const char *what)
{
  return error_set_class (err, ESTALE, "ChangedSinceRelease",
                          "%s since it was released, by a program that does "
                          "not know of the hand-over (QEMU, qemu-img, ...); "
                          "if that was intended, activate without the ticket",
                          what);
}

/* Version 2 has no autoclear bits: there the file itself must tell. */
static int
check_unchanged (const struct question *x, struct error *err)
{
  const struct ticket *t = x->q->ticket;
  const char *what = view_digest_difference (&x->v->digests, &t->digests);
  char text[64];

  if (!x->v->intact)
    return refuse_changed (err, "it was opened for writing");
  if (what) {
    snprintf (text, sizeof text, "its %s was changed", what);
    return refuse_changed (err, text);
  }
  if (x->v->version == 2 &&
      ((t->mtime_ns && x->v->mtime_ns && t->mtime_ns != x->v->mtime_ns) ||
       t->file_bytes != x->v->file_bytes))
    return refuse_changed (err, "it was written to");
  return 0;
}

static int
decide_released (const struct question *x, struct ownership_answer *ret,
                 struct error *err)
{
  const struct release *t = &x->q->ticket->release;

  if (x->r->epoch > t->epoch)
    return refuse_overtaken (x, err);
  if (x->r->epoch < t->epoch)
    return refuse_stale (x, err);
  if (!record_same_id (x->r->nonce, t->nonce))
    return refuse_other (err, "it was released in the same epoch by somebody "
                         "else, so one of the two is a copy");
  ret->how = OWNERSHIP_TICKET;
  return check_unchanged (x, err);
}

/* Held by the one that this ticket made the owner, or by somebody else. */
static int
decide_held_ticket (const struct question *x, struct ownership_answer *ret,
                    struct error *err)
{
  const uint64_t epoch = x->q->ticket->release.epoch;

  if (x->r->epoch <= epoch)
    return refuse_stale (x, err);
  if (x->r->epoch > epoch + 1)
    return refuse_overtaken (x, err);
  return decide_held (x, ret, err);
}

static int
decide_ticket (const struct question *x, struct ownership_answer *ret,
               struct error *err)
{
  if (!record_same_id (x->r->uuid, x->q->ticket->release.uuid))
    return refuse_other (err, "its record has another uuid");
  return x->r->state == RECORD_HELD ? decide_held_ticket (x, ret, err)
                                    : decide_released (x, ret, err);
}

/* -- the whole ------------------------------------------------------- */

static int
decide_absent (const struct ownership_request *q,
               struct ownership_answer *ret, struct error *err)
{
  if (q->ticket)
    return refuse_other (err, "it has no ownership record");
  ret->how = OWNERSHIP_CREATE;
  return 0;
}

static int
refuse_damaged (const struct view *v, struct error *err)
{
  return error_set_class (err, EINVAL, "RecordDamaged",
                          "%s; when no server has the image, activate with "
                          "force, which makes a new one", v->why.text);
}

static int
decide (const struct view *v, const struct ownership_request *q,
        struct ownership_answer *ret, struct error *err)
{
  const struct question x = make_question (v, q);

  switch (v->found) {
  case RECORD_ABSENT:
    return decide_absent (q, ret, err);
  case RECORD_DAMAGED:
    return refuse_damaged (v, err);
  default:
    if (v->record.epoch == RECORD_MAX_EPOCH)
      return error_set_class (err, EINVAL, "RecordDamaged",
                              "its record's epoch is the last one there can "
                              "be; activate with force, which makes a new "
                              "record");
    ret->changed_since = !v->intact;
    return q->ticket ? decide_ticket (&x, ret, err)
                     : decide_plain (&x, ret, err);
  }
}

int
ownership_decide (const struct view *v, const struct ownership_request *q,
                  struct ownership_answer *ret, struct error *err)
{
  struct ownership_answer a = { .how = OWNERSHIP_CREATE };
  struct error e = ERROR_INIT;

  if (decide (v, q, &a, &e) == -1) {
    if (!q->force || strcmp (e.class, "StaleView") == 0) {
      if (err)
        *err = e;
      return -1;
    }
    a.how = OWNERSHIP_FORCED;
    a.overridden = e.class;
  }
  *ret = a;
  return 0;
}

void
ownership_next (const struct view *v, const struct ownership_request *q,
                const uint8_t uuid[RECORD_ID_BYTES], struct record *ret)
{
  const bool known = v->found == RECORD_VALID &&
    v->record.epoch < RECORD_MAX_EPOCH;
  struct record r = { .state = RECORD_HELD, .epoch = 1 };

  memcpy (r.uuid, uuid, sizeof r.uuid);
  if (known) {
    memcpy (r.uuid, v->record.uuid, sizeof r.uuid);
    memcpy (r.nonce, v->record.nonce, sizeof r.nonce);
    r.epoch = v->record.epoch + 1;
  }
  memcpy (r.instance, q->instance, sizeof r.instance);
  snprintf (r.host, sizeof r.host, "%s", q->host);
  *ret = r;
}

const char *
ownership_how_name (enum ownership_how how)
{
  static const char *const names[] = {
    [OWNERSHIP_CREATE] = "create",
    [OWNERSHIP_TICKET] = "ticket",
    [OWNERSHIP_START] = "start",
    [OWNERSHIP_ROLLBACK] = "rollback",
    [OWNERSHIP_RECOVERY] = "recovery",
    [OWNERSHIP_OWN] = "own",
    [OWNERSHIP_FORCED] = "forced",
  };

  return names[how];
}
