/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Codec of extended L2 entries: an entry as of old, and two bits for each of
 * the cluster's 32 subclusters.
 *
 *   allocated  zero
 *       0        0   reads the backing file, or zeros
 *       1        0   in the host cluster
 *       0        1   reads zeros, whatever a host cluster may hold
 *       1        1   invalid
 *
 * Pure; no lock.  Section: "Extended L2 Entries".
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>

#include "qcow2-entry.h"

static int
invalid (const struct raw_entry *raw, const char *why, struct error *err)
{
  return error_set (err, EIO, "L2 entry 0x%016" PRIx64 " with bitmap 0x%016"
                    PRIx64 ": %s", raw->entry, raw->bitmap, why);
}

/* Rule 30. */
static int
check_bitmap (const struct raw_entry *raw, const struct l2_entry *e,
              struct error *err)
{
  const uint32_t allocated = bitmap_allocated (raw->bitmap);

  /* "The bitmap is unused: it should be all zeros" for compressed ones. */
  if (e->type == CLUSTER_COMPRESSED && raw->bitmap != 0)
    return invalid (raw, "a compressed cluster has no subclusters", err);
  if (e->type == CLUSTER_UNALLOCATED && allocated != 0)
    return invalid (raw, "subclusters are allocated but the cluster is not",
                    err);
  /* "Reads as zeros: in this case the allocation status bit must be unset." */
  if (allocated & bitmap_zero (raw->bitmap))
    return invalid (raw, "a subcluster is allocated and reads zeros", err);
  return 0;
}

int
raw_entry_decode (const struct qcow2_header *h, const struct raw_entry *raw,
                  struct l2_entry *ret, struct error *err)
{
  uint64_t word = raw->entry;
  struct l2_entry e;

  if (!has_subclusters (h))
    return l2_entry_decode (h, word, ret, err);
  /* Rule 30: bit 0 is not a zero flag here.  It is reserved, and ignored as
   * other reserved bits are. */
  if (!(word & QCOW2_ENTRY_COMPRESSED))
    word &= ~QCOW2_ENTRY_ZERO;
  if (l2_entry_decode (h, word, &e, err) == -1 ||
      check_bitmap (raw, &e, err) == -1)
    return -1;
  *ret = e;
  return 0;
}

enum cluster_type
subcluster_type (const struct l2_entry *e, uint64_t bitmap, unsigned index)
{
  if (e->type == CLUSTER_COMPRESSED)
    return CLUSTER_COMPRESSED;
  if (bitmap_zero (bitmap) >> index & 1)
    return e->type == CLUSTER_NORMAL ? CLUSTER_ZERO_ALLOCATED
      : CLUSTER_ZERO_PLAIN;
  return bitmap_allocated (bitmap) >> index & 1 ? CLUSTER_NORMAL
    : CLUSTER_UNALLOCATED;
}

/* WORD's bits that differ from its bit INDEX. */
static uint32_t
differing (uint32_t word, unsigned index)
{
  return word >> index & 1 ? ~word : word;
}

unsigned
subcluster_run (uint64_t bitmap, unsigned index)
{
  const uint32_t others = (differing (bitmap_allocated (bitmap), index) |
                           differing (bitmap_zero (bitmap), index)) >> index;

  return others ? (unsigned) __builtin_ctz (others) : SUBCLUSTERS - index;
}
