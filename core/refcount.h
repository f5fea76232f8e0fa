/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Refcounts of host clusters: the refcount table (in memory) and its blocks
 * (through the table cache).  Reads, changes, searches and grows them; what
 * is handed out to whom is the allocator's business.
 *
 * Callers serialise all calls (the allocator's lock).  Clusters are host
 * cluster numbers.  A failure that leaves the file in doubt poisons.
 *
 * Order kept here (docs/DURABILITY.md, R3): a new refcount block describes
 * itself and is durable before its entry in the table; a grown table and
 * its blocks are durable before the header points to them; the old table is
 * given back after that.
 *
 * Section: "Host cluster management".
 */

#ifndef BATON_REFCOUNT_H
#define BATON_REFCOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"
#include "extent-list.h"
#include "io.h"
#include "metadata-map.h"
#include "poison.h"
#include "qcow2-header.h"
#include "table-cache.h"

struct refcounts {
  struct io *io;                        /* these five are borrowed */
  const struct qcow2_header *header;
  struct table_cache *cache;
  struct metadata_map *metadata;
  struct poison *poison;
  uint64_t *table;                      /* block offsets, 0: none */
  uint64_t nr_entries;
  uint64_t table_offset;
  uint64_t nr_table_clusters;
  uint64_t nr_leaked;                   /* of old tables, not counted down */
};

/* Read the table that the header names, add it and its blocks to the
 * metadata map.  EIO where an entry is malformed or out of the file. */
int refcounts_load (struct refcounts *rc, uint64_t file_size,
                    struct error *err);
void refcounts_free (struct refcounts *rc);

int refcounts_get (struct refcounts *rc, uint64_t cluster, uint64_t *ret,
                   struct error *err);

/* Add DELTA (1 or -1) to each cluster of E, whose blocks must exist.  FLAGS:
 * IO_DSYNC.  Never wraps: below 0 or over the width's maximum is EIO.  After
 * a failure nothing has changed, or the image is poisoned. */
int refcounts_add (struct refcounts *rc, struct extent e, int delta,
                   unsigned flags, struct error *err);

/* The first run of at most MAX clusters with refcount 0 in [FROM, END);
 * *RET has nr_clusters = 0 where there is none.  The run is either covered
 * by existing blocks (*RET_COVERED) or by none. */
int refcounts_find_free (struct refcounts *rc, uint64_t from, uint64_t end,
                         uint64_t max, struct extent *ret, bool *ret_covered,
                         struct error *err);

/* Make blocks (and a larger table if need be) for the uncovered range that
 * starts at FROM, with the refcounts of at most WANT clusters already 1 and
 * durable; *RET is that run.  All metadata made is placed from FROM on, and
 * all is below END: ENOSPC where that cannot be. */
int refcounts_extend (struct refcounts *rc, uint64_t from, uint64_t end,
                      uint64_t want, struct extent *ret, struct error *err);

/* One past the highest cluster with a refcount above 0. */
int refcounts_end (struct refcounts *rc, uint64_t *ret, struct error *err);

#endif /* BATON_REFCOUNT_H */
