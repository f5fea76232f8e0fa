/* SPDX-License-Identifier: BSD-3-Clause
 *
 * io-file: making sure that nothing older than the storage is cached.
 *
 * The kernel is asked to drop its pages of the file.  It does not say whether
 * it did: it leaves those that somebody has mapped or locked.  So afterwards
 * what is cached still is looked for, and compared with the storage, piece by
 * piece.  Where nothing is left, which is the rule, that is one system call.
 *
 * cachestat tells what is cached (Linux 6.5).  Older kernels are asked page by
 * page with mincore, which takes its time and is therefore done for the first
 * MINCORE_LIMIT bytes only.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "checked.h"
#include "cleanup.h"
#include "io-file-internal.h"

#ifndef SYS_cachestat
#define SYS_cachestat 451       /* but on Alpha */
#endif

#define MAX_DROPS 3
#define PIECE_BYTES ((size_t) 1 << 20)
#define PIECE_ALIGN 4096
#define MINCORE_LIMIT ((uint64_t) 16 << 30)
#define MINCORE_WINDOW ((size_t) 256 << 20)

struct check {
  struct io_file *f;
  int direct_fd;                /* -1: there is no way past the cache */
  bool has_cachestat;
  uint8_t *cached, *stored;     /* PIECE_BYTES each */
};

/* -- what is cached ---------------------------------------------------- */

/* As in linux/mman.h, which may be older than the kernel. */
struct cachestat_range {
  uint64_t offset, len;
};
struct cachestat_figures {
  uint64_t nr_cache, nr_dirty, nr_writeback, nr_evicted, nr_recently_evicted;
};

/* -1 where this kernel does not tell. */
static int
ask_cachestat (int fd, uint64_t offset, uint64_t len, bool *ret)
{
  struct cachestat_range range = { offset, len };
  struct cachestat_figures figures = { .nr_cache = 0 };

  if (syscall (SYS_cachestat, fd, &range, &figures, 0) == -1)
    return -1;
  *ret = figures.nr_cache > 0;
  return 0;
}

/* What cannot be told is taken as cached, and compared. */
static bool
window_is_cached (int fd, uint64_t offset, size_t len)
{
  const size_t nr_pages = len / PIECE_ALIGN + 1;
  CLEANUP_FREE unsigned char *pages = calloc (nr_pages, 1);
  void *p = mmap (NULL, len, PROT_READ, MAP_SHARED, fd, (off_t) offset);
  bool found = true;
  size_t i;

  if (p == MAP_FAILED)
    return true;
  if (pages && mincore (p, len, pages) == 0)
    for (i = 0, found = false; i < nr_pages && !found; i++)
      found = pages[i] & 1;
  munmap (p, len);
  return found;
}

static bool
is_cached (const struct check *c, uint64_t offset, uint64_t len)
{
  bool found = false;
  uint64_t done;

  if (c->has_cachestat)
    return ask_cachestat (c->f->fd, offset, len, &found) == -1 || found;
  for (done = 0; done < len && !found; done += MINCORE_WINDOW)
    found = window_is_cached (c->f->fd, offset + done,
                              min_u64 (len - done, MINCORE_WINDOW));
  return found;
}

/* -- comparing --------------------------------------------------------- */

/* What the storage has, with zeros behind its end. */
static bool
read_stored (const struct check *c, size_t len, uint64_t offset)
{
  size_t done = 0;
  ssize_t n;

  memset (c->stored, 0, len);
  do {
    n = pread (c->direct_fd, c->stored + done, PIECE_BYTES - done,
               (off_t) (offset + done));
    if (n == -1 && errno != EINTR)
      return false;
    done += n > 0 ? (size_t) n : 0;
    /* Only the end of the file is not aligned. */
  } while (n != 0 && done < len && done % PIECE_ALIGN == 0);
  return true;
}

static bool
piece_is_fresh (const struct check *c, uint64_t offset, size_t len)
{
  return c->direct_fd != -1 &&
    transfer_pread (c->f, c->cached, len, offset, NULL) == 0 &&
    read_stored (c, len, offset) && memcmp (c->cached, c->stored, len) == 0;
}

/* LEN halves with each call inside. */
static bool
range_is_fresh (const struct check *c, uint64_t offset, uint64_t len)
{
  uint64_t half;

  if (len == 0 || !is_cached (c, offset, len))
    return true;
  if (len <= PIECE_BYTES)
    return piece_is_fresh (c, offset, len);
  half = (len / 2 + PIECE_BYTES - 1) / PIECE_BYTES * PIECE_BYTES;
  return range_is_fresh (c, offset, half) &&
    range_is_fresh (c, offset + half, len - half);
}

/* -- the whole ---------------------------------------------------------- */

void
fresh_drop (struct io *io)
{
  posix_fadvise (((struct io_file *) io)->fd, 0, 0, POSIX_FADV_DONTNEED);
}

static int
check_init (struct check *c, struct io_file *f, struct error *err)
{
  char path[32];
  bool any;
  void *p;

  if (posix_memalign (&p, PIECE_ALIGN, 2 * PIECE_BYTES))
    return error_set_errno (err, ENOMEM, "looking for what is cached");
  snprintf (path, sizeof path, "/proc/self/fd/%d", f->fd);
  *c = (struct check) {
    .f = f, .cached = p, .stored = (uint8_t *) p + PIECE_BYTES,
    .direct_fd = open (path, O_RDONLY | O_DIRECT | O_CLOEXEC),
    .has_cachestat = ask_cachestat (f->fd, 0, 0, &any) == 0,
  };
  return 0;
}

static void
check_end (struct check *c)
{
  if (c->direct_fd != -1)
    close (c->direct_fd);
  free (c->cached);
}

static int
check (const struct check *c, uint64_t size, struct error *err)
{
  unsigned i;

  if (!c->has_cachestat)
    size = min_u64 (size, MINCORE_LIMIT);
  for (i = 0; i < MAX_DROPS; i++) {
    fresh_drop (&c->f->base);
    if (range_is_fresh (c, 0, size))
      return 0;
  }
  return error_set_class (err, ESTALE, "StaleView",
                          "this host has cached data of it that %s the "
                          "storage has, and cannot drop them, perhaps because "
                          "another program has the file mapped: end that "
                          "program, unmount and mount the storage, or start "
                          "the server with cache=none",
                          c->direct_fd == -1 ? "cannot be compared with what"
                                             : "are not what");
}

int
fresh_check (struct io *io, struct error *err)
{
  struct io_file *f = (struct io_file *) io;
  struct check c;
  uint64_t size;
  int r;

  if (f->direct)
    return 0;
  if (io_size (io, &size, err) == -1 || check_init (&c, f, err) == -1)
    return -1;
  r = check (&c, size, err);
  check_end (&c);
  return r;
}
