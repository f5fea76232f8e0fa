/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Who opens files for the engine (io.h).  No lock; what an opener guards it
 * guards itself.
 */

#ifndef BATON_IO_OPENER_H
#define BATON_IO_OPENER_H

#include "error.h"

struct io;

/* Who opens files for the engine: the image itself and its backing files
 * go through the same one, so that policy has one place.
 *
 * open: NAME is a path.  Fills *RET, which the caller closes.  Errors say
 * what NAME is ("is a directory", "No such file or directory", ...).
 *
 * IO_OPEN_PAST_CACHE: what is read through it comes from the storage, as well
 * as the system can do that, and not from the cache that other ios read.
 */
#define IO_OPEN_WRITE 1u
#define IO_OPEN_PAST_CACHE 2u

struct io_opener {
  int (*open) (struct io_opener *opener, const char *name, unsigned flags,
               struct io **ret, struct error *err);
};

#endif /* BATON_IO_OPENER_H */
