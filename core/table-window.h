/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Look at a table of records of different lengths through a buffer of
 * bounded size: the snapshot table and the bitmap directory, which may have
 * 64 MiB.
 *
 * Owned by the caller; IO is borrowed.  One thread.
 */

#ifndef BATON_TABLE_WINDOW_H
#define BATON_TABLE_WINDOW_H

#include <stddef.h>
#include <stdint.h>

#include "cursor.h"
#include "error.h"
#include "io.h"

/* What is read at once; more where a record is longer. */
#define TABLE_WINDOW_BYTES (UINT64_C (16) << 10)

struct table_window {
  struct io *io;
  uint64_t end;                 /* of what may be read, file offset */
  uint64_t offset;              /* of what is in the buffer, file offset */
  size_t len_bytes;
  uint8_t *buf;
  size_t buf_bytes;
};

int table_window_init (struct table_window *w, struct io *io, uint64_t end,
                       struct error *err);
void table_window_destroy (struct table_window *w);

/* A cursor over what there is from OFFSET on, up to WANT bytes; fewer where
 * the table ends.  Valid until the next call.  The caller bounds WANT, so that
 * nobody's length decides how much memory is taken. */
int table_window_at (struct table_window *w, uint64_t offset, size_t want,
                     struct cursor *ret, struct error *err);

#endif /* BATON_TABLE_WINDOW_H */
