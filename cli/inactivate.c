/* SPDX-License-Identifier: BSD-3-Clause
 *
 * baton inactivate ENDPOINT...
 */

#include <config.h>

#include "drain.h"
#include "output.h"
#include "report.h"
#include "subcommand.h"

static void
print (FILE *out, const char *endpoint, const struct answer *a)
{
  json_t *ticket = json_object_get (a->body, "ticket");

  report_line (out, endpoint, "inactive", a);
  if (ticket != NULL)
    output_json (out, ticket);
}

static int
run (const struct options *options, size_t nr_endpoints,
     char *const *endpoints)
{
  json_t *arguments = drain_arguments (options);
  int code;

  if (options->exit)
    json_object_set_new (arguments, "exit", json_true ());
  code = report_each (options, nr_endpoints, endpoints, "inactivate", arguments,
                      print);

  json_decref (arguments);
  return code;
}

const struct subcommand subcommand_inactivate = {
  .name = "inactivate",
  .operands = "ENDPOINT...",
  .min_operands = 1,
  .max_operands = SIZE_MAX,
  .drains = true,
  .exits = true,
  .summary = "let the server give the image up",
  .help =
    "Stop admitting requests, finish those in flight, make everything durable\n"
    "and give the image's lock back.  On any failure the server stays active\n"
    "and nothing is lost.  Done at once where it is inactive already.  Prints\n"
    "the ticket for baton activate --ticket, one line of JSON; the same one\n"
    "when asked again.  With --exit the server then ends: connections are\n"
    "closed, waiting requests are not answered, and clients that reconnect\n"
    "send them to the next server at that address.\n",
  .run = run,
};
