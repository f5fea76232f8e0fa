/* SPDX-License-Identifier: BSD-3-Clause
 *
 * baton status ENDPOINT...
 */

#include <config.h>

#include "report.h"
#include "status-text.h"
#include "subcommand.h"

static void
print_one (FILE *out, const char *endpoint, const struct answer *a)
{
  (void) endpoint;
  status_text (out, a->body);
}

/* Of several, each below its name. */
static void
print_headed (FILE *out, const char *endpoint, const struct answer *a)
{
  fprintf (out, "-- %s\n", endpoint);
  status_text (out, a->body);
}

static int
run (const struct options *options, size_t nr_endpoints,
     char *const *endpoints)
{
  return report_each (options, nr_endpoints, endpoints, "status", NULL,
                      nr_endpoints > 1 ? print_headed : print_one);
}

const struct subcommand subcommand_status = {
  .name = "status",
  .operands = "ENDPOINT...",
  .min_operands = 1,
  .max_operands = SIZE_MAX,
  .summary = "tell who serves the image, and how it is",
  .help =
    "Tell the state of each server: its image, whether it is active, what it\n"
    "holds, its last error and the phases of its last hand-over.  Never waits\n"
    "for a command that is under way.  With --json: the status object, one\n"
    "line per endpoint.\n",
  .run = run,
};
