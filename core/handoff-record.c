/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The handoff and the ownership record (docs/HANDOVER.md).
 *
 * Guarantees: nothing is decided by what this host's cache shows alone; the
 * record is written with one write, and is durable before the gate opens and
 * before the lock is given back; a server that finds itself overtaken while
 * it was active writes no record.
 *
 * A server without a record of its own (no control=) does less: it refuses
 * an image that another host holds, and looks at no table.
 *
 * Runs under `command`.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "handoff-internal.h"
#include "image-finish.h"
#include "io-optional.h"

/* A cache that was dropped once may have been read into by others just then;
 * twice it is the storage. */
#define MAX_LOOKS 3

/* -- for status ------------------------------------------------------ */

static void
remember (struct handoff *h, const struct view *v)
{
  mutex_lock (&h->memory);
  h->ownership.found = v->found;
  h->ownership.record = v->record;
  h->ownership.intact = v->intact;
  mutex_unlock (&h->memory);
}

static void
remember_record (struct handoff *h, const struct record *r)
{
  mutex_lock (&h->memory);
  h->ownership.found = RECORD_VALID;
  h->ownership.record = *r;
  h->ownership.intact = true;
  mutex_unlock (&h->memory);
}

static void
remember_how (struct handoff *h, const struct ownership_answer *a)
{
  mutex_lock (&h->memory);
  h->ownership.has_how = true;
  h->ownership.how = a->how;
  h->ownership.overridden = a->overridden;
  h->ownership.changed_since = a->changed_since;
  mutex_unlock (&h->memory);
}

/* Who may be handed the image looks as an activation does, so that memory
 * is there when one does and a client waits for it. */
void
handoff_record_glance (struct handoff *h, struct io *io)
{
  struct view v;

  if (!h->host)
    return;
  if ((!h->recorded || view_read (io, &h->spare, &v, NULL) == -1) &&
      view_read_header (io, &h->spare, &v, NULL) == -1)
    return;
  remember (h, &v);
  view_clear (&v);
}

/* -- looking --------------------------------------------------------- */

static int
view_past_cache (struct handoff *h, bool with_digests, struct view *ret,
                 struct error *err)
{
  struct io_opener *opener = h->options.opener;
  struct io *io;
  int r;

  if (opener->open (opener, h->path, IO_OPEN_PAST_CACHE, &io, err) == -1)
    return -1;
  r = with_digests ? view_read (io, &h->spare, ret, err)
                   : view_read_header (io, &h->spare, ret, err);
  io_close (io);
  return r;
}

/* *RET_WHAT: what differs, or NULL. */
static int
compare_with_storage (struct handoff *h, const struct view *served,
                      const char **ret_what, struct error *err)
{
  struct view stored;

  if (view_past_cache (h, true, &stored, err) == -1)
    return -1;
  *ret_what = view_difference (served, &stored);
  view_clear (&stored);
  return 0;
}

/* The storage and the path that will serve, looked at until they agree.
 * *RET is the caller's on success. */
static int
look_twice (struct handoff *h, struct io *io, struct view *ret,
            struct error *err)
{
  const char *what = NULL;
  unsigned i;

  if (io->may_be_stale && io_check_cache (io, err) == -1)
    return -1;
  for (i = 0; i < MAX_LOOKS; ++i) {
    if (view_read (io, &h->spare, ret, err) == -1)
      return -1;
    if (compare_with_storage (h, ret, &what, err) == -1) {
      view_clear (ret);
      return -1;
    }
    if (!what)
      return 0;
    view_clear (ret);
    io_drop_cache (io);
  }
  return error_set_class (err, ESTALE, "StaleView",
                          "the %s that this host has cached is not the one on "
                          "the storage, and the cache cannot be dropped; "
                          "unmount and mount the storage, or start the server "
                          "with cache=none", what);
}

/* A plain server only minds what another host holds. */
static int
look_plainly (struct handoff *h, struct takeover *t, struct io *io,
              struct error *err)
{
  if (view_read_header (io, &h->spare, &t->view, err) == -1)
    return -1;
  if (t->view.found != RECORD_VALID ||
      ownership_decide (&t->view, &t->request, &t->answer, err) == 0)
    return 0;
  view_clear (&t->view);
  return -1;
}

static int
look_and_decide (struct handoff *h, struct takeover *t, struct io *io,
                 struct error *err)
{
  if (look_twice (h, io, &t->view, err) == -1)
    return -1;
  remember (h, &t->view);
  if (ownership_decide (&t->view, &t->request, &t->answer, err) == 0)
    return 0;
  view_clear (&t->view);
  return -1;
}

int
handoff_record_look (struct handoff *h, struct takeover *t, struct io *io,
                     struct error *err)
{
  const bool plain = !h->recorded && !t->ticket;
  int r;

  if (plain && h->read_only)
    return 0;
  t->request = (struct ownership_request) {
    .ticket = t->ticket, .force = t->force, .locked = io_has_lock (io),
    .host = h->host, .instance = h->instance,
    .released = h->has_released ? &h->released : NULL,
  };
  r = plain ? look_plainly (h, t, io, err) : look_and_decide (h, t, io, err);
  t->looked = r == 0 && !plain;
  return r;
}

/* -- taking ---------------------------------------------------------- */

static int
refuse_backing (struct error *err)
{
  return error_set_class (err, ESTALE, "BackingChanged",
                          "its backing chain is not the one that the source "
                          "had: a file of it is missing, was replaced or "
                          "differs on this host; make them the same");
}

int
handoff_record_check_backing (struct takeover *t, struct image *img,
                              struct error *err)
{
  uint8_t digest[DIGEST_BYTES];
  bool has;

  if (!t->ticket)
    return 0;
  if (image_digest_backing (img, &has, digest, err) == -1)
    return -1;
  if (has == t->ticket->has_backing &&
      (!has || memcmp (digest, t->ticket->backing, sizeof digest) == 0))
    return 0;
  if (!t->force)
    return refuse_backing (err);
  t->answer.how = OWNERSHIP_FORCED;
  t->answer.overridden = "BackingChanged";
  return 0;
}

int
handoff_record_take (struct takeover *t, struct image *img, struct error *err)
{
  uint8_t uuid[RECORD_ID_BYTES];

  if (record_random (uuid, err) == -1)
    return -1;
  ownership_next (&t->view, &t->request, uuid, &t->next);
  /* Also where it fails: nobody knows how far it came. */
  t->written = true;
  return record_write (image_io (img), t->view.header, t->view.cluster_size,
                       &t->next, IO_DSYNC, err);
}

static void
fill_release (const struct record *r, struct release *ret)
{
  ret->epoch = r->epoch;
  memcpy (ret->uuid, r->uuid, sizeof ret->uuid);
  memcpy (ret->nonce, r->nonce, sizeof ret->nonce);
}

/* A question that was answered may be asked again.  By its ticket, where it
 * had one: the record can have been another, after a crash or with force. */
static void
keep_taken (struct handoff *h, const struct takeover *t) REQUIRES (h->command)
{
  h->has_taken = t->ticket || t->view.found == RECORD_VALID;
  if (t->ticket)
    h->taken = t->ticket->release;
  else if (h->has_taken)
    fill_release (&t->view.record, &h->taken);
}

static void
keep (struct handoff *h, const struct takeover *t) REQUIRES (h->command)
{
  keep_taken (h, t);
  remember_how (h, &t->answer);
  if (!h->recorded)
    return;
  h->held = t->next;
  h->has_ticket = h->has_released = false;
  remember_record (h, &t->next);
}

/* As well as it can be done.  Where there was no record, there is one now
 * that nobody holds. */
static void
put_back (struct takeover *t, struct image *img)
{
  struct record r = t->next;

  if (t->view.found == RECORD_VALID)
    r = t->view.record;
  else
    r.state = RECORD_RELEASED;
  record_write (image_io (img), t->view.header, t->view.cluster_size, &r,
                IO_DSYNC, NULL);
}

void
handoff_record_end (struct handoff *h, struct takeover *t, struct image *img,
                    bool ok)
{
  if (!t->looked)
    return;
  if (ok)
    keep (h, t);
  else if (t->written)
    put_back (t, img);
}

/* -- releasing ------------------------------------------------------- */

static bool
still_ours (struct handoff *h, const struct view *v) REQUIRES (h->command)
{
  const struct record *r = &v->record;

  return v->found == RECORD_VALID && r->state == RECORD_HELD &&
    r->epoch == h->held.epoch && record_same_id (r->uuid, h->held.uuid) &&
    record_same_id (r->instance, h->instance);
}

static int
fill_ticket (const struct view *v, const struct record *r, struct image *img,
             struct ticket *ret, struct error *err)
{
  *ret = (struct ticket) {
    .virtual_size = v->virtual_size,
    .file_bytes = v->file_bytes,
    .digests = v->digests,
  };
  fill_release (r, &ret->release);
  return image_digest_backing (img, &ret->has_backing, ret->backing, err);
}

/* The record may be the old one, the new one or damaged now. */
static int
failed_to_release (struct handoff *h, struct view *v, struct image *img,
                   struct error *err) REQUIRES (h->command)
{
  if (record_write (image_io (img), v->header, v->cluster_size, &h->held,
                    IO_DSYNC, NULL) == -1)
    return image_poison (img, err);
  return -1;
}

/* One sync for both: what image_settle gave back may be durable before the
 * record or after it.  Where it was nothing, the record alone is cheaper. */
static int
write_and_seal (struct view *v, const struct record *r, struct image *img,
                struct error *err)
{
  const unsigned flags = image_is_clean (img) ? IO_DSYNC : 0;

  if (record_write (image_io (img), v->header, v->cluster_size, r, flags,
                    err) == -1)
    return -1;
  return image_seal (img, err);
}

static int
write_release (struct handoff *h, struct view *v, struct image *img,
               struct error *err) REQUIRES (h->command)
{
  struct record r = h->held;
  struct ticket ticket;

  r.state = RECORD_RELEASED;
  if (record_random (r.nonce, err) == -1 ||
      fill_ticket (v, &r, img, &ticket, err) == -1)
    return -1;
  if (write_and_seal (v, &r, img, err) == -1)
    return failed_to_release (h, v, img, err);
  ticket.mtime_ns = io_mtime (image_io (img));
  h->ticket = ticket;
  h->released = ticket.release;
  h->has_ticket = h->has_released = true;
  remember_record (h, &r);
  return 0;
}

/* Somebody forced his way while we were active.  All that is left is to stop,
 * and to remember that we were overtaken. */
static void
admit_overtaken (struct handoff *h, const struct view *v)
  REQUIRES (h->command)
{
  fill_release (&h->held, &h->released);
  h->has_released = true;
  h->has_ticket = false;
  remember (h, v);
}

bool
handoff_record_was_overtaken (struct handoff *h)
{
  struct view stored;
  bool ours;

  /* What cannot be read now is told by what comes next. */
  if (!h->recorded || view_past_cache (h, false, &stored, NULL) == -1)
    return false;
  ours = still_ours (h, &stored);
  if (!ours)
    admit_overtaken (h, &stored);
  view_clear (&stored);
  return !ours;
}

int
handoff_record_release (struct handoff *h, struct image *img,
                        struct error *err)
{
  struct view v;
  int r = 0;

  if (view_read (image_io (img), &h->spare, &v, err) == -1)
    return -1;
  if (still_ours (h, &v))
    r = write_release (h, &v, img, err);
  else {
    /* What was given back just now must not be written later, over what the
     * other does. */
    image_seal (img, NULL);
    admit_overtaken (h, &v);
  }
  view_clear (&v);
  return r;
}

/* -- while active ---------------------------------------------------- */

int
handoff_record_check_active (struct handoff *h, const struct ticket *ticket,
                             struct error *err)
{
  const struct release *t = ticket ? &ticket->release : NULL;

  if (!t)
    return 0;
  if (h->has_taken && t->epoch == h->taken.epoch &&
      record_same_id (t->uuid, h->taken.uuid) &&
      record_same_id (t->nonce, h->taken.nonce))
    return 0;
  return error_set_class (err, EPERM, "WrongState",
                          "this server is active already, and did not take "
                          "over by this ticket (of epoch %" PRIu64 ")",
                          t->epoch);
}
