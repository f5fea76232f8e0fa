/* SPDX-License-Identifier: BSD-3-Clause
 *
 * baton activate ENDPOINT...
 */

#include <config.h>

#include "output.h"
#include "report.h"
#include "subcommand.h"
#include "ticket-file.h"

/* What the operator should know of how it was taken over. */
static void
print_how (FILE *out, const char *endpoint, const json_t *ownership)
{
  const char *overridden = field_string (ownership, "overridden");
  bool recovery = false, changed = false;

  field_bool (ownership, "recovery", &recovery);
  field_bool (ownership, "changed-since-release", &changed);
  if (recovery)
    fprintf (out, "%s: note: recovered from a process of this host that "
             "ended without releasing it\n", endpoint);
  if (overridden != NULL) {
    fprintf (out, "%s: note: forced, though: ", endpoint);
    output_clean (out, overridden);
    putc ('\n', out);
  }
  if (changed)
    fprintf (out, "%s: note: another program had it open for writing since "
             "its record was written\n", endpoint);
}

static void
print (FILE *out, const char *endpoint, const struct answer *a)
{
  report_line (out, endpoint, "active", a);
  print_how (out, endpoint, json_object_get (a->body, "ownership"));
}

/* New reference; NULL: there is nothing to say. */
static json_t *
make_arguments (const struct options *options, json_t *ticket)
{
  json_t *arguments = json_object ();

  if (ticket != NULL)
    json_object_set (arguments, "ticket", ticket);
  if (options->force)
    json_object_set_new (arguments, "force", json_true ());
  return arguments;
}

static int
run (const struct options *options, size_t nr_endpoints,
     char *const *endpoints)
{
  struct error err = ERROR_INIT;
  json_t *ticket = NULL, *arguments;
  int code;

  if (options->ticket != NULL) {
    ticket = ticket_file_read (options->ticket, &err);
    if (ticket == NULL) {
      fprintf (stderr, "baton: %s\n", err.text);
      return EXIT_FAILED;
    }
  }
  arguments = make_arguments (options, ticket);
  code = report_each (options, nr_endpoints, endpoints, "activate", arguments,
                      print);
  json_decref (arguments);
  json_decref (ticket);
  return code;
}

const struct subcommand subcommand_activate = {
  .name = "activate",
  .operands = "ENDPOINT...",
  .min_operands = 1,
  .max_operands = SIZE_MAX,
  .takes_over = true,
  .summary = "let the server take the image over",
  .help =
    "Take the image's lock, read all of its metadata afresh and serve it.\n"
    "With the ticket that inactivate printed, first prove that what the source\n"
    "wrote is what is seen here.  With --force, go on where the ownership\n"
    "record forbids it, and say what was overridden: only when the other\n"
    "server has certainly stopped.\n"
    "On any failure the server stays inactive, as it was, and can be asked\n"
    "again.  Done at once where the server is active already.\n",
  .run = run,
};
