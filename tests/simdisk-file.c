/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Simulated disk: from and to real files, so that images made by qemu-img
 * can be crashed, and what is left can be looked at by qemu-img.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checked.h"
#include "simdisk-internal.h"

#define PIECE_BYTES 65536

static bool
is_zero (const uint8_t *p, size_t len)
{
  return len == 0 || (p[0] == 0 && memcmp (p, p + 1, len - 1) == 0);
}

/* Up to LEN bytes, fewer only at the end of the file; -1 with errno. */
static ssize_t
read_full (int fd, uint8_t *buf, size_t len, off_t offset)
{
  size_t done = 0;

  while (done < len) {
    const ssize_t r = pread (fd, buf + done, len - done,
                             offset + (off_t) done);

    if (r == -1 && errno == EINTR)
      continue;
    if (r == -1)
      return -1;
    if (r == 0)
      break;
    done += (size_t) r;
  }
  return (ssize_t) done;
}

static void
store (struct simdisk *d, uint64_t offset, const uint8_t *buf, size_t len)
{
  const uint32_t bytes = d->sector_bytes;
  size_t pos;

  for (pos = 0; pos < len; pos += bytes) {
    const size_t n = min_u64 (bytes, len - pos);
    struct sector *s;

    if (is_zero (buf + pos, n))
      continue;
    s = sector_new (bytes);
    memcpy (s->data, buf + pos, n);
    memset (s->data + n, 0, bytes - n);
    tree_set (&d->newest, (offset + pos) / bytes, s);
  }
}

/* 0 or errno. */
static int
load (struct simdisk *d, int fd)
{
  uint8_t buf[PIECE_BYTES];
  struct stat st;
  off_t offset = 0;

  if (fstat (fd, &st) == -1)
    return errno;
  d->size = d->durable_size = (uint64_t) st.st_size;
  while (offset < st.st_size) {
    const off_t data = lseek (fd, offset, SEEK_DATA);
    ssize_t r;

    if (data == -1 && errno == ENXIO)
      return 0;                 /* the rest is a hole */
    if (data > offset)
      offset = (off_t) align_down ((uint64_t) data, PIECE_BYTES);
    r = read_full (fd, buf, sizeof buf, offset);
    if (r == -1)
      return errno;
    store (d, (uint64_t) offset, buf, (size_t) r);
    offset += PIECE_BYTES;
  }
  return 0;
}

struct simdisk *
simdisk_load_file (const char *path, uint32_t sector_bytes, struct error *err)
{
  const int fd = open (path, O_RDONLY | O_CLOEXEC);
  struct simdisk *d;
  int e;

  if (fd == -1) {
    error_set_errno (err, errno, "%s", path);
    return NULL;
  }
  d = simdisk_alloc (sector_bytes);
  e = load (d, fd);
  close (fd);
  if (e) {
    error_set_errno (err, e, "%s", path);
    simdisk_free (d);
    return NULL;
  }
  return d;
}

struct save {
  int fd;
  uint32_t sector_bytes;
  uint64_t size;
  int errnum;
};

static void
save_sector (void *opaque, uint64_t number, struct sector *s)
{
  struct save *save = opaque;
  const uint64_t offset = number * save->sector_bytes;
  const size_t len = min_u64 (save->sector_bytes, save->size - offset);

  if (save->errnum == 0 &&
      pwrite (save->fd, s->data, len, (off_t) offset) != (ssize_t) len)
    save->errnum = errno ? errno : EIO;
}

static int
save_locked (struct simdisk *d, int fd) REQUIRES (d->lock)
{
  struct save save = { fd, d->sector_bytes, d->size, 0 };

  if (ftruncate (fd, (off_t) d->size) == -1)
    return errno;
  errno = 0;
  tree_each (&d->newest, 0, UINT64_MAX, save_sector, &save);
  return save.errnum;
}

int
simdisk_save_file (struct simdisk *d, const char *path, struct error *err)
{
  const int fd = open (path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  int e;

  if (fd == -1)
    return error_set_errno (err, errno, "%s", path);
  mutex_lock (&d->lock);
  e = save_locked (d, fd);
  mutex_unlock (&d->lock);
  if (close (fd) == -1 && e == 0)
    e = errno;
  return e ? error_set_errno (err, e, "%s", path) : 0;
}
