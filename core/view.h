/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What one look at an image file sees of it: its header, the ownership
 * record, and digests of the tables that a hand-over must not get wrong.
 *
 * Two looks, one by the way that will serve and one past this host's cache,
 * must see the same; and what the ticket says, where there is one.
 *
 * The header's digest is that of its meaning: of the fields, the extensions
 * of others and the backing file's name; not of where that name is, nor of
 * the autoclear bits, which `intact` is about.
 *
 * Owned by the caller.  No lock: for the one thread that runs a command.
 */

#ifndef BATON_VIEW_H
#define BATON_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "digest.h"
#include "error.h"
#include "io.h"
#include "qcow2-header.h"
#include "record.h"
#include "record-place.h"
#include "spare.h"

struct view_digests {
  uint8_t header[DIGEST_BYTES];
  uint8_t l1[DIGEST_BYTES];
  uint8_t reftable[DIGEST_BYTES];
};

struct view {
  struct spare *spare;          /* borrowed; may be NULL */
  uint8_t *header;              /* the first cluster; owned */
  size_t header_bytes;          /* of that buffer */
  size_t cluster_size;
  uint32_t version;
  uint64_t virtual_size;
  bool intact;                  /* our autoclear bit is set; version 2 has no
                                 * such bit, and counts as intact */
  enum record_found found;
  struct record record;
  struct error why;             /* RECORD_DAMAGED */
  struct view_digests digests;  /* view_read only */
  uint64_t file_bytes;
  uint64_t mtime_ns;            /* 0: not known */
};

/* EINVAL and the like where the file is no image.  On success the caller
 * ends it with view_clear.  SPARE: whose buffers are used; NULL: none. */
int view_read (struct io *io, struct spare *spare, struct view *ret,
               struct error *err);
/* The same without the digests: one read, of the header. */
int view_read_header (struct io *io, struct spare *spare, struct view *ret,
                      struct error *err);
/* {0} is accepted. */
void view_clear (struct view *v);

/* NULL where A and B, both of view_read, saw the same; else the name of what
 * differs: "ownership record", "header", "L1 table", "refcount table". */
const char *view_difference (const struct view *a, const struct view *b);
/* The same for digests alone. */
const char *view_digest_difference (const struct view_digests *a,
                                    const struct view_digests *b);

#endif /* BATON_VIEW_H */
