/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Table cache: writing.
 *
 * One writer of a slice at a time is in the file.  Those who come meanwhile
 * are written together by the first of them that finds it READY: the bytes
 * from the lowest to the highest that any of them changes, in one write.
 * What lies between is what the file has there, since the cache is
 * write-through, so writing it again changes nothing.  An image that grows in
 * order has as many writers of one slice as it has requests in flight.
 */

#include <config.h>

#include <assert.h>
#include <string.h>

#include "checked.h"
#include "table-cache-internal.h"

#define MAX_SLICE_BYTES 4096

/* What is written at once. */
struct batch {
  struct slot_write *first;
  size_t from, to;              /* bytes of the slice */
  unsigned flags;
  uint8_t bytes[MAX_SLICE_BYTES]; /* valid from FROM to TO */
};

static void
queue (struct slot *slot, struct slot_write *w)
{
  struct slot_write **p = &slot->waiting;

  while (*p)
    p = &(*p)->next;
  *p = w;
}

/* All that wait for SLOT, over what it has. */
static void
gather_locked (struct table_cache *c, struct shard *s, struct slot *slot,
               struct batch *ret) REQUIRES (s->lock)
{
  const struct slot_write *w = slot->waiting;

  ret->first = slot->waiting;
  ret->from = w->at;
  ret->to = w->at + w->len;
  ret->flags = 0;
  for (; w; w = w->next) {
    ret->from = min_u64 (ret->from, w->at);
    ret->to = max_u64 (ret->to, w->at + w->len);
    ret->flags |= w->flags;
  }
  memcpy (ret->bytes + ret->from, table_cache_bytes (c, s, slot) + ret->from,
          ret->to - ret->from);
  for (w = ret->first; w; w = w->next)
    memcpy (ret->bytes + w->at, w->buf, w->len);
  slot->waiting = NULL;
}

static void
tell (struct slot_write *w, int r, const struct error *err)
{
  struct slot_write *next;

  for (; w; w = next) {
    next = w->next;
    w->r = r;
    if (r == -1 && w->err)
      *w->err = *err;
    w->done = true;
  }
}

static void
write_batch_locked (struct table_cache *c, struct shard *s, struct slot *slot)
  REQUIRES (s->lock)
{
  const uint64_t start = slot->slice * c->slice_bytes;
  struct error err = ERROR_INIT;
  struct batch b;
  int r;

  gather_locked (c, s, slot, &b);
  slot->state = SLOT_WRITING;
  s->writes++;
  mutex_unlock (&s->lock);
  r = io_pwrite (c->io, b.bytes + b.from, b.to - b.from, start + b.from,
                 b.flags, &err);
  mutex_lock (&s->lock);
  if (r == 0)
    memcpy (table_cache_bytes (c, s, slot) + b.from, b.bytes + b.from,
            b.to - b.from);
  slot->state = SLOT_READY;
  tell (b.first, r, &err);
  cond_broadcast (&s->changed);
}

static void
write_locked (struct table_cache *c, struct shard *s, struct slot *slot,
              struct slot_write *w) REQUIRES (s->lock)
{
  queue (slot, w);
  while (!w->done)
    if (slot->state == SLOT_READY)
      write_batch_locked (c, s, slot);
    else
      cond_wait (&s->changed, &s->lock);
}

int
table_cache_write (struct table_cache *c, const void *buf, size_t len,
                   uint64_t offset, unsigned flags, struct error *err)
{
  const uint64_t slice = offset / c->slice_bytes;
  struct shard *s = table_cache_shard (c, slice);
  struct slot_write w = {
    .buf = buf, .len = len, .at = offset % c->slice_bytes, .flags = flags,
    .r = -1, .err = err,
  };
  struct slot *slot;

  assert (len > 0 && w.at + len <= c->slice_bytes);
  mutex_lock (&s->lock);
  if (table_cache_get (c, s, slice, &slot, err) == 0)
    write_locked (c, s, slot, &w);
  mutex_unlock (&s->lock);
  return w.r;
}
