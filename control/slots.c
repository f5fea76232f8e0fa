/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The connections of one listener (slots.h).
 *
 * Invariants:
 *   1. A thread's handle is in exactly one slot, from its creation until it
 *      has been joined, by whoever has ended the accepting thread.  Nobody
 *      joins while holding `lock`.  A slot that has a thread becomes free by it.
 *   2. A slot's descriptor is open, and its own, while its state is pending
 *      or admitted: slot_end comes before close.  So cutting a connection
 *      off, which is shutdown(2) under `lock`, never meets another's.
 */

#include <config.h>

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "slots.h"

void
slots_init (struct slots *s, void *owner)
{
  size_t i;

  memset (s, 0, sizeof *s);
  mutex_init (&s->lock);
  for (i = 0; i < SLOTS_MAX; i++) {
    s->all[i].slots = s;
    s->all[i].owner = owner;
    cond_init (&s->all[i].given);
  }
}

void
slots_destroy (struct slots *s)
{
  size_t i;

  for (i = 0; i < SLOTS_MAX; i++)
    cond_destroy (&s->all[i].given);
  mutex_destroy (&s->lock);
}

/* -- making room ------------------------------------------------------- */

static bool
is_pending (const struct slot *slot)
{
  return slot->state == SLOT_PENDING && !slot->cut;
}

static unsigned
count_of_host (const struct slots *s, const char *host)
{
  unsigned n = 0;
  size_t i;

  for (i = 0; i < SLOTS_MAX; i++)
    if (is_pending (&s->all[i]) && strcmp (s->all[i].peer.host, host) == 0)
      n++;
  return n;
}

/* The oldest pending one of the host that has the most of them. */
static struct slot *
find_victim_locked (struct slots *s) REQUIRES (&s->lock)
{
  struct slot *victim = NULL;
  unsigned most = 0, n;
  size_t i;

  for (i = 0; i < SLOTS_MAX; i++) {
    struct slot *slot = &s->all[i];

    if (!is_pending (slot))
      continue;
    n = count_of_host (s, slot->peer.host);
    if (n > most || (n == most && slot->serial < victim->serial)) {
      victim = slot;
      most = n;
    }
  }
  return victim;
}

static void
cut_off_one_locked (struct slots *s) REQUIRES (&s->lock)
{
  struct slot *victim = find_victim_locked (s);

  if (victim == NULL)
    return;
  victim->cut = true;
  s->nr_pending--;
  shutdown (victim->fd, SHUT_RDWR);
}

/* -- the accepting thread ---------------------------------------------- */

static struct slot *
find_free_locked (struct slots *s) REQUIRES (&s->lock)
{
  size_t i;

  for (i = 0; i < SLOTS_MAX; i++)
    if (s->all[i].state == SLOT_FREE)
      return &s->all[i];
  return NULL;
}

static struct slot *
take_locked (struct slots *s, int fd, const struct peer_name *peer)
  REQUIRES (&s->lock)
{
  struct slot *slot = find_free_locked (s);

  if (slot == NULL || s->nr_admitted >= CONTROL_MAX_CLIENTS)
    return NULL;
  if (s->nr_pending >= CONTROL_MAX_PENDING)
    cut_off_one_locked (s);
  slot->state = SLOT_PENDING;
  slot->cut = false;
  slot->serial = ++s->last_serial;
  slot->fd = fd;
  slot->peer = *peer;
  s->nr_pending++;
  cond_broadcast (&slot->given);
  return slot;
}

struct slot *
slots_take (struct slots *s, int fd, const struct peer_name *peer)
{
  struct slot *slot;

  mutex_lock (&s->lock);
  slot = take_locked (s, fd, peer);
  mutex_unlock (&s->lock);
  return slot;
}

static void
leave_locked (struct slot *slot) REQUIRES (&slot->slots->lock)
{
  struct slots *s = slot->slots;

  if (is_pending (slot))
    s->nr_pending--;
  else if (slot->state == SLOT_ADMITTED) {
    s->nr_admitted--;
    if (!slot->may_command)
      s->nr_lookers--;
  }
}

void
slots_give_back (struct slot *slot)
{
  mutex_lock (&slot->slots->lock);
  leave_locked (slot);
  slot->state = SLOT_FREE;
  mutex_unlock (&slot->slots->lock);
}

static void
stop_all (struct slots *s)
{
  size_t i;

  mutex_lock (&s->lock);
  s->stopping = true;
  for (i = 0; i < SLOTS_MAX; i++)
    cond_broadcast (&s->all[i].given);
  mutex_unlock (&s->lock);
}

void
slots_join_all (struct slots *s)
{
  size_t i;

  stop_all (s);
  for (i = 0; i < SLOTS_MAX; i++)
    if (s->all[i].has_thread)
      pthread_join (s->all[i].thread, NULL);
}

/* -- the slot's thread ------------------------------------------------- */

static bool
wait_locked (struct slot *slot) REQUIRES (&slot->slots->lock)
{
  if (slot->state == SLOT_ENDED)
    slot->state = SLOT_FREE;
  while (slot->state == SLOT_FREE && !slot->slots->stopping)
    cond_wait (&slot->given, &slot->slots->lock);
  return slot->state == SLOT_PENDING;
}

bool
slot_wait (struct slot *slot)
{
  bool given;

  mutex_lock (&slot->slots->lock);
  given = wait_locked (slot);
  mutex_unlock (&slot->slots->lock);
  return given;
}

static int
admit_locked (struct slot *slot, bool may_command, struct error *err)
  REQUIRES (&slot->slots->lock)
{
  struct slots *s = slot->slots;

  if (!is_pending (slot) || s->nr_admitted >= CONTROL_MAX_CLIENTS)
    return error_set (err, EUSERS, "there are %d connections already",
                      CONTROL_MAX_CLIENTS);
  if (!may_command && s->nr_lookers >= CONTROL_MAX_LOOKERS)
    return error_set (err, EUSERS, "there are %d connections already that "
                      "may only look", CONTROL_MAX_LOOKERS);
  slot->state = SLOT_ADMITTED;
  slot->may_command = may_command;
  s->nr_pending--;
  s->nr_admitted++;
  if (!may_command)
    s->nr_lookers++;
  return 0;
}

int
slot_admit (struct slot *slot, bool may_command, struct error *err)
{
  int r;

  mutex_lock (&slot->slots->lock);
  r = admit_locked (slot, may_command, err);
  mutex_unlock (&slot->slots->lock);
  return r;
}

void
slot_end (struct slot *slot)
{
  mutex_lock (&slot->slots->lock);
  leave_locked (slot);
  slot->state = SLOT_ENDED;
  mutex_unlock (&slot->slots->lock);
}

bool
slot_was_cut (struct slot *slot)
{
  bool cut;

  mutex_lock (&slot->slots->lock);
  cut = slot->cut;
  mutex_unlock (&slot->slots->lock);
  return cut;
}
