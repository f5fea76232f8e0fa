/* SPDX-License-Identifier: BSD-3-Clause
 *
 * active -> inactivating -> inactive; or, before the process ends, for good:
 * then it stays inactivating, with its requests parked and the file given up.
 *
 * Guarantees: the file is unlocked only after everything acknowledged is
 * durable in it and nothing is in flight; what fails before that leaves the
 * handoff active with its gate open and nothing lost.  A poisoned image never
 * becomes inactive: that would tell the caller that its data is down when it
 * may not be.
 *
 * The ownership record is written as released between the two.  Where that
 * fails this server may no longer be the owner by the record, so unless the
 * old one can be put back the image is poisoned: it acknowledges nothing more
 * that another server might not see.
 *
 * Where the record says that somebody forced his way while this server was
 * active, it stops and writes nothing: the image is the other's.
 *
 * Runs under `command` (handoff-internal.h).
 */

#include <config.h>

#include <errno.h>

#include "handoff-internal.h"
#include "image-finish.h"

/* 0 where IMG may still be finished. */
static int
check_poison (struct image *img, struct error *err)
{
  struct image_stats stats;

  image_get_stats (img, &stats);
  if (!stats.poisoned)
    return 0;
  return error_set_class (err, EIO, "Poisoned",
                          "an earlier write or sync of it failed, so what was "
                          "written since the last successful flush may be "
                          "lost and can never be made durable from here: stop "
                          "this server, repair the storage, and activate "
                          "afresh");
}

static int
drain (struct handoff *h, struct stopwatch *w, unsigned timeout_ms,
       struct error *err)
{
  const int r = gate_drain (&h->gate, timeout_ms, err);

  stopwatch_lap (w, "drain");
  return r;
}

/* What the record's sync makes durable needs none of its own. */
static int
finish (struct handoff *h, struct stopwatch *w, struct image *img,
        struct error *err)
{
  int r = 0;

  if (!h->read_only)
    r = h->recorded ? image_settle (img, err) : image_finish (img, err);
  if (r == 0)
    handoff_remember_notices (h, image_get_notices (img));
  stopwatch_lap (w, "flush");
  return r;
}

static int
release (struct handoff *h, struct stopwatch *w, struct image *img,
         struct error *err) REQUIRES (h->command)
{
  int r;

  if (!h->recorded)
    return 0;
  r = handoff_record_release (h, img, err);
  stopwatch_lap (w, "record");
  /* Finished, it would take no writes. */
  if (r == -1)
    image_start_writing (img, NULL);
  return r;
}

/* Its files are closed when this returns; its memory is freed meanwhile, but
 * where the process is about to end. */
static void
give_up (struct handoff *h, struct stopwatch *w, bool for_good)
{
  struct image *img = gate_detach (&h->gate);

  image_give_up (img);
  if (for_good)
    image_close (img);
  else
    leftover_free (&h->leftover, img);
  handoff_remember_lock (h, false);
  if (!for_good)
    gate_close (&h->gate);
  stopwatch_lap (w, "close");
}

/* What is left undone here, clusters that were reserved, is a leak at most. */
static int
stop_overtaken (struct handoff *h, struct stopwatch *w, unsigned timeout_ms,
                bool for_good, struct error *err) REQUIRES (h->command)
{
  if (drain (h, w, timeout_ms, err) == -1)
    return -1;
  give_up (h, w, for_good);
  return 0;
}

static int
inactivate (struct handoff *h, struct stopwatch *w, unsigned timeout_ms,
            bool for_good, struct error *err) REQUIRES (h->command)
{
  struct image *img = gate_image (&h->gate);

  if (handoff_record_was_overtaken (h))
    return stop_overtaken (h, w, timeout_ms, for_good, err);
  if (check_poison (img, err) == -1 ||
      drain (h, w, timeout_ms, err) == -1)
    return -1;
  if (finish (h, w, img, err) == -1 || release (h, w, img, err) == -1) {
    /* A request that was drained may have poisoned it. */
    check_poison (img, err);
    gate_reopen (&h->gate);
    return -1;
  }
  give_up (h, w, for_good);
  return 0;
}

static int
inactivate_active (struct handoff *h, unsigned timeout_ms, bool for_good,
                   struct error *err) REQUIRES (h->command)
{
  struct error e = ERROR_INIT;
  struct stopwatch w;
  int r;

  stopwatch_start (&w, "inactivate");
  r = inactivate (h, &w, timeout_ms, for_good, &e);
  stopwatch_stop (&w, r == 0);
  handoff_remember_timeline (h, &w.timeline);
  return r == -1 ? handoff_fail (h, "cannot inactivate", &e, err) : 0;
}

static int
inactivate_locked (struct handoff *h, unsigned timeout_ms, bool for_good,
                   struct error *err) REQUIRES (h->command)
{
  const bool done = h->retired || gate_state (&h->gate) == HANDOFF_INACTIVE;

  if (!done && inactivate_active (h, timeout_ms, for_good, err) == -1)
    return -1;
  h->retired |= for_good;
  /* The process may end without freeing H. */
  if (for_good)
    leftover_wait (&h->leftover);
  return 0;
}

static int
release_image (struct handoff *h, unsigned drain_timeout_ms, bool for_good,
               bool *ret_has, struct ticket *ret, struct error *err)
{
  int r;

  mutex_lock (&h->command);
  r = inactivate_locked (h, drain_timeout_ms, for_good, err);
  if (r == 0) {
    *ret_has = h->has_ticket;
    *ret = h->ticket;
  }
  mutex_unlock (&h->command);
  return r;
}

int
handoff_release (struct handoff *h, unsigned drain_timeout_ms, bool *ret_has,
                 struct ticket *ret, struct error *err)
{
  return release_image (h, drain_timeout_ms, false, ret_has, ret, err);
}

int
handoff_retire (struct handoff *h, unsigned drain_timeout_ms, bool *ret_has,
                struct ticket *ret, struct error *err)
{
  return release_image (h, drain_timeout_ms, true, ret_has, ret, err);
}

int
handoff_inactivate (struct handoff *h, unsigned drain_timeout_ms,
                    struct error *err)
{
  struct ticket ticket;
  bool has;

  return handoff_release (h, drain_timeout_ms, &has, &ticket, err);
}
