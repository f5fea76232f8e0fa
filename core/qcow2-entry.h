/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Codecs of the 64-bit entries of L1, L2 and refcount tables, and of the
 * packed entries of refcount blocks.  Pure functions; no file, no lock.
 *
 * Sections: "Cluster mapping", "Extended L2 Entries" and "Host cluster
 * management".
 */

#ifndef BATON_QCOW2_ENTRY_H
#define BATON_QCOW2_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"
#include "qcow2-header.h"

enum cluster_type {
  CLUSTER_UNALLOCATED,          /* reads the backing file, or zeros */
  CLUSTER_ZERO_PLAIN,           /* reads zeros; no host cluster */
  CLUSTER_ZERO_ALLOCATED,       /* reads zeros whatever the host cluster holds */
  CLUSTER_NORMAL,
  CLUSTER_COMPRESSED,
};

struct l2_entry {
  enum cluster_type type;
  uint64_t host_offset;         /* NORMAL, ZERO_ALLOCATED: cluster-aligned;
                                 * COMPRESSED: byte offset; else 0 */
  uint32_t compressed_bytes;    /* COMPRESSED: bytes that may be read there */
  bool copied;                  /* NORMAL, ZERO_ALLOCATED: refcount is 1 */
};

/* One guest cluster's place in an L2 table, host byte order. */
struct raw_entry {
  uint64_t entry;
  uint64_t bitmap;              /* extended L2: of the subclusters; else 0 */
};

/* Decode a standard (8-byte) L2 entry of an image with header H.  Fails,
 * EIO, on: an offset that is not cluster-aligned or beyond 56 bits, the
 * zero flag in a version 2 image, host cluster 0 as data; with an external
 * data file, where cluster 0 is data as any other and each has one user,
 * on compressed ones.  Reserved bits are ignored, as QEMU does.  The text names the entry, not its place:
 * the caller prefixes that. */
int l2_entry_decode (const struct qcow2_header *h, uint64_t raw,
                     struct l2_entry *ret, struct error *err);

/* -- extended L2 (qcow2-entry-extended.c) ------------------------------- */

#define SUBCLUSTERS 32u         /* of each cluster */
#define SUBCLUSTERS_ALL UINT32_MAX

static inline bool
has_subclusters (const struct qcow2_header *h)
{
  return h->l2_entry_bytes == 16;
}

/* What has a type of its own: a subcluster, or without them a cluster.
 * log2 of its bytes. */
static inline uint32_t
subcluster_bits (const struct qcow2_header *h)
{
  return has_subclusters (h) ? h->cluster_bits - 5 : h->cluster_bits;
}

/* The words of a bitmap: bit N is subcluster N's. */
static inline uint32_t
bitmap_allocated (uint64_t bitmap)
{
  return (uint32_t) bitmap;
}

static inline uint32_t
bitmap_zero (uint64_t bitmap)
{
  return bitmap >> 32;
}

static inline uint64_t
bitmap_of (uint32_t allocated, uint32_t zero)
{
  return (uint64_t) zero << 32 | allocated;
}

/* Decode an entry of either kind, as H says.  Of an extended one: NORMAL
 * where there is a host cluster, else UNALLOCATED, or COMPRESSED; what a
 * subcluster is, subcluster_type tells.  Also fails, EIO, on a bitmap that
 * contradicts the entry or itself. */
int raw_entry_decode (const struct qcow2_header *h,
                      const struct raw_entry *raw, struct l2_entry *ret,
                      struct error *err);

/* Type of subcluster INDEX of the extended entry that decoded to E and has
 * BITMAP. */
enum cluster_type subcluster_type (const struct l2_entry *e, uint64_t bitmap,
                                   unsigned index);
/* How many subclusters from INDEX on, itself included, have its type. */
unsigned subcluster_run (uint64_t bitmap, unsigned index);

/* -- encoding, and the other tables -------------------------------------- */

/* A standard entry for a NORMAL cluster of refcount 1 at HOST_OFFSET. */
uint64_t l2_entry_normal (uint64_t host_offset);
/* An entry for LEN bytes of compressed data at HOST_OFFSET, a byte.  EFBIG
 * where the entry has too few bits for that offset. */
int l2_entry_compressed (const struct qcow2_header *h, uint64_t host_offset,
                         uint32_t len, uint64_t *ret, struct error *err);
/* "Reads zeros, no host cluster"; version 3 only. */
#define L2_ENTRY_ZERO_PLAIN QCOW2_ENTRY_ZERO
#define L2_ENTRY_UNALLOCATED UINT64_C (0)

/* Decode an L1 entry: the offset of its L2 table, 0 where there is none,
 * and whether the table's refcount is 1.  EIO where not aligned. */
int l1_entry_decode (const struct qcow2_header *h, uint64_t raw,
                     uint64_t *ret_offset, bool *ret_copied,
                     struct error *err);

/* Decode a refcount-table entry: the offset of its block, 0: none. */
int reftable_entry_decode (const struct qcow2_header *h, uint64_t raw,
                           uint64_t *ret_offset, struct error *err);

/* Entry INDEX of a refcount block whose bytes are BLOCK; widths below a
 * byte are packed least significant bits first, others are big-endian. */
uint64_t refcount_get (const void *block, uint32_t refcount_order,
                       uint64_t index);
void refcount_set (void *block, uint32_t refcount_order, uint64_t index,
                   uint64_t value);
/* Largest value of that width. */
uint64_t refcount_max (uint32_t refcount_order);

#endif /* BATON_QCOW2_ENTRY_H */
