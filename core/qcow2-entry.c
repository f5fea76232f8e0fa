/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Codecs of table entries.
 *
 * An entry is 64 bits that anybody may have written.  What comes out of a
 * decoder is an offset that fits in 56 bits and is aligned as its kind
 * demands, so that callers may add a cluster to it without a check.
 *
 * Refcount blocks are accessed in place: BLOCK has a whole cluster and the
 * caller keeps INDEX below 1 << refblock_bits.
 *
 * Pure; no lock.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>

#include "checked.h"
#include "cursor.h"
#include "qcow2-entry.h"
#include "qcow2-format.h"

static int
check_offset (const struct qcow2_header *h, const char *what, uint64_t raw,
              uint64_t offset, struct error *err)
{
  if (!is_aligned (offset, h->cluster_size))
    return error_set (err, EIO,
                      "%s entry 0x%016" PRIx64 ": offset 0x%" PRIx64
                      " is not a multiple of the cluster size (%" PRIu64 ")",
                      what, raw, offset, h->cluster_size);
  /* Rule 19: host offsets have 56 bits. */
  if (offset > QCOW2_MAX_HOST_OFFSET)
    return error_set (err, EIO,
                      "%s entry 0x%016" PRIx64 ": offset 0x%" PRIx64
                      " is beyond 2^56", what, raw, offset);
  return 0;
}

/* Rules 32, 33.  "x = 62 - (cluster_bits - 8); bits 0 to x-1: host cluster
 * offset ... not necessarily aligned to a cluster or sector boundary; bits
 * x to 61: number of additional 512-byte sectors".  The count has
 * cluster_bits - 8 bits, which bounds compressed_bytes to two clusters. */
static int
decode_compressed (const struct qcow2_header *h, uint64_t raw,
                   struct l2_entry *ret, struct error *err)
{
  uint32_t x = 62 - (h->cluster_bits - 8);
  uint64_t offset = raw & ((UINT64_C (1) << x) - 1);
  uint64_t nr_sectors = ((raw & ~(UINT64_C (3) << 62)) >> x) + 1;

  /* Rule 37. */
  if (qcow2_has_data_file (h))
    return error_set (err, EIO,
                      "L2 entry 0x%016" PRIx64 ": a compressed cluster in an "
                      "image with an external data file", raw);
  if (offset > QCOW2_MAX_HOST_OFFSET)
    return error_set (err, EIO,
                      "L2 entry 0x%016" PRIx64 ": compressed data at 0x%"
                      PRIx64 " is beyond 2^56", raw, offset);
  /* Rule 24: cluster 0 holds the header. */
  if (offset < h->cluster_size)
    return error_set (err, EIO,
                      "L2 entry 0x%016" PRIx64 ": compressed data at 0x%"
                      PRIx64 " lies in cluster 0, where the header is",
                      raw, offset);
  /* Rule 20: COPIED means nothing on a compressed cluster. */
  *ret = (struct l2_entry) {
    .type = CLUSTER_COMPRESSED,
    .host_offset = offset,
    .compressed_bytes = (uint32_t) (nr_sectors * 512 - offset % 512),
  };
  return 0;
}

/* Bit 0: "If set to 1, the cluster reads as all zeros. The host cluster
 * offset can be used to describe a preallocation". */
static int
decode_zero (const struct qcow2_header *h, uint64_t raw, uint64_t offset,
             struct l2_entry *ret, struct error *err)
{
  /* Rule 22: "This bit is reserved in version 2". */
  if (h->version < 3)
    return error_set (err, EIO,
                      "L2 entry 0x%016" PRIx64 ": zero flag in a version 2 "
                      "image", raw);
  *ret = (struct l2_entry) {
    .type = offset == 0 ? CLUSTER_ZERO_PLAIN : CLUSTER_ZERO_ALLOCATED,
    .host_offset = offset,
    .copied = offset != 0 && (raw & QCOW2_ENTRY_COPIED),
  };
  return 0;
}

/* Rule 38: "The offset may only be 0 with bit 63 set (indicating a host
 * cluster offset of 0) when an external data file is used."  Its clusters
 * have no refcounts and nobody to share them with. */
static int
decode_in_data_file (uint64_t offset, bool copied, struct l2_entry *ret)
{
  const bool allocated = offset != 0 || copied;

  *ret = (struct l2_entry) {
    .type = allocated ? CLUSTER_NORMAL : CLUSTER_UNALLOCATED,
    .host_offset = offset,
    .copied = allocated,
  };
  return 0;
}

int
l2_entry_decode (const struct qcow2_header *h, uint64_t raw,
                 struct l2_entry *ret, struct error *err)
{
  const uint64_t offset = raw & QCOW2_ENTRY_OFFSET_MASK;
  const bool copied = raw & QCOW2_ENTRY_COPIED;

  /* Rule 21: compressed is tested first; there bit 0 is part of the
   * offset. */
  if (raw & QCOW2_ENTRY_COMPRESSED)
    return decode_compressed (h, raw, ret, err);
  if (check_offset (h, "L2", raw, offset, err) == -1)
    return -1;
  if (raw & QCOW2_ENTRY_ZERO)
    return decode_zero (h, raw, offset, ret, err);
  if (qcow2_has_data_file (h))
    return decode_in_data_file (offset, copied, ret);
  /* Rule 24: only there may it be 0. */
  if (offset == 0 && copied)
    return error_set (err, EIO,
                      "L2 entry 0x%016" PRIx64 ": host cluster 0, where the "
                      "header is, as data", raw);
  *ret = (struct l2_entry) {
    .type = offset == 0 ? CLUSTER_UNALLOCATED : CLUSTER_NORMAL,
    .host_offset = offset,
    .copied = copied,
  };
  return 0;
}

uint64_t
l2_entry_normal (uint64_t host_offset)
{
  return host_offset | QCOW2_ENTRY_COPIED;
}

/* Rules 20, 32, 33: the reverse of decode_compressed; COPIED is never set. */
int
l2_entry_compressed (const struct qcow2_header *h, uint64_t host_offset,
                     uint32_t len, uint64_t *ret, struct error *err)
{
  const uint32_t x = 62 - (h->cluster_bits - 8);
  const uint64_t nr_more = (host_offset + len - 1) / 512 - host_offset / 512;
  const uint64_t max = min_u64 (UINT64_C (1) << x, QCOW2_MAX_HOST_OFFSET);

  if (host_offset + len > max)
    return error_set (err, EFBIG, "compressed data cannot be at host offset "
                      "%" PRIu64 ": the format ends at %" PRIu64
                      ": start the server with compress=off", host_offset,
                      max);
  *ret = QCOW2_ENTRY_COMPRESSED | nr_more << x | host_offset;
  return 0;
}

int
l1_entry_decode (const struct qcow2_header *h, uint64_t raw,
                 uint64_t *ret_offset, bool *ret_copied, struct error *err)
{
  const uint64_t offset = raw & QCOW2_ENTRY_OFFSET_MASK;

  if (check_offset (h, "L1", raw, offset, err) == -1)
    return -1;
  *ret_offset = offset;
  *ret_copied = offset != 0 && (raw & QCOW2_ENTRY_COPIED);
  return 0;
}

/* Rule 18: the offset has bits 9 to 63, not 9 to 55 as elsewhere. */
int
reftable_entry_decode (const struct qcow2_header *h, uint64_t raw,
                       uint64_t *ret_offset, struct error *err)
{
  const uint64_t offset = raw & QCOW2_REFTABLE_OFFSET_MASK;

  if (check_offset (h, "refcount table", raw, offset, err) == -1)
    return -1;
  *ret_offset = offset;
  return 0;
}

/* Rule 6: "If refcount_bits implies a sub-byte width, note that bit 0 means
 * the least significant bit in this context." */
static uint64_t
get_packed (const uint8_t *bytes, uint32_t order, uint64_t index)
{
  const uint64_t bit = index << order;

  return (bytes[bit / 8] >> bit % 8) & refcount_max (order);
}

static void
set_packed (uint8_t *bytes, uint32_t order, uint64_t index, uint64_t value)
{
  const uint64_t bit = index << order;
  const uint8_t mask = (uint8_t) (refcount_max (order) << bit % 8);

  bytes[bit / 8] = (uint8_t) ((bytes[bit / 8] & ~mask) |
                              ((value << bit % 8) & mask));
}

uint64_t
refcount_get (const void *block, uint32_t refcount_order, uint64_t index)
{
  const uint8_t *bytes = block;

  switch (refcount_order) {
  case 3: return bytes[index];
  case 4: return load_be16 (bytes + index * 2);
  case 5: return load_be32 (bytes + index * 4);
  case 6: return load_be64 (bytes + index * 8);
  default: return get_packed (bytes, refcount_order, index);
  }
}

void
refcount_set (void *block, uint32_t refcount_order, uint64_t index,
              uint64_t value)
{
  uint8_t *bytes = block;

  switch (refcount_order) {
  case 3: bytes[index] = (uint8_t) value; break;
  case 4: store_be16 (bytes + index * 2, (uint16_t) value); break;
  case 5: store_be32 (bytes + index * 4, (uint32_t) value); break;
  case 6: store_be64 (bytes + index * 8, value); break;
  default: set_packed (bytes, refcount_order, index, value); break;
  }
}

uint64_t
refcount_max (uint32_t refcount_order)
{
  const uint32_t width = UINT32_C (1) << refcount_order;

  return UINT64_MAX >> (64 - width);
}
