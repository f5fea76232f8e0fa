/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Walk the header extensions of a qcow2 image, and look names up in its
 * feature name table.
 *
 * Pure: bytes in, bytes out; reads no file, allocates nothing, no lock.
 * A walk is linear in the bytes it covers, never leaves them, and ends
 * after at most QCOW2_MAX_EXTENSIONS extensions.  What an extension means
 * is its user's business.  Sections: "Header extensions", "Feature name
 * table".
 */

#ifndef BATON_QCOW2_EXTENSION_H
#define BATON_QCOW2_EXTENSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cursor.h"
#include "error.h"

/* Our own limit: the format defines five types, so more than this is no
 * image that anybody made. */
#define QCOW2_MAX_EXTENSIONS 1024

/* The types of a feature name table's entries. */
#define QCOW2_FEATURE_INCOMPATIBLE 0
#define QCOW2_FEATURE_COMPATIBLE 1
#define QCOW2_FEATURE_AUTOCLEAR 2
#define QCOW2_FEATURE_NAME_BYTES 46

struct qcow2_extension {
  uint32_t type;                /* QCOW2_EXT_*, or unknown */
  uint32_t len_bytes;           /* of its data, without the padding */
  const uint8_t *data;          /* borrowed from the bytes being walked */
  size_t offset;                /* of its 8-byte head in those bytes */
};

/* Private to the walk. */
struct qcow2_extension_walk {
  struct cursor c;
  unsigned nr_seen;
};

/* Walk bytes START to END of DATA, which has at least END bytes and must
 * outlive the walk and what it returned.  START is the header's length,
 * END where the backing file's name begins, or the end of the cluster or
 * of the file, whichever comes first. */
void qcow2_extension_walk_init (struct qcow2_extension_walk *w,
                                const void *data, size_t start, size_t end);

/* 1 and *RET: the next extension.  0: there are no more (the end marker,
 * or the end of the bytes).  -1, EINVAL: it is cut off; EFBIG: too many. */
int qcow2_extension_next (struct qcow2_extension_walk *w,
                          struct qcow2_extension *ret, struct error *err);

/* The name that TABLE (a QCOW2_EXT_FEATURE_NAMES) gives to bit BIT of
 * feature word TYPE (QCOW2_FEATURE_*), in printable ASCII whatever the
 * image holds.  False, RET_NAME untouched, where it gives none. */
bool qcow2_feature_name (const struct qcow2_extension *table,
                         uint8_t type, uint8_t bit,
                         char ret_name[QCOW2_FEATURE_NAME_BYTES + 1]);

/* The bits of BITS, feature word TYPE, as text: "'name' (bit 5), bit 9 and
 * 3 more".  Bounded: the first few only. */
#define QCOW2_FEATURE_LIST_BYTES 320
void qcow2_feature_list (const struct qcow2_extension *table,
                         uint8_t type, uint64_t bits,
                         char ret_list[QCOW2_FEATURE_LIST_BYTES]);

#endif /* BATON_QCOW2_EXTENSION_H */
