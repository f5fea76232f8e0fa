/* SPDX-License-Identifier: BSD-3-Clause
 *
 * stale-fuse: a directory mounted a second time, with a page cache that is
 * never told of what happens elsewhere.  Two such mounts of one directory
 * are two hosts of a filesystem that is not coherent.
 *
 * The kernel keeps the pages of a file when it is closed and opened again
 * (keep_cache), whatever its size and times are by now (explicit_inval_data).
 * Reads with O_DIRECT come here and see the file as it is; writes are passed
 * on at once.  Locks reach the other mount, unless --local-locks.
 */

#define FUSE_USE_VERSION 31

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fuse.h>

struct setting {
  int source;                   /* the directory */
  double attributes_s;          /* how long attributes are believed */
};

static const char usage_text[] =
  "usage: stale-fuse [OPTION]... SOURCE MOUNTPOINT\n"
  "\n"
  "Mount the files of the directory SOURCE, with a cache that goes stale;\n"
  "until SIGTERM.\n"
  "\n"
  "  --local-locks       locks are seen through this mount only\n"
  "  --stale-attributes  sizes and times are believed for an hour\n"
  "  --help              this text\n";

static const struct setting *
setting (void)
{
  return fuse_get_context ()->private_data;
}

static const char *
relative (const char *path)
{
  return path[1] == '\0' ? "." : path + 1;
}

static int
result (int r)
{
  return r == -1 ? -errno : r;
}

/* -- files ------------------------------------------------------------------ */

static int
do_getattr (const char *path, struct stat *st, struct fuse_file_info *fi)
{
  (void) fi;
  return result (fstatat (setting ()->source, relative (path), st,
                          AT_SYMLINK_NOFOLLOW));
}

static int
do_open (const char *path, struct fuse_file_info *fi)
{
  const int flags = fi->flags & ~(O_DIRECT | O_NOFOLLOW);
  const int fd = openat (setting ()->source, relative (path), flags);

  if (fd == -1)
    return -errno;
  fi->fh = (uint64_t) fd;
  fi->keep_cache = 1;
  return 0;
}

static int
do_create (const char *path, mode_t mode, struct fuse_file_info *fi)
{
  const int fd = openat (setting ()->source, relative (path),
                         (fi->flags & ~O_DIRECT) | O_CREAT, mode);

  if (fd == -1)
    return -errno;
  fi->fh = (uint64_t) fd;
  return 0;
}

static int
do_release (const char *path, struct fuse_file_info *fi)
{
  (void) path;
  return result (close ((int) fi->fh));
}

static int
do_read (const char *path, char *buf, size_t len, off_t offset,
         struct fuse_file_info *fi)
{
  (void) path;
  return result ((int) pread ((int) fi->fh, buf, len, offset));
}

static int
do_write (const char *path, const char *buf, size_t len, off_t offset,
          struct fuse_file_info *fi)
{
  (void) path;
  return result ((int) pwrite ((int) fi->fh, buf, len, offset));
}

static int
do_fsync (const char *path, int data_only, struct fuse_file_info *fi)
{
  (void) path;
  (void) data_only;
  return result (fdatasync ((int) fi->fh));
}

static int
do_truncate (const char *path, off_t size, struct fuse_file_info *fi)
{
  int fd, r;

  if (fi)
    return result (ftruncate ((int) fi->fh, size));
  fd = openat (setting ()->source, relative (path), O_WRONLY | O_CLOEXEC);
  if (fd == -1)
    return -errno;
  r = result (ftruncate (fd, size));
  close (fd);
  return r;
}

static int
do_fallocate (const char *path, int mode, off_t offset, off_t len,
              struct fuse_file_info *fi)
{
  (void) path;
  return result (fallocate ((int) fi->fh, mode, offset, len));
}

/* Each open file has a description of its own here, so that its locks are
 * told from those of others, also of the other mount. */
static int
do_lock (const char *path, struct fuse_file_info *fi, int command,
         struct flock *lock)
{
  struct flock ours = *lock;
  int r;

  (void) path;
  ours.l_pid = 0;
  if (command == F_SETLKW)
    command = F_SETLK;
  r = fcntl ((int) fi->fh, command == F_GETLK ? F_OFD_GETLK : F_OFD_SETLK,
             &ours);
  if (r == -1)
    return -errno;
  *lock = ours;
  if (lock->l_pid < 0)
    lock->l_pid = 0;
  return 0;
}

static void *
do_init (struct fuse_conn_info *conn, struct fuse_config *config)
{
  conn->want &= ~(unsigned) FUSE_CAP_AUTO_INVAL_DATA;
  /* Else a new size would do it. */
  conn->want |= FUSE_CAP_EXPLICIT_INVAL_DATA;
  config->kernel_cache = 1;
  config->attr_timeout = config->entry_timeout = setting ()->attributes_s;
  return (void *) setting ();
}

/* -- options ------------------------------------------------------------------ */

static int
mount_it (struct setting *s, const char *mountpoint, bool local_locks)
{
  struct fuse_operations ops = {
    .getattr = do_getattr, .open = do_open, .create = do_create,
    .release = do_release, .read = do_read, .write = do_write,
    .fsync = do_fsync, .truncate = do_truncate, .fallocate = do_fallocate,
    .lock = local_locks ? NULL : do_lock, .init = do_init,
  };
  char *args[] = { (char *) "stale-fuse", (char *) "-f", (char *) mountpoint,
                   NULL };

  return fuse_main (3, args, &ops, s);
}

int
main (int argc, char *argv[])
{
  static const struct option options[] = {
    { "local-locks", no_argument, NULL, 'l' },
    { "stale-attributes", no_argument, NULL, 'a' },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
  };
  struct setting s = { .attributes_s = 0 };
  bool local_locks = false;
  int c;

  while ((c = getopt_long (argc, argv, "", options, NULL)) != -1)
    switch (c) {
    case 'l': local_locks = true; break;
    case 'a': s.attributes_s = 3600; break;
    case 'h': fputs (usage_text, stdout); return EXIT_SUCCESS;
    default: fputs (usage_text, stderr); return 2;
    }
  if (argc - optind != 2) {
    fputs (usage_text, stderr);
    return 2;
  }
  s.source = open (argv[optind], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (s.source == -1) {
    perror (argv[optind]);
    return EXIT_FAILURE;
  }
  return mount_it (&s, argv[optind + 1], local_locks);
}
