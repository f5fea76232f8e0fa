/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reading a passphrase: see passphrase.h.  Runs once, before anything else.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include "passphrase.h"
#include "secret.h"

#define NAME "passphrase-file"
#define MAX_PASSPHRASE_BYTES 65536u

static int
make_keyring (const void *bytes, size_t len, const char *where,
              struct keyring **ret)
{
  struct error err = ERROR_INIT;

  if (len == 0) {
    nbdkit_error (NAME "=%s: is empty: put the passphrase there", where);
    return -1;
  }
  if (keyring_new (bytes, len, where, ret, &err) == 0)
    return 0;
  nbdkit_error (NAME "=%s: %s", where, err.text);
  return -1;
}

/* As much as there is, up to S's length. */
static ssize_t
read_all (int fd, const struct secret *s)
{
  size_t len = 0;
  ssize_t r;

  while (len < s->len) {
    r = read (fd, s->bytes + len, s->len - len);
    if (r == -1 && errno == EINTR)
      continue;
    if (r == -1)
      return -1;
    if (r == 0)
      break;
    len += r;
  }
  return len;
}

static int
refuse (const char *path)
{
  nbdkit_error (NAME "=%s: %s", path, strerror (errno));
  return -1;
}

static int
read_fd (int fd, const char *path, struct keyring **ret)
{
  CLEANUP_SECRET struct secret s = SECRET_INIT;
  ssize_t len;

  if (secret_new (MAX_PASSPHRASE_BYTES + 1, &s, NULL) == -1) {
    errno = ENOMEM;
    return refuse (path);
  }
  len = read_all (fd, &s);
  if (len == -1)
    return refuse (path);
  if (len > MAX_PASSPHRASE_BYTES) {
    nbdkit_error (NAME "=%s: has more than %u bytes: that is no passphrase",
                  path, MAX_PASSPHRASE_BYTES);
    return -1;
  }
  return make_keyring (s.bytes, len, path, ret);
}

static int
read_file (const char *path, struct keyring **ret)
{
  const int fd = open (path, O_RDONLY | O_CLOEXEC);
  int r;

  if (fd == -1)
    return refuse (path);
  r = read_fd (fd, path, ret);
  close (fd);
  return r;
}

/* "-" and "-FD" are nbdkit's own ways to give a password. */
static int
ask_nbdkit (const char *value, struct keyring **ret)
{
  char *password;
  int r;

  if (nbdkit_read_password (value, &password) == -1)
    return -1;
  r = make_keyring (password, strlen (password), value, ret);
  explicit_bzero (password, strlen (password));
  free (password);
  return r;
}

int
passphrase_read (const char *value, struct keyring **ret)
{
  if (value[0] == '\0') {
    nbdkit_error (NAME "=: give the name of the file with the passphrase");
    return -1;
  }
  return value[0] == '-' ? ask_nbdkit (value, ret) : read_file (value, ret);
}
