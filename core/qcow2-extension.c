/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Header extensions, one after the other.
 *
 * Invariants:
 *   1. every step consumes at least the 8 bytes of an extension's head, so
 *      that a walk ends, whatever the bytes are;
 *   2. what is handed out lies wholly inside the bytes being walked;
 *   3. after 0 or -1 a walk is at its end and only says 0 or -1 again.
 *
 * No state beyond the caller's struct; no lock.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "checked.h"
#include "cursor.h"
#include "qcow2-extension.h"
#include "qcow2-format.h"

#define EXTENSION_HEAD_BYTES 8
#define FEATURE_ENTRY_BYTES (2 + QCOW2_FEATURE_NAME_BYTES)
/* How many features are named in one message: all fit in
 * QCOW2_FEATURE_LIST_BYTES. */
#define MAX_FEATURES_NAMED 4

void
qcow2_extension_walk_init (struct qcow2_extension_walk *w,
                           const void *data, size_t start, size_t end)
{
  cursor_init (&w->c, data, end);
  cursor_seek (&w->c, min_u64 (start, end));
  w->nr_seen = 0;
}

/* "The remaining space between the end of the header extension area and
 * the end of the first cluster can be used for other data": after the end
 * marker nothing is looked at. */
static int
end_of_walk (struct qcow2_extension_walk *w)
{
  cursor_seek (&w->c, w->c.len_bytes);
  return 0;
}

/* "padding to round up the extension size to the next multiple of 8
 * bytes"; the last one may lack its padding, as in QEMU. */
static void
skip_padding (struct cursor *c, uint32_t len_bytes)
{
  size_t padding = -(size_t) len_bytes & 7;

  cursor_skip (c, min_u64 (padding, cursor_left (c)));
}

int
qcow2_extension_next (struct qcow2_extension_walk *w,
                      struct qcow2_extension *ret, struct error *err)
{
  struct qcow2_extension e = { .offset = w->c.pos };

  if (cursor_left (&w->c) == 0)
    return 0;
  if (cursor_left (&w->c) < EXTENSION_HEAD_BYTES)
    return error_set (err, EINVAL,
                      "header extension at offset %zu is cut off: "
                      "%zu bytes are left and its head needs %d",
                      e.offset, cursor_left (&w->c), EXTENSION_HEAD_BYTES);

  e.type = cursor_be32 (&w->c);
  e.len_bytes = cursor_be32 (&w->c);
  if (e.type == QCOW2_EXT_END)
    return end_of_walk (w);
  if (w->nr_seen == QCOW2_MAX_EXTENSIONS) {
    end_of_walk (w);
    return error_set (err, EFBIG, "more than %d header extensions",
                      QCOW2_MAX_EXTENSIONS);
  }
  if (e.len_bytes > cursor_left (&w->c)) {
    size_t left = cursor_left (&w->c);

    end_of_walk (w);
    return error_set (err, EINVAL,
                      "Header extension too large: type 0x%08" PRIx32
                      " at offset %zu has %" PRIu32
                      " bytes of data where only %zu are left",
                      e.type, e.offset, e.len_bytes, left);
  }

  e.data = cursor_bytes (&w->c, e.len_bytes);
  skip_padding (&w->c, e.len_bytes);
  w->nr_seen++;
  *ret = e;
  return 1;
}

/* An image's text goes to terminals and logs. */
static char
printable (uint8_t c)
{
  return c >= 0x20 && c <= 0x7e ? (char) c : '?';
}

/* "padded with zeros, but not necessarily null terminated if it has full
 * length". */
static void
copy_name (const uint8_t *raw, char *ret_name)
{
  size_t i;

  for (i = 0; i < QCOW2_FEATURE_NAME_BYTES && raw[i] != 0; i++)
    ret_name[i] = printable (raw[i]);
  ret_name[i] = '\0';
}

bool
qcow2_feature_name (const struct qcow2_extension *table,
                    uint8_t type, uint8_t bit,
                    char ret_name[QCOW2_FEATURE_NAME_BYTES + 1])
{
  struct cursor c;

  cursor_init (&c, table->data, table->len_bytes);
  while (cursor_left (&c) >= FEATURE_ENTRY_BYTES) {
    const uint8_t *entry = cursor_bytes (&c, FEATURE_ENTRY_BYTES);

    if (entry[0] == type && entry[1] == bit && entry[2] != 0) {
      copy_name (entry + 2, ret_name);
      return true;
    }
  }
  return false;
}

/* Append one feature to LIST, of which USED bytes are taken.  Returns how
 * many are taken then. */
static size_t
append_feature (const struct qcow2_extension *table, uint8_t type,
                uint8_t bit, char *list, size_t used)
{
  char name[QCOW2_FEATURE_NAME_BYTES + 1];
  const char *comma = used == 0 ? "" : ", ";
  char *end = list + used;
  size_t left = QCOW2_FEATURE_LIST_BYTES - used;

  if (qcow2_feature_name (table, type, bit, name))
    return used + snprintf (end, left, "%s'%s' (bit %d)", comma, name, bit);
  return used + snprintf (end, left, "%sbit %d", comma, bit);
}

void
qcow2_feature_list (const struct qcow2_extension *table,
                    uint8_t type, uint64_t bits,
                    char ret_list[QCOW2_FEATURE_LIST_BYTES])
{
  size_t used = 0;
  int nr;

  ret_list[0] = '\0';
  for (nr = 0; bits != 0 && nr < MAX_FEATURES_NAMED; nr++) {
    used = append_feature (table, type, (uint8_t) __builtin_ctzll (bits),
                           ret_list, used);
    bits &= bits - 1;
  }
  if (bits != 0)
    snprintf (ret_list + used, QCOW2_FEATURE_LIST_BYTES - used,
              " and %d more", __builtin_popcountll (bits));
}
