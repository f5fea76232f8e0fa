/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Headers of images built by hand: see base-image.h.
 */

#include <config.h>

#include <stdio.h>
#include <string.h>

#include "base-image-internal.h"
#include "qcow2-format.h"

static uint64_t
begin_extension (struct base_image *b, uint64_t *offset, const char *name,
                 uint32_t type, uint32_t len)
{
  const uint64_t data = *offset + 8;
  char field[32];

  snprintf (field, sizeof field, "ext-%s-type", name);
  base_put (b, field, *offset, 4, type);
  snprintf (field, sizeof field, "ext-%s-len", name);
  base_put (b, field, *offset + 4, 4, len);
  *offset = data + (len + 7) / 8 * 8;
  return data;
}

static void
put_feature_names (struct base_image *b, uint64_t *offset)
{
  const uint64_t data = begin_extension (b, offset, "features",
                                         QCOW2_EXT_FEATURE_NAMES, 48);

  base_put (b, "feature-type", data, 1, 0);
  base_put (b, "feature-bit", data + 1, 1, 40);
  strcpy ((char *) b->bytes + data + 2, "tomorrow");
}

static void
put_bitmaps_extension (struct base_image *b, uint64_t *offset)
{
  const uint64_t data = begin_extension (b, offset, "bitmaps",
                                         QCOW2_EXT_BITMAPS, 24);

  base_put (b, "bitmaps-number", data, 4, 1);
  base_put (b, "bitmaps-reserved", data + 4, 4, 0);
  base_put (b, "bitmaps-size", data + 8, 8, 32);
  base_point (b, "bitmaps-offset", data + 16, AT_BITMAP_DIRECTORY, 0);
}

static uint64_t
put_extensions (struct base_image *b)
{
  uint64_t offset = b->header_length, data;

  if (base_has (b, BASE_BACKING)) {
    data = begin_extension (b, &offset, "format", QCOW2_EXT_BACKING_FORMAT, 3);
    memcpy (b->bytes + data, "raw", 3);
  }
  if (base_has (b, BASE_DATA_FILE)) {
    data = begin_extension (b, &offset, "data", QCOW2_EXT_DATA_FILE, 8);
    memcpy (b->bytes + data, BASE_DATA_NAME, 8);
  }
  if (b->shape->version > 2)
    put_feature_names (b, &offset);
  if (base_has (b, BASE_BITMAP))
    put_bitmaps_extension (b, &offset);
  if (base_has (b, BASE_LUKS)) {
    data = begin_extension (b, &offset, "luks", QCOW2_EXT_CRYPTO, 16);
    base_point (b, "luks-offset", data, AT_LUKS, 0);
    base_put (b, "luks-size", data + 8, 8, b->cluster);
    memcpy (b->bytes + b->places[AT_LUKS].offset, "LUKS\xba\xbe\0\1aes", 11);
  }
  begin_extension (b, &offset, "end", QCOW2_EXT_END, 0);
  b->places[AT_EXTENSIONS].len = offset - b->header_length;
  return offset;
}

static uint64_t
incompatible (const struct base_image *b)
{
  return (base_has (b, BASE_DATA_FILE) ? QCOW2_INCOMPAT_DATA_FILE : 0) |
    (base_has (b, BASE_ZSTD) ? QCOW2_INCOMPAT_COMPRESSION : 0) |
    (base_has (b, BASE_EXTENDED) ? QCOW2_INCOMPAT_EXTENDED_L2 : 0);
}

static void
put_header_v3 (struct base_image *b)
{
  if (b->shape->version == 2)
    return;
  base_put (b, "incompatible", 72, 8, incompatible (b));
  base_put (b, "compatible", 80, 8, 0);
  base_put (b, "autoclear", 88, 8, base_has (b, BASE_BITMAP));
  base_put (b, "refcount-order", 96, 4, b->shape->refcount_order);
  base_put (b, "header-length", 100, 4, b->header_length);
  base_put (b, "compression", 104, 1, base_has (b, BASE_ZSTD));
}

void
base_put_header (struct base_image *b)
{
  const uint64_t name = put_extensions (b);

  base_put (b, "magic", 0, 4, QCOW2_MAGIC);
  base_put (b, "version", 4, 4, b->shape->version);
  base_put (b, "backing-offset", 8, 8, base_has (b, BASE_BACKING) ? name : 0);
  base_put (b, "backing-len", 16, 4, base_has (b, BASE_BACKING) ? 8 : 0);
  base_put (b, "cluster-bits", 20, 4, b->shape->cluster_bits);
  base_put (b, "size", 24, 8, b->virtual_size);
  base_put (b, "crypt", 32, 4, base_has (b, BASE_LUKS) ? QCOW2_CRYPT_LUKS : 0);
  base_put (b, "l1-size", 36, 4, b->virtual_size / b->cluster > 64 ? 2 : 1);
  base_point (b, "l1-offset", 40, AT_L1, 0);
  base_point (b, "reftable-offset", 48, AT_REFTABLE, 0);
  base_put (b, "reftable-clusters", 56, 4, 1);
  base_put (b, "snapshots-number", 60, 4, base_has (b, BASE_SNAPSHOT));
  if (base_has (b, BASE_SNAPSHOT))
    base_point (b, "snapshots-offset", 64, AT_SNAPSHOTS, 0);
  put_header_v3 (b);
  if (base_has (b, BASE_BACKING))
    memcpy (b->bytes + name, BASE_BACKING_NAME, 8);
}
