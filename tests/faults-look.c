/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a server tells of itself, asked by libnbd without baton
 * (faults-world.h).
 */

#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <libnbd.h>

#include "faults-world.h"

#define DOCUMENT_BYTES 65536

static json_t *
read_document (const struct server *s)
{
  static char text[DOCUMENT_BYTES + 1];
  struct nbd_handle *nbd = nbd_create ();
  json_t *document;

  if (!nbd || nbd_connect_unix (nbd, s->control) == -1 ||
      nbd_pread (nbd, text, DOCUMENT_BYTES, 0, 0) == -1)
    faults_fail ("%s: status: %s", s->name, nbd_get_error ());
  nbd_shutdown (nbd, 0);
  nbd_close (nbd);
  document = json_loads (text, 0, NULL);
  if (!document)
    faults_fail ("%s: status: no JSON", s->name);
  return document;
}

static bool
is (const json_t *object, const char *key, const char *value)
{
  const char *v = json_string_value (json_object_get (object, key));

  return v && strcmp (v, value) == 0;
}

void
server_look (struct server *s, struct seen *ret)
{
  json_t *document = read_document (s);
  const json_t *status = json_object_get (document, "status");
  const json_t *o = json_object_get (status, "ownership");
  const char *owner = json_string_value (json_object_get (o, "owner"));

  *ret = (struct seen) {
    .active = is (status, "state", "active"),
    .between = !is (status, "state", "active") &&
               !is (status, "state", "inactive"),
    .poisoned = json_is_true (json_object_get (status, "poisoned")),
    .held = is (o, "record", "held"),
    .released = is (o, "record", "released"),
    .epoch = (uint64_t) json_integer_value (json_object_get (o, "epoch")),
  };
  snprintf (ret->owner, sizeof ret->owner, "%s", owner ? owner : "");
  json_decref (document);
}
