/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Data requests: admit, do, leave, and tell nbdkit what went wrong.
 *
 * No lock is held here.  Between hold_admit and handoff_leave the image stays
 * open.
 */

#include <config.h>

#include <errno.h>
#include <stdbool.h>

#include "data.h"
#include "hold.h"
#include "image.h"
#include "server.h"

/* Leave, and report ERR where R is -1. */
static int
leave (int r, const struct error *err)
{
  handoff_leave (server.handoff);
  if (r == -1) {
    /* "Fast or not at all" was asked, and this is the answer. */
    if (err->errnum != ENOTSUP)
      nbdkit_error ("%s: %s", server.parameters.file, err->text);
    nbdkit_set_error (err->errnum);
  }
  return r;
}

static unsigned
image_flags (uint32_t flags)
{
  return (flags & NBDKIT_FLAG_FUA ? IMAGE_FUA : 0) |
    (flags & NBDKIT_FLAG_MAY_TRIM ? IMAGE_MAY_TRIM : 0) |
    (flags & NBDKIT_FLAG_FAST_ZERO ? IMAGE_FAST : 0);
}

/* -- read ------------------------------------------------------------ */

/* 1: the image was activated meanwhile, ask again. */
static int
read_inactive (void *buf, uint32_t count, uint64_t offset)
{
  struct error err = ERROR_INIT;
  const int r =
    handoff_read_inactive (server.handoff, buf, count, offset, &err);

  if (r == -1 && err.errnum == EAGAIN) {
    handoff_leave (server.handoff);
    return 1;
  }
  return leave (r, &err);
}

static int
read_once (void *handle, void *buf, uint32_t count, uint64_t offset)
{
  struct error err;
  struct image *img;
  const int how = hold_admit (handle, REQUEST_READ, &img);

  if (how == -1)
    return -1;
  error_clear (&err);
  if (how == ADMITTED_INACTIVE)
    return read_inactive (buf, count, offset);
  return leave (image_read (img, buf, count, offset, &err), &err);
}

int
data_pread (void *handle, void *buf, uint32_t count, uint64_t offset,
            uint32_t flags)
{
  int r;

  (void) flags;
  do
    r = read_once (handle, buf, count, offset);
  while (r == 1);
  return r;
}

/* -- change ---------------------------------------------------------- */

int
data_pwrite (void *handle, const void *buf, uint32_t count, uint64_t offset,
             uint32_t flags)
{
  struct error err;
  struct image *img;

  if (hold_admit (handle, REQUEST_WRITE, &img) == -1)
    return -1;
  error_clear (&err);
  return leave (image_write (img, buf, count, offset, image_flags (flags),
                             &err), &err);
}

int
data_zero (void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
  struct error err = ERROR_INIT;
  struct image *img;

  if (hold_admit (handle, REQUEST_WRITE, &img) == -1)
    return -1;
  return leave (image_zero (img, count, offset, image_flags (flags), &err),
                &err);
}

int
data_trim (void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
  struct error err = ERROR_INIT;
  struct image *img;

  if (hold_admit (handle, REQUEST_WRITE, &img) == -1)
    return -1;
  return leave (image_trim (img, count, offset, image_flags (flags), &err),
                &err);
}

int
data_flush (void *handle, uint32_t flags)
{
  struct error err = ERROR_INIT;
  struct image *img;

  (void) flags;
  if (hold_admit (handle, REQUEST_FLUSH, &img) == -1)
    return -1;
  /* Nothing was written, and an image that is never written has no flush. */
  return leave (server.read_only ? 0 : image_flush (img, &err), &err);
}

/* -- extents --------------------------------------------------------- */

struct extent_sink {
  struct nbdkit_extents *extents;
  bool one;             /* stop where the type changes */
  bool any;
  bool done;
  uint32_t type;
};

static uint32_t
nbdkit_type (unsigned type)
{
  return (type & IMAGE_EXTENT_HOLE ? NBDKIT_EXTENT_HOLE : 0) |
    (type & IMAGE_EXTENT_ZERO ? NBDKIT_EXTENT_ZERO : 0);
}

static int
add_extent (void *opaque, uint64_t offset, uint64_t len, unsigned type,
            struct error *err)
{
  struct extent_sink *sink = opaque;

  if (sink->one && sink->any && sink->type != nbdkit_type (type)) {
    sink->done = true;
    return -1;
  }
  sink->any = true;
  sink->type = nbdkit_type (type);
  if (nbdkit_add_extent (sink->extents, offset, len, sink->type) == -1)
    return error_set_errno (err, errno, "adding an extent");
  return 0;
}

static int
extents_active (struct image *img, uint32_t count, uint64_t offset,
                struct extent_sink *sink, struct error *err)
{
  if (image_extents (img, count, offset, add_extent, sink, err) == 0)
    return 0;
  return sink->done ? 0 : -1;
}

int
data_extents (void *handle, uint32_t count, uint64_t offset, uint32_t flags,
              struct nbdkit_extents *extents)
{
  struct extent_sink sink = {
    .extents = extents, .one = flags & NBDKIT_FLAG_REQ_ONE
  };
  struct error err = ERROR_INIT;
  struct image *img;
  const int how = hold_admit (handle, REQUEST_EXTENTS, &img);

  if (how == -1)
    return -1;
  /* What the owner has allocated changes under us: "data" is always true. */
  if (how == ADMITTED_INACTIVE)
    return leave (add_extent (&sink, offset, count, 0, &err), &err);
  return leave (extents_active (img, count, offset, &sink, &err), &err);
}

/* -- cache ----------------------------------------------------------- */

int
data_cache (void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
  struct error err = ERROR_INIT;
  struct image *img;
  const int how = hold_admit (handle, REQUEST_CACHE, &img);

  (void) flags;
  if (how == -1)
    return -1;
  if (how == ADMITTED)
    image_prefetch (img, count, offset);
  return leave (0, &err);
}
