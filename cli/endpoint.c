/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the user types for a server (endpoint.h).  Pure.
 *
 * Specification: the NBD project's doc/uri.md.
 */

#include <config.h>

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#include "endpoint.h"

static bool
is_scheme (const char *text, size_t len)
{
  static const char *const schemes[] = {
    "nbd", "nbds", "nbd+unix", "nbds+unix", "nbd+vsock", "nbds+vsock",
  };
  size_t i;

  for (i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
    if (strlen (schemes[i]) == len && memcmp (schemes[i], text, len) == 0)
      return true;
  return false;
}

/* SCHEME_LEN: of what stands before "://". */
static int
check_uri (const char *text, size_t scheme_len, struct error *err)
{
  if (!is_scheme (text, scheme_len))
    return error_set (err, EINVAL,
                      "not an NBD URI: it would begin with nbd://, nbds://, "
                      "nbd+unix:// or the like");
  /* "socket ... is mandatory for nbd+unix and nbds+unix". */
  if (scheme_len > 4 && strncmp (text + scheme_len - 4, "unix", 4) == 0 &&
      strstr (text, "socket=") == NULL)
    return error_set (err, EINVAL,
                      "the URI lacks the socket: nbd+unix:///?socket=PATH");
  return 0;
}

static int
check_path (const char *text, struct error *err)
{
  const size_t max = sizeof ((struct sockaddr_un *) NULL)->sun_path - 1;

  if (text[0] == '\0')
    return error_set (err, EINVAL, "an endpoint is a Unix socket's path or "
                                   "an NBD URI, not an empty word");
  if (strlen (text) > max)
    return error_set (err, ENAMETOOLONG,
                      "longer than the %zu bytes that a socket's path may "
                      "have", max);
  return 0;
}

int
endpoint_parse (const char *text, struct endpoint *ret, struct error *err)
{
  const char *colon = strstr (text, "://");
  const bool is_uri = colon != NULL && colon != text &&
                      memchr (text, '/', (size_t) (colon - text)) == NULL;
  int r;

  if (is_uri)
    r = check_uri (text, (size_t) (colon - text), err);
  else
    r = check_path (text, err);
  if (r == -1)
    return -1;
  ret->is_uri = is_uri;
  ret->text = text;
  return 0;
}
