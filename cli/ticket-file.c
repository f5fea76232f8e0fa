/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reading a ticket: see ticket-file.h.
 *
 * The first line that holds an object is taken; an object that has the
 * ticket somewhere inside, as the output of --json does, is unwrapped.  What
 * the ticket says is for the server to judge.
 */

#include <config.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "ticket-file.h"

#define MAX_LINE_CHARS 65536

static json_t *
unwrap (json_t *json)
{
  json_t *inner = json_object_get (json, "return");
  json_t *ticket = json_object_get (inner ? inner : json, "ticket");

  if (ticket == NULL)
    return json;
  json_incref (ticket);
  json_decref (json);
  return ticket;
}

/* NULL where no line of FP is an object. */
static json_t *
read_lines (FILE *fp)
{
  CLEANUP_FREE char *line = NULL;
  json_t *json = NULL;
  size_t size = 0;
  ssize_t len;

  while (json == NULL && (len = getline (&line, &size, fp)) != -1)
    if (line[0] == '{' && len <= MAX_LINE_CHARS)
      json = json_loadb (line, (size_t) len, JSON_REJECT_DUPLICATES, NULL);
  return json;
}

json_t *
ticket_file_read (const char *file, struct error *err)
{
  const bool is_stdin = strcmp (file, "-") == 0;
  FILE *fp = is_stdin ? stdin : fopen (file, "re");
  json_t *json;

  if (fp == NULL) {
    error_set_errno (err, errno, "ticket %s", file);
    return NULL;
  }
  json = read_lines (fp);
  if (!is_stdin)
    fclose (fp);
  if (!json_is_object (json)) {
    error_set (err, EINVAL, "ticket %s: there is no ticket in it; it is the "
               "line that baton inactivate printed", file);
    return NULL;
  }
  return unwrap (json);
}
