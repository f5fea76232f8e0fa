/* SPDX-License-Identifier: BSD-3-Clause
 *
 * baton check IMAGE
 *
 * No server is asked: the file is opened here, under QEMU's lock, so nobody
 * who heeds it is using the image meanwhile.  Exit codes are those of
 * qemu-img check.
 *
 * SIGINT, SIGTERM and SIGHUP end it between two steps; whenever it ends, even
 * by SIGKILL, it may be run again.
 */

#include <config.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check-output.h"
#include "io-file.h"
#include "output.h"
#include "subcommand.h"

#define EXIT_CLEAN 0
#define EXIT_NOT_CHECKED 1
#define EXIT_CORRUPT 2
#define EXIT_LEAKS 3
#define EXIT_NOT_SUPPORTED 63

/* Nobody reads a million of lines. */
#define MAX_FINDINGS 1000u

static _Atomic bool interrupted;

struct checking {
  struct check_bar bar;
  uint64_t nr_findings;
};

static void
on_signal (int number)
{
  (void) number;
  atomic_store (&interrupted, true);
}

static void
catch_signals (void)
{
  static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
  struct sigaction action = { .sa_handler = on_signal };
  size_t i;

  for (i = 0; i < sizeof numbers / sizeof numbers[0]; ++i)
    sigaction (numbers[i], &action, NULL);
}

static void
show_finding (void *opaque, const char *text)
{
  struct checking *c = opaque;

  if (++c->nr_findings > MAX_FINDINGS)
    return;
  check_bar_clear (&c->bar);
  output_clean (stderr, text);
  putc ('\n', stderr);
}

static void
show_progress (void *opaque, const char *phase, uint64_t done,
               uint64_t total)
{
  struct checking *c = opaque;

  check_bar_draw (&c->bar, phase, done, total);
}

static int
complain (const char *path, const struct error *err)
{
  fprintf (stderr, "baton: %s: %s\n", path, err->text);
  if (err->class != NULL && strcmp (err->class, "LockHeld") == 0)
    fputs ("baton: hint: the image is in use; stop or inactivate whoever "
           "has it\n", stderr);
  return err->errnum == ENOTSUP ? EXIT_NOT_SUPPORTED : EXIT_NOT_CHECKED;
}

static enum check_repair
repair_of (const struct options *options)
{
  if (options->repair == NULL)
    return CHECK_REPAIR_NONE;
  return strcmp (options->repair, "all") == 0 ? CHECK_REPAIR_ALL
                                              : CHECK_REPAIR_LEAKS;
}

static int
open_image (const char *path, enum check_repair repair, struct io **ret,
            struct error *err)
{
  const bool write = repair != CHECK_REPAIR_NONE;
  struct io_file_opener opener;

  io_file_opener_init (&opener, false, LOCKING_AUTO);
  if (opener.base.open (&opener.base, path, write ? IO_OPEN_WRITE : 0, ret,
                        err) == -1)
    return -1;
  if (io_lock (*ret, write ? LOCK_WRITER : LOCK_READER, err) == 0)
    return 0;
  io_close (*ret);
  return -1;
}

static int
verdict (const struct check_result *r)
{
  if (r->check_errors > 0)
    return EXIT_NOT_CHECKED;
  if (r->corruptions > 0)
    return EXIT_CORRUPT;
  return r->leaks > 0 ? EXIT_LEAKS : EXIT_CLEAN;
}

static void
print_result (const struct options *options, const char *path,
              const struct check_result *r)
{
  json_t *o;

  if (!options->json) {
    check_output_text (stdout, r);
    return;
  }
  o = check_output_json (path, r);
  output_json (stdout, o);
  json_decref (o);
}

static int
run (const struct options *options, size_t nr_images, char *const *images)
{
  struct checking c = { .nr_findings = 0 };
  const struct check_options how = {
    .repair = repair_of (options), .finding = show_finding,
    .progress = show_progress, .opaque = &c, .interrupt = &interrupted,
  };
  struct error err = ERROR_INIT;
  struct check_result result;
  struct io *io;
  int r;

  (void) nr_images;
  c.bar.shown = options->progress || isatty (STDERR_FILENO);
  if (open_image (images[0], how.repair, &io, &err) == -1)
    return complain (images[0], &err);
  catch_signals ();
  r = check_image (io, &how, &result, &err);
  io_close (io);
  check_bar_clear (&c.bar);
  if (c.nr_findings > MAX_FINDINGS)
    fprintf (stderr, "and %llu more\n",
             (unsigned long long) (c.nr_findings - MAX_FINDINGS));
  if (r == -1)
    return complain (images[0], &err);
  print_result (options, images[0], &result);
  return verdict (&result);
}

const struct subcommand subcommand_check = {
  .name = "check",
  .operands = "IMAGE",
  .min_operands = 1,
  .max_operands = 1,
  .on_image = true,
  .summary = "check a qcow2 file that nobody uses, or repair it",
  .help =
    "Follow every pointer of the qcow2 file IMAGE, count the references to\n"
    "each cluster and compare them with the refcounts.  No server is asked;\n"
    "the file must not be in use.  With --repair, repair it: interrupted at\n"
    "any moment, that may be done again.  With --json: one object, as\n"
    "qemu-img check --output=json has it.\n"
    "\n"
    "Exit code: 0 clean; 1 it could not be checked; 2 corruptions are left;\n"
    "3 leaked clusters are left, and nothing worse; 63 not supported.\n",
  .run = run,
};
