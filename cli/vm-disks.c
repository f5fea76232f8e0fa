/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The disks of a VM that may be images of ours (vm-disks.h).
 *
 * QEMU: qapi/block-core.json, query-block; nbd_refresh_filename.  Whatever
 * was typed, QEMU tells of "nbd+unix://?socket=PATH", "nbd://HOST:PORT", both
 * perhaps with an export's name, or of "json:{...}".
 */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "operands.h"
#include "prefix.h"
#include "vm-disks.h"

#define SECTOR_BYTES 512

/* -- where from ------------------------------------------------------------- */

static void
copy (char *to, size_t size, const char *text)
{
  snprintf (to, size, "%s", text != NULL ? text : "");
}

/* "[HOST]:PORT", "HOST:PORT", and what follows a slash. */
static void
parse_host (const char *text, struct vm_disk *ret)
{
  const size_t len = strcspn (text, "/?");
  char *colon;

  snprintf (ret->host, sizeof ret->host, "%.*s", (int) len, text);
  colon = strrchr (ret->host, ':');
  if (colon != NULL && strchr (colon, ']') == NULL) {
    copy (ret->port, sizeof ret->port, colon + 1);
    *colon = '\0';
  }
  if (ret->host[0] == '[') {
    memmove (ret->host, ret->host + 1, strlen (ret->host));
    ret->host[strcspn (ret->host, "]")] = '\0';
  }
  if (ret->port[0] == '\0')
    copy (ret->port, sizeof ret->port, "10809");
}

/* QEMU does not escape it. */
static void
parse_socket (const char *text, struct vm_disk *ret)
{
  const char *socket = strstr (text, "socket=");

  copy (ret->path, sizeof ret->path,
        socket != NULL ? socket + strlen ("socket=") : NULL);
}

static void
parse_server (const json_t *nbd, struct vm_disk *ret)
{
  const json_t *server = json_object_get (nbd, "server");
  const bool flat = server == NULL;
  const json_t *o = flat ? nbd : server;

  copy (ret->path, sizeof ret->path,
        field_string (o, flat ? "server.path" : "path"));
  copy (ret->host, sizeof ret->host,
        field_string (o, flat ? "server.host" : "host"));
  copy (ret->port, sizeof ret->port,
        field_string (o, flat ? "server.port" : "port"));
}

/* The options of a node: the NBD one is itself, or its file's file's ... */
static bool
parse_json (const char *text, struct vm_disk *ret)
{
  json_t *root = json_loads (text, 0, NULL);
  const json_t *o = root;
  const char *driver;

  while ((driver = field_string (o, "driver")) == NULL ||
         strcmp (driver, "nbd") != 0) {
    o = json_object_get (o, "file");
    if (o == NULL)
      break;
  }
  if (o != NULL)
    parse_server (o, ret);
  json_decref (root);
  return o != NULL;
}

bool
vm_disk_parse (const char *filename, struct vm_disk *ret)
{
  const char *rest;

  if ((rest = prefix_after (filename, "json:")) != NULL)
    return parse_json (rest, ret);
  if ((rest = prefix_after (filename, "nbd+unix:")) != NULL ||
      (rest = prefix_after (filename, "nbds+unix:")) != NULL)
    parse_socket (rest, ret);
  else if ((rest = prefix_after (filename, "nbd:unix:")) != NULL)
    snprintf (ret->path, sizeof ret->path, "%.*s",
              (int) strcspn (rest, ":"), rest);
  else if ((rest = prefix_after (filename, "nbd://")) != NULL ||
           (rest = prefix_after (filename, "nbds://")) != NULL ||
           (rest = prefix_after (filename, "nbd+tcp://")) != NULL ||
           (rest = prefix_after (filename, "nbd:")) != NULL)
    parse_host (rest, ret);
  return rest != NULL;
}

/* -- of which device ---------------------------------------------------------- */

static void
set_name (const json_t *block, const json_t *inserted, struct vm_disk *ret)
{
  const char *node = field_string (inserted, "node-name");
  const char *device = field_string (block, "device");

  if (node != NULL && node[0] != '#')
    device = node;              /* that QEMU did not make up */
  else if (device == NULL || device[0] == '\0')
    device = field_string (block, "qdev");
  copy (ret->name, sizeof ret->name, device);
}

/* That of the export is known where nothing above it has one of its own. */
static uint64_t
export_size (const json_t *inserted, const char *filename)
{
  const char *driver = field_string (inserted, "drv");
  uint64_t bytes = 0;

  if (driver == NULL || (strcmp (driver, "nbd") != 0 &&
                         (strcmp (driver, "raw") != 0 ||
                          prefix_after (filename, "json:") != NULL)))
    return 0;
  field_u64 (json_object_get (inserted, "image"), "virtual-size", &bytes);
  return (bytes + SECTOR_BYTES - 1) / SECTOR_BYTES * SECTOR_BYTES;
}

/* False: it is not NBD. */
static bool
take_block (const json_t *block, struct vm_disk *ret)
{
  const json_t *inserted = json_object_get (block, "inserted");
  const char *filename = field_string (inserted, "file");
  bool read_only = true;

  *ret = (struct vm_disk) { .size_bytes = 0 };
  field_bool (inserted, "ro", &read_only);
  if (filename == NULL || !vm_disk_parse (filename, ret))
    return false;
  ret->may_stay = read_only || field_string (block, "qdev") == NULL;
  set_name (block, inserted, ret);
  ret->size_bytes = export_size (inserted, filename);
  return true;
}

static bool
same_address (const struct vm_disk *a, const struct vm_disk *b)
{
  return (a->path[0] != '\0' || a->host[0] != '\0') &&
         strcmp (a->path, b->path) == 0 && strcmp (a->host, b->host) == 0 &&
         strcmp (a->port, b->port) == 0;
}

int
vm_disks_of (const json_t *blocks, struct vm_disk **ret, size_t *ret_nr)
{
  struct vm_disk *disks = calloc (json_array_size (blocks) + 1,
                                  sizeof *disks);
  size_t i, k, nr = 0;

  if (disks == NULL)
    return -1;
  for (i = 0; i < json_array_size (blocks); i++) {
    if (!take_block (json_array_get (blocks, i), &disks[nr]))
      continue;
    for (k = 0; k < nr && !same_address (&disks[k], &disks[nr]); k++)
      ;
    if (k == nr)
      nr++;
    else if (disks[k].may_stay)
      disks[k] = disks[nr];
  }
  *ret = disks;
  *ret_nr = nr;
  return 0;
}

/* -- at a server --------------------------------------------------------------- */

static bool
is_loopback (const char *host)
{
  return strcmp (host, "localhost") == 0 || strcmp (host, "::1") == 0 ||
         strncmp (host, "127.", 4) == 0;
}

/* A name may lead anywhere; this one leads there for certain. */
static bool
same_host (const struct vm_disk *disk, const char *host, const char *name)
{
  if (strcmp (disk->host, host) == 0)
    return true;
  if (is_loopback (disk->host))
    return is_loopback (host) || strcmp (host, "0.0.0.0") == 0 ||
           strcmp (host, "::") == 0;
  return !is_loopback (host) && name != NULL && strcmp (disk->host, name) == 0;
}

bool
vm_disk_is_at (const struct vm_disk *disk, const char *listens,
               const char *server_host)
{
  struct vm_disk server = { .size_bytes = 0 };
  const char *rest = prefix_after (listens, "unix:");

  if (rest != NULL)
    return disk->path[0] != '\0' && operands_same_path (disk->path, rest);
  rest = prefix_after (listens, "tcp:");
  if (rest == NULL || disk->host[0] == '\0')
    return false;
  parse_host (rest, &server);
  return strcmp (disk->port, server.port) == 0 &&
         same_host (disk, server.host, server_host);
}
