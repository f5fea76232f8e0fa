/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Bitmap directory: see bitmap-directory.h.  No lock.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>

#include "bitmap-directory.h"
#include "checked.h"
#include "qcow2-entry.h"
#include "table-window.h"

#define ENTRY_BYTES 24u
#define MAX_TABLE_ENTRIES UINT32_C (0x8000000)
#define MIN_GRANULARITY_BITS 9
#define MAX_GRANULARITY_BITS 31
#define RESERVED_FLAGS UINT32_C (0xfffffffc)
#define TYPE_DIRTY_TRACKING 1
#define TABLE_ENTRY_RESERVED UINT64_C (0xff000000000001fe)

static int
malformed (uint32_t index, const char *what, struct error *err)
{
  return error_set (err, EINVAL, "entry %" PRIu32 " of the bitmap directory "
                    "%s: the bitmaps are damaged", index, what);
}

/* Rule 51: what QEMU's check_dir_entry demands. */
static int
check_entry (const struct qcow2_header *h, const struct bitmap *b,
             uint8_t type, uint32_t extra_bytes, uint32_t index,
             struct error *err)
{
  if (b->nr_table_entries == 0 || b->nr_table_entries > MAX_TABLE_ENTRIES ||
      b->table_offset == 0 || b->table_offset > QCOW2_MAX_HOST_OFFSET ||
      !is_aligned (b->table_offset, h->cluster_size))
    return malformed (index, "has its table where none can be", err);
  if (b->granularity_bits < MIN_GRANULARITY_BITS ||
      b->granularity_bits > MAX_GRANULARITY_BITS)
    return malformed (index, "has an impossible granularity", err);
  if ((b->flags & RESERVED_FLAGS) || type != TYPE_DIRTY_TRACKING)
    return malformed (index, "has unknown flags or an unknown type", err);
  if (extra_bytes != 0)
    return malformed (index, "has extra data, which nobody knows", err);
  if (b->name_len == 0 || b->name_len > BITMAP_MAX_NAME_BYTES)
    return malformed (index, "has no name, or one of more than 1023 bytes",
                      err);
  return 0;
}

int
bitmap_decode (struct cursor *c, const struct qcow2_header *h,
               uint32_t index, struct bitmap *ret, struct error *err)
{
  struct bitmap b = { 0 };
  uint32_t extra_bytes;
  uint8_t type;

  b.table_offset = cursor_be64 (c);
  b.nr_table_entries = cursor_be32 (c);
  b.flags = cursor_be32 (c);
  type = cursor_u8 (c);
  b.granularity_bits = cursor_u8 (c);
  b.name_len = cursor_be16 (c);
  extra_bytes = cursor_be32 (c);
  if (!c->failed &&
      check_entry (h, &b, type, extra_bytes, index, err) == -1)
    return -1;
  b.name = (const char *) cursor_bytes (c, b.name_len);
  if (c->failed)
    return malformed (index, "is cut off", err);
  *ret = b;
  return 0;
}

static int
walk (struct table_window *w, const struct qcow2_header *h,
      const struct qcow2_areas *a, bitmap_fn *fn, void *opaque,
      struct error *err)
{
  uint64_t offset = a->bitmap_directory_offset;
  uint32_t i;
  int r = 0;

  for (i = 0; r == 0 && i < a->nr_bitmaps; ++i) {
    struct bitmap b;
    struct cursor c;

    if (table_window_at (w, offset, ENTRY_BYTES + BITMAP_MAX_NAME_BYTES, &c,
                         err) == -1 ||
        bitmap_decode (&c, h, i, &b, err) == -1)
      return -1;
    b.entry_offset = offset;
    offset = align_up (offset + c.pos, 8);
    r = fn (opaque, &b, err);
  }
  if (r == 0 && offset != w->end)
    return error_set (err, EINVAL, "the bitmap directory has %" PRIu64
                      " bytes, its entries %" PRIu64 ": the bitmaps are "
                      "damaged", a->bitmap_directory_bytes,
                      offset - a->bitmap_directory_offset);
  return r;
}

int
bitmap_directory_walk (struct io *io, const struct qcow2_header *h,
                       const struct qcow2_areas *a, bitmap_fn *fn,
                       void *opaque, struct error *err)
{
  struct table_window w;
  int r;

  if (table_window_init (&w, io, a->bitmap_directory_offset +
                         a->bitmap_directory_bytes, err) == -1)
    return -1;
  r = walk (&w, h, a, fn, opaque, err);
  table_window_destroy (&w);
  return r;
}

bool
bitmap_table_entry_decode (const struct qcow2_header *h, uint64_t raw,
                           uint64_t *ret_offset)
{
  const uint64_t offset = raw & QCOW2_ENTRY_OFFSET_MASK;

  /* "Bit 0: if bits 9 - 55 are zero, all bits of the data are ones.
   * Otherwise reserved". */
  if ((raw & TABLE_ENTRY_RESERVED) ||
      !is_aligned (offset, h->cluster_size) ||
      (offset != 0 && (raw & 1)))
    return false;
  *ret_offset = offset;
  return true;
}
