/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The table cache inside: shared by table-cache.c, which says what is true of
 * a slot in each state, and table-cache-write.c.
 */

#ifndef BATON_TABLE_CACHE_INTERNAL_H
#define BATON_TABLE_CACHE_INTERNAL_H

#include <stdbool.h>

#include "mutex.h"
#include "table-cache.h"

#define MAX_SHARDS 64

/* One that writes, or waits to.  Its caller's, on whose stack it stays until
 * it is `done`; the shard's lock guards it. */
struct slot_write {
  const void *buf;
  size_t len, at;               /* AT: in the slice */
  unsigned flags;
  bool done;
  int r;
  struct error *err;            /* may be NULL */
  struct slot_write *next;
};

enum slot_state { SLOT_EMPTY, SLOT_LOADING, SLOT_READY, SLOT_WRITING };

struct slot {
  uint64_t slice;               /* slice number: file offset / slice_bytes */
  bool used;                    /* its bytes have been touched */
  uint32_t next;                /* in the hash chain, or NO_SLOT */
  enum slot_state state;
  bool referenced;              /* since the clock hand last passed */
  struct slot_write *waiting;   /* in the order in which they came */
};

struct shard {
  struct mutex lock;
  struct cond changed;          /* a slot left LOADING or WRITING */
  struct slot *slots GUARDED_BY (lock);
  uint8_t *arena GUARDED_BY (lock);     /* all slots' bytes */
  uint32_t *chains GUARDED_BY (lock);
  uint32_t hand GUARDED_BY (lock);
  uint64_t hits GUARDED_BY (lock);
  uint64_t misses GUARDED_BY (lock);
  uint64_t writes GUARDED_BY (lock);
  uint64_t used_slots GUARDED_BY (lock);
};

struct table_cache {
  struct io *io;
  uint32_t slice_bytes;
  uint32_t nr_shards;           /* a power of two */
  uint32_t nr_slots;            /* per shard */
  uint32_t nr_chains;           /* per shard, a power of two */
  void *memory;                 /* of all shards: arenas, slots, chains */
  struct shard shards[MAX_SHARDS];
};

struct shard *table_cache_shard (struct table_cache *c, uint64_t slice);
uint8_t *table_cache_bytes (struct table_cache *c, struct shard *s,
                            const struct slot *slot) REQUIRES (s->lock);
/* Find or load SLICE.  The slot is READY or WRITING. */
int table_cache_get (struct table_cache *c, struct shard *s, uint64_t slice,
                     struct slot **ret, struct error *err) REQUIRES (s->lock);

#endif /* BATON_TABLE_CACHE_INTERNAL_H */
