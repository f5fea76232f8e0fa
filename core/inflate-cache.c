/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Inflate cache: a few buffers, the oldest replaced, and a few inflaters that
 * nobody uses now.  c->lock guards all; it is held while bytes are copied
 * out, not while a cluster is read or inflated.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "checked.h"
#include "cleanup.h"
#include "compressed.h"
#include "inflate-cache.h"
#include "mutex.h"

#define BUDGET_BYTES (UINT64_C (4) << 20)
#define MIN_ENTRIES 2
#define MAX_ENTRIES 64
#define MAX_IDLE 4

struct entry {
  uint64_t host_offset;         /* 0: empty (the header is there) */
  uint64_t used;                /* clock of the last use */
  uint8_t *bytes;
};

struct inflate_cache {
  struct io *io;
  const struct qcow2_header *header;
  struct mutex lock;
  uint64_t clock GUARDED_BY (lock);
  unsigned nr_entries;
  struct entry entries[MAX_ENTRIES] GUARDED_BY (lock);
  struct inflater *idle[MAX_IDLE] GUARDED_BY (lock);
  unsigned nr_idle GUARDED_BY (lock);
};

static struct entry *
find_locked (struct inflate_cache *c, uint64_t host_offset)
  REQUIRES (c->lock)
{
  unsigned i;

  for (i = 0; i < c->nr_entries; ++i)
    if (c->entries[i].host_offset == host_offset)
      return &c->entries[i];
  return NULL;
}

static struct entry *
oldest_locked (struct inflate_cache *c)
  REQUIRES (c->lock)
{
  struct entry *e = &c->entries[0];
  unsigned i;

  for (i = 1; i < c->nr_entries; ++i)
    if (c->entries[i].used < e->used)
      e = &c->entries[i];
  return e;
}

/* Put *BYTES in; the buffer that it replaces comes back in its place. */
static void
insert_locked (struct inflate_cache *c, uint64_t host_offset, uint8_t **bytes)
  REQUIRES (c->lock)
{
  struct entry *e = find_locked (c, host_offset);
  uint8_t *old;

  if (!e)
    e = oldest_locked (c);
  old = e->bytes;
  *e = (struct entry) { host_offset, ++c->clock, *bytes };
  *bytes = old;
}

static bool
copy_hit (struct inflate_cache *c, uint64_t host_offset, void *buf, size_t len,
          size_t skip)
{
  struct entry *e;

  mutex_lock (&c->lock);
  e = find_locked (c, host_offset);
  if (e) {
    e->used = ++c->clock;
    memcpy (buf, e->bytes + skip, len);
  }
  mutex_unlock (&c->lock);
  return e != NULL;
}

static int
get_inflater (struct inflate_cache *c, struct inflater **ret,
              struct error *err)
{
  struct inflater *d;

  mutex_lock (&c->lock);
  d = c->nr_idle > 0 ? c->idle[--c->nr_idle] : NULL;
  mutex_unlock (&c->lock);
  *ret = d;
  return d ? 0 : inflater_new (c->header->compression_type, ret, err);
}

static void
put_inflater (struct inflate_cache *c, struct inflater *d)
{
  mutex_lock (&c->lock);
  if (c->nr_idle < MAX_IDLE) {
    c->idle[c->nr_idle++] = d;
    d = NULL;
  }
  mutex_unlock (&c->lock);
  inflater_free (d);
}

static int
inflate (struct inflate_cache *c, uint64_t host_offset,
         uint32_t compressed_bytes, uint8_t *out, struct error *err)
{
  CLEANUP_FREE void *in = malloc (compressed_bytes);
  struct inflater *d;
  int r;

  if (!in)
    return error_set (err, ENOMEM, "no memory for a compressed cluster");
  /* "The last sector need not be complete": beyond the end is zeros. */
  if (io_pread (c->io, in, compressed_bytes, host_offset, err) == -1)
    return -1;
  if (get_inflater (c, &d, err) == -1)
    return -1;
  r = inflater_run (d, in, compressed_bytes, out, c->header->cluster_size,
                    err);
  put_inflater (c, d);
  if (r == -1)
    return error_prefix (err, "compressed cluster at host offset %" PRIu64,
                         host_offset);
  return 0;
}

int
inflate_cache_read (struct inflate_cache *c, uint64_t host_offset,
                    uint32_t compressed_bytes, void *buf, size_t len,
                    size_t skip, struct error *err)
{
  CLEANUP_FREE uint8_t *bytes = NULL;

  if (host_offset < c->header->cluster_size)
    return error_set (err, EIO, "compressed data at host offset %" PRIu64
                      " would be in the header: the image is damaged",
                      host_offset);
  if (copy_hit (c, host_offset, buf, len, skip))
    return 0;
  bytes = malloc (c->header->cluster_size);
  if (!bytes)
    return error_set (err, ENOMEM, "no memory for an inflated cluster");
  if (inflate (c, host_offset, compressed_bytes, bytes, err) == -1)
    return -1;
  memcpy (buf, bytes + skip, len);
  mutex_lock (&c->lock);
  insert_locked (c, host_offset, &bytes);
  mutex_unlock (&c->lock);
  return 0;
}

void
inflate_cache_forget (struct inflate_cache *c, uint64_t offset, uint64_t len)
{
  unsigned i;

  mutex_lock (&c->lock);
  for (i = 0; i < c->nr_entries; ++i) {
    struct entry *e = &c->entries[i];

    /* The oldest there is, and its buffer is used again. */
    if (e->host_offset >= offset && e->host_offset - offset < len)
      *e = (struct entry) { 0, 0, e->bytes };
  }
  mutex_unlock (&c->lock);
}

int
inflate_cache_new (struct io *io, const struct qcow2_header *header,
                   struct inflate_cache **ret, struct error *err)
{
  struct inflate_cache *c = calloc (1, sizeof *c);
  const uint64_t fit = BUDGET_BYTES / header->cluster_size;

  if (!c)
    return error_set (err, ENOMEM, "no memory for an image");
  c->io = io;
  c->header = header;
  c->nr_entries = max_u64 (MIN_ENTRIES, min_u64 (MAX_ENTRIES, fit));
  mutex_init (&c->lock);
  *ret = c;
  return 0;
}

void
inflate_cache_free (struct inflate_cache *c) NO_TSA
{
  unsigned i;

  if (!c)
    return;
  for (i = 0; i < c->nr_entries; ++i)
    free (c->entries[i].bytes);
  for (i = 0; i < c->nr_idle; ++i)
    inflater_free (c->idle[i]);
  mutex_destroy (&c->lock);
  free (c);
}
