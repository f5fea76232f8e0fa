/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The founding bug, so that a test can show that it is one.
 *
 * A destination that opens an image while the source still writes, keeps the
 * tables that it read, and serves from them after the hand-over, loses data
 * without a word.  This is that destination.  Nothing but a test sets
 * handoff_config.stale_for_tests, and nothing here is used without it.
 *
 * `image` is opened for writing and without a lock in stale_new, answers the
 * reads of `inactive`, and is given to the first activation; it answers no
 * reads after that (they would need to end before it is closed).  `lock`
 * guards the pointer; a reader holds it while it reads.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "handoff-internal.h"

struct stale {
  struct mutex lock;
  struct image *image GUARDED_BY (lock);
};

static int
open_image (struct handoff *h, struct image **ret, struct error *err)
{
  struct io_opener *opener = h->options.opener;
  struct io *io;

  if (opener->open (opener, h->path, IO_OPEN_WRITE, &io, err) == -1)
    return -1;
  if (image_open (io, h->path, true, &h->options, ret, err) == -1) {
    io_close (io);
    return -1;
  }
  return 0;
}

int
stale_new (struct handoff *h, struct stale **ret, struct error *err)
{
  struct image *img;
  struct stale *s;

  if (open_image (h, &img, err) == -1)
    return -1;
  s = calloc (1, sizeof *s);
  if (!s) {
    image_close (img);
    return error_set_errno (err, ENOMEM, "opening an image");
  }
  mutex_init (&s->lock);
  s->image = img;
  *ret = s;
  return 0;
}

struct image *
stale_take (struct stale *s)
{
  struct image *img;

  if (!s)
    return NULL;
  mutex_lock (&s->lock);
  img = s->image;
  s->image = NULL;
  mutex_unlock (&s->lock);
  return img;
}

void
stale_free (struct stale *s)
{
  if (!s)
    return;
  image_close (stale_take (s));
  mutex_destroy (&s->lock);
  free (s);
}

int
stale_read (struct stale *s, void *buf, size_t len, uint64_t offset,
            struct error *err)
{
  int r;

  mutex_lock (&s->lock);
  if (s->image)
    r = image_read (s->image, buf, len, offset, err);
  else
    r = error_set (err, EIO, "the stale image is gone: this is a test mode");
  mutex_unlock (&s->lock);
  return r;
}
