/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a header says of the tables, held against the limits; and which
 * well-formed images Baton cannot serve.
 *
 * The limits are QEMU's (qcow2-format.h), and so is the wording where QEMU
 * has one, so that a search for the message finds its meaning.  Every sum
 * is made of terms that an earlier check has bounded; the comment at each
 * says which.  Pure; no lock.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>

#include "checked.h"
#include "compressed.h"
#include "qcow2-header-check.h"
#include "qcow2-header.h"

#define MAX_L1_ENTRIES (QCOW2_MAX_L1_BYTES / 8)
/* The fixed part of a snapshot's entry. */
#define SNAPSHOT_ENTRY_BYTES UINT64_C (40)

/* Rule 10: "Must be aligned to a cluster boundary", and its end must be
 * addressable.  Cluster 0 holds the header.  LEN_BYTES is bounded by the
 * caller, so that the subtraction cannot wrap. */
static int
check_table_place (const struct qcow2_header *h, const char *table,
                   uint64_t offset, uint64_t len_bytes, struct error *err)
{
  if (!is_aligned (offset, h->cluster_size))
    return error_set (err, EINVAL,
                      "%s offset invalid: 0x%" PRIx64 " is not a multiple of "
                      "the cluster size (%" PRIu64 ")",
                      table, offset, h->cluster_size);
  if (offset > INT64_MAX - len_bytes)
    return error_set (err, EINVAL,
                      "%s offset invalid: %" PRIu64 " bytes at 0x%" PRIx64
                      " end beyond 2^63", table, len_bytes, offset);
  if (offset == 0 && len_bytes > 0)
    return error_set (err, EINVAL,
                      "%s offset invalid: 0 is where the header is", table);
  return 0;
}

/* Rule 8.  The shift is at most 39: nothing here can overflow. */
static int
check_l1_size (const struct qcow2_header *h, struct error *err)
{
  uint64_t covered = UINT64_C (1) << (h->cluster_bits + h->l2_bits);
  uint64_t needed = div_round_up (h->virtual_size, covered);

  if (needed > MAX_L1_ENTRIES)
    return error_set (err, EFBIG,
                      "Image is too big: %" PRIu64 " bytes need %" PRIu64
                      " L1 entries, at most %" PRIu64 " are allowed",
                      h->virtual_size, needed, MAX_L1_ENTRIES);
  if (h->nr_l1_entries < needed)
    return error_set (err, EINVAL,
                      "L1 table is too small: %" PRIu32 " entries, %" PRIu64
                      " bytes need %" PRIu64,
                      h->nr_l1_entries, h->virtual_size, needed);
  return 0;
}

static int
check_l1_table (const struct qcow2_header *h, struct error *err)
{
  if (h->nr_l1_entries > MAX_L1_ENTRIES)
    return error_set (err, EFBIG,
                      "Active L1 table too large: %" PRIu32
                      " entries, at most %" PRIu64 " are allowed",
                      h->nr_l1_entries, MAX_L1_ENTRIES);
  if (check_table_place (h, "Active L1 table", h->l1_table_offset,
                         h->nr_l1_entries * UINT64_C (8), err) == -1)
    return -1;
  return check_l1_size (h, err);
}

/* Rule 9. */
static int
check_reftable (const struct qcow2_header *h, struct error *err)
{
  uint64_t max = QCOW2_MAX_REFTABLE_BYTES >> h->cluster_bits;

  if (h->nr_reftable_clusters == 0)
    return error_set (err, EINVAL,
                      "Image does not contain a reference count table");
  if (h->nr_reftable_clusters > max)
    return error_set (err, EFBIG,
                      "Reference count table too large: %" PRIu32
                      " clusters, at most %" PRIu64 " are allowed",
                      h->nr_reftable_clusters, max);
  return check_table_place (h, "Reference count table", h->reftable_offset,
                            h->nr_reftable_clusters * h->cluster_size, err);
}

/* Rule 40: "Must be aligned to a cluster boundary", at most 65536.  The
 * 64 MiB of a table's true size can only be judged by its reader. */
static int
check_snapshots (const struct qcow2_header *h, struct error *err)
{
  if (h->nr_snapshots > QCOW2_MAX_SNAPSHOTS)
    return error_set (err, EFBIG,
                      "Snapshot table too large: %" PRIu32
                      " snapshots, at most %d are allowed",
                      h->nr_snapshots, QCOW2_MAX_SNAPSHOTS);
  return check_table_place (h, "Snapshot table", h->snapshots_offset,
                            h->nr_snapshots * SNAPSHOT_ENTRY_BYTES,
                            err);
}

/* A write to one of them would destroy the other.  Both places are
 * checked: the sums cannot wrap. */
static int
check_overlap (const struct qcow2_header *h, struct error *err)
{
  uint64_t l1_end = h->l1_table_offset + h->nr_l1_entries * UINT64_C (8);
  uint64_t reftable_end =
    h->reftable_offset + h->nr_reftable_clusters * h->cluster_size;

  if (h->nr_l1_entries > 0 && h->l1_table_offset < reftable_end &&
      h->reftable_offset < l1_end)
    return error_set (err, EINVAL,
                      "Active L1 table (at 0x%" PRIx64 ") and reference count"
                      " table (at 0x%" PRIx64 ") overlap",
                      h->l1_table_offset, h->reftable_offset);
  return 0;
}

/* Rule 39.  "Internal snapshots ... can't be used with an external data
 * file"; the raw bit "conflicts with backing files". */
static int
check_data_file (const struct qcow2_header *h, struct error *err)
{
  if (qcow2_has_data_file (h) && h->nr_snapshots > 0)
    return error_set (err, EINVAL,
                      "image has both an external data file and internal "
                      "snapshots (%" PRIu32 "), which cannot be: their data "
                      "would have one place", h->nr_snapshots);
  if (qcow2_data_file_is_raw (h) && h->backing_name[0])
    return error_set (err, EINVAL,
                      "image has both a raw external data file and the "
                      "backing file \"%s\", which cannot be: whoever reads "
                      "the raw file would not see what the guest sees",
                      h->backing_name);
  return 0;
}

/* "Offset ... at which the encryption header starts, must be aligned to a
 * cluster boundary"; "length of the written encryption header". */
static int
check_crypto (const struct qcow2_header *h, struct error *err)
{
  if (h->crypt_method != QCOW2_CRYPT_LUKS)
    return 0;
  if (h->crypto_offset == 0)
    return error_set (err, EINVAL,
                      "Missing CRYPTO header for crypt method %" PRIu32,
                      h->crypt_method);
  if (h->crypto_bytes > QCOW2_MAX_CRYPTO_BYTES)
    return error_set (err, EFBIG,
                      "Encryption header too large: %" PRIu64
                      " bytes, at most %" PRIu64 " are allowed",
                      h->crypto_bytes, QCOW2_MAX_CRYPTO_BYTES);
  return check_table_place (h, "Encryption header", h->crypto_offset,
                            h->crypto_bytes, err);
}

int
qcow2_header_check_tables (const struct qcow2_header *h, struct error *err)
{
  if (check_l1_table (h, err) == -1 ||
      check_reftable (h, err) == -1 ||
      check_snapshots (h, err) == -1 ||
      check_data_file (h, err) == -1 ||
      check_crypto (h, err) == -1)
    return -1;
  return check_overlap (h, err);
}

/* Rule 14: refcounts cannot be trusted, and a writer that trusts them hands
 * out clusters that are in use.  (With the dirty bit they cannot be trusted
 * either, but they can be set right: image-repair.c.) */
static int
unsupported_for_writing (const struct qcow2_header *h, struct error *err)
{
  if (h->incompatible_features & QCOW2_INCOMPAT_CORRUPT)
    return error_set (err, ENOTSUP,
                      "image is marked corrupt; run `baton check --repair all "
                      "IMAGE` first, or serve it read-only (nbdkit -r), or "
                      "allow it with allow-corrupt=on");
  return 0;
}

static int
unsupported_feature (const char *feature, struct error *err)
{
  return error_set (err, ENOTSUP,
                    "image uses %s, which is not supported; convert it with "
                    "qemu-img convert", feature);
}

int
qcow2_header_unsupported (const struct qcow2_header *h, bool writable,
                          struct error *err)
{
  if (h->crypt_method == QCOW2_CRYPT_AES)
    return unsupported_feature ("legacy AES encryption (crypt method 1)", err);
  if (!compressed_supported (h->compression_type))
    return unsupported_feature ("zstd compression, which was left out of "
                                "this build", err);
  return writable ? unsupported_for_writing (h, err) : 0;
}
