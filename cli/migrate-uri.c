/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where a migration comes in, as --uri has it (migrate-uri.h).
 *
 * A mistype must not be noticed when the destination is set up.  What QEMU
 * understands is accepted, but for what can only lead back to the host that
 * the source is on: the same text goes to both, and the destination may
 * listen at a wildcard, but the source cannot connect to one (it gets its own
 * host).
 *
 * QEMU: socket_parse, inet_parse (util/qemu-sockets.c), migration/migration.c.
 */

#include <config.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "migrate-uri.h"
#include "prefix.h"

#define MAX_SOCKET_PATH 108     /* unix(7), with the NUL */
#define MAX_PORT 65535

static const char forms[] = "tcp:HOST:PORT, unix:PATH or vsock:CID:PORT";
static const char own_host[] =
  "with this host the source's QEMU would connect to its own one: name the "
  "destination's (localhost where it is the same)";

/* Decimal, up to MAX, and then one of ENDS or the end. */
static bool
is_number (const char *text, uint64_t max, const char *ends, uint64_t *ret)
{
  char *end;

  *ret = 0;
  if (text[0] < '0' || text[0] > '9')
    return false;
  *ret = strtoull (text, &end, 10);
  return *ret <= max && (*end == '\0' || strchr (ends, *end) != NULL);
}

/* LEN bytes of HOST. */
static bool
is_wildcard (const char *host, size_t len)
{
  static const char *const names[] = { "", "0", "0.0.0.0", "[::]" };
  size_t i;

  for (i = 0; i < sizeof names / sizeof names[0]; i++)
    if (len == strlen (names[i]) && memcmp (host, names[i], len) == 0)
      return true;
  return false;
}

/* "HOST:PORT", "[HOST]:PORT", and options after a comma. */
static const char *
why_not_tcp (const char *address)
{
  const char *bracket = address[0] == '[' ? strchr (address, ']') : NULL;
  const char *colon = strchr (bracket != NULL ? bracket : address, ':');
  uint64_t port;

  if (colon == NULL || strncmp (address, "//", 2) == 0 ||
      (bracket != NULL && colon != bracket + 1) ||
      !is_number (colon + 1, MAX_PORT, ",", &port) || port == 0)
    return forms;
  return is_wildcard (address, (size_t) (colon - address)) ? own_host : NULL;
}

/* A CID is a machine: one that is migrated into, or out of, its host. */
static const char *
why_not_vsock (const char *address)
{
  const char *colon = strchr (address, ':');
  uint64_t cid, port;

  if (colon == NULL || !is_number (address, UINT32_MAX, ":", &cid) ||
      !is_number (colon + 1, UINT32_MAX, "", &port))
    return forms;
  return cid == UINT32_MAX ? own_host : NULL;
}

static const char *
why_not_unix (const char *path)
{
  return path[0] == '\0' || strlen (path) >= MAX_SOCKET_PATH ? forms : NULL;
}

const char *
migrate_uri_why_not (const char *uri)
{
  static const char *const others[] = { "exec:", "fd:", "rdma:" };
  const char *rest;
  size_t i;

  if ((rest = prefix_after (uri, "tcp:")) != NULL)
    return why_not_tcp (rest);
  if ((rest = prefix_after (uri, "vsock:")) != NULL)
    return why_not_vsock (rest);
  if ((rest = prefix_after (uri, "unix:")) != NULL)
    return why_not_unix (rest);
  for (i = 0; i < sizeof others / sizeof others[0]; i++)
    if ((rest = prefix_after (uri, others[i])) != NULL && rest[0] != '\0')
      return NULL;
  return forms;
}
