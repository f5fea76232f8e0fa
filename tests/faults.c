/* SPDX-License-Identifier: BSD-3-Clause
 *
 * faults: hand-overs of one image between two real servers, each with a fault,
 * under a writer that never stops.  After each the operator's obvious command
 * must bring the image to the destination.
 *
 * Whether all that was acknowledged is there is for `writer --verify` to say
 * afterwards, with DIR/journal.
 */

#include <config.h>

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "faults-operator.h"
#include "faults-pass.h"
#include "faults-plan.h"
#include "faults-world.h"

struct options {
  struct paths paths;
  uint64_t seed, first, nr_rounds;
  unsigned only;
};

struct tally {
  uint64_t rounds, hits, done, rolled_back, not_started, failed, killed;
};

struct run {
  const struct options *options;
  struct world world;
  struct tally tallies[NR_FAULT_KINDS];
  struct deeds deeds;
  uint64_t nr_handovers;
  uint64_t epoch;               /* the highest that was seen */
  unsigned max_messages;
};

static const char usage_text[] =
  "usage: faults [OPTION]... --dir DIR --image FILE --plugin FILE\n"
  "              --baton FILE --writer FILE --faulty-io FILE\n"
  "\n"
  "Pass an image between two servers, with a fault each time.\n"
  "\n"
  "  --dir DIR         for sockets, logs and the writer's journal\n"
  "  --image FILE      a qcow2 image of 16 MiB or more\n"
  "  --plugin FILE     nbdkit-qcow2-plugin.so\n"
  "  --baton FILE      the command\n"
  "  --writer FILE     the writer\n"
  "  --faulty-io FILE  faulty-io.so\n"
  "  --seed N          of delays and of the operator's choices (default 1)\n"
  "  --first N         number of the first round (default 0)\n"
  "  --rounds N        how many (default 100)\n"
  "  --kind KIND       only this kind of fault; --kind help lists them\n"
  "  --help            this text\n";

/* -- judging ------------------------------------------------------------------ */

/* What was claimed must be true, unless something came later. */
static void
check_claim (struct run *r, unsigned src, const struct fault *f,
             const struct pass_outcome *o)
{
  struct seen seen[2];
  int active;

  if (o->caller_killed || server_is_dead (&r->world.servers[0]) ||
      server_is_dead (&r->world.servers[1]) || f->kind == FAULT_REPEAT ||
      f->kind == FAULT_DELAY)
    return;
  active = find_active (&r->world, seen);
  if (o->exit_code == 0 && active != (int) !src)
    faults_fail ("baton said that it was done, and %d is active", active);
  if (strcmp (o->owner, "src") == 0 && active != (int) src &&
      !fault_makes_wait (f->kind))
    faults_fail ("baton said that the source has it, and %d is active",
                 active);
  if (!o->hit && o->exit_code != 0)
    faults_fail ("nothing went wrong, and baton failed: see baton.err");
}

static void
check_epoch (struct run *r)
{
  struct seen seen[2];
  const int active = find_active (&r->world, seen);

  if (active == -1)
    faults_fail ("nobody is active");
  if (seen[active].epoch < r->epoch)
    faults_fail ("the epoch went back from %" PRIu64 " to %" PRIu64,
                 r->epoch, seen[active].epoch);
  r->epoch = seen[active].epoch;
}

static void
count (struct run *r, const struct fault *f, const struct pass_outcome *o)
{
  struct tally *t = &r->tallies[f->kind];

  t->rounds++;
  t->hits += o->hit;
  if (o->caller_killed)
    t->killed++;
  else if (o->exit_code == 0)
    t->done++;
  else if (strcmp (o->result, "rolled-back") == 0)
    t->rolled_back++;
  else if (strcmp (o->result, "not-started") == 0)
    t->not_started++;
  else
    t->failed++;
  if (o->nr_messages > r->max_messages)
    r->max_messages = o->nr_messages;
}

/* -- a round -------------------------------------------------------------------- */

/* Returns who has the image then: the other one. */
static unsigned
play (struct run *r, unsigned src, uint64_t number)
{
  struct pass_outcome o;
  struct fault f;
  unsigned active;

  fault_plan (r->options->seed, number, r->options->only, &f);
  fprintf (stderr, "round %" PRIu64 ": %s message %u delay %" PRIu64
           " late %" PRIu64 " io %d/%u%s, from %s\n", number,
           fault_name (f.kind), f.message, f.delay_us, f.late_us, f.io_class,
           f.nr_good, f.forever ? " for ever" : "",
           r->world.servers[src].name);
  faulty_pass (&r->world, src, &f, &o);
  count (r, &f, &o);
  check_claim (r, src, &f, &o);
  active = operate (&r->world, src, &f, &r->deeds);
  if (active == src)
    pass_cleanly (&r->world, src);
  r->nr_handovers++;
  check_epoch (r);
  writer_check (&r->world);
  return !src;
}

/* -- figures -------------------------------------------------------------------- */

static uint64_t
hits (const struct run *r, unsigned first, unsigned last)
{
  uint64_t n = 0;

  for (; first <= last; first++)
    n += r->tallies[first].hits;
  return n;
}

static void
print_kinds (const struct run *r)
{
  unsigned i;

  puts ("fault          rounds    hit   done  rolled-back  not-started  "
        "failed  caller-killed");
  for (i = 0; i < NR_FAULT_KINDS; i++) {
    const struct tally *t = &r->tallies[i];

    if (t->rounds > 0)
      printf ("%-14s %6" PRIu64 " %6" PRIu64 " %6" PRIu64 " %12" PRIu64
              " %12" PRIu64 " %7" PRIu64 " %14" PRIu64 "\n",
              fault_name ((enum fault_kind) i), t->rounds, t->hits, t->done,
              t->rolled_back, t->not_started, t->failed, t->killed);
  }
}

static void
print_figures (const struct run *r)
{
  print_kinds (r);
  printf ("faults: %" PRIu64 " hand-overs, epoch %" PRIu64 ", at most %u "
          "messages each; %" PRIu64 " lost, %" PRIu64 " cut, %" PRIu64
          " repeated, %" PRIu64 " late; %" PRIu64 " kills, %" PRIu64
          " stops, %" PRIu64 " failed I/Os\n",
          r->nr_handovers, r->epoch, r->max_messages,
          hits (r, FAULT_LOSE, FAULT_LOSE), hits (r, FAULT_CUT, FAULT_CUT),
          hits (r, FAULT_REPEAT, FAULT_REPEAT),
          hits (r, FAULT_DELAY, FAULT_DELAY),
          hits (r, FAULT_KILL_SRC, FAULT_KILL_ALL) +
            hits (r, FAULT_STOP_KILL_SRC, FAULT_STOP_KILL_DST),
          hits (r, FAULT_STOP_SRC, FAULT_STOP_KILL_DST),
          hits (r, FAULT_IO_SRC, FAULT_IO_DST));
  printf ("faults: %" PRIu64 " starts of servers, %" PRIu64 " commands typed;"
          " %" PRIu64 " recovered by a restart, %" PRIu64 " activated, %"
          PRIu64 " passes resumed, %" PRIu64 " poisoned, %" PRIu64
          " looked at again\n",
          r->world.nr_starts, r->world.nr_commands, r->deeds.nr_recovered,
          r->deeds.nr_activated, r->deeds.nr_resumed, r->deeds.nr_poisoned,
          r->deeds.nr_again);
}

/* -- options -------------------------------------------------------------------- */

static const struct option long_options[] = {
  { "dir", required_argument, NULL, 'd' },
  { "image", required_argument, NULL, 'i' },
  { "plugin", required_argument, NULL, 'p' },
  { "baton", required_argument, NULL, 'b' },
  { "writer", required_argument, NULL, 'w' },
  { "faulty-io", required_argument, NULL, 'o' },
  { "seed", required_argument, NULL, 's' },
  { "first", required_argument, NULL, 'f' },
  { "rounds", required_argument, NULL, 'n' },
  { "kind", required_argument, NULL, 'k' },
  { "help", no_argument, NULL, 'h' },
  { NULL, 0, NULL, 0 },
};

static unsigned
parse_kind (const char *name)
{
  const unsigned kind = fault_by_name (name);
  unsigned i;

  if (kind < NR_FAULT_KINDS)
    return kind;
  for (i = 0; i < NR_FAULT_KINDS; i++)
    puts (fault_name ((enum fault_kind) i));
  exit (strcmp (name, "help") == 0 ? EXIT_SUCCESS : 2);
}

static void
set_option (struct options *o, int c)
{
  const uint64_t n = optarg ? strtoull (optarg, NULL, 0) : 0;

  switch (c) {
  case 'd': o->paths.dir = optarg; break;
  case 'i': o->paths.image = optarg; break;
  case 'p': o->paths.plugin = optarg; break;
  case 'b': o->paths.baton = optarg; break;
  case 'w': o->paths.writer = optarg; break;
  case 'o': o->paths.faulty_io = optarg; break;
  case 's': o->seed = n; break;
  case 'f': o->first = n; break;
  case 'n': o->nr_rounds = n; break;
  case 'k': o->only = parse_kind (optarg); break;
  case 'h': fputs (usage_text, stdout); exit (EXIT_SUCCESS);
  default: fputs (usage_text, stderr); exit (2);
  }
}

static void
parse_options (struct options *o, int argc, char *argv[])
{
  int c;

  while ((c = getopt_long (argc, argv, "", long_options, NULL)) != -1)
    set_option (o, c);
  if (optind < argc || !o->paths.dir || !o->paths.image || !o->paths.plugin ||
      !o->paths.baton || !o->paths.writer || !o->paths.faulty_io) {
    fputs (usage_text, stderr);
    exit (2);
  }
}

int
main (int argc, char *argv[])
{
  struct options o = { .seed = 1, .nr_rounds = 100, .only = NR_FAULT_KINDS };
  static struct run r;          /* large */
  unsigned src = 0;
  uint64_t i;

  parse_options (&o, argc, argv);
  signal (SIGPIPE, SIG_IGN);
  r.options = &o;
  world_open (&r.world, &o.paths);
  writer_start (&r.world, o.seed);
  for (i = 0; i < o.nr_rounds; i++)
    src = play (&r, src, o.first + i);
  writer_end (&r.world);
  world_close (&r.world);
  print_figures (&r);
  return EXIT_SUCCESS;
}
