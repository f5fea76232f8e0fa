/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A bounded cache of metadata: slices of L2 tables and refcount blocks.
 *
 * Write-through: a write is in the file before the cached copy changes and
 * before table_cache_write returns.  So the cache holds nothing that the
 * file does not, any slice may be thrown away at any time, and order on the
 * disk is the order of calls: the cache has no dependencies to keep.
 *
 * A slice is SLICE_BYTES of the file at a multiple of SLICE_BYTES.  Requests
 * must lie inside one slice.  Thread-safe; of concurrent writers of
 * one slice one writes and the others wait, to be written together; readers
 * meanwhile see the old bytes.  A slice that is absent is
 * read by one thread, outside all locks; others that want it wait for it
 * alone.
 */

#ifndef BATON_TABLE_CACHE_H
#define BATON_TABLE_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "io.h"

struct table_cache;

struct table_cache_stats {
  uint64_t used_bytes;
  uint64_t budget_bytes;
  uint64_t hits;
  uint64_t misses;
  uint64_t writes;
};

/* IO is borrowed.  At least two slices are kept, whatever the budget. */
int table_cache_new (struct io *io, uint64_t budget_bytes,
                     uint32_t slice_bytes, struct table_cache **ret,
                     struct error *err);
void table_cache_free (struct table_cache *c);

uint32_t table_cache_slice_bytes (const struct table_cache *c);

/* Copy LEN bytes at file OFFSET. */
int table_cache_read (struct table_cache *c, void *buf, size_t len,
                      uint64_t offset, struct error *err);

/* Write LEN bytes at file OFFSET; FLAGS as io_pwrite.  After a failure the
 * file's content is unknown, that of other writers of this slice at this time
 * as well: all of them are told, and must poison the image. */
int table_cache_write (struct table_cache *c, const void *buf, size_t len,
                       uint64_t offset, unsigned flags, struct error *err);

/* Drop what is cached of [OFFSET, OFFSET + LEN), because the host clusters
 * there are no longer tables.  Nobody may be using them as tables. */
void table_cache_forget (struct table_cache *c, uint64_t offset, uint64_t len);

void table_cache_get_stats (struct table_cache *c,
                            struct table_cache_stats *ret);

#endif /* BATON_TABLE_CACHE_H */
