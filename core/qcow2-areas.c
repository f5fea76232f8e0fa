/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where bitmaps are: see qcow2-areas.h.  The wording of
 * refusals is QEMU's where it has one.  Pure; no lock.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>

#include "checked.h"
#include "cursor.h"
#include "qcow2-areas.h"
#include "qcow2-extension.h"

#define BITMAPS_BYTES 24u

static int
check_bitmaps (const struct qcow2_header *h, const struct qcow2_areas *a,
               uint32_t reserved, struct error *err)
{
  if (reserved != 0)
    return error_set (err, EINVAL,
                      "bitmaps_ext: Reserved field is not zero");
  /* Rule 51. */
  if (a->nr_bitmaps == 0)
    return error_set (err, EINVAL, "bitmaps_ext: found bitmaps extension "
                      "with zero bitmaps");
  if (a->nr_bitmaps > QCOW2_MAX_BITMAPS)
    return error_set (err, EFBIG, "bitmaps_ext: image has %" PRIu32
                      " bitmaps, exceeding the supported maximum of %u",
                      a->nr_bitmaps, QCOW2_MAX_BITMAPS);
  if (!is_aligned (a->bitmap_directory_offset, h->cluster_size) ||
      a->bitmap_directory_offset == 0 ||
      a->bitmap_directory_offset > QCOW2_MAX_HOST_OFFSET)
    return error_set (err, EINVAL, "bitmaps_ext: invalid bitmap directory "
                      "offset 0x%" PRIx64, a->bitmap_directory_offset);
  if (a->bitmap_directory_bytes > QCOW2_MAX_BITMAP_DIRECTORY_BYTES)
    return error_set (err, EFBIG, "bitmaps_ext: bitmap directory size (%"
                      PRIu64 ") exceeds the maximum supported size (%" PRIu64
                      ")", a->bitmap_directory_bytes,
                      QCOW2_MAX_BITMAP_DIRECTORY_BYTES);
  return 0;
}

static int
read_bitmaps (const struct qcow2_extension *e, const struct qcow2_header *h,
              struct qcow2_areas *a, struct error *err)
{
  uint32_t reserved;

  /* "If the bit is not set, the bitmaps extension data must be considered
   * inconsistent". */
  if (!(h->autoclear_features & QCOW2_AUTOCLEAR_BITMAPS))
    return 0;
  if (e->len_bytes != BITMAPS_BYTES)
    return error_set (err, EINVAL, "bitmaps_ext: Invalid extension length %"
                      PRIu32, e->len_bytes);
  a->nr_bitmaps = load_be32 (e->data);
  reserved = load_be32 (e->data + 4);
  a->bitmap_directory_bytes = load_be64 (e->data + 8);
  a->bitmap_directory_offset = load_be64 (e->data + 16);
  return check_bitmaps (h, a, reserved, err);
}

int
qcow2_areas_parse (const void *data, size_t len_bytes,
                   const struct qcow2_header *h, struct qcow2_areas *ret,
                   struct error *err)
{
  const uint64_t end = h->backing_name_offset ? h->backing_name_offset
                                              : h->cluster_size;
  struct qcow2_areas a = { 0 };
  struct qcow2_extension_walk walk;
  struct qcow2_extension e;
  int r;

  qcow2_extension_walk_init (&walk, data, h->header_length,
                             min_u64 (end, len_bytes));
  while ((r = qcow2_extension_next (&walk, &e, err)) == 1) {
    if (e.type == QCOW2_EXT_BITMAPS && read_bitmaps (&e, h, &a, err) == -1)
      return -1;
  }
  if (r == 0)
    *ret = a;
  return r;
}
