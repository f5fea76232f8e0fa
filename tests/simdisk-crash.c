/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Simulated disk: what is left of one after a crash or a kill.
 *
 * A crash starts from the newest content, which it shares, and sets each
 * pending sector to the version chosen.
 */

#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "checked.h"
#include "random.h"
#include "simdisk-internal.h"

/* A disk like D with D's newest content. */
static struct simdisk *
twin_locked (struct simdisk *d) REQUIRES (d->lock)
{
  struct simdisk *c = simdisk_alloc (d->sector_bytes);

  c->device = d->device;
  c->stale = d->stale;
  c->zeros = sector_ref (d->zeros);
  c->newest = tree_share (&d->newest);
  c->size = d->size;
  c->durable_size = d->durable_size;
  c->last_op = d->last_op;
  return c;
}

/* ITEM's list of ops, in *OPS, which is made longer where it must be. */
struct ops {
  uint64_t *op;
  size_t max;
};

static uint64_t *
ops_room (struct ops *ops, size_t nr)
{
  if (nr > ops->max) {
    ops->max = 2 * nr;
    ops->op = simdisk_realloc (ops->op, ops->max, sizeof *ops->op);
  }
  ops->op[0] = 0;
  return ops->op;
}

static size_t
ask (simdisk_choose *choose, void *opaque, const struct simdisk_item *item)
{
  const size_t n = choose (opaque, item);

  if (n >= item->nr_versions)
    abort ();
  return n;
}

static uint64_t
choose_length (const struct simdisk *d, struct ops *ops,
               simdisk_choose *choose, void *opaque)
{
  const size_t nr = d->nr_lengths + 1;
  uint64_t *op = ops_room (ops, nr);
  const struct simdisk_item item = { true, 0, nr, op };
  size_t i;

  if (nr == 1)
    return d->durable_size;
  for (i = 1; i < nr; ++i)
    op[i] = d->lengths[i - 1].op;
  i = ask (choose, opaque, &item);
  return i == 0 ? d->durable_size : d->lengths[i - 1].end;
}

/* Borrowed. */
static struct sector *
choose_version (const struct pending *p, struct ops *ops,
                simdisk_choose *choose, void *opaque)
{
  const size_t nr = p->nr + 1;
  uint64_t *op = ops_room (ops, nr);
  const struct simdisk_item item = { false, p->number, nr, op };
  size_t i;

  if (nr == 1)
    return p->durable;
  for (i = 1; i < nr; ++i)
    op[i] = p->versions[i - 1].op;
  i = ask (choose, opaque, &item);
  return i == 0 ? p->durable : p->versions[i - 1].data;
}

/* What was in the last sector behind the end of the file is gone: it reads
 * zeros if the file grows again. */
static void
trim_last_sector (struct simdisk *c)
{
  const uint64_t number = c->size / c->sector_bytes;
  const size_t used = c->size % c->sector_bytes;
  const struct sector *old = tree_get (&c->newest, number);
  struct sector *s;

  if (used == 0 || !old)
    return;
  s = sector_new (c->sector_bytes);
  memcpy (s->data, old->data, used);
  memset (s->data + used, 0, c->sector_bytes - used);
  tree_set (&c->newest, number, s);
}

static struct simdisk *
crash_locked (struct simdisk *d, simdisk_choose *choose, void *opaque)
  REQUIRES (d->lock)
{
  struct simdisk *c = twin_locked (d);
  struct ops ops = { NULL, 0 };
  const struct pending *p;

  c->size = c->durable_size = choose_length (d, &ops, choose, opaque);
  for (p = d->pending; p; p = p->hh.next) {
    struct sector *s = choose_version (p, &ops, choose, opaque);

    if (p->number >= div_round_up (c->size, c->sector_bytes))
      s = NULL;
    if (s != tree_get (&c->newest, p->number))
      tree_set (&c->newest, p->number, sector_ref (s));
  }
  trim_last_sector (c);
  free (ops.op);
  return c;
}

struct simdisk *
simdisk_crash_choose (struct simdisk *d, simdisk_choose *choose, void *opaque)
{
  struct simdisk *c;

  mutex_lock (&d->lock);
  c = crash_locked (d, choose, opaque);
  mutex_unlock (&d->lock);
  return c;
}

enum crash_kind {
  EACH_SECTOR,                  /* any version */
  EACH_WRITE,                   /* kept or lost as a whole */
  IN_ORDER,                     /* everything up to `limit` */
  ALMOST_IN_ORDER,              /* the same, but a few sectors differ */
  NR_CRASH_KINDS,
};

struct seeded {
  struct random rnd;
  enum crash_kind kind;
  uint64_t limit;
  uint64_t coins;
};

static bool
is_kept (const struct seeded *s, uint64_t op)
{
  struct random coin = { s->coins ^ op * UINT64_C (0xd6e8feb86659fd93) };

  switch (s->kind) {
  case EACH_WRITE:
    return random_chance (&coin, 1, 2);
  default:
    return op <= s->limit;
  }
}

static size_t
choose_by_seed (void *opaque, const struct simdisk_item *item)
{
  struct seeded *s = opaque;
  size_t i = item->nr_versions - 1;

  if (s->kind == EACH_SECTOR ||
      (s->kind == ALMOST_IN_ORDER && random_chance (&s->rnd, 1, 8)))
    return random_below (&s->rnd, item->nr_versions);
  while (i > 0 && !is_kept (s, item->ops[i]))
    --i;
  return i;
}

static uint64_t
first_pending_op_locked (const struct simdisk *d) REQUIRES (d->lock)
{
  uint64_t op = d->last_op;
  const struct pending *p;

  for (p = d->pending; p; p = p->hh.next)
    if (p->nr > 0)
      op = min_u64 (op, p->versions[0].op);
  return op;
}

struct simdisk *
simdisk_crash (struct simdisk *d, uint64_t seed)
{
  struct seeded s = { .rnd = { seed } };
  struct simdisk *c;
  uint64_t first;

  s.kind = random_below (&s.rnd, NR_CRASH_KINDS);
  s.coins = random_next (&s.rnd);
  mutex_lock (&d->lock);
  first = first_pending_op_locked (d);
  if (first > 0)
    s.limit = first - 1 + random_below (&s.rnd, d->last_op - first + 2);
  c = crash_locked (d, choose_by_seed, &s);
  mutex_unlock (&d->lock);
  return c;
}

uint64_t
simdisk_nr_states (struct simdisk *d)
{
  const struct pending *p;
  uint64_t nr;

  mutex_lock (&d->lock);
  nr = d->nr_lengths + 1;
  for (p = d->pending; p; p = p->hh.next)
    if (!checked_mul (nr, p->nr + 1, &nr))
      nr = UINT64_MAX;
  mutex_unlock (&d->lock);
  return nr;
}

static size_t
choose_by_number (void *opaque, const struct simdisk_item *item)
{
  uint64_t *state = opaque;
  const size_t i = *state % item->nr_versions;

  *state /= item->nr_versions;
  return i;
}

struct simdisk *
simdisk_crash_state (struct simdisk *d, uint64_t state)
{
  return simdisk_crash_choose (d, choose_by_number, &state);
}

static struct pending *
pending_copy (const struct pending *p)
{
  struct pending *copy = simdisk_realloc (NULL, 1, sizeof *copy);
  size_t i;

  *copy = (struct pending) {
    .number = p->number, .durable = sector_ref (p->durable),
    .nr = p->nr, .max = p->nr,
  };
  if (p->nr > 0)
    copy->versions = simdisk_realloc (NULL, p->nr, sizeof *p->versions);
  for (i = 0; i < p->nr; ++i)
    copy->versions[i] = (struct version) {
      p->versions[i].op, sector_ref (p->versions[i].data)
    };
  return copy;
}

static struct simdisk *
kill_locked (struct simdisk *d) REQUIRES (d->lock)
{
  struct simdisk *c = twin_locked (d);
  const struct pending *p;

  for (p = d->pending; p; p = p->hh.next) {
    struct pending *copy = pending_copy (p);

    HASH_ADD (hh, c->pending, number, sizeof copy->number, copy);
  }
  c->lost = d->lost;
  c->nr_lengths = c->max_lengths = d->nr_lengths;
  if (d->nr_lengths > 0) {
    c->lengths = simdisk_realloc (NULL, d->nr_lengths, sizeof *d->lengths);
    memcpy (c->lengths, d->lengths, d->nr_lengths * sizeof *d->lengths);
  }
  return c;
}

struct simdisk *
simdisk_kill (struct simdisk *d)
{
  struct simdisk *c;

  mutex_lock (&d->lock);
  c = kill_locked (d);
  mutex_unlock (&d->lock);
  return c;
}
