/* SPDX-License-Identifier: BSD-3-Clause
 *
 * baton flush ENDPOINT...
 */

#include <config.h>

#include "report.h"
#include "subcommand.h"

static void
print (FILE *out, const char *endpoint, const struct answer *a)
{
  report_line (out, endpoint, "flushed", a);
}

static int
run (const struct options *options, size_t nr_endpoints,
     char *const *endpoints)
{
  return report_each (options, nr_endpoints, endpoints, "flush", NULL, print);
}

const struct subcommand subcommand_flush = {
  .name = "flush",
  .operands = "ENDPOINT...",
  .min_operands = 1,
  .max_operands = SIZE_MAX,
  .summary = "write back and sync, while serving",
  .help =
    "Write back and sync all that the server holds in memory, while it\n"
    "serves.  Before a hand-over it makes the pause shorter; \"baton pass\"\n"
    "does it by itself.  Refused unless the server is active.\n",
  .run = run,
};
