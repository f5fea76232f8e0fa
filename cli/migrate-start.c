/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Starting a migration (migrate-internal.h).
 *
 * All that is set can be left so where the migration does not start: events,
 * where QEMU pauses, and that the destination does not run by itself.
 */

#include <config.h>

#include <string.h>

#include "migrate-internal.h"

/* -- capabilities ------------------------------------------------------------- */

/* With a return path a failure may be told to the source, which then runs
 * on, after the destination has got everything. */
static json_t *
capabilities (bool of_source)
{
  if (!of_source)
    return json_pack ("{s:[{s:s, s:b}]}", "capabilities",
                      "capability", "events", "state", 1);
  return json_pack ("{s:[{s:s, s:b}, {s:s, s:b}, {s:s, s:b}]}",
                    "capabilities",
                    "capability", "events", "state", 1,
                    "capability", "pause-before-switchover", "state", 1,
                    "capability", "return-path", "state", 0);
}

/* Consumes ARGUMENTS. */
static bool
ask (struct migrate *m, struct vm *v, const char *execute, json_t *arguments)
{
  struct answer a = { .outcome = OUTCOME_DONE };
  const bool done = vm_do (v, execute, arguments, &a);

  if (!done)
    migrate_fail_answer (m, v, execute, &a);
  answer_clear (&a);
  json_decref (arguments);
  return done;
}

/* -- where it comes in ------------------------------------------------------------ */

/* With -incoming defer the destination has to be told; with anything else it
 * listens already, and says so. */
static bool
listen_at (struct migrate *m)
{
  struct answer a = { .outcome = OUTCOME_DONE };
  json_t *arguments = json_pack ("{s:s}", "uri", m->uri);
  const bool done = vm_do (&m->dst, "migrate-incoming", arguments, &a) ||
                    (a.outcome == OUTCOME_REFUSED &&
                     strstr (a.text, "already been started") != NULL);

  if (!done)
    migrate_fail_answer (m, &m->dst, "migrate-incoming", &a);
  answer_clear (&a);
  json_decref (arguments);
  return done;
}

/* New reference, or NULL. */
static json_t *
uri_of_address (const json_t *address)
{
  const char *type = field_string (address, "type");
  const char *path = field_string (address, "path");
  const char *host = field_string (address, "host");
  const char *port = field_string (address, "port");

  if (type == NULL)
    return NULL;
  if (strcmp (type, "unix") == 0 && path != NULL)
    return json_sprintf ("unix:%s", path);
  /* From elsewhere a wildcard is no address. */
  if (strcmp (type, "inet") != 0 || host == NULL || port == NULL ||
      strcmp (host, "0.0.0.0") == 0 || strcmp (host, "::") == 0)
    return NULL;
  return json_sprintf (strchr (host, ':') != NULL ? "tcp:[%s]:%s"
                                                  : "tcp:%s:%s", host, port);
}

/* New reference, or NULL. */
static json_t *
told_uri (struct migrate *m)
{
  struct answer a = { .outcome = OUTCOME_DONE };
  json_t *uri = NULL;

  if (vm_do (&m->dst, "query-migrate", NULL, &a))
    uri = uri_of_address (json_array_get (json_object_get (a.body,
                                          "socket-address"), 0));
  answer_clear (&a);
  if (uri == NULL)
    migrate_fail (m, m->dst.path, "it does not tell where the migration is "
                  "to come in: give --uri tcp:HOST:PORT, as the source "
                  "reaches it");
  return uri;
}

/* -- all of it ------------------------------------------------------------------ */

/* "stop" of a VM that waits for its memory: it shall not run when that has
 * come. */
static bool
prepare (struct migrate *m)
{
  return ask (m, &m->src, "migrate-set-capabilities", capabilities (true)) &&
         ask (m, &m->dst, "migrate-set-capabilities", capabilities (false)) &&
         ask (m, &m->dst, "stop", NULL) &&
         (m->uri == NULL || listen_at (m));
}

bool
migrate_start (struct migrate *m)
{
  json_t *uri;
  bool done;

  if (!prepare (m))
    return false;
  uri = m->uri != NULL ? json_string (m->uri) : told_uri (m);
  if (uri == NULL)
    return false;
  done = ask (m, &m->src, "migrate", json_pack ("{s:o}", "uri", uri));
  /* A refusal changes nothing; silence may. */
  vm_look (&m->src);
  m->started = done || vm_is_migrating (&m->src);
  return done;
}
