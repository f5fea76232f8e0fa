/* SPDX-License-Identifier: BSD-3-Clause
 *
 * baton migrate SRC-QMP DST-QMP SRC DST [SRC DST]...
 *
 * What is done when is in migrate-run.h; the telling in migrate-report.h.
 *
 * Asked to end while memory moves, it cancels; asked later, it goes on to
 * the end: a guest must not be left stopped because somebody pressed ^C.
 */

#include <config.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drain.h"
#include "migrate-report.h"
#include "migrate-uri.h"
#include "operands.h"
#include "output.h"
#include "subcommand.h"

#define MAX_PAIRS 256

static volatile sig_atomic_t interrupted;

static void
note_signal (int signum)
{
  (void) signum;
  interrupted = 1;
}

static void
catch_signals (void)
{
  /* Not restarted: whoever waits is to look at once. */
  const struct sigaction action = { .sa_handler = note_signal };

  sigaction (SIGINT, &action, NULL);
  sigaction (SIGTERM, &action, NULL);
  sigaction (SIGHUP, &action, NULL);
}

/* -- progress ---------------------------------------------------------------- */

static void
draw (void *opaque, const struct vm *src)
{
  bool *drawn = opaque;

  if (!isatty (STDERR_FILENO))
    return;
  migrate_progress_draw (src);
  *drawn = true;
}

static void
warn (const char *text)
{
  fputs ("baton: warning: ", stderr);
  output_clean (stderr, text);
  putc ('\n', stderr);
}

/* -- telling ----------------------------------------------------------------- */

static void
print (const struct options *options, const struct migrate_report *r)
{
  json_t *object;

  if (!options->json) {
    migrate_report_text (stdout, stderr, r);
    return;
  }
  object = migrate_report_json (r);
  output_json (stdout, object);
  json_decref (object);
  fflush (stdout);
  if (!migrate_report_ok (r))
    migrate_report_failure (stderr, r);
}

/* -- doing ------------------------------------------------------------------- */

static int
migrate (const struct options *options, size_t nr, char *const *operands,
         struct peer *const *srcs, struct peer *const *dsts)
{
  json_t *arguments = drain_arguments (options);
  bool drawn = false;
  struct migrate m = {
    .uri = options->uri, .nr = nr, .srcs = srcs, .dsts = dsts,
    .each = parallel_each,
    .inactivate_arguments = arguments, .interrupted = &interrupted,
    .timeout_us = options->deadlines.command_us,
    .allow_other_disks = options->other_disks,
    .allow_other_images = options->other_images, .on_warning = warn,
    .on_progress = draw, .opaque = &drawn,
    .src = { .path = operands[0],
             .timeout_us = options->deadlines.connect_us },
    .dst = { .path = operands[1],
             .timeout_us = options->deadlines.connect_us },
  };
  const struct migrate_report report = {
    .m = &m, .operands = operands, .cancel = options->cancel,
  };
  int code;

  if (options->cancel)
    migrate_cancel (&m);
  else
    migrate_run (&m);
  if (drawn)
    migrate_progress_clear ();
  print (options, &report);
  code = migrate_report_ok (&report) ? EXIT_DONE : EXIT_FAILED;
  migrate_clear (&m);
  json_decref (arguments);
  return code;
}

static bool
check_monitors (char *const *operands)
{
  size_t i;

  for (i = 0; i < 2; i++)
    if (strstr (operands[i], "://") != NULL) {
      fprintf (stderr, "baton: %s: the first two operands are monitors of "
               "QEMU, paths of Unix sockets; nothing was changed\n",
               operands[i]);
      return false;
    }
  return true;
}

static bool
check_uri (const struct options *options)
{
  const char *why;

  if (options->uri == NULL)
    return true;
  why = options->cancel ? "not together with --cancel"
                        : migrate_uri_why_not (options->uri);
  if (why == NULL)
    return true;
  fputs ("baton: --uri ", stderr);
  output_clean (stderr, options->uri);
  fprintf (stderr, ": %s; nothing was changed\n", why);
  return false;
}

static int
run (const struct options *options, size_t nr_operands,
     char *const *operands)
{
  struct peer *srcs[MAX_PAIRS] = { NULL }, *dsts[MAX_PAIRS] = { NULL };
  const size_t nr = nr_operands / 2 - 1;
  int code = EXIT_FAILED;

  if (!operands_check_pairs ("migrate", nr_operands, operands) ||
      !check_monitors (operands) || !check_uri (options)) {
    fputs ("baton: hint: baton migrate --help\n", stderr);
    return EXIT_USAGE;
  }
  catch_signals ();
  if (operands_connect (options, 2 * nr, operands + 2, srcs, dsts) == 0)
    code = migrate (options, nr, operands, srcs, dsts);
  operands_disconnect (nr, srcs, dsts);
  return code;
}

const struct subcommand subcommand_migrate = {
  .name = "migrate",
  .operands = "SRC-QMP DST-QMP SRC DST...",
  .min_operands = 4,
  .max_operands = 2 + 2 * MAX_PAIRS,
  .drains = true,
  .migrates = true,
  .summary = "migrate a running VM, and pass its images",
  .help =
    "Migrate a VM from the QEMU whose monitor is SRC-QMP to the one that waits\n"
    "at DST-QMP (started with -incoming), and pass the images of its disks,\n"
    "SRC DST for each, from the servers of the one to those of the other.  Both\n"
    "monitors are Unix sockets (-qmp unix:PATH,server=on,wait=off).\n"
    "\n"
    "Everybody is asked first.  While memory moves the guest runs; then it is\n"
    "stopped, the rest is moved, the images are passed as a group, and the\n"
    "destination runs.  If anything fails, or ^C is typed while memory moves, the\n"
    "VM runs on at the source, with all its images, and the destination's QEMU\n"
    "is ended.  No VM is told to run where an image that is named here is not.\n"
    "Where a pair is missing for a disk of the VM that is writable and NBD, or a\n"
    "pair is of no disk of the VM, nothing is begun.\n"
    "\n"
    "The same command again goes on with a migration that was cut off;\n"
    "--cancel undoes it, as long as the images are with the source.\n",
  .run = run,
};
