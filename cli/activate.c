/* SPDX-License-Identifier: BSD-3-Clause
 *
 * baton activate ENDPOINT...
 */

#include <config.h>

#include "report.h"
#include "subcommand.h"

static void
print (FILE *out, const char *endpoint, const struct answer *a)
{
  report_line (out, endpoint, "active", a);
}

static int
run (const struct options *options, size_t nr_endpoints,
     char *const *endpoints)
{
  return report_each (options, nr_endpoints, endpoints, "activate", NULL,
                      print);
}

const struct subcommand subcommand_activate = {
  .name = "activate",
  .operands = "ENDPOINT...",
  .min_operands = 1,
  .max_operands = SIZE_MAX,
  .summary = "let the server take the image over",
  .help =
    "Take the image's lock, read all of its metadata afresh and serve it.\n"
    "On any failure the server stays inactive, as it was, and can be asked\n"
    "again.  Done at once where the server is active already.\n",
  .run = run,
};
