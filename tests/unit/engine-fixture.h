/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The smallest qcow2 image, built by hand on a simulated disk, and the parts
 * of the engine that the modules under test borrow.
 *
 *   cluster 0  header             cluster 2  the only refcount block
 *   cluster 1  refcount table     cluster 3  L1 table, empty
 *
 * Refcounts of these four are 1; the file ends after them.
 */

#ifndef BATON_TESTS_ENGINE_FIXTURE_H
#define BATON_TESTS_ENGINE_FIXTURE_H

#include <stdint.h>

#include "allocator.h"
#include "mapping.h"
#include "simdisk.h"

#define FIRST_FREE_CLUSTER 4u

struct engine_shape {
  uint32_t version;             /* 0: 3 */
  uint32_t cluster_bits;        /* 0: 9 */
  uint32_t refcount_order;      /* 0 with version 0: 4 unless NARROW */
  bool narrow;                  /* refcount_order 0 is meant */
  uint64_t virtual_size;        /* 0: 1 MiB */
  uint32_t nr_slots;            /* of the table cache; 0: 64 */
  uint64_t device_bytes;        /* 0: a file */
};

struct engine {
  struct simdisk *disk;
  struct io *io;
  struct qcow2_header header;
  struct poison poison;
  struct grace grace;
  struct table_cache *cache;
  struct metadata_map *metadata;
  struct allocator allocator;   /* with the refcounts */
  struct mapping mapping;
};

/* Build and load all of it; fails the test where that fails. */
void engine_new (struct engine *e, const struct engine_shape *shape) NO_TSA;
void engine_free (struct engine *e) NO_TSA;
/* Another engine on what E's disk holds, as after SIGKILL; E lives on. */
void engine_reopen (struct engine *e, struct engine *ret) NO_TSA;
/* The same after a power cut. */
void engine_crash (struct engine *e, uint64_t seed, struct engine *ret) NO_TSA;

/* In the file, past the cache: what struct refcounts should agree with. */
uint64_t engine_refcount_on_disk (struct engine *e, uint64_t cluster);
/* Whether all of a host cluster reads zeros. */
bool engine_cluster_is_zero (struct engine *e, uint64_t cluster);
void engine_fill_cluster (struct engine *e, uint64_t cluster, uint8_t byte);
/* One flush: what image-flush.c does around a sync. */
void engine_sync (struct engine *e);
/* `qemu-img check`: its exit status, -1 where it is not installed.  0 clean,
 * 2 errors, 3 leaks. */
int engine_qemu_check (struct simdisk *disk);

#endif /* BATON_TESTS_ENGINE_FIXTURE_H */
