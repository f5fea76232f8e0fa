/* SPDX-License-Identifier: BSD-3-Clause
 *
 * io-file: opening, size, locks, and the vtable; see io-file.h.
 *
 * Opening: the name is looked at before it is opened, since opening alone
 * has effects on some devices (tapes, watchdogs), and again through the
 * descriptor, which is what counts.  O_NONBLOCK, so that a FIFO which took
 * the name's place between the two cannot make it wait.
 *
 * Nothing here is changed after opening but has_lock, which is atomic, and
 * what has a lock of its own (blocks, syncs, durable).  lock and unlock are
 * called by one thread at a time, as the hand-over does.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checked.h"
#include "io-file-internal.h"
#include "storage.h"

static struct io_file *
io_file (struct io *io)
{
  return (struct io_file *) io;
}

static int
check_span (uint64_t offset, uint64_t len, struct error *err)
{
  uint64_t end;

  if (!checked_add (offset, len, &end) || end > INT64_MAX)
    return error_set (err, EINVAL, "%llu bytes at offset %llu are beyond what "
                      "a file can hold", (unsigned long long) len,
                      (unsigned long long) offset);
  return 0;
}

static int
check_change (const struct io *io, uint64_t offset, uint64_t len,
              struct error *err)
{
  if (io->read_only)
    return error_set (err, EBADF, "it is open for reading only");
  return check_span (offset, len, err);
}

static int
op_pread (struct io *io, void *buf, size_t len, uint64_t offset,
          struct error *err)
{
  struct io_file *f = io_file (io);

  if (check_span (offset, len, err) == -1)
    return -1;
  if (f->direct)
    return direct_pread (f, buf, len, offset, err);
  return transfer_pread (f, buf, len, offset, err);
}

int
file_write (struct io_file *f, const struct iovec *iov, int nr_iov,
            uint64_t offset, unsigned flags, struct error *err)
{
  if (f->direct)
    return direct_pwritev (f, iov, nr_iov, offset, flags, err);
  return transfer_pwritev (f, (struct iov_cursor) { iov, nr_iov, 0 }, offset,
                           flags, err);
}

static int
op_pwritev (struct io *io, const struct iovec *iov, int nr_iov,
            uint64_t offset, unsigned flags, struct error *err)
{
  struct io_file *f = io_file (io);
  const struct iov_cursor c = { iov, nr_iov, 0 };
  const size_t len = iov_cursor_left (&c);
  struct range range;
  int r;

  if (check_change (io, offset, len, err) == -1)
    return -1;
  if (!f->direct || len == 0)
    return file_write (f, iov, nr_iov, offset, flags, err);
  direct_take_blocks (f, &range, offset, len);
  r = file_write (f, iov, nr_iov, offset, flags, err);
  range_lock_drop (&f->blocks, &range);
  return r;
}

static int
op_size (struct io *io, uint64_t *ret_size, struct error *err)
{
  struct io_file *f = io_file (io);
  struct stat st;
  uint64_t size;

  if (f->device) {
    if (ioctl (f->fd, BLKGETSIZE64, &size) == -1)
      return error_set_errno (err, errno, "asking for the device's size");
    *ret_size = size;
    return 0;
  }
  if (fstat (f->fd, &st) == -1)
    return error_set_errno (err, errno, "asking for the file's size");
  *ret_size = (uint64_t) st.st_size;
  return 0;
}

static int
op_truncate (struct io *io, uint64_t size, struct error *err)
{
  struct io_file *f = io_file (io);

  if (ftruncate (f->fd, size) == -1)
    return error_set_errno (err, errno, "cutting off the file's end");
  return 0;
}

int
file_clip (struct io_file *f, uint64_t offset, uint64_t len,
           uint64_t *ret_len, struct error *err)
{
  uint64_t size;

  if (op_size (&f->base, &size, err) == -1)
    return -1;
  *ret_len = offset >= size ? 0 : min_u64 (len, size - offset);
  return 0;
}

static int
op_zero (struct io *io, uint64_t offset, uint64_t len, unsigned flags,
         struct error *err)
{
  struct io_file *f = io_file (io);
  struct range range;
  int r;

  if (check_change (io, offset, len, err) == -1 ||
      file_clip (f, offset, len, &len, err) == -1)
    return -1;
  if (len == 0)
    return 0;
  if (!f->direct)
    return file_zero (f, offset, len, flags, err);
  direct_take_blocks (f, &range, offset, len);
  r = file_zero (f, offset, len, flags, err);
  range_lock_drop (&f->blocks, &range);
  return r;
}

static int
op_sync (struct io *io, struct error *err)
{
  const int e = sync_group_sync (&io_file (io)->syncs);

  if (e == SYNC_EARLIER_FAILED)
    return error_set (err, EIO, "an earlier sync of this file failed, and "
                      "what was written before it may be lost");
  if (e)
    return error_set_errno (err, e, "syncing");
  return 0;
}

static void
op_prefetch (struct io *io, uint64_t offset, uint64_t len)
{
  struct io_file *f = io_file (io);

  /* There is no cache to prefetch to. */
  if (f->direct || check_span (offset, len, NULL) == -1)
    return;
  posix_fadvise (f->fd, (off_t) offset, (off_t) len, POSIX_FADV_WILLNEED);
}

static bool
means_no_locks (const struct error *err)
{
  return !err->class &&
         (err->errnum == ENOLCK || err->errnum == EOPNOTSUPP ||
          err->errnum == EINVAL || err->errnum == ENOSYS);
}

static int
op_lock (struct io *io, enum lock_mode mode, struct error *err)
{
  struct io_file *f = io_file (io);
  struct error e = ERROR_INIT;

  if (f->locking == LOCKING_OFF)
    return 0;
  if (lock_take (f->fd, mode, &e) == 0) {
    f->has_lock = true;
    return 0;
  }
  f->has_lock = false;
  if (f->locking == LOCKING_AUTO && means_no_locks (&e))
    return 0;
  if (err)
    *err = e;
  return -1;
}

static void
op_unlock (struct io *io)
{
  struct io_file *f = io_file (io);

  if (f->locking == LOCKING_OFF)
    return;
  lock_release (f->fd);
  f->has_lock = false;
}

static void
op_close (struct io *io)
{
  struct io_file *f = io_file (io);

  if (f->has_lock)              /* some filesystems want to be told */
    op_unlock (io);
  sync_group_destroy (&f->durable);
  sync_group_destroy (&f->syncs);
  range_lock_destroy (&f->blocks);
  free (f);
}

static bool
op_has_lock (const struct io *io)
{
  return ((const struct io_file *) io)->has_lock;
}

static uint64_t
op_mtime (struct io *io)
{
  struct io_file *f = io_file (io);
  struct stat st;

  if (f->device || fstat (f->fd, &st) == -1)
    return 0;
  return (uint64_t) st.st_mtim.tv_sec * 1000000000 +
    (uint64_t) st.st_mtim.tv_nsec;
}

static const struct io_ops file_ops = {
  .pread = op_pread,
  .pwritev = op_pwritev,
  .zero = op_zero,
  .sync = op_sync,
  .size = op_size,
  .truncate = op_truncate,
  .prefetch = op_prefetch,
  .lock = op_lock,
  .unlock = op_unlock,
  .close = op_close,
  .has_lock = op_has_lock,
  .mtime = op_mtime,
  .drop_cache = fresh_drop,
  .hole = file_hole,
  .check_cache = fresh_check,
};

static int
check_kind (const struct stat *st, struct error *err)
{
  const char *kind = "of an unknown kind";

  if (S_ISREG (st->st_mode) || S_ISBLK (st->st_mode))
    return 0;
  if (S_ISDIR (st->st_mode))
    return error_set (err, EISDIR, "is a directory, not a regular file or a "
                      "block device");
  if (S_ISFIFO (st->st_mode))
    kind = "a FIFO";
  else if (S_ISSOCK (st->st_mode))
    kind = "a socket";
  else if (S_ISCHR (st->st_mode))
    kind = "a character device";
  return error_set (err, EINVAL, "is %s, not a regular file or a block device",
                    kind);
}

static int
open_error (struct error *err, int errnum, int flags)
{
  if (errnum == EINVAL && flags & O_DIRECT)
    return error_set (err, errnum, "cannot be opened past the page cache "
                      "(O_DIRECT) on this filesystem: do not use cache=none");
  return error_set_errno (err, errnum, "cannot be opened for %s",
                          flags & O_RDWR ? "writing" : "reading");
}

/* Whether FD, just opened, is what we serve; makes it block from now on. */
static int
accept_fd (int fd, int flags, struct stat *ret_st, struct error *err)
{
  struct stat st;

  if (fstat (fd, &st) == -1)
    return open_error (err, errno, flags);
  if (check_kind (&st, err) == -1)
    return -1;
  if (fcntl (fd, F_SETFL, flags & O_DIRECT) == -1)
    return open_error (err, errno, flags);
  *ret_st = st;
  return 0;
}

static int
open_checked (const char *name, int flags, int *ret_fd, struct stat *ret_st,
              struct error *err)
{
  struct stat st;
  int fd;

  if (stat (name, &st) == -1)
    return open_error (err, errno, flags & ~O_DIRECT);
  if (check_kind (&st, err) == -1)
    return -1;
  fd = open (name, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd == -1)
    return open_error (err, errno, flags);
  if (accept_fd (fd, flags, ret_st, err) == -1) {
    close (fd);
    return -1;
  }
  *ret_fd = fd;
  return 0;
}

/* The second description of the same file, for durable writes. */
static int
open_again (struct io_file *f, const char *name, int flags,
            const struct stat *first, struct error *err)
{
  struct stat st;
  int fd;

  if (open_checked (name, flags, &fd, &st, err) == -1)
    return -1;
  if (st.st_dev != first->st_dev || st.st_ino != first->st_ino) {
    close (fd);
    return error_set (err, EAGAIN, "was replaced by another file while it was "
                      "being opened: try again");
  }
  f->durable.fd = fd;
  return 0;
}

static struct io_file *
new_file (int fd, const struct stat *st, const struct io_file_opener *opener,
          unsigned flags)
{
  struct io_file *f = calloc (1, sizeof *f);

  if (!f)
    return NULL;
  f->base.ops = &file_ops;
  f->base.read_only = !(flags & IO_OPEN_WRITE);
  f->base.fresh_reads_zero = S_ISREG (st->st_mode);
  f->base.fixed_size = f->device = S_ISBLK (st->st_mode);
  f->base.identity[0] = f->device ? st->st_rdev : st->st_dev;
  f->base.identity[1] = f->device ? UINT64_MAX : st->st_ino;
  f->fd = fd;
  f->direct = opener->direct;
  f->locking = opener->locking;
  f->mem_align = f->block_bytes = f->zero_align = 1;
  range_lock_init (&f->blocks);
  sync_group_init (&f->syncs, fd);
  sync_group_init (&f->durable, -1);
  return f;
}

static int
open_file (const struct io_file_opener *opener, const char *name,
           unsigned flags, struct io **ret, struct error *err)
{
  const int oflags = (flags & IO_OPEN_WRITE ? O_RDWR : O_RDONLY) |
                     (opener->direct ? O_DIRECT : 0);
  struct io_file *f;
  struct stat st;
  int fd;

  if (open_checked (name, oflags, &fd, &st, err) == -1)
    return -1;
  f = new_file (fd, &st, opener, flags);
  if (!f) {
    close (fd);
    return error_set (err, ENOMEM, "out of memory");
  }
  zero_probe (f);
  if ((opener->direct && direct_probe (f, err) == -1) ||
      (flags & IO_OPEN_WRITE && open_again (f, name, oflags, &st, err) == -1)) {
    op_close (&f->base);
    return -1;
  }
  f->base.may_be_stale = !opener->direct && storage_may_be_stale (fd);
  *ret = &f->base;
  return 0;
}

static int
open_past_cache (const struct io_file_opener *opener, const char *name,
                 unsigned flags, struct io **ret, struct error *err)
{
  struct io_file_opener direct = *opener;

  direct.direct = true;
  if (open_file (&direct, name, flags, ret, NULL) == 0)
    return 0;
  if (open_file (opener, name, flags, ret, err) == -1)
    return -1;
  fresh_drop (*ret);
  return 0;
}

static int
file_open (struct io_opener *base, const char *name, unsigned flags,
           struct io **ret, struct error *err)
{
  const struct io_file_opener *opener = (struct io_file_opener *) base;

  if (flags & IO_OPEN_PAST_CACHE)
    return open_past_cache (opener, name, flags, ret, err);
  return open_file (opener, name, flags, ret, err);
}

void
io_file_opener_init (struct io_file_opener *opener, bool direct,
                     enum locking locking)
{
  opener->base.open = file_open;
  opener->direct = direct;
  opener->locking = locking;
}
