/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The gate: see handoff-gate.h.  `lock` guards everything that changes; it
 * is a leaf, and never held across I/O.
 */

#include <config.h>

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <time.h>

#include "handoff-gate.h"

void
gate_init (struct gate *g, bool hold, bool read_only)
{
  *g = (struct gate) { .hold = hold, .read_only = read_only };
  mutex_init (&g->lock);
  cond_init (&g->idle);
}

void
gate_destroy (struct gate *g)
{
  cond_destroy (&g->idle);
  mutex_destroy (&g->lock);
}

/* -- requests -------------------------------------------------------- */

static enum admission
refuse_read_only (struct error *err)
{
  error_set_class (err, EROFS, "ReadOnly",
                   "the image is served read-only: nothing was written");
  return REFUSED;
}

static enum admission
refuse_inactive (struct error *err)
{
  error_set_class (err, EPERM, "WrongState",
                   "this server is inactive and answers only reads: "
                   "nothing was written; activate it first");
  return REFUSED;
}

/* A hypervisor probes a disk before the guest runs, so reads are answered;
 * what would change or promise something is not. */
static enum admission
admit_inactive_locked (struct gate *g, enum request_kind kind,
                       struct error *err) REQUIRES (g->lock)
{
  if (g->hold) {
    g->parked++;
    return PARKED;
  }
  if (kind == REQUEST_WRITE || kind == REQUEST_FLUSH)
    return refuse_inactive (err);
  g->in_flight++;
  return ADMITTED_INACTIVE;
}

static enum admission
admit_locked (struct gate *g, enum request_kind kind,
              struct image **ret_image, struct error *err)
  REQUIRES (g->lock)
{
  if (kind == REQUEST_WRITE && g->read_only)
    return refuse_read_only (err);
  if (g->state == HANDOFF_ACTIVE) {
    g->in_flight++;
    *ret_image = g->image;
    return ADMITTED;
  }
  if (g->state == HANDOFF_INACTIVE)
    return admit_inactive_locked (g, kind, err);
  g->parked++;
  return PARKED;
}

enum admission
gate_admit (struct gate *g, enum request_kind kind,
            struct image **ret_image, struct error *err)
{
  enum admission how;

  mutex_lock (&g->lock);
  how = admit_locked (g, kind, ret_image, err);
  mutex_unlock (&g->lock);
  return how;
}

void
gate_leave (struct gate *g)
{
  mutex_lock (&g->lock);
  assert (g->in_flight > 0);
  if (--g->in_flight == 0)
    cond_broadcast (&g->idle);
  mutex_unlock (&g->lock);
}

/* -- state ----------------------------------------------------------- */

static void
move_locked (struct gate *g, enum handoff_state from, enum handoff_state to)
  REQUIRES (g->lock)
{
  assert (g->state == from);
  g->state = to;
  g->parked = 0;
}

static void
move (struct gate *g, enum handoff_state from, enum handoff_state to)
{
  mutex_lock (&g->lock);
  move_locked (g, from, to);
  mutex_unlock (&g->lock);
}

enum handoff_state
gate_state (struct gate *g)
{
  enum handoff_state state;

  mutex_lock (&g->lock);
  state = g->state;
  mutex_unlock (&g->lock);
  return state;
}

uint64_t
gate_nr_activations (struct gate *g)
{
  uint64_t n;

  mutex_lock (&g->lock);
  n = g->nr_activations;
  mutex_unlock (&g->lock);
  return n;
}

struct image *
gate_image (struct gate *g)
{
  struct image *img;

  mutex_lock (&g->lock);
  img = g->image;
  mutex_unlock (&g->lock);
  return img;
}

void
gate_begin_activating (struct gate *g)
{
  move (g, HANDOFF_INACTIVE, HANDOFF_ACTIVATING);
}

void
gate_abandon_activating (struct gate *g)
{
  move (g, HANDOFF_ACTIVATING, HANDOFF_INACTIVE);
}

void
gate_open (struct gate *g, struct image *img)
{
  mutex_lock (&g->lock);
  move_locked (g, HANDOFF_ACTIVATING, HANDOFF_ACTIVE);
  g->image = img;
  g->nr_activations++;
  mutex_unlock (&g->lock);
}

static struct timespec
monotonic_in (unsigned ms)
{
  struct timespec ts;

  clock_gettime (CLOCK_MONOTONIC, &ts);
  ts.tv_sec += ms / 1000;
  ts.tv_nsec += (long) (ms % 1000) * 1000000;
  if (ts.tv_nsec >= 1000000000) {
    ts.tv_sec++;
    ts.tv_nsec -= 1000000000;
  }
  return ts;
}

/* False when DEADLINE (monotonic; NULL: none) has passed. */
static bool
wait_idle_locked (struct gate *g, const struct timespec *deadline)
  REQUIRES (g->lock)
{
  while (g->in_flight > 0) {
    if (!deadline) {
      cond_wait (&g->idle, &g->lock);
      continue;
    }
    if (pthread_cond_timedwait (&g->idle.c, &g->lock.m, deadline)
        == ETIMEDOUT)
      return g->in_flight == 0;
  }
  return true;
}

static int
drain_locked (struct gate *g, unsigned timeout_ms, struct error *err)
  REQUIRES (g->lock)
{
  const struct timespec deadline = monotonic_in (timeout_ms);

  move_locked (g, HANDOFF_ACTIVE, HANDOFF_INACTIVATING);
  if (wait_idle_locked (g, timeout_ms ? &deadline : NULL))
    return 0;
  move_locked (g, HANDOFF_INACTIVATING, HANDOFF_ACTIVE);
  return error_set_class (err, ETIMEDOUT, "DrainTimeout",
                          "%" PRIu64 " request(s) in flight did not end within "
                          "%u ms; still serving, try again", g->in_flight,
                          timeout_ms);
}

int
gate_drain (struct gate *g, unsigned timeout_ms, struct error *err)
{
  int r;

  mutex_lock (&g->lock);
  r = drain_locked (g, timeout_ms, err);
  mutex_unlock (&g->lock);
  return r;
}

void
gate_reopen (struct gate *g)
{
  move (g, HANDOFF_INACTIVATING, HANDOFF_ACTIVE);
}

struct image *
gate_detach (struct gate *g)
{
  struct image *img;

  mutex_lock (&g->lock);
  assert (g->in_flight == 0);
  img = g->image;
  g->image = NULL;
  mutex_unlock (&g->lock);
  return img;
}

void
gate_close (struct gate *g)
{
  mutex_lock (&g->lock);
  move_locked (g, HANDOFF_INACTIVATING, HANDOFF_INACTIVE);
  g->nr_inactivations++;
  mutex_unlock (&g->lock);
}

/* -- status ---------------------------------------------------------- */

struct image *
gate_snapshot (struct gate *g, struct handoff_status *ret)
{
  struct image *img = NULL;

  mutex_lock (&g->lock);
  ret->state = g->state;
  ret->read_only = g->read_only;
  ret->hold = g->hold;
  ret->in_flight = g->in_flight;
  ret->parked = g->parked;
  ret->nr_activations = g->nr_activations;
  ret->nr_inactivations = g->nr_inactivations;
  if (g->state == HANDOFF_ACTIVE) {
    g->in_flight++;
    img = g->image;
  }
  mutex_unlock (&g->lock);
  return img;
}
