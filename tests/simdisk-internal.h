/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the files simdisk*.c share; nothing else includes this.
 *
 *   simdisk-tree.c   sectors by number
 *   simdisk-state.c  contents, what is pending, syncs
 *   simdisk-crash.c  disks made from disks
 *   simdisk-file.c   disks from files, files from disks
 *   simdisk.c        struct io, the hook, locks
 *   simdisk-fault.c  which call is to fail
 *   simdisk-opener.c names to disks
 *
 * All functions here are called with d->lock held.
 */

#ifndef BATON_TESTS_SIMDISK_INTERNAL_H
#define BATON_TESTS_SIMDISK_INTERNAL_H

#define uthash_malloc(bytes) simdisk_realloc (NULL, 1, bytes)
#include <uthash.h>

#include "simdisk-tree.h"
#include "simdisk.h"

#define SIMDISK_NR_KINDS 7

struct version {
  uint64_t op;                  /* ascending in a chain */
  struct sector *data;          /* one reference */
};

/* A sector whose newest content is not durable.  The newest content is in
 * the tree.  No versions: it was lost by a sync that failed. */
struct pending {
  uint64_t number;
  struct sector *durable;       /* one reference */
  struct version *versions;
  size_t nr, max;
  UT_hash_handle hh;            /* keeps the order of insertion */
};

/* After write OP the file is at least END long. */
struct length {
  uint64_t op;
  uint64_t end;
};

struct fault {
  unsigned kinds;
  uint64_t nth;                 /* calls until it strikes; 0: none */
  int errnum;
  bool forever;
  bool torn;
  uint64_t seed;
  bool struck;
};

struct simdisk {
  /* Never changed. */
  uint32_t sector_bytes;
  bool device;
  uint8_t stale;
  struct sector *zeros;         /* of a device; NULL: files read none as 0 */
  /* Changed while no I/O runs. */
  simdisk_hook *hook;
  void *opaque;

  struct mutex lock;            /* guards the rest */
  struct tree newest;
  struct pending *pending;      /* uthash by number */
  uint64_t size, durable_size;
  /* Ends beyond durable_size, by op. */
  struct length *lengths;
  size_t nr_lengths, max_lengths;
  uint64_t last_op;
  unsigned nr_syncing;
  bool lost;                    /* a sync has failed */

  struct fault fault, kept;
  uint64_t nr_calls[SIMDISK_NR_KINDS];
  unsigned nr_ios;
  struct io *writer;
  unsigned nr_readers;
};

/* Memory or abort. */
void *simdisk_realloc (void *p, size_t nr, size_t size_bytes);
struct simdisk *simdisk_alloc (uint32_t sector_bytes);

/* NUMBER's newest content and durable content, borrowed. */
void state_read (const struct simdisk *d, void *buf, size_t len,
                 uint64_t offset) REQUIRES (d->lock);
/* Write, as one op, whose number is the result.  SKIP: a seed by which about
 * half of the sectors are left out; 0: none. */
uint64_t state_write (struct simdisk *d, const struct iovec *iov, int nr_iov,
                      uint64_t offset, uint64_t skip) REQUIRES (d->lock);
/* See io_hole: what was never written to a file, or zeroed. */
bool state_hole (const struct simdisk *d, uint64_t offset, uint64_t len,
                 uint64_t *ret_len) REQUIRES (d->lock);
/* The range ends at the disk's end or before. */
void state_zero (struct simdisk *d, uint64_t offset, uint64_t len)
  REQUIRES (d->lock);
/* A sync that was issued after OP has succeeded, failed. */
void state_sync (struct simdisk *d, uint64_t op) REQUIRES (d->lock);
void state_sync_failed (struct simdisk *d, uint64_t op) REQUIRES (d->lock);
/* Write OP, which was to [OFFSET, OFFSET + LEN), has become durable. */
void state_write_durable (struct simdisk *d, uint64_t op, uint64_t offset,
                          uint64_t len) REQUIRES (d->lock);
void pending_free_all (struct simdisk *d);
/* Count a call of KIND (one bit); the fault that it fails by, or NULL. */
const struct fault *fault_locked (struct simdisk *d, unsigned kind)
  REQUIRES (d->lock);

#endif /* BATON_TESTS_SIMDISK_INTERNAL_H */
