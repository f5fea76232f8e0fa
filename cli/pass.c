/* SPDX-License-Identifier: BSD-3-Clause
 *
 * baton pass SRC DST
 *
 * What is done when is in pass-decide.h, the doing in pass-run.h, the
 * telling in pass-report.h.
 */

#include <config.h>

#include <string.h>

#include "drain.h"
#include "output.h"
#include "pass-report.h"
#include "pass-run.h"
#include "subcommand.h"

static void
print (const struct options *options, const struct pass_report *r)
{
  json_t *object;

  if (!options->json) {
    pass_report_text (stdout, stderr, r);
    return;
  }
  object = pass_report_json (r);
  output_json (stdout, object);
  json_decref (object);
  fflush (stdout);
  if (!pass_report_ok (r))
    pass_report_failure (stderr, r);
}

static int
pass_between (const struct options *options, struct peer *src,
              struct peer *dst)
{
  json_t *arguments = drain_arguments (options);
  struct pass_run result;
  const struct pass_report report = {
    .run = &result, .src = src->endpoint, .dst = dst->endpoint,
  };
  int code;

  pass_run (src, dst, arguments, &result);
  print (options, &report);
  code = pass_report_ok (&report) ? EXIT_DONE : EXIT_FAILED;
  json_decref (arguments);
  pass_run_clear (&result);
  return code;
}

static int
run (const struct options *options, size_t nr_endpoints,
     char *const *endpoints)
{
  struct error err = ERROR_INIT;
  struct peer *src = NULL, *dst = NULL;
  int code = EXIT_FAILED;

  (void) nr_endpoints;
  if (strcmp (endpoints[0], endpoints[1]) == 0) {
    fprintf (stderr, "baton: %s: source and destination are the same; "
             "nothing was changed\n", endpoints[0]);
    return EXIT_FAILED;
  }
  if (client_new (endpoints[0], &options->deadlines, &options->tls, &src,
                  &err) == 0 &&
      client_new (endpoints[1], &options->deadlines, &options->tls, &dst,
                  &err) == 0)
    code = pass_between (options, src, dst);
  else
    fprintf (stderr, "baton: %s\n", err.text);
  peer_free (src);
  peer_free (dst);
  return code;
}

const struct subcommand subcommand_pass = {
  .name = "pass",
  .operands = "SRC DST",
  .min_operands = 2,
  .max_operands = 2,
  .drains = true,
  .summary = "pass the image from one server to another",
  .help =
    "Pass the image from the server SRC, which is active, to DST, which is\n"
    "inactive: flush SRC while it serves, inactivate SRC, activate DST.  If\n"
    "DST refuses or is silent, SRC is activated again where that is safe;\n"
    "else it is said who has the image and what to do.  May be repeated:\n"
    "where the image is at DST already, that is success, and where a pass was\n"
    "cut off between the two it is finished.\n",
  .run = run,
};
