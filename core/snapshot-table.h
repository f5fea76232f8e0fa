/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The table of internal snapshots, read entry by entry.
 *
 * Guarantees of an entry that was decoded: its extra data are at most 1024
 * bytes, its id and name lie inside the table, disk_size is a multiple of
 * 512.  Where its L1 table is, and whether that makes sense, is for the
 * user of the entry to check: snapshot_check_l1.
 *
 * Reads only; memory is one window of 192 KiB whatever the table holds.  No
 * lock.  Section: "Snapshots".
 */

#ifndef BATON_SNAPSHOT_TABLE_H
#define BATON_SNAPSHOT_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "cursor.h"
#include "error.h"
#include "io.h"
#include "qcow2-header.h"

/* One entry at most: the fixed part, extra data, id and name. */
#define SNAPSHOT_MAX_ENTRY_BYTES (40 + 1024 + 2 * 65535)

struct snapshot {
  uint32_t index;               /* in the table, from 0 */
  uint64_t l1_table_offset;
  uint32_t nr_l1_entries;
  uint64_t disk_size;           /* bytes; the image's where not recorded */
  uint32_t extra_bytes;
  uint32_t id_len, name_len;
  const char *id, *name;        /* borrowed from the window; no NUL at their
                                 * ends, and nobody knows what inside */
};

/* Decode the entry at C, which has all of it that the table has; C moves to
 * its end.  Errors name the entry: EFBIG, "Too much extra metadata"; EINVAL,
 * it is cut off. */
int snapshot_decode (struct cursor *c, const struct qcow2_header *h,
                     uint32_t index, struct snapshot *ret, struct error *err);

/* EINVAL, EFBIG where the L1 table of S is not where one may be, or has too
 * few entries for its disk. */
int snapshot_check_l1 (const struct snapshot *s, const struct qcow2_header *h,
                       struct error *err);

/* Calls FN for each entry in order, until it returns other than 0; that is
 * returned.  *RET_BYTES (may be NULL): the length of the table.  FILE_SIZE:
 * EIO where the table ends behind it.  EFBIG, "Snapshot table is too big":
 * it has more than 64 MiB. */
typedef int snapshot_fn (void *opaque, const struct snapshot *s,
                         struct error *err);
int snapshot_table_walk (struct io *io, const struct qcow2_header *h,
                         uint64_t file_size, snapshot_fn *fn, void *opaque,
                         uint64_t *ret_bytes, struct error *err);

/* The snapshot with the id ID_OR_NAME, or else the first of that name, as
 * qemu-img looks them up; its id and name are not filled.  ENOENT, with a
 * list of what there is. */
int snapshot_table_find (struct io *io, const struct qcow2_header *h,
                         uint64_t file_size, const char *id_or_name,
                         struct snapshot *ret, struct error *err);

/* Make H the header of that snapshot: its L1 table and its disk's size.  Errors
 * as above, and those of snapshot_check_l1. */
int snapshot_table_apply (struct io *io, struct qcow2_header *h,
                          uint64_t file_size, const char *id_or_name,
                          struct error *err);

#endif /* BATON_SNAPSHOT_TABLE_H */
