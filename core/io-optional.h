/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What not every io has (io.h): functions, and an identity.
 */

#ifndef BATON_IO_OPTIONAL_H
#define BATON_IO_OPTIONAL_H

#include <stdbool.h>
#include <stdint.h>

#include "io.h"

/* Whether A and B are known to be one file. */
static inline bool
io_same_file (const struct io *a, const struct io *b)
{
  return (a->identity[0] | a->identity[1]) != 0 &&
    a->identity[0] == b->identity[0] && a->identity[1] == b->identity[1];
}

/* False where it is not known. */
static inline bool
io_has_lock (const struct io *io)
{
  return io->ops->has_lock && io->ops->has_lock (io);
}

/* 0: not known. */
static inline uint64_t
io_mtime (struct io *io)
{
  return io->ops->mtime ? io->ops->mtime (io) : 0;
}

static inline void
io_drop_cache (struct io *io)
{
  if (io->ops->drop_cache)
    io->ops->drop_cache (io);
}

/* Whether a hole begins at OFFSET: the file keeps nothing there and reads
 * zeros, as it does beyond its end.  *RET_LEN: how many of the LEN bytes (at
 * least 1) the hole has, or what is not known to be a hole. */
static inline bool
io_hole (struct io *io, uint64_t offset, uint64_t len, uint64_t *ret_len)
{
  if (io->ops->hole)
    return io->ops->hole (io, offset, len, ret_len);
  *ret_len = len;
  return false;
}

/* Success where it cannot be done. */
static inline int
io_check_cache (struct io *io, struct error *err)
{
  return io->ops->check_cache ? io->ops->check_cache (io, err) : 0;
}

/* Success without doing anything where the file cannot be cut off. */
static inline int
io_truncate (struct io *io, uint64_t size, struct error *err)
{
  const int r = io->ops->truncate ? io->ops->truncate (io, size, err) : 0;

  io_note_change (io);
  return r;
}

#endif /* BATON_IO_OPTIONAL_H */
