/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The parameters that say how the image is served: see parameters-image.h.
 */

#include <config.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include "parameters-image.h"
#include "passphrase.h"

int
parameters_choose (const char *name, const char *value, const char *const *choices)
{
  char list[128] = "";
  int i;

  for (i = 0; choices[i]; ++i) {
    if (strcmp (value, choices[i]) == 0)
      return i;
    if (i)
      strcat (list, choices[i + 1] ? ", " : " or ");
    strcat (list, choices[i]);
  }
  nbdkit_error ("%s=%s: must be %s", name, value, list);
  return -1;
}

int
set_cache (struct parameters *p, const char *value)
{
  const int i = CHOOSE ("cache", value, "writeback", "none");

  p->direct = i == 1;
  return i == -1 ? -1 : 0;
}

/* nbdkit_parse_size says what is wrong without naming the parameter; so what
 * it would refuse is refused before. */
static bool
looks_like_size (const char *value)
{
  const size_t nr_digits = strspn (value, "0123456789");
  const char *suffix = value + nr_digits;

  return nr_digits > 0 && nr_digits <= 15 && strspn (value, "0") < nr_digits &&
    (*suffix == '\0' || (strchr ("bsKkMmGg", *suffix) && suffix[1] == '\0'));
}

int
set_metadata_cache (struct parameters *p, const char *value)
{
  int64_t size;

  if (strcmp (value, "auto") == 0)
    return 0;
  if (!looks_like_size (value)) {
    nbdkit_error ("metadata-cache=%s: must be auto, or a size such as 16M",
                  value);
    return -1;
  }
  size = nbdkit_parse_size (value);
  if (size == -1)
    return -1;
  p->metadata_cache_bytes = (uint64_t) size;
  return 0;
}

int
set_backing (struct parameters *p, const char *value)
{
  static const enum backing_policy policies[] = {
    BACKING_SAME_DIR, BACKING_ON, BACKING_OFF
  };
  const int i = CHOOSE ("backing", value, "same-dir", "on", "off");

  if (i == -1)
    return -1;
  p->backing = policies[i];
  return 0;
}

/* A file that has the name of a policy can be given as ./NAME. */
int
set_data_file (struct parameters *p, const char *value)
{
  static const char *const names[] = { "same-dir", "on", "off" };
  static const enum backing_policy policies[] = {
    BACKING_SAME_DIR, BACKING_ON, BACKING_OFF
  };
  size_t i;

  for (i = 0; i < sizeof names / sizeof names[0]; ++i)
    if (strcmp (value, names[i]) == 0) {
      p->data_file = policies[i];
      return 0;
    }
  if (access (value, F_OK) == -1) {
    nbdkit_error ("data-file=%s: %s: must be same-dir, on or off, or the path "
                  "of the image's data file", value, strerror (errno));
    return -1;
  }
  p->data_file_path = nbdkit_realpath (value);
  return p->data_file_path ? 0 : -1;
}

int
set_discard (struct parameters *p, const char *value)
{
  const int i = CHOOSE ("discard", value, "on", "off");

  p->keep_space = i == 1;
  return i == -1 ? -1 : 0;
}

int
set_passphrase_file (struct parameters *p, const char *value)
{
  return passphrase_read (value, &p->keyring);
}

int
set_compress (struct parameters *p, const char *value)
{
  const int i = CHOOSE ("compress", value, "on", "off");

  p->compress = i == 0;
  return i == -1 ? -1 : 0;
}

int
set_snapshot (struct parameters *p, const char *value)
{
  if (!value[0]) {
    nbdkit_error ("snapshot=: give the id or the name of an internal "
                  "snapshot, see qemu-img snapshot -l");
    return -1;
  }
  p->snapshot = strdup (value);
  if (!p->snapshot)
    nbdkit_error ("strdup: %s", strerror (errno));
  return p->snapshot ? 0 : -1;
}

int
set_allow_corrupt (struct parameters *p, const char *value)
{
  const int i = CHOOSE ("allow-corrupt", value, "off", "on");

  p->allow_corrupt = i == 1;
  return i == -1 ? -1 : 0;
}
