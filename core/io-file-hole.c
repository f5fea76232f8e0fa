/* SPDX-License-Identifier: BSD-3-Clause
 *
 * io-file: where a file has holes.
 *
 * SEEK_DATA and SEEK_HOLE move the descriptor's position, which nothing else
 * uses: so calls may come from many threads at once, and no lock is needed.
 * A filesystem that does not know of holes says that all is data; a device
 * says EINVAL, and is taken to be data too.
 */

#include <config.h>

#include <errno.h>
#include <unistd.h>

#include "checked.h"
#include "io-file-internal.h"

bool
file_hole (struct io *io, uint64_t offset, uint64_t len, uint64_t *ret_len)
{
  const struct io_file *f = (const struct io_file *) io;
  const off_t data = lseek (f->fd, (off_t) offset, SEEK_DATA);
  off_t hole;

  *ret_len = len;
  if (data == -1)
    return errno == ENXIO;      /* no data up to the end of the file */
  if ((uint64_t) data > offset) {
    *ret_len = min_u64 (len, (uint64_t) data - offset);
    return true;
  }
  hole = lseek (f->fd, data, SEEK_HOLE);
  if (hole > data)
    *ret_len = min_u64 (len, (uint64_t) (hole - data));
  return false;
}
