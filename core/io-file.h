/* SPDX-License-Identifier: BSD-3-Clause
 *
 * io over a file or block device of the operating system.
 *
 * Guarantees: EINTR and short transfers are retried; zero falls back from
 * hole punching to zero ranges to writing zeros; sync is fdatasync.  Only
 * regular files and block devices are opened: a directory, FIFO, socket
 * or character device is refused by name, and opening never blocks.
 *
 * direct = true (cache=none) uses O_DIRECT; requests that are not aligned
 * go through an aligned bounce buffer, and read-modify-write of the edges
 * is serialised inside.  Thread-safe.
 *
 * locking: "off" makes lock () succeed without a lock; "auto" takes the
 * locks where the filesystem has them and says with io_has_lock () whether
 * it got them; "on" fails where they are missing.
 *
 * IO_OPEN_PAST_CACHE opens with O_DIRECT; where the filesystem has none, what
 * is cached of the file is dropped instead, as far as the kernel does that.
 */

#ifndef BATON_IO_FILE_H
#define BATON_IO_FILE_H

#include <stdbool.h>

#include "io.h"

enum locking { LOCKING_AUTO, LOCKING_ON, LOCKING_OFF };

struct io_file_opener {
  struct io_opener base;        /* pass &x.base */
  bool direct;
  enum locking locking;
};

void io_file_opener_init (struct io_file_opener *opener, bool direct,
                          enum locking locking);

#endif /* BATON_IO_FILE_H */
