/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Telling what came of a command (report.h).
 *
 * Guarantee: every failure gets exactly one line that says what, on stderr,
 * and with --json one object on stdout too, so that there are as many
 * objects as endpoints.
 */

#include <config.h>

#include <string.h>

#include "output.h"
#include "report.h"

void
report_what (FILE *out, const char *command, const struct answer *a)
{
  if (a->outcome == OUTCOME_REFUSED)
    fprintf (out, "%s refused: ", command);
  output_clean (out, a->text);
  if (a->outcome == OUTCOME_REFUSED && a->class[0] != '\0' &&
      strcmp (a->class, "GenericError") != 0) {
    fputs (" (", out);
    output_clean (out, a->class);
    putc (')', out);
  }
  if (a->outcome == OUTCOME_LOST && strcmp (command, "status") != 0)
    fputs (": whether it was done is not known", out);
}

static void
report_hint (FILE *err, const char *endpoint, const char *command,
             const struct answer *a)
{
  if (a->hint[0] != '\0') {
    fputs ("baton: hint: ", err);
    output_clean (err, a->hint);
    putc ('\n', err);
  }
  else if (a->outcome == OUTCOME_LOST && strcmp (command, "status") != 0) {
    fputs ("baton: hint: find out with: baton status ", err);
    output_word (err, endpoint);
    fprintf (err, "; %s may be asked for again\n", command);
  }
}

void
report_failure (FILE *err, const char *endpoint, const char *command,
                const struct answer *a)
{
  fprintf (err, "baton: %s: ", endpoint);
  report_what (err, command, a);
  putc ('\n', err);
  report_hint (err, endpoint, command, a);
}

static const char *
result_name (enum outcome outcome)
{
  switch (outcome) {
  case OUTCOME_DONE:
    return "done";
  case OUTCOME_REFUSED:
    return "refused";
  case OUTCOME_NOT_SENT:
    return "failed";
  default:
    return "unknown";
  }
}

json_t *
report_json (const char *endpoint, const char *command,
             const struct answer *a)
{
  json_t *object = json_object ();

  json_object_set_new (object, "endpoint", json_string (endpoint));
  json_object_set_new (object, "command", json_string (command));
  json_object_set_new (object, "result",
                       json_string (result_name (a->outcome)));
  json_object_set_new (object, "us", json_integer ((json_int_t) a->us));
  json_object_set_new (object, "retried", json_boolean (a->retried));
  if (a->outcome == OUTCOME_DONE)
    json_object_set (object, "return", a->body);
  else
    json_object_set_new (object, "error", answer_error_json (a));
  return object;
}

static void
print_json (const char *endpoint, const char *command, const struct answer *a)
{
  json_t *object;

  if (a->outcome == OUTCOME_DONE && strcmp (command, "status") == 0)
    object = json_incref (a->body);
  else
    object = report_json (endpoint, command, a);
  output_json (stdout, object);
  json_decref (object);
}

/* COMMAND may be "status". */
static void
ask (const struct options *options, const char *endpoint,
     const char *command, const json_t *arguments, struct answer *ret)
{
  struct error err = ERROR_INIT;
  struct peer *s;

  if (client_new (endpoint, &options->deadlines, &options->tls, &s, &err) == -1) {
    answer_set (ret, OUTCOME_NOT_SENT, "%s", err.text);
    return;
  }
  if (strcmp (command, "status") == 0)
    peer_status (s, ret);
  else
    peer_command (s, command, arguments, ret);
  peer_free (s);
}

int
report_each (const struct options *options, size_t nr_endpoints,
             char *const *endpoints, const char *command,
             const json_t *arguments, report_printer print)
{
  int code = EXIT_DONE;
  size_t i;

  for (i = 0; i < nr_endpoints; i++) {
    struct answer answer = { .outcome = OUTCOME_DONE };

    ask (options, endpoints[i], command, arguments, &answer);
    if (options->json)
      print_json (endpoints[i], command, &answer);
    else if (answer.outcome == OUTCOME_DONE)
      print (stdout, endpoints[i], &answer);
    if (answer.outcome != OUTCOME_DONE) {
      fflush (stdout);
      report_failure (stderr, endpoints[i], command, &answer);
      code = EXIT_FAILED;
    }
    answer_clear (&answer);
  }
  return code;
}

void
report_line (FILE *out, const char *endpoint, const char *what,
             const struct answer *a)
{
  char us[OUTPUT_NUMBER_BYTES];

  output_us (a->us, us);
  fprintf (out, "%s: %s, in %s\n", endpoint, what, us);
}
