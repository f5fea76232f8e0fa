/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Starting a migration (migrate-internal.h).
 *
 * Where it does not start, or fails, capabilities become what they were; what
 * is not taken back (that the destination does not run by itself, and where
 * it listens) is told, in `left`.
 */

#include <config.h>

#include <string.h>

#include "migrate-internal.h"

/* -- capabilities ------------------------------------------------------------- */

/* What we need.  With a return path a failure may be told to the source, which
 * then runs on, after the destination has got everything. */
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

/* Consumes ARGUMENTS.  *RET_MAY_BE: it was done, or the answer is lost. */
static bool
ask (struct migrate *m, struct vm *v, const char *execute, json_t *arguments,
     bool *ret_may_be)
{
  struct answer a = { .outcome = OUTCOME_DONE };
  const bool done = vm_do (v, execute, arguments, &a);

  *ret_may_be = done || a.outcome == OUTCOME_LOST;
  if (!done)
    migrate_fail_answer (m, v, execute, &a);
  answer_clear (&a);
  json_decref (arguments);
  return done;
}

/* The arguments that make those that we set what they are now.  NULL: it does
 * not tell. */
static json_t *
present (struct vm *v, const json_t *wanted)
{
  struct answer a = { .outcome = OUTCOME_DONE };
  json_t *was = json_array (), *one, *other;
  size_t i, k;

  if (!vm_do (v, "query-migrate-capabilities", NULL, &a)) {
    answer_clear (&a);
    json_decref (was);
    return NULL;
  }
  json_array_foreach (json_object_get (wanted, "capabilities"), i, one)
    json_array_foreach (a.body, k, other)
      if (json_equal (json_object_get (one, "capability"),
                      json_object_get (other, "capability")))
        json_array_append (was, other);
  answer_clear (&a);
  return json_pack ("{s:o}", "capabilities", was);
}

static bool
set_capabilities (struct migrate *m, struct vm *v, json_t *wanted,
                  json_t **ret_was, bool *ret_set)
{
  *ret_was = present (v, wanted);
  return ask (m, v, "migrate-set-capabilities", wanted, ret_set);
}

static void
restore (struct vm *v, const json_t *was, bool *set)
{
  struct answer a = { .outcome = OUTCOME_DONE };

  if (*set && was != NULL && vm_is_connected (v) &&
      vm_do (v, "migrate-set-capabilities", was, &a))
    *set = false;
  answer_clear (&a);
}

void
migrate_restore (struct migrate *m)
{
  struct migrate_left *left = &m->left;

  restore (&m->src, left->src_was, &left->src_set);
  restore (&m->dst, left->dst_was, &left->dst_set);
}

/* -- where it comes in ------------------------------------------------------------ */

/* With -incoming defer the destination has to be told; with anything else it
 * listens already, and says so. */
static bool
listen_at (struct migrate *m)
{
  struct answer a = { .outcome = OUTCOME_DONE };
  json_t *arguments = json_pack ("{s:s}", "uri", m->uri);
  const bool told = vm_do (&m->dst, "migrate-incoming", arguments, &a);
  const bool done = told ||
                    (a.outcome == OUTCOME_REFUSED &&
                     strstr (a.text, "already been started") != NULL);

  m->left.dst_listens = told || a.outcome == OUTCOME_LOST;
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
  struct migrate_left *left = &m->left;

  if (!set_capabilities (m, &m->src, capabilities (true), &left->src_was,
                         &left->src_set) ||
      !set_capabilities (m, &m->dst, capabilities (false), &left->dst_was,
                         &left->dst_set))
    return false;
  return ask (m, &m->dst, "stop", NULL, &left->dst_held) &&
         (m->uri == NULL || listen_at (m));
}

bool
migrate_start (struct migrate *m)
{
  json_t *uri = m->uri != NULL ? json_string (m->uri) : told_uri (m);
  bool done, may_be;

  if (uri == NULL)
    return false;
  if (!prepare (m)) {
    json_decref (uri);
    return false;
  }
  done = ask (m, &m->src, "migrate", json_pack ("{s:o}", "uri", uri),
              &may_be);
  /* A refusal changes nothing; silence may, and who stays silent may have
   * begun. */
  vm_look (&m->src);
  m->started = done || vm_is_migrating (&m->src) ||
               (may_be && m->src.state[0] == '\0');
  if (done || !may_be || !m->started || !vm_is_connected (&m->src))
    return done;
  m->why[0] = '\0';             /* the answer alone is lost */
  m->unheard = true;
  return true;
}
