/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Backing names: see backing-name.h.  Pure but for realpath(3).
 *
 * Under BACKING_SAME_DIR both the directory and the file are compared after
 * all symbolic links are resolved, and the resolved path is what is opened,
 * so a link cannot lead out of the directory.
 */

#include <config.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backing-name.h"
#include "cleanup.h"

/* "nbd://..", "json:..": a colon before the first slash, as QEMU sees it. */
static bool
has_protocol (const char *name)
{
  const size_t n = strcspn (name, ":/");

  return name[n] == ':';
}

static size_t
directory_len (const char *path)
{
  const char *slash = strrchr (path, '/');

  return slash ? (size_t) (slash - path) + 1 : 0;
}

static char *
join (const char *overlay_name, const char *name)
{
  char *path;

  if (name[0] == '/')
    return strdup (name);
  if (asprintf (&path, "%.*s%s", (int) directory_len (overlay_name),
                overlay_name, name) == -1)
    return NULL;
  return path;
}

static char *
real_directory (const char *overlay_name)
{
  const size_t len = directory_len (overlay_name);
  CLEANUP_FREE char *dir = len ? strndup (overlay_name, len) : strdup (".");

  return dir ? realpath (dir, NULL) : NULL;
}

static bool
is_below (const char *path, const char *dir)
{
  const size_t len = strlen (dir);

  if (strcmp (dir, "/") == 0)
    return true;
  return strncmp (path, dir, len) == 0 && path[len] == '/';
}

static int
resolve_in_same_dir (const char *overlay_name, const char *path, char **ret,
                     struct error *err)
{
  CLEANUP_FREE char *dir = real_directory (overlay_name);
  char *real = realpath (path, NULL);

  if (!dir || !real) {
    error_set (err, errno, "backing file %s: %s; put it back, or tell the "
               "image where it is with qemu-img rebase -u -b FILE -F FORMAT",
               path, strerror (errno));
    free (real);
    return -1;
  }
  if (!is_below (real, dir)) {
    error_set (err, EPERM, "the image names the backing file %s, which is "
               "not in or below the image's directory %s; allow it with "
               "backing=on if the image can be trusted", real, dir);
    free (real);
    return -1;
  }
  *ret = real;
  return 0;
}

int
backing_name_resolve (const char *overlay_name, const char *name,
                      enum backing_policy policy, char **ret,
                      struct error *err)
{
  CLEANUP_FREE char *path = NULL;

  if (policy == BACKING_OFF)
    return error_set (err, EPERM, "the image names the backing file \"%s\", "
                      "and backing=off forbids opening it", name);
  if (has_protocol (name))
    return error_set (err, ENOTSUP, "the image names the backing file \"%s\": "
                      "only plain file names are served (make it one with "
                      "qemu-img rebase -u)", name);
  path = join (overlay_name, name);
  if (!path)
    return error_set (err, ENOMEM, "no memory for a backing file");
  if (policy == BACKING_SAME_DIR)
    return resolve_in_same_dir (overlay_name, path, ret, err);
  *ret = path;
  path = NULL;
  return 0;
}
