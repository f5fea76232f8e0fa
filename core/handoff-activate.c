/* SPDX-License-Identifier: BSD-3-Clause
 *
 * inactive -> activating -> active.
 *
 * Guarantees: everything is read after the lock is held, into an image object
 * that nobody used before; until the swap no request sees it; and whatever
 * fails closes all that was opened, which gives the locks back too, and leaves
 * the handoff inactive and ready to be asked again.
 *
 * The ownership record: looked at ("look") as soon as the lock is held, and
 * decided about; written ("record") when all that can be refused has been,
 * before anything else is; and put back where what follows it fails.
 *
 * Runs under `command` (handoff-internal.h).
 */

#include <config.h>

#include <errno.h>

#include "handoff-internal.h"
#include "io-optional.h"

static int
open_file (struct handoff *h, struct stopwatch *w, struct io **ret,
           struct error *err)
{
  struct io_opener *opener = h->options.opener;
  const unsigned flags = h->read_only ? 0 : IO_OPEN_WRITE;
  const int r = opener->open (opener, h->path, flags, ret, err);

  stopwatch_lap (w, "open");
  return r;
}

static int
lock_file (struct handoff *h, struct stopwatch *w, struct io *io,
           struct error *err)
{
  const int r = io_lock (io, h->read_only ? LOCK_READER : LOCK_WRITER, err);

  stopwatch_lap (w, "lock");
  return r;
}

static int
look (struct handoff *h, struct stopwatch *w, struct takeover *t,
      struct io *io, struct error *err) REQUIRES (h->command)
{
  int r;

  if (!h->host)
    return 0;
  r = handoff_record_look (h, t, io, err);
  stopwatch_lap (w, "look");
  return r;
}

/* The image's own cache was looked at before it was read. */
static int
check_data_file (struct image *img, struct error *err)
{
  struct io *io = image_data_file (img);

  if (!io || !io->may_be_stale || io_check_cache (io, err) == 0)
    return 0;
  return error_prefix (err, "its data file");
}

/* Takes IO over on success only. */
static int
read_image (struct handoff *h, struct stopwatch *w, struct io *io,
            struct image **ret, struct error *err)
{
  struct image_options options = h->options;
  int r;

  options.lock_backing = true;
  r = image_open (io, h->path, !h->read_only, &options, ret, err);
  stopwatch_lap (w, "read");
  return r;
}

static bool
differ (const struct io *io, const uint64_t identity[2])
{
  return (io ? io->identity[0] : 0) != identity[0] ||
    (io ? io->identity[1] : 0) != identity[1];
}

static bool
is_other_file (struct handoff *h, struct image *img)
{
  bool other;

  mutex_lock (&h->memory);
  other = differ (image_io (img), h->identity) ||
    differ (image_data_file (img), h->data_identity);
  mutex_unlock (&h->memory);
  return other;
}

/* A size cannot change under a client that is connected.  What is accepted
 * stays so whatever becomes of the activation: it is what the file says. */
static int
verify (struct handoff *h, struct stopwatch *w, struct image *img,
        struct error *err)
{
  stopwatch_lap (w, "verify");
  if (check_data_file (img, err) == -1)
    return -1;
  if (is_other_file (h, img))
    return error_set_class (err, ESTALE, "OtherImage",
                            "the path, or that of the data file, leads to "
                            "another file than when this server last looked at it; if that is intended, "
                            "run baton invalidate first");
  return handoff_accept_size (h, image_size (img), err);
}

static int
take_record (struct handoff *h, struct stopwatch *w, struct takeover *t,
             struct image *img, struct error *err) REQUIRES (h->command)
{
  int r;

  if (!t->looked)
    return 0;
  r = handoff_record_check_backing (t, img, err);
  if (r == 0 && h->recorded) {
    r = handoff_record_take (t, img, err);
    stopwatch_lap (w, "record");
  }
  return r;
}

static int
start_writing (struct handoff *h, struct stopwatch *w, struct image *img,
               struct error *err)
{
  const int r = h->read_only ? 0 : image_start_writing (img, err);

  stopwatch_lap (w, "start");
  return r;
}

/* Closes IO on failure. */
static int
lock_and_read (struct handoff *h, struct stopwatch *w, struct takeover *t,
               struct io *io, struct image **ret, struct error *err)
  REQUIRES (h->command)
{
  if (lock_file (h, w, io, err) == -1 || look (h, w, t, io, err) == -1 ||
      read_image (h, w, io, ret, err) == -1) {
    io_close (io);
    return -1;
  }
  return 0;
}

static int
open_afresh (struct handoff *h, struct stopwatch *w, struct takeover *t,
             struct image **ret, struct error *err) REQUIRES (h->command)
{
  struct io *io;

  if (open_file (h, w, &io, err) == -1)
    return -1;
  return lock_and_read (h, w, t, io, ret, err);
}

/* Only in a test, to show what it costs: no fresh look at the file. */
static int
open_stale (struct handoff *h, struct stopwatch *w, struct takeover *t,
            struct image *stale, struct image **ret, struct error *err)
  REQUIRES (h->command)
{
  if (lock_file (h, w, image_io (stale), err) == -1 ||
      look (h, w, t, image_io (stale), err) == -1) {
    image_close (stale);
    return -1;
  }
  *ret = stale;
  return 0;
}

static int
open_image (struct handoff *h, struct stopwatch *w, struct takeover *t,
            struct image **ret, struct error *err) REQUIRES (h->command)
{
  struct image *stale = stale_take (h->stale);

  return stale ? open_stale (h, w, t, stale, ret, err)
               : open_afresh (h, w, t, ret, err);
}

static int
take_over (struct handoff *h, struct stopwatch *w, struct takeover *t,
           struct image **ret, struct error *err) REQUIRES (h->command)
{
  struct image *img;

  if (open_image (h, w, t, &img, err) == -1)
    return -1;
  if (verify (h, w, img, err) == -1 ||
      take_record (h, w, t, img, err) == -1 ||
      start_writing (h, w, img, err) == -1) {
    handoff_record_end (h, t, img, false);
    image_close (img);
    return -1;
  }
  handoff_record_end (h, t, img, true);
  *ret = img;
  return 0;
}

static int
activate (struct handoff *h, struct stopwatch *w, struct takeover *t,
          struct error *err) REQUIRES (h->command)
{
  struct image *img;

  gate_begin_activating (&h->gate);
  if (take_over (h, w, t, &img, err) == -1) {
    gate_abandon_activating (&h->gate);
    return -1;
  }
  handoff_remember_lock (h, io_has_lock (image_io (img)));
  handoff_remember_notices (h, image_get_notices (img));
  gate_open (&h->gate, img);
  stopwatch_lap (w, "swap");
  return 0;
}

static int
activate_inactive (struct handoff *h, struct takeover *t, struct error *err)
  REQUIRES (h->command)
{
  struct stopwatch w;
  int r;

  stopwatch_start (&w, "activate");
  leftover_wait (&h->leftover); /* one cache at a time */
  r = activate (h, &w, t, err);
  stopwatch_stop (&w, r == 0);
  handoff_remember_timeline (h, &w.timeline);
  view_clear (&t->view);
  return r;
}

static int
activate_locked (struct handoff *h, struct takeover *t, struct error *err)
  REQUIRES (h->command)
{
  struct error e = ERROR_INIT;
  int r;

  if (h->retired)
    r = error_set_class (&e, ESHUTDOWN, "WrongState",
                         "this server has given it up and is about to end");
  else if (gate_state (&h->gate) == HANDOFF_ACTIVE)
    r = handoff_record_check_active (h, t->ticket, &e);
  else
    r = activate_inactive (h, t, &e);
  return r == -1 ? handoff_fail (h, "cannot activate", &e, err) : 0;
}

int
handoff_take_over (struct handoff *h, const struct ticket *ticket, bool force,
                   struct error *err)
{
  struct takeover t = { .ticket = ticket, .force = force };
  int r;

  mutex_lock (&h->command);
  r = activate_locked (h, &t, err);
  mutex_unlock (&h->command);
  return r;
}

int
handoff_activate (struct handoff *h, struct error *err)
{
  return handoff_take_over (h, NULL, false, err);
}
