/* SPDX-License-Identifier: BSD-3-Clause
 *
 * JSON command -> callback -> JSON reply (command.h).
 *
 * Guarantees: a callback is called only for a command that is right in
 * every part: known name, known arguments, right types; so a mistyped
 * "force" is never taken for its absence.
 *
 * No state, no locks.
 */

#include <config.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "command.h"
#include "document.h"

#define MAX_ARGUMENTS 2

struct call {
  const struct control_callbacks *callbacks;
  void *opaque;
  enum access_role role;
  const json_t *arguments;      /* an object, checked, or NULL */
};

/* -- parsing --------------------------------------------------------- */

static bool
is_padding (char c)
{
  return c == '\0' || c == '\n' || c == '\r' || c == ' ' || c == '\t';
}

/* Does no bracket outside a string nest deeper than allowed?  Asked before
 * the parser, which recurses, sees the text. */
static bool
depth_ok (const char *text, size_t len)
{
  bool in_string = false;
  int depth = 0;
  size_t i;

  for (i = 0; i < len && depth <= COMMAND_MAX_DEPTH; i++) {
    if (in_string && text[i] == '\\')
      i++;
    else if (text[i] == '"')
      in_string = !in_string;
    else if (!in_string && (text[i] == '{' || text[i] == '['))
      depth++;
    else if (!in_string && (text[i] == '}' || text[i] == ']'))
      depth--;
  }
  return depth <= COMMAND_MAX_DEPTH;
}

static int
parse (const char *text, size_t len, json_t **ret, struct error *err)
{
  json_error_t where;
  json_t *json;

  while (len > 0 && is_padding (text[len - 1]))
    len--;
  if (len == 0)
    return error_set_class (err, EINVAL, "JSONParse", "the command is empty");
  if (!depth_ok (text, len))
    return error_set_class (err, EINVAL, "JSONParse",
                            "more than %d brackets within each other",
                            COMMAND_MAX_DEPTH);
  json = json_loadb (text, len, JSON_REJECT_DUPLICATES, &where);
  if (json == NULL)
    return error_set_class (err, EINVAL, "JSONParse", "%s (line %d, column %d)",
                            where.text, where.line, where.column);
  *ret = json;
  return 0;
}

static bool
is_among (const char *key, const char *const *names, size_t nr_names)
{
  size_t i;

  for (i = 0; i < nr_names && names[i] != NULL; i++)
    if (strcmp (key, names[i]) == 0)
      return true;
  return false;
}

/* Refuse what is not among NAMES: a word that we do not understand may be
 * the one that matters. */
static int
check_keys (const json_t *object, const char *const *names, size_t nr_names,
            const char *what, const char *of, struct error *err)
{
  const char *key;
  json_t *value;

  json_object_foreach ((json_t *) object, key, value) {
    (void) value;
    if (!is_among (key, names, nr_names))
      return error_set_class (err, EINVAL, "InvalidArguments",
                              "unknown %s \"%.100s\" of %s", what, key, of);
  }
  return 0;
}

static int
wrong_type (struct error *err, const char *name, const char *wanted)
{
  return error_set_class (err, EINVAL, "InvalidArguments",
                          "\"%s\" must be %s", name, wanted);
}

/* -- one function per command ---------------------------------------- */

static int
run_status (const struct call *call, json_t **ret_reply, struct error *err)
{
  json_t *status = call->callbacks->status (call->opaque);

  if (status == NULL)
    return error_set_errno (err, ENOMEM, "status");
  *ret_reply = status;
  return 0;
}

static int
run_flush (const struct call *call, json_t **ret_reply, struct error *err)
{
  return call->callbacks->flush (call->opaque, ret_reply, err);
}

static int
run_inactivate (const struct call *call, json_t **ret_reply,
                struct error *err)
{
  const char *name = "drain-timeout-ms";
  const json_t *timeout = json_object_get (call->arguments, name);
  const json_t *exits = json_object_get (call->arguments, "exit");
  json_int_t ms = 0;

  if (timeout != NULL) {
    ms = json_integer_value (timeout);
    if (!json_is_integer (timeout) || ms < 0 || ms > UINT32_MAX)
      return wrong_type (err, name, "an integer from 0 to 4294967295");
  }
  if (exits != NULL && !json_is_boolean (exits))
    return wrong_type (err, "exit", "true or false");
  return call->callbacks->inactivate (call->opaque, (uint32_t) ms,
                                      json_is_true (exits), ret_reply, err);
}

static int
run_invalidate (const struct call *call, json_t **ret_reply,
                struct error *err)
{
  return call->callbacks->invalidate (call->opaque, ret_reply, err);
}

static int
run_activate (const struct call *call, json_t **ret_reply, struct error *err)
{
  const json_t *ticket = json_object_get (call->arguments, "ticket");
  const json_t *force = json_object_get (call->arguments, "force");

  if (ticket != NULL && !json_is_object (ticket))
    return wrong_type (err, "ticket", "an object");
  if (force != NULL && !json_is_boolean (force))
    return wrong_type (err, "force", "true or false");
  return call->callbacks->activate (call->opaque, ticket,
                                    json_is_true (force), ret_reply, err);
}

static const struct command {
  const char *name;
  int (*run) (const struct call *call, json_t **ret_reply, struct error *err);
  const char *arguments[MAX_ARGUMENTS];
} commands[] = {
  { "status", run_status, { NULL } },
  { "flush", run_flush, { NULL } },
  { "inactivate", run_inactivate, { "drain-timeout-ms", "exit" } },
  { "invalidate", run_invalidate, { NULL } },
  { "activate", run_activate, { "ticket", "force" } },
};

/* -- dispatch -------------------------------------------------------- */

static const struct command *
find_command (const char *name)
{
  size_t i;

  for (i = 0; i < sizeof commands / sizeof commands[0]; i++)
    if (strcmp (name, commands[i].name) == 0)
      return &commands[i];
  return NULL;
}

static int
check_id (const json_t *id, struct error *err)
{
  if (id != NULL && json_dumpb (id, NULL, 0, JSON_ENCODE_ANY)
                      > COMMAND_MAX_ID_BYTES)
    return error_set_class (err, EINVAL, "InvalidArguments",
                            "\"id\" is longer than %d bytes",
                            COMMAND_MAX_ID_BYTES);
  return 0;
}

/* *RET_ID: borrowed from REQUEST, once it is known to be a fit one. */
static int
check_request (const json_t *request, json_t **ret_id, struct error *err)
{
  static const char *const keys[] = { "execute", "arguments", "id" };
  json_t *id = json_object_get (request, "id");
  const json_t *arguments = json_object_get (request, "arguments");

  if (!json_is_object (request))
    return error_set_class (err, EINVAL, "InvalidArguments",
                            "a command is a JSON object");
  if (check_id (id, err) == -1)
    return -1;
  *ret_id = id;
  if (check_keys (request, keys, 3, "member", "a command", err) == -1)
    return -1;
  if (!json_is_string (json_object_get (request, "execute")))
    return wrong_type (err, "execute", "there and a string");
  if (arguments != NULL && !json_is_object (arguments))
    return wrong_type (err, "arguments", "an object");
  return 0;
}

/* Whoever got this far may look; all else is for ROLE_CONTROL. */
static int
check_role (const struct call *call, const struct command *command,
            struct error *err)
{
  if (call->role == ROLE_CONTROL || command->run == run_status)
    return 0;
  return error_set_class (err, EPERM, "NotAllowed",
                          "this client may ask for the status only, not for "
                          "%s", command->name);
}

static int
dispatch (struct call *call, const json_t *request, json_t **ret_return,
          struct error *err)
{
  const char *name = json_string_value (json_object_get (request, "execute"));
  const struct command *command = find_command (name);

  if (command == NULL)
    return error_set_class (err, EINVAL, "CommandNotFound",
                            "unknown command \"%.100s\"", name);
  if (check_role (call, command, err) == -1)
    return -1;
  call->arguments = json_object_get (request, "arguments");
  if (check_keys (call->arguments, command->arguments, MAX_ARGUMENTS,
                  "argument", command->name, err) == -1)
    return -1;
  return command->run (call, ret_return, err);
}

/* Takes RETURN over. */
static json_t *
success (json_t *returned, json_t *id)
{
  if (returned == NULL)
    returned = json_object ();
  return json_pack ("{s:o, s:O*}", "return", returned, "id", id);
}

static void
make_utf8 (struct error *err)
{
  json_t *text = document_text (err->text);

  if (text != NULL && strlen (json_string_value (text)) < sizeof err->text)
    strcpy (err->text, json_string_value (text));
  json_decref (text);
}

static const char *
errno_name (int errnum)
{
  const char *name = strerrorname_np (errnum);

  /* One number, two names: the NBD specification's is this. */
  if (errnum == ENOTSUP)
    return "ENOTSUP";
  return name != NULL ? name : "EINVAL";
}

json_t *
command_refusal (struct error *err, json_t *id)
{
  make_utf8 (err);
  return json_pack ("{s:{s:s, s:s, s:s}, s:O*}", "error",
                    "class", err->class != NULL ? err->class : "GenericError",
                    "desc", err->text,
                    "errno", errno_name (err->errnum),
                    "id", id);
}

int
command_run (const struct control_callbacks *callbacks, void *opaque,
             enum access_role role, const void *payload, size_t len_bytes,
             json_t **ret_reply, struct error *err)
{
  struct call call = { .callbacks = callbacks, .opaque = opaque,
                       .role = role };
  json_t *request = NULL, *id = NULL, *returned = NULL;
  int r;

  r = parse (payload, len_bytes, &request, err);
  if (r == 0)
    r = check_request (request, &id, err);
  if (r == 0)
    r = dispatch (&call, request, &returned, err);
  *ret_reply = r == 0 ? success (returned, id) : command_refusal (err, id);
  json_decref (request);
  return r;
}
