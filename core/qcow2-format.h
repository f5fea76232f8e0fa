/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The numbers of the qcow2 format (QEMU, docs/interop/qcow2) and the
 * limits that QEMU enforces.  Nothing but constants.
 */

#ifndef BATON_QCOW2_FORMAT_H
#define BATON_QCOW2_FORMAT_H

#include <stdint.h>

#define QCOW2_MAGIC UINT32_C (0x514649fb)
#define QCOW2_V2_HEADER_BYTES 72
#define QCOW2_V3_HEADER_BYTES 104

#define QCOW2_MIN_CLUSTER_BITS 9
#define QCOW2_MAX_CLUSTER_BITS 21
#define QCOW2_MAX_REFCOUNT_ORDER 6
#define QCOW2_MAX_L1_BYTES (UINT64_C (32) << 20)
#define QCOW2_MAX_REFTABLE_BYTES (UINT64_C (8) << 20)
#define QCOW2_MAX_SNAPSHOTS 65536
#define QCOW2_MAX_SNAPSHOT_TABLE_BYTES (UINT64_C (64) << 20)
#define QCOW2_MAX_BACKING_NAME_BYTES 1023
/* Our own limit; the format has none. */
#define QCOW2_MAX_DATA_FILE_NAME_BYTES 1023
/* Host offsets have 56 bits. */
#define QCOW2_MAX_HOST_OFFSET ((UINT64_C (1) << 56) - 1)

/* Header fields that are updated in place, each in one write. */
#define QCOW2_HDR_BACKING_OFFSET 8
#define QCOW2_HDR_L1_SIZE 36            /* l1_size, l1_table_offset: 12 bytes */
#define QCOW2_HDR_REFTABLE_OFFSET 48    /* offset, clusters: 12 bytes */
#define QCOW2_HDR_INCOMPAT 72
#define QCOW2_HDR_AUTOCLEAR 88

/* incompatible_features */
#define QCOW2_INCOMPAT_DIRTY (UINT64_C (1) << 0)
#define QCOW2_INCOMPAT_CORRUPT (UINT64_C (1) << 1)
#define QCOW2_INCOMPAT_DATA_FILE (UINT64_C (1) << 2)
#define QCOW2_INCOMPAT_COMPRESSION (UINT64_C (1) << 3)
#define QCOW2_INCOMPAT_EXTENDED_L2 (UINT64_C (1) << 4)

/* compatible_features */
#define QCOW2_COMPAT_LAZY_REFCOUNTS (UINT64_C (1) << 0)

/* autoclear_features */
#define QCOW2_AUTOCLEAR_BITMAPS (UINT64_C (1) << 0)
#define QCOW2_AUTOCLEAR_DATA_FILE_RAW (UINT64_C (1) << 1)
/* Ours (docs/HANDOVER.md): nobody but Baton has opened the image for writing
 * since the ownership record was written. */
#define QCOW2_AUTOCLEAR_BATON (UINT64_C (1) << 63)

#define QCOW2_CRYPT_NONE 0
#define QCOW2_CRYPT_AES 1
#define QCOW2_CRYPT_LUKS 2

/* Ours: eight key slots of the longest key take 2 MiB. */
#define QCOW2_MAX_CRYPTO_BYTES (UINT64_C (16) << 20)

#define QCOW2_COMPRESSION_ZLIB 0
#define QCOW2_COMPRESSION_ZSTD 1

/* header extension types */
#define QCOW2_EXT_END UINT32_C (0)
#define QCOW2_EXT_BACKING_FORMAT UINT32_C (0xe2792aca)
#define QCOW2_EXT_FEATURE_NAMES UINT32_C (0x6803f857)
#define QCOW2_EXT_BITMAPS UINT32_C (0x23852875)
#define QCOW2_EXT_CRYPTO UINT32_C (0x0537be77)
#define QCOW2_EXT_DATA_FILE UINT32_C (0x44415441)
/* Ours: the ownership record ("Bato") and room around it ("Batp"). */
#define QCOW2_EXT_BATON_RECORD UINT32_C (0x4261746f)
#define QCOW2_EXT_BATON_PADDING UINT32_C (0x42617470)

/* L1 and L2 entries */
#define QCOW2_ENTRY_COPIED (UINT64_C (1) << 63)
#define QCOW2_ENTRY_COMPRESSED (UINT64_C (1) << 62)
#define QCOW2_ENTRY_ZERO UINT64_C (1)
#define QCOW2_ENTRY_OFFSET_MASK UINT64_C (0x00fffffffffffe00)
#define QCOW2_REFTABLE_OFFSET_MASK UINT64_C (0xfffffffffffffe00)

#endif /* BATON_QCOW2_FORMAT_H */
