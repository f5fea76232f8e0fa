/* SPDX-License-Identifier: BSD-3-Clause
 *
 * baton pass SRC DST [SRC DST]...
 *
 * What is done when is in pass-decide.h and, for several, in pass-group.h;
 * the doing in pass-run.h and group-run.h; the telling in pass-report.h and
 * group-report.h.
 */

#include <config.h>

#include "drain.h"
#include "group-report.h"
#include "operands.h"
#include "output.h"
#include "pass-report.h"
#include "pass-run.h"
#include "subcommand.h"

#define MAX_PAIRS 256

/* -- one image ---------------------------------------------------------------- */

static void
print_json (json_t *object)
{
  output_json (stdout, object);
  json_decref (object);
  fflush (stdout);
}

static void
print (const struct options *options, const struct pass_report *r)
{
  if (!options->json) {
    pass_report_text (stdout, stderr, r);
    return;
  }
  print_json (pass_report_json (r));
  if (!pass_report_ok (r))
    pass_report_failure (stderr, r);
}

static int
pass_one (const struct options *options, struct peer *src, struct peer *dst)
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

/* -- several ------------------------------------------------------------------ */

static void
print_group (const struct options *options, const struct group_report *r)
{
  if (!options->json) {
    group_report_text (stdout, stderr, r);
    return;
  }
  print_json (group_report_json (r));
  if (!group_report_ok (r))
    group_report_failure (stderr, r);
}

static int
pass_group (const struct options *options, size_t nr, char *const *endpoints,
            struct peer *const *srcs, struct peer *const *dsts)
{
  json_t *arguments = drain_arguments (options);
  struct group_run result;
  const struct group_report report = {
    .run = &result, .endpoints = endpoints,
  };
  int code = EXIT_FAILED;

  if (group_run (nr, srcs, dsts, arguments, parallel_each, &result) == -1)
    fputs ("baton: not enough memory; nothing was changed\n", stderr);
  else {
    print_group (options, &report);
    code = group_report_ok (&report) ? EXIT_DONE : EXIT_FAILED;
    group_run_clear (&result);
  }
  json_decref (arguments);
  return code;
}

static int
run (const struct options *options, size_t nr_endpoints,
     char *const *endpoints)
{
  struct peer *srcs[MAX_PAIRS] = { NULL }, *dsts[MAX_PAIRS] = { NULL };
  const size_t nr = nr_endpoints / 2;
  int code = EXIT_FAILED;

  if (!operands_check_pairs ("pass", nr_endpoints, endpoints)) {
    fputs ("baton: hint: baton pass --help\n", stderr);
    return EXIT_USAGE;
  }
  if (operands_connect (options, nr_endpoints, endpoints, srcs, dsts) == 0)
    code = nr == 1 ? pass_one (options, srcs[0], dsts[0])
                   : pass_group (options, nr, endpoints, srcs, dsts);
  operands_disconnect (nr, srcs, dsts);
  return code;
}

const struct subcommand subcommand_pass = {
  .name = "pass",
  .operands = "SRC DST...",
  .min_operands = 2,
  .max_operands = 2 * MAX_PAIRS,
  .drains = true,
  .summary = "pass images from one server to another",
  .help =
    "Pass the image from the server SRC, which is active, to DST, which is\n"
    "inactive: flush SRC while it serves, inactivate SRC, activate DST.  If\n"
    "DST refuses or is silent, SRC is activated again where that is safe;\n"
    "else it is said who has the image and what to do.  May be repeated:\n"
    "where the image is at DST already, that is success, and where a pass was\n"
    "cut off between the two it is finished.\n"
    "\n"
    "With several pairs, SRC DST SRC DST..., the images of one guest are passed\n"
    "as a group, all or none: all sources are flushed, then all inactivated at\n"
    "the same time, then all destinations activated.  If one fails, every\n"
    "image goes back to its source.  The same command again goes on with a\n"
    "group that was cut off.\n",
  .run = run,
};
