/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Image: flush, and the end of every change.
 *
 * All that a reply acknowledged is in the file already (promise K), in an
 * order that a power cut may not spoil (promise P): so a flush is one sync.
 * Whoever asks while a sync runs waits for the next one, which one of them,
 * the leader, runs for all.  Around each sync the leader moves freed clusters
 * on their way back (allocator-reclaim.c).
 *
 * flush.lock guards the counts; it is not held across the sync.  A failed
 * sync poisons the image before anybody who waits for it is told.
 */

#include <config.h>

#include "image-internal.h"

/* The only syncs that count for io->clean, and they do not overlap.  A change
 * that returned before is covered by the sync; one that returns later takes
 * the mark away. */
static int
sync_marking (struct io *io, struct error *err)
{
  atomic_store (&io->clean, true);
  if (io_sync (io, err) == 0)
    return 0;
  atomic_store (&io->clean, false);
  return -1;
}

static int
lead (struct image *img, struct error *err)
{
  struct error mine = ERROR_INIT;

  err = err ? err : &mine;      /* the poison's reason */
  /* Who waited while a sync failed must not succeed with the next one: "the
   * kernel may have thrown the pages away and says success the next time". */
  if (poison_check (&img->poison, err) == -1)
    return -1;
  allocator_before_sync (&img->allocator);
  atomic_fetch_add (&img->flush.nr_syncs, 1);
  /* R10: data are down before the tables that say where they are. */
  if ((img->data_file && sync_marking (img->data_file, err) == -1) ||
      sync_marking (img->io, err) == -1)
    return poison_set (&img->poison, err);
  allocator_after_sync (&img->allocator);
  return 0;
}

/* Who waits for sync NR waits there, those for the next one elsewhere: none is
 * woken for nothing. */
static struct cond *
ended (struct flush_group *g, uint64_t nr)
{
  return &g->ended[nr % 2];
}

/* Run the sync that was just counted as started.  Those who wait for it are
 * told as soon as it is over; the next one starts after the reclaiming, which
 * needs the leader's lists, and is led by one of those who wait for it. */
static int
lead_locked (struct image *img, struct error *err)
  REQUIRES (img->flush.lock)
{
  struct flush_group *g = &img->flush;
  int r;

  g->running = true;
  g->nr_started++;
  mutex_unlock (&img->flush.lock);
  r = lead (img, err);
  mutex_lock (&img->flush.lock);
  g->nr_ended = g->nr_started;
  cond_broadcast (ended (g, g->nr_ended));
  if (r == 0) {
    mutex_unlock (&img->flush.lock);
    allocator_reclaim (&img->allocator);
    mutex_lock (&img->flush.lock);
  }
  g->running = false;
  cond_signal (ended (g, g->nr_ended + 1));
  return r;
}

static int
sync_locked (struct image *img, struct error *err)
  REQUIRES (img->flush.lock)
{
  struct flush_group *g = &img->flush;
  const uint64_t wanted = g->nr_started + 1;

  while (g->nr_ended < wanted) {
    if (!g->running)
      return lead_locked (img, err);
    cond_wait (ended (g, wanted), &img->flush.lock);
  }
  return poison_check (&img->poison, err);
}

int
image_sync (struct image *img, struct error *err)
{
  int r;

  if (poison_check (&img->poison, err) == -1)
    return -1;
  mutex_lock (&img->flush.lock);
  r = sync_locked (img, err);
  mutex_unlock (&img->flush.lock);
  return r;
}

int
image_flush (struct image *img, struct error *err)
{
  if (atomic_load (&img->mode) != IMAGE_WRITING)
    return 0;
  return image_sync (img, err);
}

int
image_end_change (struct image *img, int r, unsigned flags, struct error *err)
{
  if (r == -1)
    return -1;
  if (flags & IMAGE_FUA || atomic_exchange (&img->crowded, false))
    return image_flush (img, err);
  return 0;
}
