/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What came of one question to a server (answer.h).
 *
 * Guarantees: texts are cut off, never overrun.  No state, no locks.
 */

#include <config.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "answer.h"

const char *
outcome_name (enum outcome outcome)
{
  static const char *const names[] = {
    [OUTCOME_DONE] = "done",
    [OUTCOME_REFUSED] = "refused",
    [OUTCOME_NOT_SENT] = "not-sent",
    [OUTCOME_LOST] = "lost",
  };

  return names[outcome];
}

void
answer_set (struct answer *a, enum outcome outcome, const char *fmt, ...)
{
  va_list args;

  a->outcome = outcome;
  va_start (args, fmt);
  vsnprintf (a->text, sizeof a->text, fmt, args);
  va_end (args);
}

void
answer_hint (struct answer *a, const char *fmt, ...)
{
  va_list args;

  va_start (args, fmt);
  vsnprintf (a->hint, sizeof a->hint, fmt, args);
  va_end (args);
}

/* A string, or nothing where TEXT is "" or no UTF-8. */
static void
set_string (json_t *object, const char *key, const char *text)
{
  if (text[0] != '\0')
    json_object_set_new (object, key, json_string (text));
}

json_t *
answer_error_json (const struct answer *a)
{
  json_t *error = json_object ();

  set_string (error, "class", a->class);
  set_string (error, "desc", a->text);
  set_string (error, "errno", a->errno_name);
  set_string (error, "hint", a->hint);
  return error;
}

void
answer_clear (struct answer *a)
{
  if (a == NULL)
    return;
  json_decref (a->body);
  memset (a, 0, sizeof *a);
}

const char *
field_string (const json_t *object, const char *key)
{
  return json_string_value (json_object_get (object, key));
}

bool
field_u64 (const json_t *object, const char *key, uint64_t *ret)
{
  const json_t *value = json_object_get (object, key);

  if (!json_is_integer (value) || json_integer_value (value) < 0)
    return false;
  *ret = (uint64_t) json_integer_value (value);
  return true;
}

bool
field_bool (const json_t *object, const char *key, bool *ret)
{
  const json_t *value = json_object_get (object, key);

  if (!json_is_boolean (value))
    return false;
  *ret = json_is_true (value);
  return true;
}
