/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where an image keeps its persistent bitmaps: the header extension that says
 * so, parsed at the border.
 *
 * Pure: bytes in, struct out.  Section: "Bitmaps extension".
 */

#ifndef BATON_QCOW2_AREAS_H
#define BATON_QCOW2_AREAS_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "qcow2-header.h"

#define QCOW2_MAX_BITMAPS 65535u
#define QCOW2_MAX_BITMAP_DIRECTORY_BYTES (UINT64_C (1024) * QCOW2_MAX_BITMAPS)

struct qcow2_areas {
  uint32_t nr_bitmaps;          /* 0: none, or their autoclear bit is 0 */
  uint64_t bitmap_directory_offset;     /* cluster-aligned */
  uint64_t bitmap_directory_bytes;
};

/* From the LEN bytes from the start of a file whose header is H.  EINVAL,
 * EFBIG where an extension makes no sense; the bitmaps' is not looked at
 * where their autoclear bit is 0, for it means nothing then. */
int qcow2_areas_parse (const void *data, size_t len_bytes,
                       const struct qcow2_header *h, struct qcow2_areas *ret,
                       struct error *err);

#endif /* BATON_QCOW2_AREAS_H */
