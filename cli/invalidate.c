/* SPDX-License-Identifier: BSD-3-Clause
 *
 * baton invalidate ENDPOINT...
 */

#include <config.h>

#include "report.h"
#include "subcommand.h"

static void
print (FILE *out, const char *endpoint, const struct answer *a)
{
  report_line (out, endpoint, "read the header again", a);
}

static int
run (const struct options *options, size_t nr_endpoints,
     char *const *endpoints)
{
  return report_each (options, nr_endpoints, endpoints, "invalidate", NULL,
                      print);
}

const struct subcommand subcommand_invalidate = {
  .name = "invalidate",
  .operands = "ENDPOINT...",
  .min_operands = 1,
  .max_operands = SIZE_MAX,
  .summary = "let an inactive server read the header again",
  .help =
    "Forget all that is known of the image, read its header again and\n"
    "validate it: after the file was changed by others.  Refused while the\n"
    "server is active, for it would throw away what is not written yet.\n",
  .run = run,
};
