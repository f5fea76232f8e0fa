/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Small valid qcow2 images, built by hand, that have one of everything: what
 * tests of malformed images start from.
 *
 * Where each structure and each field is comes with the image.  The layout is
 * the same in all (what a shape has not is left out), a cluster each: header,
 * refcount table, refcount block, L1 table, L2 table, four clusters of data,
 * compressed data; snapshot table, its L1 and L2 table and data; bitmap
 * directory, table and data; encryption header (which opens with no
 * passphrase).  Guest clusters:
 *
 *   0, 6  data                    3     data, and the zero flag
 *   1     data, shared with the snapshot if there is one
 *   2     zero flag               4, 5  compressed
 *
 * Extended L2: 0 is allocated as a whole, the others in parts.  Version 2: 2
 * is unallocated, 3 has no zero flag.
 */

#ifndef BATON_TESTS_BASE_IMAGE_H
#define BATON_TESTS_BASE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BASE_BACKING 1u
#define BASE_DATA_FILE 2u
#define BASE_COMPRESSED 4u
#define BASE_SNAPSHOT 8u
#define BASE_BITMAP 16u
#define BASE_LUKS 32u
#define BASE_EXTENDED 64u
#define BASE_ZSTD 128u

struct base_shape {
  const char *name;
  uint32_t version;
  uint32_t cluster_bits;
  uint32_t refcount_order;
  unsigned flags;               /* BASE_* */
};

/* The last one of the list has no name. */
extern const struct base_shape base_shapes[];

enum base_place_id {
  AT_HEADER, AT_EXTENSIONS, AT_REFTABLE, AT_REFBLOCK, AT_L1, AT_L2, AT_DATA,
  AT_COMPRESSED, AT_SNAPSHOTS, AT_SNAPSHOT_L1, AT_SNAPSHOT_L2,
  AT_SNAPSHOT_DATA, AT_BITMAP_DIRECTORY, AT_BITMAP_TABLE, AT_BITMAP_DATA,
  AT_LUKS, NR_PLACES,
};

struct base_place {
  const char *name;
  uint64_t offset;
  uint64_t len;                 /* 0: there is none */
};

struct base_field {
  char name[32];
  uint64_t offset;
  unsigned width;               /* bytes: 1, 2, 4 or 8 */
  enum base_place_id to;        /* a pointer there; else AT_HEADER */
  uint64_t flags;               /* that a pointer has beside the offset */
};

#define BASE_MAX_FIELDS 96

struct base_image {
  const struct base_shape *shape;
  uint8_t *bytes;
  size_t len;
  uint64_t cluster;             /* bytes */
  uint64_t virtual_size;
  uint32_t header_length;
  struct base_place places[NR_PLACES];
  struct base_field fields[BASE_MAX_FIELDS];
  size_t nr_fields;
};

/* The backing file "base.raw" is shorter than the disk; so is the data file
 * "data.raw", whose content is BASE_DATA_BYTE where an image has data. */
#define BASE_BACKING_NAME "base.raw"
#define BASE_BACKING_BYTE 0x0b
#define BASE_DATA_NAME "data.raw"
#define BASE_DATA_BYTE 0x0d

void base_image_init (struct base_image *b, const struct base_shape *shape);
void base_image_destroy (struct base_image *b);

/* How long these two files are to be. */
uint64_t base_backing_bytes (const struct base_image *b);
uint64_t base_data_bytes (const struct base_image *b);

/* Big-endian, WIDTH bytes. */
uint64_t base_load (const uint8_t *p, unsigned width);
void base_store (uint8_t *p, unsigned width, uint64_t value);

#endif /* BATON_TESTS_BASE_IMAGE_H */
