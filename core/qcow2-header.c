/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From the bytes at the start of a file to a struct that may be trusted.
 *
 * The stages run in this order, each relying on those before it:
 *
 *   fields      the bytes exist and are in host order; version 2 or 3
 *   geometry    cluster_bits, refcount_order, header_length are in range,
 *               so that the derived sizes exist
 *   names       the backing file's name lies inside the first cluster
 *   features    no unknown incompatible bit, known compression
 *   extensions  walked to their end
 *   tables      L1, refcount and snapshot tables are where they may be
 *               (qcow2-header-check.c)
 *
 * Unknown features come before the extensions and tables on purpose: an
 * image that needs something newer must be told so, and not be called
 * malformed because of what the newer feature put there.
 *
 * The outcome is copied to the caller only after the last stage.  Pure;
 * no lock.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>

#include "checked.h"
#include "cursor.h"
#include "qcow2-extension.h"
#include "qcow2-header-check.h"
#include "qcow2-header.h"

#define KNOWN_INCOMPAT                                          \
  (QCOW2_INCOMPAT_DIRTY | QCOW2_INCOMPAT_CORRUPT |              \
   QCOW2_INCOMPAT_DATA_FILE | QCOW2_INCOMPAT_COMPRESSION |      \
   QCOW2_INCOMPAT_EXTENDED_L2)

/* "With extended L2 entries ... clusters must be at least 16 KiB": 32
 * subclusters of 512 bytes. */
#define EXTENDED_L2_MIN_CLUSTER_BITS 14

/* A header that is being parsed: H is filled stage by stage. */
struct parse {
  const uint8_t *data;
  size_t len_bytes;
  struct qcow2_header h;
  uint64_t backing_offset;      /* as in the file, even without a name */
  uint32_t backing_len;
};

bool
qcow2_header_probe (const void *data, size_t len_bytes)
{
  return len_bytes >= 4 && load_be32 (data) == QCOW2_MAGIC;
}

static int
truncated (const struct parse *p, uint32_t needed, struct error *err)
{
  return error_set (err, EINVAL,
                    "file is %zu bytes, a qcow2 header needs at least %"
                    PRIu32, p->len_bytes, needed);
}

/* Rule 1: "the magic string, the version". */
static int
check_magic (const struct parse *p, struct error *err)
{
  if (p->len_bytes < 4)
    return truncated (p, QCOW2_V2_HEADER_BYTES, err);
  if (!qcow2_header_probe (p->data, p->len_bytes))
    return error_set (err, EINVAL,
                      "not a qcow2 image (no QFI\\xfb magic at offset 0); "
                      "for a raw disk use nbdkit's file plugin");
  return 0;
}

/* Rule 3: what a version 2 header does not have is never read from the
 * file.  "If the version is 2, the incompatible, compatible and autoclear
 * feature bits are assumed 0, refcount_order is 4, header_length is 72". */
static void
set_v2_fields (struct qcow2_header *h)
{
  h->incompatible_features = 0;
  h->compatible_features = 0;
  h->autoclear_features = 0;
  h->refcount_order = 4;
  h->header_length = QCOW2_V2_HEADER_BYTES;
}

static void
read_v3_fields (struct qcow2_header *h, struct cursor *c)
{
  h->incompatible_features = cursor_be64 (c);
  h->compatible_features = cursor_be64 (c);
  h->autoclear_features = cursor_be64 (c);
  h->refcount_order = cursor_be32 (c);
  h->header_length = cursor_be32 (c);
}

static void
read_common_fields (struct parse *p, struct cursor *c)
{
  struct qcow2_header *h = &p->h;

  p->backing_offset = cursor_be64 (c);
  p->backing_len = cursor_be32 (c);
  h->cluster_bits = cursor_be32 (c);
  /* Rule 7: QEMU rounds down to whole sectors. */
  h->virtual_size = align_down (cursor_be64 (c), 512);
  h->crypt_method = cursor_be32 (c);
  h->nr_l1_entries = cursor_be32 (c);
  h->l1_table_offset = cursor_be64 (c);
  h->reftable_offset = cursor_be64 (c);
  h->nr_reftable_clusters = cursor_be32 (c);
  h->nr_snapshots = cursor_be32 (c);
  h->snapshots_offset = cursor_be64 (c);
}

static int
read_fields (struct parse *p, struct error *err)
{
  struct cursor c;

  if (check_magic (p, err) == -1)
    return -1;
  cursor_init (&c, p->data, p->len_bytes);
  cursor_skip (&c, 4);
  p->h.version = cursor_be32 (&c);
  read_common_fields (p, &c);
  if (c.failed)
    return truncated (p, QCOW2_V2_HEADER_BYTES, err);
  if (p->h.version != 2 && p->h.version != 3)
    return error_set (err, ENOTSUP,
                      "qcow2 version %" PRIu32 " is not supported, only 2 "
                      "and 3 are; convert the image with qemu-img convert",
                      p->h.version);
  if (p->h.version == 2) {
    set_v2_fields (&p->h);
    return 0;
  }
  read_v3_fields (&p->h, &c);
  if (c.failed)
    return truncated (p, QCOW2_V3_HEADER_BYTES, err);
  return 0;
}

/* Rules 1, 2: "For version 3 or higher, length of the header structure in
 * bytes", at least 104.  The specification wants a multiple of 8; QEMU
 * takes any length, and so do we. */
static int
check_header_length (const struct parse *p, struct error *err)
{
  const struct qcow2_header *h = &p->h;

  if (h->version == 3 && h->header_length < QCOW2_V3_HEADER_BYTES)
    return error_set (err, EINVAL,
                      "header_length is %" PRIu32 ", a version 3 header has "
                      "at least %d bytes",
                      h->header_length, QCOW2_V3_HEADER_BYTES);
  if (h->header_length > h->cluster_size)
    return error_set (err, EINVAL,
                      "header_length is %" PRIu32 ", more than a cluster (%"
                      PRIu64 " bytes)", h->header_length, h->cluster_size);
  if (h->header_length > p->len_bytes)
    return truncated (p, h->header_length, err);
  return 0;
}

/* Rules 5, 6, 29.  "cluster_bits ... must not be less than 9";
 * "refcount_order ... must not exceed 6". */
static int
check_geometry (struct parse *p, struct error *err)
{
  struct qcow2_header *h = &p->h;
  bool extended;

  if (h->cluster_bits < QCOW2_MIN_CLUSTER_BITS ||
      h->cluster_bits > QCOW2_MAX_CLUSTER_BITS)
    return error_set (err, EINVAL,
                      "cluster_bits is %" PRIu32 ", allowed are %d to %d",
                      h->cluster_bits, QCOW2_MIN_CLUSTER_BITS,
                      QCOW2_MAX_CLUSTER_BITS);
  if (h->refcount_order > QCOW2_MAX_REFCOUNT_ORDER)
    return error_set (err, EINVAL,
                      "refcount_order is %" PRIu32 ", allowed are 0 to %d",
                      h->refcount_order, QCOW2_MAX_REFCOUNT_ORDER);
  extended = h->incompatible_features & QCOW2_INCOMPAT_EXTENDED_L2;
  if (extended && h->cluster_bits < EXTENDED_L2_MIN_CLUSTER_BITS)
    return error_set (err, EINVAL,
                      "extended L2 entries with cluster_bits %" PRIu32
                      ", at least %d are needed",
                      h->cluster_bits, EXTENDED_L2_MIN_CLUSTER_BITS);

  h->cluster_size = UINT64_C (1) << h->cluster_bits;
  h->l2_entry_bytes = extended ? 16 : 8;
  h->l2_bits = h->cluster_bits - (extended ? 4 : 3);
  h->refblock_bits = h->cluster_bits + 3 - h->refcount_order;
  return check_header_length (p, err);
}

/* Rule 11: "Offset into the image file at which the backing file name is
 * stored ... Length of the backing file name in bytes. Must not be longer
 * than 1023 bytes. Undefined if the image doesn't have a backing file." */
static int
check_backing_place (const struct parse *p, struct error *err)
{
  if (p->backing_offset == 0)
    return 0;
  if (p->backing_offset < p->h.header_length ||
      p->backing_offset > p->h.cluster_size)
    return error_set (err, EINVAL,
                      "Invalid backing file offset %" PRIu64 ", allowed are %"
                      PRIu32 " (end of the header) to %" PRIu64
                      " (end of the cluster)", p->backing_offset,
                      p->h.header_length, p->h.cluster_size);
  if (p->backing_len > QCOW2_MAX_BACKING_NAME_BYTES)
    return error_set (err, EFBIG,
                      "Backing file name too long: %" PRIu32
                      " bytes, at most %d are allowed",
                      p->backing_len, QCOW2_MAX_BACKING_NAME_BYTES);
  if (p->backing_len > p->h.cluster_size - p->backing_offset)
    return error_set (err, EINVAL,
                      "Backing file name too long: %" PRIu32 " bytes at "
                      "offset %" PRIu64 " reach past the first cluster",
                      p->backing_len, p->backing_offset);
  return 0;
}

static int
read_backing_name (struct parse *p, struct error *err)
{
  const uint8_t *name;
  struct cursor c;

  if (check_backing_place (p, err) == -1)
    return -1;
  if (p->backing_offset == 0 || p->backing_len == 0)
    return 0;
  cursor_init (&c, p->data, p->len_bytes);
  cursor_seek (&c, p->backing_offset);
  name = cursor_bytes (&c, p->backing_len);
  if (name == NULL)
    return error_set (err, EINVAL,
                      "backing file name is cut off: it ends at %" PRIu64
                      " and the file at %zu",
                      p->backing_offset + p->backing_len, p->len_bytes);
  if (memchr (name, 0, p->backing_len))
    return error_set (err, EINVAL, "backing file name contains a NUL byte");
  p->h.backing_name_offset = p->backing_offset;
  memcpy (p->h.backing_name, name, p->backing_len);
  return 0;
}

/* Rule 12: "between the header and the backing file name", else to the end
 * of the first cluster. */
static void
walk_extensions (const struct parse *p, struct qcow2_extension_walk *ret)
{
  uint64_t end = p->backing_offset;

  if (end == 0)
    end = p->h.cluster_size;
  qcow2_extension_walk_init (ret, p->data, p->h.header_length,
                             min_u64 (end, p->len_bytes));
}

/* The feature name table; where the image has none, one without entries. */
static struct qcow2_extension
find_feature_table (const struct parse *p)
{
  static const struct qcow2_extension none;
  struct qcow2_extension_walk walk;
  struct qcow2_extension e;

  walk_extensions (p, &walk);
  while (qcow2_extension_next (&walk, &e, NULL) == 1) {
    if (e.type == QCOW2_EXT_FEATURE_NAMES)
      return e;
  }
  return none;
}

/* Rule 13: "If any of these bits are set that the implementation doesn't
 * know, it must abort", with the names that the image gives them. */
static int
refuse_unknown_features (const struct parse *p, uint64_t bits,
                         struct error *err)
{
  const struct qcow2_extension table = find_feature_table (p);
  char list[QCOW2_FEATURE_LIST_BYTES];

  qcow2_feature_list (&table, QCOW2_FEATURE_INCOMPATIBLE, bits, list);
  return error_set (err, ENOTSUP,
                    "unknown incompatible features: %s; the image comes from "
                    "a newer program: convert it there with qemu-img convert",
                    list);
}

/* Rule 4: "This field is present only if header_length > 104 ... If the
 * incompatible bit is not set, this field must be zero", and the other way
 * round. */
static int
check_compression (struct parse *p, struct error *err)
{
  struct qcow2_header *h = &p->h;
  bool bit = h->incompatible_features & QCOW2_INCOMPAT_COMPRESSION;

  if (h->header_length > QCOW2_V3_HEADER_BYTES)
    h->compression_type = p->data[QCOW2_V3_HEADER_BYTES];
  if (h->compression_type > QCOW2_COMPRESSION_ZSTD)
    return error_set (err, ENOTSUP,
                      "unknown compression type %d, only 0 (zlib) and 1 "
                      "(zstd) are supported", h->compression_type);
  if (bit != (h->compression_type != QCOW2_COMPRESSION_ZLIB))
    return error_set (err, EINVAL,
                      "Compression type incompatible feature bit must %sbe "
                      "set with compression type %d",
                      bit ? "not " : "", h->compression_type);
  return 0;
}

static int
check_features (struct parse *p, struct error *err)
{
  const uint64_t unknown = p->h.incompatible_features & ~KNOWN_INCOMPAT;

  if (unknown != 0)
    return refuse_unknown_features (p, unknown, err);
  if (p->h.crypt_method > QCOW2_CRYPT_LUKS)
    return error_set (err, ENOTSUP,
                      "Unsupported encryption method %" PRIu32
                      ", known are 0 (none), 1 (AES) and 2 (LUKS)",
                      p->h.crypt_method);
  return check_compression (p, err);
}

static int
read_backing_format (const struct qcow2_extension *e,
                     struct qcow2_header *h, struct error *err)
{
  if (e->len_bytes >= sizeof h->backing_format)
    return error_set (err, EFBIG,
                      "backing file format too long: %" PRIu32
                      " bytes, at most %zu are allowed",
                      e->len_bytes, sizeof h->backing_format - 1);
  if (memchr (e->data, 0, e->len_bytes))
    return error_set (err, EINVAL, "backing file format contains a NUL byte");
  memset (h->backing_format, 0, sizeof h->backing_format);
  memcpy (h->backing_format, e->data, e->len_bytes);
  return 0;
}

/* "Full disk encryption header pointer": offset and length. */
static int
read_crypto_place (const struct qcow2_extension *e, struct qcow2_header *h,
                   struct error *err)
{
  if (h->crypt_method != QCOW2_CRYPT_LUKS)
    return error_set (err, EINVAL, "CRYPTO header extension only expected "
                      "with LUKS encryption method");
  if (e->len_bytes != 16)
    return error_set (err, EINVAL, "CRYPTO header extension size %" PRIu32
                      ", but expected size 16", e->len_bytes);
  h->crypto_offset = load_be64 (e->data);
  h->crypto_bytes = load_be64 (e->data + 8);
  return 0;
}

static int
read_data_file_name (const struct qcow2_extension *e, struct qcow2_header *h,
                     struct error *err)
{
  if (e->len_bytes >= sizeof h->data_file_name)
    return error_set (err, EFBIG,
                      "data file name too long: %" PRIu32
                      " bytes, at most %zu are allowed",
                      e->len_bytes, sizeof h->data_file_name - 1);
  if (memchr (e->data, 0, e->len_bytes))
    return error_set (err, EINVAL, "data file name contains a NUL byte");
  memset (h->data_file_name, 0, sizeof h->data_file_name);
  memcpy (h->data_file_name, e->data, e->len_bytes);
  return 0;
}

/* Where an extension comes twice, the last one counts, as in QEMU. */
static int
read_extensions (struct parse *p, struct error *err)
{
  struct qcow2_extension_walk walk;
  struct qcow2_extension e;
  int r;

  walk_extensions (p, &walk);
  while ((r = qcow2_extension_next (&walk, &e, err)) == 1) {
    if (e.type == QCOW2_EXT_BITMAPS)
      p->h.has_bitmaps_extension = true;
    if (e.type == QCOW2_EXT_BACKING_FORMAT &&
        read_backing_format (&e, &p->h, err) == -1)
      return -1;
    if (e.type == QCOW2_EXT_CRYPTO &&
        read_crypto_place (&e, &p->h, err) == -1)
      return -1;
    if (e.type == QCOW2_EXT_DATA_FILE &&
        read_data_file_name (&e, &p->h, err) == -1)
      return -1;
  }
  return r;
}

int
qcow2_header_parse (const void *data, size_t len_bytes,
                    struct qcow2_header *ret, struct error *err)
{
  struct parse p = { .data = data, .len_bytes = len_bytes };

  if (read_fields (&p, err) == -1 ||
      check_geometry (&p, err) == -1 ||
      read_backing_name (&p, err) == -1 ||
      check_features (&p, err) == -1 ||
      read_extensions (&p, err) == -1 ||
      qcow2_header_check_tables (&p.h, err) == -1)
    return -1;
  *ret = p.h;
  return 0;
}
