/* SPDX-License-Identifier: BSD-3-Clause
 *
 * "json:" names: see json-name.h.
 *
 * First dotted keys are made objects ("file.filename" is "filename" in
 * "file"), so that there is one form to look at.  A name has 1023 bytes at
 * most, which bounds every depth.  Errors say what is wrong with the name;
 * core/ says whose name it is.
 */

#include <config.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "json-name.h"

#define JSON_PREFIX "json:"

/* What says how to read a file, and not what to read. */
static const char *const ignored[] = {
  "aio", "auto-read-only", "cache", "detect-zeroes", "discard", "force-share",
  "locking", "node-name", "read-only",
};

static bool
is_one_of (const char *key, const char *const *keys, size_t nr)
{
  size_t i;

  for (i = 0; i < nr; ++i)
    if (strcmp (key, keys[i]) == 0)
      return true;
  return false;
}

/* -- one form --------------------------------------------------------- */

/* Put VALUE, which is taken over, into O under a key that may have dots. */
static int
put (json_t *o, const char *key, json_t *value, struct error *err)
{
  const char *dot = strchr (key, '.');
  const size_t len = dot ? (size_t) (dot - key) : strlen (key);
  json_t *there = json_object_getn (o, key, len);

  if (!dot && !there) {
    json_object_set_new (o, key, value);
    return 0;
  }
  if (!there) {
    there = json_object ();
    json_object_setn_new (o, key, len, there);
  }
  if (dot && json_is_object (there))
    return put (there, dot + 1, value, err);
  if (!dot && json_is_object (there) && json_is_object (value)) {
    json_object_update_missing (there, value);
    json_decref (value);
    return 0;
  }
  json_decref (value);
  return error_set (err, EINVAL, "\"%s\" is there twice", key);
}

static json_t *
unflatten (json_t *flat, struct error *err)
{
  json_t *o = json_object (), *value;
  const char *key;

  json_object_foreach (flat, key, value) {
    json_t *v = json_is_object (value) ? unflatten (value, err)
                                       : json_incref (value);

    if (!v || put (o, key, v, err) == -1) {
      json_decref (o);
      return NULL;
    }
  }
  return o;
}

/* -- what it says ------------------------------------------------------ */

/* Nothing but KNOWN, NULL-terminated, and what is ignored. */
static int
check_keys (json_t *o, const char *const *known, struct error *err)
{
  const size_t nr_ignored = sizeof ignored / sizeof ignored[0];
  json_t *value;
  const char *key;
  size_t nr = 0;

  while (known[nr])
    nr++;
  json_object_foreach (o, key, value)
    if (!is_one_of (key, known, nr) && !is_one_of (key, ignored, nr_ignored))
      return error_set (err, ENOTSUP, "\"%s\" is not served, only the file of "
                        "a raw or qcow2 image is", key);
  return 0;
}

/* The text under KEY; "" where there is none, NULL where it is no text. */
static const char *
text_of (json_t *o, const char *key)
{
  json_t *value = json_object_get (o, key);

  return value ? json_string_value (value) : "";
}

static int
refuse_driver (const char *driver, struct error *err)
{
  return error_set (err, ENOTSUP, "driver \"%s\" is not served, only files "
                    "are, and raw and qcow2 images in them",
                    driver ? driver : "?");
}

/* {"driver": "file", "filename": PATH} */
static int
read_file (json_t *o, const char **ret_path, struct error *err)
{
  static const char *const known[] = { "driver", "filename", NULL };
  const char *driver = text_of (o, "driver");
  const char *path = text_of (o, "filename");

  if (!driver || (*driver && strcmp (driver, "file") != 0 &&
                  strcmp (driver, "host_device") != 0))
    return refuse_driver (driver, err);
  if (check_keys (o, known, err) == -1)
    return -1;
  if (!path || !*path)
    return error_set (err, EINVAL, "it has no \"filename\"");
  *ret_path = path;
  return 0;
}

static int
fill (struct file_spec *s, const char *path, const char *format,
      struct error *err)
{
  s->path = strdup (path);
  s->format = format && *format ? strdup (format) : NULL;
  if (!s->path || (format && *format && !s->format))
    return error_set (err, ENOMEM, "no memory for a file's name");
  return 0;
}

static int read_spec (json_t *o, struct file_spec **ret, struct error *err);

static int
read_backing (json_t *o, struct file_spec *s, struct error *err)
{
  json_t *backing = json_object_get (o, "backing");

  if (!backing)
    return 0;
  s->has_backing = true;
  if (json_is_null (backing))
    return 0;
  if (!json_is_object (backing))
    return error_set (err, ENOTSUP, "\"backing\" refers to a node, and there "
                      "are none here");
  return read_spec (backing, &s->backing, err);
}

/* {"driver": "qcow2", "file": {...}, "backing": ...} */
static int
read_image (json_t *o, struct file_spec *s, struct error *err)
{
  static const char *const known[] = { "driver", "file", "backing", NULL };
  const char *driver = text_of (o, "driver");
  json_t *file = json_object_get (o, "file");
  const char *path;

  if (!driver || (*driver && strcmp (driver, "raw") != 0 &&
                  strcmp (driver, "qcow2") != 0))
    return refuse_driver (driver, err);
  if (check_keys (o, known, err) == -1)
    return -1;
  if (!json_is_object (file))
    return error_set (err, ENOTSUP, "\"file\" refers to a node, and there are "
                      "none here");
  if (read_file (file, &path, err) == -1 ||
      fill (s, path, driver, err) == -1)
    return -1;
  return read_backing (o, s, err);
}

static int
read_spec (json_t *o, struct file_spec **ret, struct error *err)
{
  struct file_spec *s = calloc (1, sizeof *s);
  const char *path;
  int r;

  if (!s)
    return error_set (err, ENOMEM, "no memory for a file's name");
  if (json_object_get (o, "file"))
    r = read_image (o, s, err);
  else {
    r = read_file (o, &path, err);
    if (r == 0)
      r = fill (s, path, NULL, err);
  }
  if (r == -1) {
    file_spec_free (s);
    return -1;
  }
  *ret = s;
  return 0;
}

int
json_name_parse (const char *name, struct file_spec **ret, struct error *err)
{
  json_error_t e;
  json_t *flat = json_loads (name + strlen (JSON_PREFIX),
                             JSON_REJECT_DUPLICATES, &e);
  json_t *o;
  int r;

  if (!json_is_object (flat)) {
    json_decref (flat);
    return error_set (err, EINVAL, "not a JSON object%s%s", flat ? "" : ": ",
                      flat ? "" : e.text);
  }
  o = unflatten (flat, err);
  json_decref (flat);
  if (!o)
    return -1;
  r = read_spec (o, ret, err);
  json_decref (o);
  return r;
}
