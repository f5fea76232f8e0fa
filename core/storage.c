/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The storage probe: see storage.h.
 *
 * NFS: opening a file and locking it make the client ask the server anew, so
 * what it has cached is current then; but with "nolock" or "local_lock" the
 * locks stay on this host, which only the mount's options tell.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cleanup.h"
#include "storage.h"

#define XFS_MAGIC 0x58465342
#define ZFS_MAGIC 0x2fc12fc1
/* A byte that neither QEMU nor libvirt uses. */
#define PROBED_BYTE 99

struct kind {
  uint32_t magic;
  const char *name;
  bool one_host;
  bool current;                 /* opening and locking make the cache so */
};

static const struct kind kinds[] = {
  { EXT4_SUPER_MAGIC, "ext", true, true },
  { XFS_MAGIC, "xfs", true, true },
  { BTRFS_SUPER_MAGIC, "btrfs", true, true },
  { F2FS_SUPER_MAGIC, "f2fs", true, true },
  { ZFS_MAGIC, "zfs", true, true },
  { TMPFS_MAGIC, "tmpfs", true, true },
  { OVERLAYFS_SUPER_MAGIC, "overlayfs", true, true },
  { NFS_SUPER_MAGIC, "nfs", false, true },
  { FUSE_SUPER_MAGIC, "fuse", false, false },
  { SMB_SUPER_MAGIC, "smb", false, false },
  { SMB2_SUPER_MAGIC, "smb", false, false },
  { CIFS_SUPER_MAGIC, "smb", false, false },
  { CEPH_SUPER_MAGIC, "ceph", false, false },
  { OCFS2_SUPER_MAGIC, "ocfs2", false, false },
};

static const struct kind unknown = { 0, "unknown", false, false };
static const struct kind device = { 0, "block device", false, false };

static const struct kind *
find_kind (int fd)
{
  struct statfs fs;
  struct stat st;
  size_t i;

  if (fstat (fd, &st) == 0 && S_ISBLK (st.st_mode))
    return &device;
  if (fstatfs (fd, &fs) == -1)
    return &unknown;
  for (i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if (kinds[i].magic == (uint32_t) fs.f_type)
      return &kinds[i];
  return &unknown;
}

bool
storage_may_be_stale (int fd)
{
  return !find_kind (fd)->current;
}

/* -- locks ----------------------------------------------------------- */

/* Whether a line of /proc/self/mountinfo is about device DEV and says that
 * locks stay on this host. */
static bool
keeps_locks (const char *line, dev_t dev)
{
  const char *options = strstr (line, " - ");
  unsigned maj, min;

  return options && sscanf (line, "%*d %*d %u:%u", &maj, &min) == 2 &&
    makedev (maj, min) == dev &&
    (strstr (options, ",nolock") || strstr (options, ",local_lock=all") ||
     strstr (options, ",local_lock=posix"));
}

static bool
mount_keeps_locks (int fd)
{
  CLEANUP_FREE char *line = NULL;
  size_t size = 0;
  struct stat st;
  bool found = false;
  FILE *fp;

  if (fstat (fd, &st) == -1)
    return false;
  fp = fopen ("/proc/self/mountinfo", "re");
  if (!fp)
    return false;
  while (!found && getline (&line, &size, fp) != -1)
    found = keeps_locks (line, st.st_dev);
  fclose (fp);
  return found;
}

static enum storage_locks
probe_locks (int fd, const struct kind *kind)
{
  struct flock fl = {
    .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = PROBED_BYTE,
    .l_len = 1,
  };

  if (fcntl (fd, F_OFD_SETLK, &fl) == -1)
    return STORAGE_LOCKS_NONE;
  fl.l_type = F_UNLCK;
  fcntl (fd, F_OFD_SETLK, &fl);
  return kind == &device || mount_keeps_locks (fd) ? STORAGE_LOCKS_LOCAL
                                                   : STORAGE_LOCKS_YES;
}

/* -- the whole ------------------------------------------------------- */

static bool
probe_direct (const char *path)
{
  const int fd = open (path, O_RDONLY | O_DIRECT | O_CLOEXEC | O_NONBLOCK);

  if (fd == -1)
    return false;
  close (fd);
  return true;
}

int
storage_probe (const char *path, struct storage *ret, struct error *err)
{
  const int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  const struct kind *kind;

  if (fd == -1)
    return error_set_errno (err, errno, "looking at the storage of %s", path);
  kind = find_kind (fd);
  *ret = (struct storage) {
    .kind = kind->name,
    .one_host = kind->one_host,
    .locks = probe_locks (fd, kind),
    .direct = probe_direct (path),
  };
  close (fd);
  return 0;
}
