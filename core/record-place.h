/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where the ownership record is among a header's extensions, and writing it
 * so that a power cut at any point leaves an image that every program opens
 * as before, with the old record or the new one.
 *
 * The rules:
 *   1. A record lies inside one sector of 512 bytes, so that it is old or
 *      new and never a mixture.  Once it does, it is overwritten in place.
 *   2. Otherwise it is first written, with an end marker behind it, to where
 *      nobody looks: beyond the end marker, or inside an extension of ours
 *      that means nothing.  When that is durable, *one* write of 8 bytes,
 *      the head of the extension before it, makes it part of the header.
 *   3. Where the backing file's name is in the way, it is written a second
 *      time further back; then one write of 8 bytes says where it is.
 *
 * QEMU keeps extensions that it does not know, but moves them when it writes
 * the header; so a record is looked for and not expected anywhere.  Where
 * there are several (a crash between two steps), the highest epoch counts.
 *
 * No lock of its own: the caller is the only one who writes the header.
 * Section: "Header extensions".
 */

#ifndef BATON_RECORD_PLACE_H
#define BATON_RECORD_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "io.h"
#include "record.h"

#define RECORD_SECTOR_BYTES 512u
/* With the extension's head. */
#define RECORD_EXTENSION_BYTES (8u + RECORD_BYTES)

enum record_found {
  RECORD_ABSENT,
  RECORD_DAMAGED,               /* there is one, and none that is valid */
  RECORD_VALID,
};

/* Look for it in HEADER, all the CLUSTER_SIZE bytes of an image's first
 * cluster (zeros where the file is shorter), which qcow2_header_parse has
 * accepted.  ERR says what is wrong with one that is damaged. */
enum record_found record_find (const uint8_t *header, size_t cluster_size,
                               struct record *ret, struct error *err);

/* Write R into IO, whose first cluster is HEADER, and bring HEADER up to date.
 * FLAGS: IO_DSYNC, durably; 0: durable after the caller's next sync, and until
 * then, after a power cut, the old one or the new.  ENOSPC, "NoRoom", with
 * nothing changed, where the cluster has no room for it. */
int record_write (struct io *io, uint8_t *header, size_t cluster_size,
                  const struct record *r, unsigned flags, struct error *err);

#endif /* BATON_RECORD_PLACE_H */
