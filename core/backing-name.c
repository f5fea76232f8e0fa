/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Names of backing and data files: see backing-name.h.  Pure but for looking
 * at links and directories.
 *
 * Under BACKING_SAME_DIR both the directory and the file are compared after
 * all symbolic links are resolved, and the resolved path is what is opened,
 * so a link cannot lead out of the directory.
 */

#include <config.h>

#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "backing-name.h"
#include "cleanup.h"

#define FILE_PREFIX "file:"
#define MAX_LINKS 40

/* Who asks, for the messages. */
struct rule {
  const char *what;
  const char *parameter;
  const char *otherwise;        /* what to do where the name is no good */
};

static const struct rule rules[] = {
  [NAMED_BACKING] = {
    "backing file", "backing",
    "tell the image where it is with qemu-img rebase -u -b FILE -F FORMAT",
  },
  [NAMED_DATA] = {
    "data file", "data-file", "say where it is with data-file=PATH",
  },
};

/* "nbd://..", "json:..": a colon before the first slash, as QEMU sees it. */
static bool
has_protocol (const char *name)
{
  const size_t n = strcspn (name, ":/");

  return name[n] == ':';
}

/* The path in "file:PATH", which may also be a URL without a host; NULL where
 * NAME is neither that nor a path. */
static const char *
plain_path (const char *name)
{
  if (!has_protocol (name))
    return name;
  if (strncmp (name, FILE_PREFIX, strlen (FILE_PREFIX)) != 0)
    return NULL;
  name += strlen (FILE_PREFIX);
  if (name[0] == '\0' || (strncmp (name, "//", 2) == 0 && name[2] != '/'))
    return NULL;
  return name;
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
resolve_in_same_dir (const struct rule *rule, const char *overlay_name,
                     const char *path, char **ret, struct error *err)
{
  CLEANUP_FREE char *dir = real_directory (overlay_name);
  CLEANUP_FREE char *real = dir ? realpath (path, NULL) : NULL;

  if (!real && errno == ENOMEM)
    return error_set (err, ENOMEM, "no memory for a %s", rule->what);
  if (!real)
    return error_set (err, errno, "%s %s: %s; put it back, or %s", rule->what,
                      path, strerror (errno), rule->otherwise);
  if (!is_below (real, dir))
    return error_set (err, EPERM, "the image names the %s %s, which is not in "
                      "or below the image's directory %s; allow it with %s=on "
                      "if the image can be trusted", rule->what, real, dir,
                      rule->parameter);
  *ret = real;
  real = NULL;
  return 0;
}

/* 1 or 0; -1: no memory to tell. */
static int
is_in_proc (const char *path)
{
  CLEANUP_FREE char *dir = NULL;
  struct statfs fs;

  if (strncmp (path, "/proc/", strlen ("/proc/")) == 0)
    return 1;
  dir = real_directory (path);
  if (!dir)
    return errno == ENOMEM ? -1 : 0;
  return statfs (dir, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

/* Whether PATH is, or is a link to, a name of some process's open files
 * (/dev/fd, /proc/self/fd): these mean what that process has, not what
 * whoever wrote the name had in mind.  1 or 0; -1: no memory to tell. */
static int
leads_to_proc (const char *path)
{
  char target[PATH_MAX];
  char *link = strdup (path), *next;
  int found = link ? 0 : -1;
  unsigned i;

  for (i = 0; link && found == 0 && i < MAX_LINKS; ++i) {
    const ssize_t len = readlink (link, target, sizeof target - 1);

    found = is_in_proc (link);
    target[len > 0 ? len : 0] = '\0';
    next = len > 0 ? join (link, target) : NULL;
    if (found == 0 && len > 0 && !next)
      found = -1;
    free (link);
    link = next;
  }
  free (link);
  return found;
}

static int
check_no_open_file (const struct rule *rule, const char *path,
                    const char *joined, struct error *err)
{
  const int found = leads_to_proc (joined);

  if (found == -1)
    return error_set (err, ENOMEM, "no memory for a %s", rule->what);
  if (found)
    return error_set (err, EPERM, "the image names the %s \"%s\", which means "
                      "an open file of some process: only files with a name "
                      "of their own are served", rule->what, path);
  return 0;
}

static int
refuse_off (const struct rule *rule, const char *name, struct error *err)
{
  return error_set (err, EPERM, "the image names the %s \"%s\", and %s=off "
                    "forbids opening it", rule->what, name, rule->parameter);
}

bool
backing_name_is_json (const char *name)
{
  return strncmp (name, "json:", strlen ("json:")) == 0;
}

int
backing_path_resolve (enum named_file kind, const char *overlay_name,
                      const char *path, enum backing_policy policy,
                      char **ret, struct error *err)
{
  const struct rule *rule = &rules[kind];
  CLEANUP_FREE char *joined = join (overlay_name, path);

  if (policy == BACKING_OFF)
    return refuse_off (rule, path, err);
  if (!joined)
    return error_set (err, ENOMEM, "no memory for a %s", rule->what);
  if (check_no_open_file (rule, path, joined, err) == -1)
    return -1;
  if (policy == BACKING_SAME_DIR)
    return resolve_in_same_dir (rule, overlay_name, joined, ret, err);
  *ret = joined;
  joined = NULL;
  return 0;
}

int
backing_name_resolve (enum named_file kind, const char *overlay_name,
                      const char *name, enum backing_policy policy,
                      char **ret, struct error *err)
{
  const struct rule *rule = &rules[kind];
  const char *path = plain_path (name);

  if (policy == BACKING_OFF)
    return refuse_off (rule, name, err);
  if (!path)
    return error_set (err, ENOTSUP, "the image names the %s \"%s\": only "
                      "files are served; %s", rule->what, name,
                      rule->otherwise);
  return backing_path_resolve (kind, overlay_name, path, policy, ret, err);
}
