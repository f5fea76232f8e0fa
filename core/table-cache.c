/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Table cache: see table-cache.h for what it guarantees.
 *
 * The cache is split into shards by slice number; each shard has its own
 * lock, a fixed array of slots, a hash of chains through the slots, and a
 * clock hand for eviction.  A shard's lock guards everything in the shard,
 * slices' bytes included; it is never held across I/O.
 *
 * State of a slot           bytes valid   may be evicted   others may
 *   SLOT_EMPTY              no            (is free)        -
 *   SLOT_LOADING            no            no               wait
 *   SLOT_READY              yes           yes              read, write
 *   SLOT_WRITING            yes (old)     no               read
 *
 * A slice being written keeps its old bytes readable until the file has the
 * new ones.  A reader may so miss a write that is not yet acknowledged, which
 * it could have done anyway.  While writers wait for a slot it is not evicted
 * (table-cache-write.c).
 */

#include <config.h>

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "checked.h"
#include "table-cache-internal.h"

#define MIN_SLOTS_PER_SHARD 8
#define NO_SLOT 0u              /* the slot at index I is I + 1 in a chain */
#define MEMORY_MAPPED_BYTES (64u << 10)
#define MEMORY_ALIGN 4096       /* for files opened with O_DIRECT */

static uint64_t
mix (uint64_t n)
{
  n *= UINT64_C (0x9e3779b97f4a7c15);
  return n ^ (n >> 29);
}

struct shard *
table_cache_shard (struct table_cache *c, uint64_t slice)
{
  return &c->shards[mix (slice) & (c->nr_shards - 1)];
}

static uint32_t *
chain_of (struct table_cache *c, struct shard *s, uint64_t slice)
  REQUIRES (s->lock)
{
  return &s->chains[(mix (slice) >> 16) & (c->nr_chains - 1)];
}

uint8_t *
table_cache_bytes (struct table_cache *c, struct shard *s,
                   const struct slot *slot)
{
  return s->arena + (size_t) (slot - s->slots) * c->slice_bytes;
}

static struct slot *
find_locked (struct table_cache *c, struct shard *s, uint64_t slice)
  REQUIRES (s->lock)
{
  uint32_t i;

  for (i = *chain_of (c, s, slice); i != NO_SLOT; i = s->slots[i - 1].next)
    if (s->slots[i - 1].slice == slice)
      return &s->slots[i - 1];
  return NULL;
}

static void
unlink_locked (struct table_cache *c, struct shard *s, struct slot *slot)
  REQUIRES (s->lock)
{
  uint32_t *p = chain_of (c, s, slot->slice);
  const uint32_t link = slot - s->slots + 1;

  assert (!slot->waiting);
  while (*p != link)
    p = &s->slots[*p - 1].next;
  *p = slot->next;
  slot->state = SLOT_EMPTY;
}

/* A slot that may be used anew, or NULL while all are busy.  Constant time
 * in practice: a hand passes a slot at most twice before taking it. */
static struct slot *
victim_locked (struct table_cache *c, struct shard *s)
  REQUIRES (s->lock)
{
  uint32_t i;

  for (i = 0; i < 2 * c->nr_slots; ++i) {
    struct slot *slot = &s->slots[s->hand];

    s->hand = (s->hand + 1) % c->nr_slots;
    if (slot->state == SLOT_EMPTY)
      return slot;
    if (slot->state != SLOT_READY || slot->waiting)
      continue;
    if (!slot->referenced) {
      unlink_locked (c, s, slot);
      return slot;
    }
    slot->referenced = false;
  }
  return NULL;
}

static int
load_locked (struct table_cache *c, struct shard *s, struct slot *slot,
             uint64_t slice, struct error *err)
  REQUIRES (s->lock)
{
  uint32_t *chain = chain_of (c, s, slice);
  uint8_t *bytes = table_cache_bytes (c, s, slot);
  int r;

  s->used_slots += !slot->used;
  slot->used = true;
  slot->slice = slice;
  slot->state = SLOT_LOADING;
  slot->next = *chain;
  *chain = slot - s->slots + 1;

  mutex_unlock (&s->lock);
  r = io_pread (c->io, bytes, c->slice_bytes,
                slice * c->slice_bytes, err);
  mutex_lock (&s->lock);

  if (r == -1)
    unlink_locked (c, s, slot);
  else
    slot->state = SLOT_READY;
  cond_broadcast (&s->changed);
  return r;
}

int
table_cache_get (struct table_cache *c, struct shard *s, uint64_t slice,
                 struct slot **ret, struct error *err)
{
  struct slot *slot;

  for (;;) {
    slot = find_locked (c, s, slice);
    if (slot && (slot->state == SLOT_READY || slot->state == SLOT_WRITING)) {
      s->hits++;
      slot->referenced = true;
      *ret = slot;
      return 0;
    }
    if (!slot && (slot = victim_locked (c, s)) != NULL) {
      s->misses++;
      if (load_locked (c, s, slot, slice, err) == -1)
        return -1;
      *ret = slot;
      return 0;
    }
    cond_wait (&s->changed, &s->lock);
  }
}

int
table_cache_read (struct table_cache *c, void *buf, size_t len,
                  uint64_t offset, struct error *err)
{
  const uint64_t slice = offset / c->slice_bytes;
  struct shard *s = table_cache_shard (c, slice);
  struct slot *slot;
  int r;

  assert (len > 0 && offset % c->slice_bytes + len <= c->slice_bytes);
  mutex_lock (&s->lock);
  r = table_cache_get (c, s, slice, &slot, err);
  if (r == 0)
    memcpy (buf, table_cache_bytes (c, s, slot) + offset % c->slice_bytes, len);
  mutex_unlock (&s->lock);
  return r;
}

void
table_cache_forget (struct table_cache *c, uint64_t offset, uint64_t len)
{
  uint64_t slice = offset / c->slice_bytes;
  const uint64_t end = div_round_up (offset + len, c->slice_bytes);

  for (; slice < end; ++slice) {
    struct shard *s = table_cache_shard (c, slice);
    struct slot *slot;

    mutex_lock (&s->lock);
    slot = find_locked (c, s, slice);
    if (slot && slot->state == SLOT_READY)
      unlink_locked (c, s, slot);
    mutex_unlock (&s->lock);
  }
}

uint32_t
table_cache_slice_bytes (const struct table_cache *c)
{
  return c->slice_bytes;
}

void
table_cache_get_stats (struct table_cache *c, struct table_cache_stats *ret)
{
  uint32_t i;

  *ret = (struct table_cache_stats) {
    .budget_bytes =
      (uint64_t) c->nr_shards * c->nr_slots * c->slice_bytes,
  };
  for (i = 0; i < c->nr_shards; ++i) {
    struct shard *s = &c->shards[i];

    mutex_lock (&s->lock);
    ret->used_bytes += s->used_slots * c->slice_bytes;
    ret->hits += s->hits;
    ret->misses += s->misses;
    ret->writes += s->writes;
    mutex_unlock (&s->lock);
  }
}

static uint32_t
round_up_pow2 (uint32_t n)
{
  uint32_t p = 1;

  while (p < n)
    p <<= 1;
  return p;
}

static size_t
slots_bytes (const struct table_cache *c)
{
  return c->nr_slots * sizeof (struct slot);
}

static size_t
chains_bytes (const struct table_cache *c)
{
  return c->nr_chains * sizeof (uint32_t);
}

static size_t
arena_bytes (const struct table_cache *c)
{
  return (size_t) c->nr_slots * c->slice_bytes;
}

static size_t
memory_bytes (const struct table_cache *c)
{
  return c->nr_shards * (arena_bytes (c) + slots_bytes (c) + chains_bytes (c));
}

/* All zero: no slot is used, no chain has any.  A large cache costs what is
 * used of it, and next to nothing to make, however large: an activation waits
 * for it.  A small one is not worth a mapping of its own. */
static void *
memory_new (size_t len)
{
  void *p;

  if (len >= MEMORY_MAPPED_BYTES) {
    p = mmap (NULL, len, PROT_READ | PROT_WRITE,
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
  }
  return posix_memalign (&p, MEMORY_ALIGN, len) == 0 ? memset (p, 0, len)
                                                     : NULL;
}

static void
memory_free (void *memory, size_t len)
{
  if (len < MEMORY_MAPPED_BYTES)
    free (memory);
  else
    munmap (memory, len);
}

/* The arenas come first, where they are aligned. */
static void
shard_init (struct table_cache *c, uint32_t i)
  NO_TSA
{
  struct shard *s = &c->shards[i];
  uint8_t *slots = (uint8_t *) c->memory + c->nr_shards * arena_bytes (c);
  uint8_t *chains = slots + c->nr_shards * slots_bytes (c);

  mutex_init (&s->lock);
  cond_init (&s->changed);
  s->arena = (uint8_t *) c->memory + i * arena_bytes (c);
  s->slots = (void *) (slots + i * slots_bytes (c));
  s->chains = (void *) (chains + i * chains_bytes (c));
}

static void
shard_destroy (struct shard *s)
{
  cond_destroy (&s->changed);
  mutex_destroy (&s->lock);
}

int
table_cache_new (struct io *io, uint64_t budget_bytes, uint32_t slice_bytes,
                 struct table_cache **ret, struct error *err)
{
  const uint64_t nr_slices = max_u64 (2, budget_bytes / slice_bytes);
  struct table_cache *c = calloc (1, sizeof *c);
  uint32_t i;

  if (!c)
    return error_set (err, ENOMEM, "no memory for the metadata cache");
  c->io = io;
  c->slice_bytes = slice_bytes;
  c->nr_shards = MAX_SHARDS;
  while (c->nr_shards > 1 && nr_slices / c->nr_shards < MIN_SLOTS_PER_SHARD)
    c->nr_shards /= 2;
  c->nr_slots = nr_slices / c->nr_shards;
  c->nr_chains = round_up_pow2 (c->nr_slots);
  c->memory = memory_new (memory_bytes (c));
  if (!c->memory) {
    free (c);
    return error_set (err, ENOMEM, "no memory for the metadata cache");
  }
  for (i = 0; i < c->nr_shards; ++i)
    shard_init (c, i);
  *ret = c;
  return 0;
}

void
table_cache_free (struct table_cache *c)
{
  uint32_t i;

  if (!c)
    return;
  for (i = 0; i < c->nr_shards; ++i)
    shard_destroy (&c->shards[i]);
  memory_free (c->memory, memory_bytes (c));
  free (c);
}
