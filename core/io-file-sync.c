/* SPDX-License-Identifier: BSD-3-Clause
 *
 * io-file: groups of syncs, see io-file-internal.h.
 *
 * Guarantee: when a sync of the group has returned 0, no sync that the
 * kernel could have told the failure to instead has failed.  For then that
 * one had begun before this one ended, so it has a lower number than all that
 * begin later, and this one waited until it had recorded its failure.
 *
 * g->lock guards all of the group but fd; it is not held across a sync.
 */

#include <config.h>

#include <errno.h>
#include <unistd.h>

#include "io-file-internal.h"

void
sync_group_init (struct sync_group *g, int fd) NO_TSA
{
  g->fd = fd;
  mutex_init (&g->lock);
  cond_init (&g->ended);
  g->running = NULL;
  g->nr_begun = 0;
  g->failed = 0;
}

void
sync_group_destroy (struct sync_group *g)
{
  if (g->fd >= 0)
    close (g->fd);
  cond_destroy (&g->ended);
  mutex_destroy (&g->lock);
}

void
sync_group_begin (struct sync_group *g, struct sync_op *op)
{
  mutex_lock (&g->lock);
  op->nr = ++g->nr_begun;
  op->next = g->running;
  g->running = op;
  mutex_unlock (&g->lock);
}

static void
remove_locked (struct sync_group *g, struct sync_op *op) REQUIRES (g->lock)
{
  struct sync_op **p;

  for (p = &g->running; *p != op; p = &(*p)->next)
    ;
  *p = op->next;
  cond_broadcast (&g->ended);
}

static bool
older_running_locked (const struct sync_group *g, uint64_t nr)
  REQUIRES (g->lock)
{
  const struct sync_op *op;

  for (op = g->running; op; op = op->next)
    if (op->nr <= nr)
      return true;
  return false;
}

/* A full disk says nothing of what was written before: allocation may be
 * tried again (docs/DURABILITY.md, R7). */
static bool
loses_data (int errnum)
{
  return errnum != 0 && errnum != ENOSPC && errnum != EDQUOT &&
         errnum != EFBIG;
}

int
sync_group_end (struct sync_group *g, struct sync_op *op, int errnum)
{
  uint64_t nr_begun;
  int failed;

  mutex_lock (&g->lock);
  remove_locked (g, op);
  if (loses_data (errnum) && !g->failed)
    g->failed = errnum;
  nr_begun = g->nr_begun;
  while (errnum == 0 && older_running_locked (g, nr_begun))
    cond_wait (&g->ended, &g->lock);
  failed = g->failed;
  mutex_unlock (&g->lock);
  if (errnum)
    return errnum;
  return failed ? SYNC_EARLIER_FAILED : 0;
}

int
sync_group_sync (struct sync_group *g)
{
  struct sync_op op;
  int r;

  sync_group_begin (g, &op);
  do
    r = fdatasync (g->fd);
  while (r == -1 && errno == EINTR);
  return sync_group_end (g, &op, r == -1 ? errno : 0);
}
