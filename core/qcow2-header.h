/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The qcow2 header, parsed once at the border into host byte order.
 *
 * Pure: bytes in, struct out; reads no file.  Guarantees of a header that
 * qcow2_header_parse accepted (so the rest of core/ need not check again):
 *
 *   - 9 <= cluster_bits <= 21, refcount_order <= 6;
 *   - version is 2 or 3; for version 2 the feature words are 0,
 *     refcount_order 4 and header_length 72, whatever the file holds;
 *   - virtual_size is a multiple of 512 (rounded down, as QEMU does);
 *   - the L1 table has enough entries for virtual_size, at most
 *     QCOW2_MAX_L1_BYTES; the refcount table has at least one cluster and
 *     at most QCOW2_MAX_REFTABLE_BYTES; both are cluster-aligned and end
 *     below INT64_MAX, and neither starts at 0 (L1 only if it has entries);
 *   - compression_type is known and agrees with incompatible bit 3;
 *   - crypt_method is known; with LUKS, and only then, crypto_offset is not 0,
 *     cluster-aligned, and the area of at most QCOW2_MAX_CRYPTO_BYTES ends
 *     below INT64_MAX;
 *   - no incompatible bit outside `QCOW2_INCOMPAT_*` is set;
 *   - backing_name, backing_format, data_file_name are NUL-terminated, ""
 *     where absent;
 *   - with an external data file there are no snapshots, and no backing file
 *     where that file is to be read as a raw disk.
 *
 * What is well-formed but not served is the image layer's to refuse
 * (qcow2_header_unsupported).  Section: "Header", "Header extensions".
 */

#ifndef BATON_QCOW2_HEADER_H
#define BATON_QCOW2_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "qcow2-format.h"

struct qcow2_header {
  uint32_t version;
  uint32_t cluster_bits;
  uint64_t cluster_size;                /* 1 << cluster_bits, bytes */
  uint64_t virtual_size;                /* bytes, multiple of 512 */
  uint32_t crypt_method;
  uint32_t nr_l1_entries;
  uint64_t l1_table_offset;
  uint64_t reftable_offset;
  uint32_t nr_reftable_clusters;
  uint32_t nr_snapshots;
  uint64_t snapshots_offset;
  uint64_t incompatible_features;
  uint64_t compatible_features;
  uint64_t autoclear_features;
  uint32_t refcount_order;              /* width = 1 << order, bits */
  uint32_t header_length;               /* bytes */
  uint8_t compression_type;             /* QCOW2_COMPRESSION_* */
  bool has_bitmaps_extension;
  uint64_t crypto_offset;               /* of the LUKS header; 0: none */
  uint64_t crypto_bytes;                /* how long its area is */
  uint64_t backing_name_offset;         /* 0: no backing file */
  char backing_name[QCOW2_MAX_BACKING_NAME_BYTES + 1];
  char backing_format[64];              /* "" : not named */
  char data_file_name[QCOW2_MAX_DATA_FILE_NAME_BYTES + 1]; /* "" : not named */

  /* Derived. */
  uint32_t l2_entry_bytes;              /* 8, or 16 with extended L2 */
  uint32_t l2_bits;                     /* log2 (entries per L2 table) */
  uint32_t refblock_bits;               /* log2 (entries per refcount block) */
};

/* How many bytes of the file's start parsing may need at most: one cluster
 * of the largest size. */
#define QCOW2_HEADER_MAX_BYTES (UINT64_C (1) << QCOW2_MAX_CLUSTER_BITS)

/* True where the 4 bytes at DATA are the magic. */
bool qcow2_header_probe (const void *data, size_t len_bytes);

/* Parse the LEN bytes from the start of the file (the file may be shorter
 * than a cluster; LEN is what there is, up to QCOW2_HEADER_MAX_BYTES).
 * Errors: EINVAL not qcow2 or malformed, ENOTSUP unknown version or
 * incompatible feature (named from the image's own feature table),
 * EFBIG over a limit.  *RET is untouched on failure. */
int qcow2_header_parse (const void *data, size_t len_bytes,
                        struct qcow2_header *ret, struct error *err);

/* Guest data is in a file of its own, each cluster at its guest offset. */
static inline bool
qcow2_has_data_file (const struct qcow2_header *h)
{
  return h->incompatible_features & QCOW2_INCOMPAT_DATA_FILE;
}

/* That file "can be read as a consistent standalone raw image". */
static inline bool
qcow2_data_file_is_raw (const struct qcow2_header *h)
{
  return qcow2_has_data_file (h) &&
    (h->autoclear_features & QCOW2_AUTOCLEAR_DATA_FILE_RAW);
}

/* Fails, ENOTSUP, naming the feature, where H needs something that Baton
 * does not serve: AES encryption, or zstd when built without it.  WRITABLE
 * also refuses the corrupt bit. */
int qcow2_header_unsupported (const struct qcow2_header *h, bool writable,
                              struct error *err);

#endif /* BATON_QCOW2_HEADER_H */
