/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The backing file of an image: raw, or qcow2 with a chain of its own.
 * Opened read-only, never written.  "Backing shorter than the overlay reads
 * zeros beyond its end."
 *
 * A name inside an image is not to be trusted: options.backing says what may
 * be opened (SECURITY.md), only regular files and block devices ever are,
 * and the format is the one that the image names, never a guess.
 *
 * Thread-safe once open.
 */

#ifndef BATON_BACKING_H
#define BATON_BACKING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "image.h"

struct backing;

/* A chain may be this long; longer is taken for a loop. */
#define BACKING_MAX_DEPTH 256

/* Open what the header of OVERLAY, or the "json:" name by which it was itself
 * named (overlay->backing_spec), names, and what that names in turn.  ELOOP
 * where a file is its own backing file, directly or not. */
int backing_open (const struct image *overlay, struct backing **ret,
                  struct error *err);
/* Close its files, down the chain; its memory stays until backing_close.  NULL
 * is accepted. */
void backing_give_up (struct backing *b);
void backing_close (struct backing *b);

uint64_t backing_size (const struct backing *b);
/* Borrowed: the image, NULL for a raw file; and the file. */
struct image *backing_image (const struct backing *b);
struct io *backing_io (const struct backing *b);
int backing_read (struct backing *b, void *buf, size_t len, uint64_t offset,
                  struct error *err);
int backing_extents (struct backing *b, uint64_t len, uint64_t offset,
                     image_extent_fn fn, void *opaque, struct error *err);

#endif /* BATON_BACKING_H */
