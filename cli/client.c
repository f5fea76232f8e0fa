/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A connection to a control endpoint (client.h).
 *
 * A command is one NBD write at offset 0; its reply comes when the command
 * has ended.  The document that is then read tells more, but the outcome
 * hangs on the write's reply alone:
 *
 *   success                                   done
 *   an NBD error                              refused
 *   no connection could be made               not sent
 *   the connection ended, or the deadline     lost, and the connection with
 *   passed, before a reply                    it: a late reply must not be
 *                                             taken for the next one's
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client-internal.h"
#include "clock.h"

/* -- one request ----------------------------------------------------- */

static int
on_completion (void *opaque, int *error)
{
  struct request *r = opaque;

  r->done = true;
  r->error = *error;
  return 1;                     /* retire it */
}

static nbd_completion_callback
begin_request (struct client *c)
{
  c->request = (struct request) { .done = false };
  return (nbd_completion_callback) { on_completion, &c->request, NULL };
}

/* An answer of the server's, and not libnbd's word for a connection that
 * ended: ENOTCONN is no NBD error. */
static bool
is_refusal (const struct request *r)
{
  return r->done && r->error != 0 && r->error != ENOTCONN;
}

static bool
is_answered (struct client *c)
{
  return c->request.done;
}

/* Fills RET unless it has been answered. */
static bool
await_answer (struct client *c, const char *what, uint64_t limit_us,
              struct answer *ret)
{
  const enum waited waited = client_wait_for (c, is_answered,
                                              clock_us () + limit_us);

  if (c->request.done && (c->request.error == 0 || is_refusal (&c->request)))
    return true;
  ret->timed_out = waited == EXPIRED;
  if (waited == EXPIRED)
    answer_set (ret, OUTCOME_LOST, "no answer to %s within %.3g s", what,
                (double) limit_us / 1e6);
  else
    answer_set (ret, OUTCOME_LOST, "the connection was lost before the "
                "answer to %s came", what);
  client_disconnect (c);
  return false;
}

/* The document, or NULL with RET filled. */
static json_t *
read_document (struct client *c, struct answer *ret)
{
  json_error_t where;
  json_t *document;

  if (nbd_aio_pread (c->nbd, c->document, CONTROL_EXPORT_BYTES, 0,
                     begin_request (c), 0) == -1) {
    answer_set (ret, OUTCOME_LOST, "cannot ask: %s", client_libnbd_text ());
    client_disconnect (c);
    return NULL;
  }
  if (!await_answer (c, "status", c->deadlines.connect_us, ret))
    return NULL;
  if (c->request.error != 0) {
    answer_set (ret, OUTCOME_REFUSED, "cannot read the status: %s",
                strerror (c->request.error));
    return NULL;
  }
  document = json_loads (c->document, 0, &where);
  if (document == NULL)
    answer_set (ret, OUTCOME_REFUSED, "the server sends no valid JSON: %s",
                where.text);
  return document;
}

/* Copy what the server complains of, where it does. */
static void
take_error (const json_t *reply, struct answer *ret)
{
  const json_t *error = json_object_get (reply, "error");
  const char *class = field_string (error, "class");
  const char *errno_name = field_string (error, "errno");
  const char *desc = field_string (error, "desc");

  if (class != NULL)
    snprintf (ret->class, sizeof ret->class, "%s", class);
  if (errno_name != NULL)
    snprintf (ret->errno_name, sizeof ret->errno_name, "%s", errno_name);
  if (desc != NULL)
    snprintf (ret->text, sizeof ret->text, "%s", desc);
}

/* -- the operations -------------------------------------------------- */

static void
client_status (struct peer *s, struct answer *ret)
{
  struct client *c = (struct client *) s;
  json_t *document, *status;

  if (!client_connect (c, ret))
    return;
  document = read_document (c, ret);
  if (document == NULL)
    return;
  status = json_object_get (document, "status");
  if (json_is_object (status)) {
    ret->outcome = OUTCOME_DONE;
    ret->body = json_incref (status);
  }
  else {
    answer_set (ret, OUTCOME_REFUSED, "the server sent no status");
    take_error (json_object_get (document, "reply"), ret);
  }
  json_decref (document);
}

static bool
make_message (struct client *c, const char *execute, const json_t *arguments,
              char *id, size_t id_bytes)
{
  json_t *command;

  snprintf (id, id_bytes, "%" PRIu64, ++c->last_id);
  command = json_pack ("{s:s, s:O*, s:s}", "execute", execute,
                       "arguments", (json_t *) arguments, "id", id);
  free (c->message);
  c->message = json_dumps (command, JSON_COMPACT);
  json_decref (command);
  return c->message != NULL;
}

/* What the document says of a command whose outcome is known already. */
static void
take_reply (struct client *c, const char *id, struct answer *ret)
{
  struct answer unread = { .outcome = OUTCOME_DONE };
  json_t *document = read_document (c, &unread);
  const json_t *reply = json_object_get (document, "reply");
  const char *theirs = field_string (reply, "id");

  if (theirs != NULL && strcmp (theirs, id) == 0) {
    ret->body = json_incref (json_object_get (reply, "return"));
    take_error (reply, ret);
  }
  json_decref (document);
  answer_clear (&unread);
}

static void
client_command (struct peer *s, const char *execute,
                const json_t *arguments, struct answer *ret)
{
  struct client *c = (struct client *) s;
  char id[24];

  answer_set (ret, OUTCOME_NOT_SENT, "not enough memory");
  if (!make_message (c, execute, arguments, id, sizeof id) ||
      !client_connect (c, ret))
    return;
  if (nbd_aio_pwrite (c->nbd, c->message, strlen (c->message), 0,
                      begin_request (c), 0) == -1) {
    answer_set (ret, OUTCOME_NOT_SENT, "cannot ask: %s", client_libnbd_text ());
    return;
  }
  if (!await_answer (c, execute, c->deadlines.command_us, ret))
    return;
  if (c->request.error == 0)
    answer_set (ret, OUTCOME_DONE, "%s", "");
  else
    answer_set (ret, OUTCOME_REFUSED, "%s", strerror (c->request.error));
  take_reply (c, id, ret);
}

static void
client_free (struct peer *s)
{
  struct client *c = (struct client *) s;

  client_disconnect (c);
  free (c->message);
  free (c);
}

int
client_new (const char *endpoint, const struct client_deadlines *deadlines,
            const struct client_tls *tls, struct peer **ret,
            struct error *err)
{
  static const struct peer_ops ops = {
    .status = client_status,
    .command = client_command,
    .free = client_free,
  };
  struct endpoint parsed;
  struct client *c;

  if (endpoint_parse (endpoint, &parsed, err) == -1)
    return -1;
  c = calloc (1, sizeof *c);
  if (c == NULL)
    return error_set_errno (err, errno, "malloc");
  c->peer = (struct peer) { .ops = &ops, .endpoint = endpoint };
  c->endpoint = parsed;
  c->deadlines = *deadlines;
  c->tls = *tls;
  *ret = &c->peer;
  return 0;
}
