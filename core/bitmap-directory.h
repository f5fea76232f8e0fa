/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The directory of persistent bitmaps, read entry by entry: where each keeps
 * its table.  What the bits say is not looked at.
 *
 * Guarantees of an entry that was decoded: its table is cluster-aligned, has
 * at most 2^27 entries, and its name lies inside the directory.
 *
 * Reads only; memory is one window of 192 KiB.  No lock.  Section: "Bitmap
 * directory".
 */

#ifndef BATON_BITMAP_DIRECTORY_H
#define BATON_BITMAP_DIRECTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "cursor.h"
#include "error.h"
#include "io.h"
#include "qcow2-areas.h"
#include "qcow2-header.h"

#define BITMAP_MAX_NAME_BYTES 1023u

/* Flags: "the bitmap was not saved correctly and may be inconsistent"; and
 * that it is enabled, "must reflect all changes of the virtual disk". */
#define BITMAP_IN_USE 1u
#define BITMAP_AUTO 2u

struct bitmap {
  uint64_t entry_offset;        /* of this in the file; 0 where that is not
                                 * known: after bitmap_decode alone */
  uint64_t table_offset;
  uint32_t nr_table_entries;
  uint32_t flags;               /* BITMAP_* */
  uint8_t granularity_bits;
  uint32_t name_len;
  const char *name;             /* borrowed from the window; not terminated */
};

/* Decode the entry at C; C moves to its end, without the padding.  EINVAL. */
int bitmap_decode (struct cursor *c, const struct qcow2_header *h,
                   uint32_t index, struct bitmap *ret, struct error *err);

/* Calls FN for each entry of the directory of A, until it returns other than
 * 0, which is returned.  EINVAL where the entries do not fill the directory
 * exactly. */
typedef int bitmap_fn (void *opaque, const struct bitmap *b,
                       struct error *err);
int bitmap_directory_walk (struct io *io, const struct qcow2_header *h,
                           const struct qcow2_areas *a, bitmap_fn *fn,
                           void *opaque, struct error *err);

/* Rule 52: the offset of the data of a table's entry, 0: none.  False where
 * reserved bits are set or it is not cluster-aligned. */
bool bitmap_table_entry_decode (const struct qcow2_header *h, uint64_t raw,
                                uint64_t *ret_offset);

#endif /* BATON_BITMAP_DIRECTORY_H */
