/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Table window: see table-window.h.  No lock.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "checked.h"
#include "table-window.h"

int
table_window_init (struct table_window *w, struct io *io, uint64_t end,
                   struct error *err)
{
  *w = (struct table_window) { .io = io, .end = end,
                               .buf_bytes = TABLE_WINDOW_BYTES };
  w->buf = malloc (w->buf_bytes);
  if (!w->buf)
    return error_set (err, ENOMEM, "no memory to read a table");
  return 0;
}

void
table_window_destroy (struct table_window *w)
{
  free (w->buf);
  w->buf = NULL;
}

static int
grow (struct table_window *w, size_t len, struct error *err)
{
  uint8_t *p;

  if (len <= w->buf_bytes)
    return 0;
  p = realloc (w->buf, len);
  if (!p)
    return error_set (err, ENOMEM, "no memory to read a table");
  w->buf = p;
  w->buf_bytes = len;
  return 0;
}

int
table_window_at (struct table_window *w, uint64_t offset, size_t want,
                 struct cursor *ret, struct error *err)
{
  const uint64_t left = offset < w->end ? w->end - offset : 0;

  want = min_u64 (want, left);
  if (offset < w->offset || offset + want > w->offset + w->len_bytes) {
    const size_t len = min_u64 (left, max_u64 (want, TABLE_WINDOW_BYTES));

    w->len_bytes = 0;
    if (grow (w, len, err) == -1 ||
        io_pread (w->io, w->buf, len, offset, err) == -1)
      return -1;
    w->offset = offset;
    w->len_bytes = len;
  }
  cursor_init (ret, want ? w->buf + (offset - w->offset) : w->buf, want);
  return 0;
}
