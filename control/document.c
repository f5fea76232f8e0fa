/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The document that is the content of the export (document.h).
 *
 * Guarantees: what is rendered is always one complete JSON text.  The
 * fallbacks need no memory but the buffer.  No locks.
 */

#include <config.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "document.h"

/* A newline and one NUL always follow. */
#define MAX_JSON_BYTES (CONTROL_EXPORT_BYTES - 2)

static const char out_of_memory[] =
  "{\"status\": null, \"reply\": {\"error\": {\"class\": \"GenericError\", "
  "\"desc\": \"not enough memory for the document\", "
  "\"errno\": \"ENOMEM\"}}}";

/* False where it does not fit; BUF is then spoilt. */
static bool
try_render (json_t *status, json_t *reply, uint8_t *buf)
{
  json_t *doc = json_pack ("{s:O?, s:O?}", "status", status, "reply", reply);
  size_t len;

  if (doc == NULL)
    return false;
  /* json_dumpb returns the length needed, which may be more than that. */
  len = json_dumpb (doc, (char *) buf, MAX_JSON_BYTES, JSON_INDENT (2));
  json_decref (doc);
  if (len == 0 || len > MAX_JSON_BYTES)
    return false;
  buf[len] = '\n';
  memset (buf + len + 1, 0, CONTROL_EXPORT_BYTES - len - 1);
  return true;
}

/* What stands for a reply that is too long.  That reply may tell of a
 * success, which this one must not deny. */
static json_t *
too_large (json_t *reply)
{
  const char *outcome = json_object_get (reply, "return") != NULL
                          ? "the command succeeded, but its reply"
                          : "the reply";

  return json_pack ("{s:{s:s, s:s+, s:s}, s:O*}", "error",
                    "class", "TooLarge",
                    "desc", outcome, " does not fit into the document",
                    "errno", "EOVERFLOW",
                    "id", json_object_get (reply, "id"));
}

void
document_render (json_t *status, json_t *reply,
                 uint8_t buf[CONTROL_EXPORT_BYTES])
{
  json_t *substitute;
  bool done;

  if (try_render (status, reply, buf))
    return;
  substitute = too_large (reply);
  done = substitute != NULL && (try_render (status, substitute, buf) ||
                                try_render (NULL, substitute, buf));
  json_decref (substitute);
  if (done)
    return;
  memset (buf, 0, CONTROL_EXPORT_BYTES);
  memcpy (buf, out_of_memory, sizeof out_of_memory);
}

json_t *
document_text (const char *text)
{
  json_t *s = json_string (text);
  CLEANUP_FREE char *ascii = NULL;
  char *p;

  if (s != NULL)
    return s;
  ascii = strdup (text);
  if (ascii == NULL)
    return NULL;
  for (p = ascii; *p != '\0'; p++)
    if ((unsigned char) *p >= 0x80)
      *p = '?';
  return json_string (ascii);
}
