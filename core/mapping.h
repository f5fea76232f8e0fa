/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From guest clusters to L2 entries: the L1 table (in memory) and the L2
 * tables (through the table cache).
 *
 * Reading takes no lock of this file: L1 entries are atomic, slices are
 * copied out of the cache.  Changing the entries of a guest cluster needs
 * that cluster's place in the range lock (range-lock.h), so nobody else
 * changes them meanwhile.  m->l1_lock guards the making of L2 tables.
 *
 * Every change is in the file when the function returns (promise K).
 *
 * Section: "Cluster mapping".
 */

#ifndef BATON_MAPPING_H
#define BATON_MAPPING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "allocator.h"
#include "error.h"
#include "metadata-map.h"
#include "mutex.h"
#include "poison.h"
#include "qcow2-entry.h"
#include "table-cache.h"

/* The most entries that are read or written at once: as many as are little on
 * a stack, for each request goes through there, and all of one slice where
 * clusters have 512 bytes. */
#define MAPPING_MAX_BATCH 64

struct mapping {
  struct io *io;                        /* these six are borrowed */
  const struct qcow2_header *header;
  struct table_cache *cache;
  struct metadata_map *metadata;
  struct poison *poison;
  struct allocator *allocator;          /* NULL: read-only */
  _Atomic uint64_t *l1;                 /* raw entries */
  struct mutex l1_lock;
};

/* Adjacent guest bytes of one kind. */
struct run {
  enum cluster_type type;
  bool copied;                  /* NORMAL: may be overwritten in place */
  uint64_t len;                 /* bytes, at least 1, at most what was asked */
  uint64_t host_offset;         /* NORMAL: of the first byte;
                                 * COMPRESSED: of the cluster's data */
  uint32_t compressed_bytes;    /* COMPRESSED; the run ends with its cluster */
};

/* Read the L1 table; add it and, where WITH_TABLES, every L2 table that it
 * names to the metadata map. */
int mapping_load (struct mapping *m, uint64_t file_size, bool with_tables,
                  struct error *err) NO_TSA;
void mapping_destroy (struct mapping *m) NO_TSA;

/* The run that starts at guest OFFSET, as far as one slice tells. */
int mapping_lookup (struct mapping *m, uint64_t offset, uint64_t len,
                    struct run *ret, struct error *err);

/* Decode the entry RAW of guest cluster CLUSTER, which the error names.  EIO
 * also where a data file's cluster is not at the guest's offset. */
int mapping_decode (const struct mapping *m, const struct raw_entry *raw,
                    uint64_t cluster, struct l2_entry *ret,
                    struct error *err);

/* How many of NR guest clusters from CLUSTER on have their entries in one
 * slice; */
uint64_t mapping_in_slice (const struct mapping *m, uint64_t cluster,
                           uint64_t nr);
/* and how many of these get and set take at a time. */
uint32_t mapping_batch (const struct mapping *m, uint64_t cluster,
                        uint64_t nr);

/* Raw entries, host byte order; 0 where there is no L2 table. */
int mapping_get (struct mapping *m, uint64_t cluster, uint32_t nr,
                 struct raw_entry *ret_raw, struct error *err);

/* Write raw entries; makes the L2 table, or a copy of a shared one, first.
 * Without enough space (ENOSPC) nothing has changed; a failed write of
 * metadata poisons. */
int mapping_set (struct mapping *m, uint64_t cluster, uint32_t nr,
                 const struct raw_entry *raw, struct error *err)
  EXCLUDES (m->l1_lock);

/* Whether the clusters' L2 table exists: cheap, for skipping. */
bool mapping_has_table (const struct mapping *m, uint64_t cluster);
/* First cluster after CLUSTER that another L2 table maps. */
uint64_t mapping_next_table (const struct mapping *m, uint64_t cluster);

#endif /* BATON_MAPPING_H */
