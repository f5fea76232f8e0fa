/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The storage probe on filesystems, devices and mounts that a test has not
 * got.
 *
 * This program has its own fstat, fstatfs, fcntl, open and fopen, which the
 * engine's library then calls: link it before that.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

#include "storage.h"

/* What there is; all zero: a file on ext4, and nothing is known of mounts. */
static struct {
  unsigned no_fstat;            /* that one, counted from 1, fails */
  unsigned nr_fstat;
  bool device;
  uint32_t magic;
  bool no_statfs, no_locks, no_direct;
  const char *mounts;
} here;

static unsigned nr_locked;      /* bytes */

int
fstat (int fd, struct stat *ret)
{
  if (++here.nr_fstat == here.no_fstat) {
    errno = EIO;
    return -1;
  }
  if (fstatat (fd, "", ret, AT_EMPTY_PATH) == -1)
    return -1;
  if (here.device)
    ret->st_mode = S_IFBLK | 0600;
  return 0;
}

int
fstatfs (int fd, struct statfs *ret)
{
  (void) fd;
  memset (ret, 0, sizeof *ret);
  ret->f_type = here.magic ? here.magic : EXT4_SUPER_MAGIC;
  errno = EIO;
  return here.no_statfs ? -1 : 0;
}

int
fcntl (int fd, int command, ...)
{
  const struct flock *fl;
  va_list args;
  void *arg;

  va_start (args, command);
  arg = va_arg (args, void *);
  va_end (args);
  fl = arg;
  if (command != F_OFD_SETLK)
    return (int) syscall (SYS_fcntl, fd, command, arg);
  if (here.no_locks) {
    errno = ENOLCK;
    return -1;
  }
  nr_locked += fl->l_type == F_UNLCK ? -1u : 1u;
  return 0;
}

int
open (const char *path, int flags, ...)
{
  va_list args;
  mode_t mode = 0;

  va_start (args, flags);
  if (flags & O_CREAT)
    mode = va_arg (args, mode_t);
  va_end (args);
  if (flags & O_DIRECT) {
    if (here.no_direct) {
      errno = EINVAL;
      return -1;
    }
    flags &= ~O_DIRECT;
  }
  return openat (AT_FDCWD, path, flags, mode);
}

FILE *
fopen (const char *path, const char *mode)
{
  if (strcmp (path, "/proc/self/mountinfo") != 0)
    return fopen64 (path, mode);
  errno = ENOENT;
  return here.mounts ? fmemopen ((void *) here.mounts, strlen (here.mounts),
                                 "r") : NULL;
}

static char path[] = "/tmp/baton-storage-XXXXXX";

static void
reset (void)
{
  memset (&here, 0, sizeof here);
  nr_locked = 0;
}

static struct storage
probe (void)
{
  struct error err = ERROR_INIT;
  struct storage s;

  if (storage_probe (path, &s, &err) == -1)
    fail_msg ("%s", err.text);
  /* "No lock is left behind." */
  assert_int_equal (nr_locked, 0);
  return s;
}

static bool
may_be_stale (void)
{
  const int fd = openat (AT_FDCWD, path, O_RDONLY);
  bool r;

  assert_true (fd >= 0);
  r = storage_may_be_stale (fd);
  close (fd);
  return r;
}

struct kind {
  uint32_t magic;
  const char *name;
  bool one_host, stale;
};

static void
test_kinds (void **state)
{
  static const struct kind kinds[] = {
    { EXT4_SUPER_MAGIC, "ext", true, false },
    { 0x58465342, "xfs", true, false },
    { BTRFS_SUPER_MAGIC, "btrfs", true, false },
    { F2FS_SUPER_MAGIC, "f2fs", true, false },
    { 0x2fc12fc1, "zfs", true, false },
    { TMPFS_MAGIC, "tmpfs", true, false },
    { OVERLAYFS_SUPER_MAGIC, "overlayfs", true, false },
    { NFS_SUPER_MAGIC, "nfs", false, false },
    { FUSE_SUPER_MAGIC, "fuse", false, true },
    { SMB_SUPER_MAGIC, "smb", false, true },
    { SMB2_SUPER_MAGIC, "smb", false, true },
    { CIFS_SUPER_MAGIC, "smb", false, true },
    { CEPH_SUPER_MAGIC, "ceph", false, true },
    { OCFS2_SUPER_MAGIC, "ocfs2", false, true },
    { 0x12345678, "unknown", false, true },
  };
  size_t i;

  (void) state;
  for (i = 0; i < sizeof kinds / sizeof kinds[0]; ++i) {
    struct storage s;

    reset ();
    here.magic = kinds[i].magic;
    s = probe ();
    assert_string_equal (s.kind, kinds[i].name);
    assert_int_equal (s.one_host, kinds[i].one_host);
    assert_int_equal (s.locks, STORAGE_LOCKS_YES);
    assert_true (s.direct);
    if (may_be_stale () != kinds[i].stale)
      fail_msg ("%s", kinds[i].name);
  }
}

/* Its locks are in one kernel, whatever is mounted where its node is. */
static void
test_device (void **state)
{
  struct storage s;

  (void) state;
  reset ();
  here.device = true;
  s = probe ();
  assert_string_equal (s.kind, "block device");
  assert_false (s.one_host);
  assert_int_equal (s.locks, STORAGE_LOCKS_LOCAL);
  assert_true (may_be_stale ());
}

/* What cannot be told is not taken for granted. */
static void
test_unknown (void **state)
{
  (void) state;
  reset ();
  here.no_statfs = true;
  assert_string_equal (probe ().kind, "unknown");
  assert_true (may_be_stale ());
  reset ();
  here.no_fstat = 1;
  assert_string_equal (probe ().kind, "ext");
  reset ();
  here.no_direct = true;
  assert_false (probe ().direct);
  reset ();
  here.no_locks = true;
  assert_int_equal (probe ().locks, STORAGE_LOCKS_NONE);
}

static void
require_locks (const char *mounts, enum storage_locks locks)
{
  reset ();
  here.magic = NFS_SUPER_MAGIC;
  here.mounts = mounts;
  if (probe ().locks != locks)
    fail_msg ("%s", mounts ? mounts : "no list");
}

static void
test_mounts (void **state)
{
  static const struct {
    const char *format;         /* of the mount's device */
    enum storage_locks locks;
  } mounts[] = {
    { "21 20 %u:%u / /srv rw - nfs4 h:/ rw,hard", STORAGE_LOCKS_YES },
    { "21 20 %u:%u / /srv rw - nfs4 h:/ rw,nolock", STORAGE_LOCKS_LOCAL },
    { "21 20 %u:%u / /srv rw - nfs4 h:/ rw,local_lock=all",
      STORAGE_LOCKS_LOCAL },
    { "21 20 %u:%u / /srv rw - nfs4 h:/ rw,local_lock=posix",
      STORAGE_LOCKS_LOCAL },
    { "21 20 %u:%u / /srv rw - nfs4 h:/ rw,local_lock=flock",
      STORAGE_LOCKS_YES },
    { "21 20 1%u:%u / /srv rw - nfs4 h:/ rw,nolock", STORAGE_LOCKS_YES },
    { "21 20 %u:%u / /srv rw,nolock", STORAGE_LOCKS_YES },
    { "x %u:%u / /srv rw - nfs4 h:/ rw,nolock", STORAGE_LOCKS_YES },
    { "1 1 0:999999 / / rw - ext4 /dev/x rw\n"
      "21 20 %u:%u / /srv rw - nfs4 h:/ rw,nolock\n"
      "1 1 0:999999 / / rw - ext4 /dev/x rw", STORAGE_LOCKS_LOCAL },
  };
  struct stat st;
  char text[256];
  size_t i;

  (void) state;
  assert_int_equal (stat (path, &st), 0);
  for (i = 0; i < sizeof mounts / sizeof mounts[0]; ++i) {
    snprintf (text, sizeof text, mounts[i].format, major (st.st_dev),
              minor (st.st_dev));
    require_locks (text, mounts[i].locks);
  }
  /* No list, or a file that is no longer to be asked. */
  require_locks (NULL, STORAGE_LOCKS_YES);
  snprintf (text, sizeof text, mounts[1].format, major (st.st_dev),
            minor (st.st_dev));
  reset ();
  here.mounts = text;
  here.no_fstat = 2;
  assert_int_equal (probe ().locks, STORAGE_LOCKS_YES);
}

static void
test_absent (void **state)
{
  struct error err = ERROR_INIT;
  struct storage s;

  (void) state;
  reset ();
  assert_int_equal (storage_probe ("/absent/t.qcow2", &s, &err), -1);
  assert_int_equal (err.errnum, ENOENT);
  assert_string_equal (err.text, "looking at the storage of /absent/t.qcow2: "
                       "No such file or directory");
}

static int
make_file (void **state)
{
  const int fd = mkstemp (path);

  (void) state;
  return fd == -1 ? -1 : close (fd);
}

static int
remove_file (void **state)
{
  (void) state;
  return unlink (path);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_kinds),
    cmocka_unit_test (test_device),
    cmocka_unit_test (test_unknown),
    cmocka_unit_test (test_mounts),
    cmocka_unit_test (test_absent),
  };

  return cmocka_run_group_tests (tests, make_file, remove_file);
}
