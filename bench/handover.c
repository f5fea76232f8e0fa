/* SPDX-License-Identifier: BSD-3-Clause
 *
 * handover: how long a client waits while its disk goes from one server to
 * another with `baton pass`, and what stopping and starting qemu-nbd costs
 * on the same image in the same run.
 *
 * The pause is measured by the client: from the last answer of one server to
 * the first of the other, at which its requests have been waiting
 * (while-inactive=hold).
 */

#include <config.h>

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "qemu-nbd.h"

#define GIB ((uint64_t) 1 << 30)
#define DIRTY_US 300000
#define DIRTY_DEPTH 16
#define CALM_US 20000

struct options {
  struct programs programs;
  const char *sizes;            /* in GiB, with commas */
  unsigned nr_passes;           /* of the first rows; others have fewer */
  uint64_t warm;                /* reads that fill the metadata cache */
};

static const char usage_text[] =
  "usage: handover --dir DIR --plugin FILE --baton FILE [OPTION]...\n"
  "\n"
  "Measure the pause that a client sees when its disk is handed over.\n"
  "\n"
  "  --dir DIR      for images, sockets and logs; should be on the disk that\n"
  "                 is of interest, with 2 GiB of room\n"
  "  --plugin FILE  nbdkit-qcow2-plugin.so\n"
  "  --baton FILE   the command\n"
  "  --sizes LIST   virtual sizes in GiB (default 1,64,1024,8192)\n"
  "  --passes N     how many for each figure (default 200; of large images\n"
  "                 and of dirty ones a tenth)\n"
  "  --warm N       reads before each pass of a large image, which fill the\n"
  "                 metadata cache (default 20000)\n"
  "  --quick        the same program in some seconds; the figures are worth\n"
  "                 little\n"
  "  --help         this text\n";

/* -- rows ------------------------------------------------------------------ */

static void
print_row (const char *what, uint64_t size_bytes, struct figures *f)
{
  printf ("%-34s %6" PRIu64 " GiB %5zu  %9.2f %9.2f %9.2f\n", what,
          size_bytes / GIB, f->nr, (double) figures_median (f) / 1e3,
          (double) figures_p99 (f) / 1e3, (double) figures_max (f) / 1e3);
  fflush (stdout);
}

struct row {
  const char *what;
  unsigned nr_passes, depth;
  uint64_t warm;                /* reads before each pass */
  uint64_t dirty_us;            /* writes before each pass */
};

static void
prepare (struct client *c, const struct pair *p, const struct row *row)
{
  /* Answers that the former server has given long ago are read, too. */
  client_work (c, p->active, row->depth, false, bench_now_us () + CALM_US,
               UINT64_MAX / 2);
  if (row->warm > 0)
    client_work (c, p->active, BENCH_MAX_DEPTH, false,
                 bench_now_us () + 60000000, row->warm);
  if (row->dirty_us > 0)
    client_work (c, p->active, DIRTY_DEPTH, true,
                 bench_now_us () + row->dirty_us, UINT64_MAX / 2);
}

/* Returns the median in microseconds. */
static uint64_t
measure (struct pair *p, struct client *c, uint64_t size_bytes,
         const struct row *row)
{
  struct figures f = { NULL, 0 };
  uint64_t median;
  unsigned i;

  for (i = 0; i < row->nr_passes; i++) {
    uint64_t us;
    pid_t pid;

    prepare (c, p, row);
    pid = pair_begin_pass (p);
    us = client_pass (c, pid, p->active, row->depth);
    if (us > 0)
      figures_add (&f, us);
    p->active = !p->active;
  }
  print_row (row->what, size_bytes, &f);
  median = figures_median (&f);
  figures_clear (&f);
  return median;
}

static uint64_t
measure_qemu_nbd (const struct options *o, const char *image,
                  uint64_t size_bytes, unsigned nr, uint64_t dirty_us)
{
  struct figures f = { NULL, 0 };
  uint64_t median;

  while (nr-- > 0)
    figures_add (&f, qemu_nbd_restart (&o->programs, image, size_bytes,
                                       dirty_us));
  print_row (dirty_us ? "qemu-nbd stopped, started, dirty"
                      : "qemu-nbd stopped, started", size_bytes, &f);
  median = figures_median (&f);
  figures_clear (&f);
  return median;
}

static void
print_ratio (const char *what, uint64_t theirs, uint64_t ours)
{
  if (ours > 0)
    printf ("%s: qemu-nbd's median is %.1f times Baton's\n", what,
            (double) theirs / (double) ours);
}

static unsigned
tenth (const struct options *o)
{
  return o->nr_passes < 30 ? 3 : o->nr_passes / 10;
}

/* -- images ---------------------------------------------------------------- */

static void
with_servers (const struct options *o, const char *image, uint64_t size_bytes,
              const struct row *rows, size_t nr_rows, uint64_t *ret_medians)
{
  struct client *c;
  struct pair p;
  size_t i;

  pair_start (&p, &o->programs, image);
  c = client_new (&p, size_bytes);
  for (i = 0; i < nr_rows; i++)
    ret_medians[i] = measure (&p, c, size_bytes, &rows[i]);
  printf ("%34s %" PRIu64 " requests, %" PRIu64 " failed\n", "",
          client_nr_done (c), client_nr_failed (c));
  if (client_nr_failed (c) > 0)
    bench_fail ("requests failed");
  client_free (c);
  pair_stop (&p);
}

static void
run_small (const struct options *o, const char *image, uint64_t size_bytes)
{
  const struct row rows[] = {
    { "1 request in flight", o->nr_passes, 1, 0, 0 },
    { "64 requests in flight", o->nr_passes, 64, 0, 0 },
    { "after 0.3 s of writes", tenth (o), 1, 0, DIRTY_US },
  };
  uint64_t ours[3], clean, dirty;

  with_servers (o, image, size_bytes, rows, 3, ours);
  clean = measure_qemu_nbd (o, image, size_bytes, tenth (o), 0);
  dirty = measure_qemu_nbd (o, image, size_bytes, tenth (o), DIRTY_US);
  print_ratio ("clean", clean, ours[0]);
  print_ratio ("after 0.3 s of writes", dirty, ours[2]);
}

static void
run_large (const struct options *o, const char *image, uint64_t size_bytes)
{
  const struct row rows[] = {
    { "metadata cache filled", tenth (o), 1, o->warm, 0 },
  };
  uint64_t median;

  with_servers (o, image, size_bytes, rows, 1, &median);
}

static void
run_size (const struct options *o, uint64_t gib, bool first)
{
  char image[300], size[32];

  snprintf (image, sizeof image, "%s/disk.qcow2", o->programs.dir);
  snprintf (size, sizeof size, "%" PRIu64 "G", gib);
  bench_make_image (&o->programs, image, size);
  if (first)
    run_small (o, image, gib * GIB);
  else
    run_large (o, image, gib * GIB);
  unlink (image);
}

/* -- options ---------------------------------------------------------------- */

static const struct option long_options[] = {
  { "dir", required_argument, NULL, 'd' },
  { "plugin", required_argument, NULL, 'p' },
  { "baton", required_argument, NULL, 'b' },
  { "sizes", required_argument, NULL, 's' },
  { "passes", required_argument, NULL, 'n' },
  { "warm", required_argument, NULL, 'w' },
  { "quick", no_argument, NULL, 'q' },
  { "help", no_argument, NULL, 'h' },
  { NULL, 0, NULL, 0 },
};

static void
be_quick (struct options *o)
{
  o->nr_passes = 10;
  o->sizes = "1,16";
  o->warm = 500;
}

static void
set_option (struct options *o, int c)
{
  switch (c) {
  case 'd': o->programs.dir = optarg; break;
  case 'p': o->programs.plugin = optarg; break;
  case 'b': o->programs.baton = optarg; break;
  case 's': o->sizes = optarg; break;
  case 'n': o->nr_passes = (unsigned) strtoul (optarg, NULL, 0); break;
  case 'w': o->warm = strtoull (optarg, NULL, 0); break;
  case 'q': be_quick (o); break;
  case 'h': fputs (usage_text, stdout); exit (EXIT_SUCCESS);
  default: fputs (usage_text, stderr); exit (2);
  }
}

int
main (int argc, char *argv[])
{
  struct options o = {
    .sizes = "1,64,1024,8192", .nr_passes = 200, .warm = 20000,
  };
  const char *p;
  char *end;
  int c;

  while ((c = getopt_long (argc, argv, "", long_options, NULL)) != -1)
    set_option (&o, c);
  if (optind < argc || !o.programs.dir || !o.programs.plugin ||
      !o.programs.baton || o.nr_passes == 0) {
    fputs (usage_text, stderr);
    return 2;
  }
  signal (SIGPIPE, SIG_IGN);
  printf ("%-34s %10s %5s  %9s %9s %9s\n", "pause in ms", "size", "times",
          "median", "p99", "longest");
  for (p = o.sizes; *p != '\0'; p = *end == ',' ? end + 1 : end) {
    const uint64_t gib = strtoull (p, &end, 10);

    if (gib == 0)
      bench_fail ("--sizes %s: not a list of numbers", o.sizes);
    run_size (&o, gib, p == o.sizes);
  }
  return EXIT_SUCCESS;
}
