/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Images built by hand: see base-image.h.  Shares no parser with core/, only
 * the constants of the format and the compressor.  Out of memory aborts.
 */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base-image-internal.h"
#include "deflate.h"
#include "qcow2-format.h"

#define MAX_CLUSTERS 20u
#define NR_DATA 4u
#define COPIED QCOW2_ENTRY_COPIED
#define ALL (BASE_COMPRESSED | BASE_SNAPSHOT)

const struct base_shape base_shapes[] = {
  { "v2", 2, 9, 4, ALL },
  { "v3", 3, 9, 4, ALL | BASE_BITMAP },
  { "backed", 3, 9, 4, BASE_BACKING | BASE_COMPRESSED },
  { "backed-v2", 2, 9, 4, BASE_BACKING },
  { "extended", 3, 14, 4, ALL | BASE_EXTENDED },
  { "data-file", 3, 12, 4, BASE_DATA_FILE | BASE_BITMAP },
  { "zstd", 3, 12, 6, ALL | BASE_ZSTD },
  { "bits", 3, 9, 0, 0 },
  { "luks", 3, 9, 4, BASE_LUKS | BASE_SNAPSHOT },
  { "large", 3, 16, 4, ALL | BASE_BITMAP | BASE_BACKING },
  { .name = NULL }
};

static const char *const place_names[NR_PLACES] = {
  "header", "extensions", "reftable", "refblock", "l1", "l2", "data",
  "compressed", "snapshots", "snapshot-l1", "snapshot-l2", "snapshot-data",
  "bitmap-directory", "bitmap-table", "bitmap-data", "luks",
};

uint64_t
base_load (const uint8_t *p, unsigned width)
{
  uint64_t value = 0;

  while (width-- > 0)
    value = value << 8 | *p++;
  return value;
}

void
base_store (uint8_t *p, unsigned width, uint64_t value)
{
  while (width-- > 0) {
    p[width] = (uint8_t) value;
    value >>= 8;
  }
}

void
base_put (struct base_image *b, const char *name, uint64_t offset,
          unsigned width, uint64_t value)
{
  struct base_field *f = &b->fields[b->nr_fields++];

  if (b->nr_fields > BASE_MAX_FIELDS)
    abort ();
  *f = (struct base_field) { .offset = offset, .width = width };
  snprintf (f->name, sizeof f->name, "%s", name);
  base_store (b->bytes + offset, width, value);
}

void
base_point (struct base_image *b, const char *name, uint64_t offset,
            enum base_place_id to, uint64_t flags)
{
  struct base_field *f;

  base_put (b, name, offset, 8, b->places[to].offset | flags);
  f = &b->fields[b->nr_fields - 1];
  f->to = to;
  f->flags = flags;
}

static uint8_t *
at (struct base_image *b, enum base_place_id place)
{
  return b->bytes + b->places[place].offset;
}

static void
lay_out (struct base_image *b)
{
  const unsigned wanted[NR_PLACES] = {
    [AT_HEADER] = 1, [AT_REFTABLE] = 1, [AT_REFBLOCK] = 1, [AT_L1] = 1,
    [AT_L2] = 1, [AT_DATA] = base_has (b, BASE_DATA_FILE) ? 0 : NR_DATA,
    [AT_COMPRESSED] = base_has (b, BASE_COMPRESSED),
    [AT_SNAPSHOTS] = base_has (b, BASE_SNAPSHOT),
    [AT_SNAPSHOT_L1] = base_has (b, BASE_SNAPSHOT),
    [AT_SNAPSHOT_L2] = base_has (b, BASE_SNAPSHOT),
    [AT_SNAPSHOT_DATA] = base_has (b, BASE_SNAPSHOT),
    [AT_BITMAP_DIRECTORY] = base_has (b, BASE_BITMAP),
    [AT_BITMAP_TABLE] = base_has (b, BASE_BITMAP),
    [AT_BITMAP_DATA] = base_has (b, BASE_BITMAP),
    [AT_LUKS] = base_has (b, BASE_LUKS),
  };
  unsigned i;

  for (i = 0; i < NR_PLACES; ++i) {
    b->places[i] = (struct base_place) {
      place_names[i], b->len, wanted[i] * b->cluster
    };
    b->len += wanted[i] * b->cluster;
  }
  b->places[AT_EXTENSIONS].offset = b->header_length;
}

/* -- refcounts ------------------------------------------------------------ */

static void
set_refcount (struct base_image *b, uint64_t cluster, uint64_t value)
{
  const unsigned order = b->shape->refcount_order;
  uint8_t *block = at (b, AT_REFBLOCK);
  char name[32];

  if (order < 3) {
    block[(cluster << order) / 8] |= value << ((cluster << order) % 8);
    return;
  }
  snprintf (name, sizeof name, "refcount-%u", (unsigned) cluster);
  base_put (b, name, b->places[AT_REFBLOCK].offset + (cluster << order) / 8,
            1u << (order - 3), value);
}

static uint64_t
cluster_of (const struct base_image *b, enum base_place_id place)
{
  return b->places[place].offset / b->cluster;
}

static void
count (struct base_image *b)
{
  uint64_t i;

  base_point (b, "reftable-0", b->places[AT_REFTABLE].offset, AT_REFBLOCK, 0);
  base_put (b, "reftable-1", b->places[AT_REFTABLE].offset + 8, 8, 0);
  for (i = 0; i < b->len / b->cluster; ++i) {
    const bool shared =
      (base_has (b, BASE_SNAPSHOT) && i == cluster_of (b, AT_DATA) + 1) ||
      (base_has (b, BASE_COMPRESSED) && i == cluster_of (b, AT_COMPRESSED));

    set_refcount (b, i, shared ? 2 : 1);
  }
}

/* -- guest data ----------------------------------------------------------- */

static void
fill (const struct base_image *b, uint8_t *p, unsigned k)
{
  uint64_t i;

  for (i = 0; i < b->cluster; ++i)
    p[i] = (uint8_t) (k << 4 | (i / 512 & 15));
}

static void
put_entry (struct base_image *b, enum base_place_id table, unsigned i,
           uint64_t entry, uint64_t bitmap)
{
  const unsigned step = base_has (b, BASE_EXTENDED) ? 16 : 8;
  char name[32];

  snprintf (name, sizeof name, "%s-%u", b->places[table].name, i);
  base_put (b, name, b->places[table].offset + i * step, 8, entry);
  if (!base_has (b, BASE_EXTENDED))
    return;
  snprintf (name, sizeof name, "%s-%u-bitmap", b->places[table].name, i);
  base_put (b, name, b->places[table].offset + i * step + 8, 8, bitmap);
}

/* Two clusters, one right behind the other, in one. */
static void
put_compressed (struct base_image *b)
{
  const uint8_t type = base_has (b, BASE_ZSTD);
  const unsigned x = 62 - (b->shape->cluster_bits - 8);
  uint64_t offset = b->places[AT_COMPRESSED].offset;
  uint8_t *plain = malloc (b->cluster);
  struct deflater *d;
  unsigned k;
  size_t len;

  if (!plain || deflater_new (type, &d, NULL) == -1)
    abort ();
  for (k = 4; k < 6; ++k) {
    fill (b, plain, k + 4);
    if (deflater_run (d, plain, b->cluster, b->bytes + offset, b->cluster / 2,
                      &len, NULL) == -1 || len == 0)
      abort ();
    put_entry (b, AT_L2, k, offset | QCOW2_ENTRY_COMPRESSED |
               (offset % 512 + len - 1) / 512 << x, 0);
    offset += len;
  }
  deflater_free (d);
  free (plain);
}

/* Guest cluster I has data cluster K. */
static void
put_data (struct base_image *b, unsigned i, unsigned k, uint64_t flags,
          uint64_t bitmap)
{
  uint64_t offset = b->places[AT_DATA].offset + k * b->cluster;

  if (base_has (b, BASE_DATA_FILE))
    offset = i * b->cluster;
  else
    fill (b, b->bytes + offset, k + 1);
  put_entry (b, AT_L2, i, offset | flags, bitmap);
}

static void
map_guest (struct base_image *b)
{
  const bool extended = base_has (b, BASE_EXTENDED);
  const uint64_t zero =
    b->shape->version == 2 || extended ? 0 : QCOW2_ENTRY_ZERO;

  base_point (b, "l1-0", b->places[AT_L1].offset, AT_L2, COPIED);
  base_put (b, "l1-1", b->places[AT_L1].offset + 8, 8, 0);
  put_data (b, 0, 0, COPIED, UINT32_MAX);
  put_data (b, 1, 1, base_has (b, BASE_SNAPSHOT) ? 0 : COPIED,
            UINT64_C (0x00ff00000000ffff));
  put_entry (b, AT_L2, 2, zero, UINT64_C (0xffffffff) << 32);
  put_data (b, 3, 2, COPIED | zero, UINT64_C (0xffffffff) << 32);
  if (base_has (b, BASE_COMPRESSED))
    put_compressed (b);
  put_data (b, 6, 3, COPIED, 1);
  put_entry (b, AT_L2, 7, 0, 0);
}

/* -- what else there may be ----------------------------------------------- */

static void
put_snapshot (struct base_image *b)
{
  const uint64_t s = b->places[AT_SNAPSHOTS].offset;
  const uint64_t own = b->places[AT_SNAPSHOT_DATA].offset;

  base_point (b, "snapshot-offset", s, AT_SNAPSHOT_L1, 0);
  base_put (b, "snapshot-l1-size", s + 8, 4,
            b->virtual_size / b->cluster > 64 ?
            2 : 1);
  base_put (b, "snapshot-id-len", s + 12, 2, 1);
  base_put (b, "snapshot-name-len", s + 14, 2, 3);
  base_put (b, "snapshot-vm-state", s + 32, 4, 0);
  base_put (b, "snapshot-extra-len", s + 36, 4, 16);
  base_put (b, "snapshot-vm-state-64", s + 40, 8, 0);
  base_put (b, "snapshot-disk-size", s + 48, 8, b->virtual_size);
  memcpy (b->bytes + s + 56, "1one", 4);
  base_point (b, "snapshot-l1-0", b->places[AT_SNAPSHOT_L1].offset,
              AT_SNAPSHOT_L2,
              COPIED);
  fill (b, b->bytes + own, 10);
  put_entry (b, AT_SNAPSHOT_L2, 0, own | COPIED, UINT32_MAX);
  put_entry (b, AT_SNAPSHOT_L2, 1, b->places[AT_DATA].offset + b->cluster,
             UINT64_C (0x00ff00000000ffff));
}

static void
put_bitmap (struct base_image *b)
{
  const uint64_t d = b->places[AT_BITMAP_DIRECTORY].offset;

  base_point (b, "bitmap-offset", d, AT_BITMAP_TABLE, 0);
  base_put (b, "bitmap-table-size", d + 8, 4, 1);
  base_put (b, "bitmap-flags", d + 12, 4, 2);
  base_put (b, "bitmap-type", d + 16, 1, 1);
  base_put (b, "bitmap-granularity", d + 17, 1, b->shape->cluster_bits);
  base_put (b, "bitmap-name-len", d + 18, 2, 3);
  base_put (b, "bitmap-extra-len", d + 20, 4, 0);
  memcpy (b->bytes + d + 24, "bit", 3);
  base_point (b, "bitmap-table-0", b->places[AT_BITMAP_TABLE].offset,
              AT_BITMAP_DATA, 0);
  b->bytes[b->places[AT_BITMAP_DATA].offset] = 0x0f;
}

/* -- all ------------------------------------------------------------------ */

void
base_image_init (struct base_image *b, const struct base_shape *shape)
{
  *b = (struct base_image) {
    .shape = shape,
    .cluster = UINT64_C (1) << shape->cluster_bits,
    .header_length = shape->version == 2 ? 72 : 112,
  };
  b->virtual_size = b->cluster * (shape->cluster_bits == 9 ? 128 : 16);
  b->bytes = calloc (MAX_CLUSTERS, b->cluster);
  if (!b->bytes)
    abort ();
  lay_out (b);
  base_put_header (b);
  map_guest (b);
  if (base_has (b, BASE_SNAPSHOT))
    put_snapshot (b);
  if (base_has (b, BASE_BITMAP))
    put_bitmap (b);
  count (b);
}

void
base_image_destroy (struct base_image *b)
{
  free (b->bytes);
}

uint64_t
base_backing_bytes (const struct base_image *b)
{
  return b->virtual_size / 2;
}

uint64_t
base_data_bytes (const struct base_image *b)
{
  return 7 * b->cluster;
}
