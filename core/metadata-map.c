/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Metadata map: an open-addressing hash set in shards, each with a lock that
 * guards all of the shard.  Deletion shifts later entries back, so there are
 * no tombstones and a probe stays short.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "checked.h"
#include "metadata-map.h"
#include "mutex.h"

#define NR_SHARDS 16
#define EMPTY UINT64_MAX
#define FIRST_SIZE 64u
#define MAX_RESERVED (UINT64_C (64) << 10)

struct shard {
  struct mutex lock;
  uint64_t *keys GUARDED_BY (lock);
  uint64_t size GUARDED_BY (lock);      /* a power of two */
  uint64_t used GUARDED_BY (lock);
};

struct metadata_map {
  struct shard shards[NR_SHARDS];
};

static uint64_t
mix (uint64_t n)
{
  n *= UINT64_C (0x9e3779b97f4a7c15);
  return n ^ (n >> 32);
}

static struct shard *
shard_of (struct metadata_map *m, uint64_t key)
{
  return &m->shards[(mix (key) >> 40) % NR_SHARDS];
}

/* Where KEY is, or the empty place where it would go. */
static uint64_t
probe (const uint64_t *keys, uint64_t size, uint64_t key)
{
  uint64_t i = mix (key) & (size - 1);

  while (keys[i] != EMPTY && keys[i] != key)
    i = (i + 1) & (size - 1);
  return i;
}

static uint64_t *
new_keys (uint64_t size)
{
  uint64_t *keys = malloc (size * sizeof *keys);
  uint64_t i;

  for (i = 0; keys && i < size; ++i)
    keys[i] = EMPTY;
  return keys;
}

static int
resize_locked (struct shard *s, uint64_t size, struct error *err)
  REQUIRES (s->lock)
{
  uint64_t *keys = new_keys (size);
  uint64_t i;

  if (!keys)
    return error_set (err, ENOMEM, "no memory for the map of metadata");
  for (i = 0; i < s->size; ++i)
    if (s->keys[i] != EMPTY)
      keys[probe (keys, size, s->keys[i])] = s->keys[i];
  free (s->keys);
  s->keys = keys;
  s->size = size;
  return 0;
}

/* 1 where it was there already. */
static int
add_locked (struct shard *s, uint64_t key, struct error *err)
  REQUIRES (s->lock)
{
  uint64_t i;

  if (s->used >= s->size / 4 * 3 &&
      resize_locked (s, s->size * 2, err) == -1)
    return -1;
  i = probe (s->keys, s->size, key);
  if (s->keys[i] == key)
    return 1;
  s->used++;
  s->keys[i] = key;
  return 0;
}

static int
add (struct metadata_map *m, uint64_t key, struct error *err)
{
  struct shard *s = shard_of (m, key);
  int r;

  mutex_lock (&s->lock);
  r = add_locked (s, key, err);
  mutex_unlock (&s->lock);
  return r;
}

static void
remove_locked (struct shard *s, uint64_t key)
  REQUIRES (s->lock)
{
  const uint64_t mask = s->size - 1;
  uint64_t hole = probe (s->keys, s->size, key);
  uint64_t i;

  if (s->keys[hole] == EMPTY)
    return;
  s->used--;
  for (i = (hole + 1) & mask; s->keys[i] != EMPTY; i = (i + 1) & mask) {
    const uint64_t home = mix (s->keys[i]) & mask;

    /* May the key at I move back to HOLE without passing its home? */
    if (((i - home) & mask) >= ((i - hole) & mask)) {
      s->keys[hole] = s->keys[i];
      hole = i;
    }
  }
  s->keys[hole] = EMPTY;
}

int
metadata_map_reserve (struct metadata_map *m, uint64_t nr, struct error *err)
{
  const uint64_t each = min_u64 (nr, MAX_RESERVED) / NR_SHARDS;
  const uint64_t wanted = each + each / 8; /* they are not filled alike */
  uint64_t size = FIRST_SIZE;
  unsigned i;
  int r = 0;

  while (size / 4 * 3 < wanted)
    size *= 2;
  for (i = 0; r == 0 && i < NR_SHARDS; ++i) {
    struct shard *s = &m->shards[i];

    mutex_lock (&s->lock);
    if (size > s->size)
      r = resize_locked (s, size, err);
    mutex_unlock (&s->lock);
  }
  return r;
}

int
metadata_map_add (struct metadata_map *m, uint64_t first_cluster,
                  uint64_t nr_clusters, struct error *err)
{
  uint64_t key;

  for (key = first_cluster; key < first_cluster + nr_clusters; ++key)
    if (add (m, key, err) == -1)
      return -1;
  return 0;
}

int
metadata_map_claim (struct metadata_map *m, uint64_t first_cluster,
                    uint64_t nr_clusters, const char *what,
                    struct error *err)
{
  uint64_t c;
  int r;

  for (c = first_cluster; c < first_cluster + nr_clusters; ++c) {
    r = add (m, c, err);
    if (r == 0)
      continue;
    metadata_map_remove (m, first_cluster, c - first_cluster);
    if (r == 1)
      error_set (err, EIO, "%s at host cluster %" PRIu64 " overlaps "
                 "with other tables of the image: it is damaged, "
                 "check it with qemu-img check", what, c);
    return -1;
  }
  return 0;
}

void
metadata_map_remove (struct metadata_map *m, uint64_t first_cluster,
                     uint64_t nr_clusters)
{
  uint64_t key;

  for (key = first_cluster; key < first_cluster + nr_clusters; ++key) {
    struct shard *s = shard_of (m, key);

    mutex_lock (&s->lock);
    remove_locked (s, key);
    mutex_unlock (&s->lock);
  }
}

bool
metadata_map_touches (struct metadata_map *m, uint64_t first_cluster,
                      uint64_t nr_clusters)
{
  bool found = false;
  uint64_t key;

  for (key = first_cluster; !found && key < first_cluster + nr_clusters;
       ++key) {
    struct shard *s = shard_of (m, key);

    mutex_lock (&s->lock);
    found = s->keys[probe (s->keys, s->size, key)] == key;
    mutex_unlock (&s->lock);
  }
  return found;
}

static int
shard_init (struct shard *s) NO_TSA
{
  mutex_init (&s->lock);
  s->size = FIRST_SIZE;
  s->keys = new_keys (s->size);
  return s->keys ? 0 : -1;
}

int
metadata_map_new (struct metadata_map **ret, struct error *err)
{
  struct metadata_map *m = calloc (1, sizeof *m);
  unsigned i;
  int r = 0;

  if (!m)
    return error_set (err, ENOMEM, "no memory for the map of metadata");
  for (i = 0; i < NR_SHARDS; ++i)
    r |= shard_init (&m->shards[i]);
  if (r != 0) {
    metadata_map_free (m);
    return error_set (err, ENOMEM, "no memory for the map of metadata");
  }
  *ret = m;
  return 0;
}

void
metadata_map_free (struct metadata_map *m) NO_TSA
{
  unsigned i;

  if (!m)
    return;
  for (i = 0; i < NR_SHARDS; ++i) {
    free (m->shards[i].keys);
    mutex_destroy (&m->shards[i].lock);
  }
  free (m);
}
