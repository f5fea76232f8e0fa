/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Persistent dirty bitmaps that are kept valid: each enabled bitmap records
 * every change of the disk while it is written to.
 *
 * Life, and what the file says of such a bitmap in each place:
 *
 *   bitmaps_load     valid: as its last user left it
 *   bitmaps_begin    in use, durably: nobody believes it
 *   bitmaps_set      (in use) bits are set in memory alone
 *   bitmaps_store    (in use) its data and table are written, not yet durable
 *   [the caller makes them durable, and the guest's data]
 *   bitmaps_end      valid; durably so after the next sync
 *
 * So whatever cuts this off leaves a bitmap that is marked in use, which QEMU
 * calls inconsistent, or a valid one: never one that misses a write.  Disabled
 * bitmaps, and those that were in use already, are left as they are.
 *
 * Memory: the bits of all recorded bitmaps, at most BITMAPS_MAX_BYTES, and 8
 * bytes for each entry of their tables.
 *
 * bitmaps_set is for any thread, without a lock.  All else is for one thread
 * while no request is in flight.  Sections: "Bitmaps extension", "Bitmap
 * directory", "Dirty tracking bitmaps".
 */

#ifndef BATON_BITMAPS_H
#define BATON_BITMAPS_H

#include <stdint.h>

#include "allocator.h"
#include "bitmap-directory.h"
#include "error.h"
#include "io.h"
#include "metadata-map.h"
#include "qcow2-areas.h"
#include "qcow2-header.h"

#define BITMAPS_MAX_BYTES (UINT64_C (64) << 20)

struct bitmaps;

/* Read those of the directory of A that are enabled and valid; *RET is NULL
 * where there are none.  All but ENOMEM: they cannot be kept valid (EINVAL
 * where one makes no sense or is not made for this disk, EFBIG where they
 * have too many bits, EIO).  Borrows IO and H.  Writes nothing. */
int bitmaps_load (struct io *io, const struct qcow2_header *h,
                  const struct qcow2_areas *a, struct bitmaps **ret,
                  struct error *err);
/* NULL is accepted. */
void bitmaps_free (struct bitmaps *b);

/* Mark them as in use, durably.  A failure leaves some marked. */
int bitmaps_begin (struct bitmaps *b, struct error *err);

/* Guest bytes [OFFSET, OFFSET + LEN), inside the disk and LEN > 0, are about
 * to change. */
void bitmaps_set (struct bitmaps *b, uint64_t offset, uint64_t len);

/* Write what was set since they were loaded or last stored; clusters come
 * from A, and go into the metadata map M.  Returns how many could not be
 * written (no space, ...), with the reason of the first in WHY: these stay in
 * use, and are tried again by the next call. */
uint32_t bitmaps_store (struct bitmaps *b, struct allocator *a,
                        struct metadata_map *m, struct error *ret_why);

/* Mark those that were stored as valid, durably.  What was stored, and all
 * that the guest wrote, is durable before.  After a failure nothing may be
 * written to the disk: some may be marked. */
int bitmaps_end (struct bitmaps *b, struct error *err);

#endif /* BATON_BITMAPS_H */
