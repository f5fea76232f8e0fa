/* SPDX-License-Identifier: BSD-3-Clause
 *
 * writer: numbered, checksummed records for ever, and their verification
 * (writer-run.h).  This file: options, start and end.
 */

#include <config.h>

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "writer-run.h"

struct options {
  const char *journal;
  uint32_t record_bytes, first, nr_slots;
  bool verify;
};

static volatile sig_atomic_t stop_asked;

static const char usage_text[] =
  "usage: writer --journal FILE [OPTIONS] SOCKET...\n"
  "\n"
  "Write records until SIGTERM, or check them.\n"
  "\n"
  "  --verify          read every slot and compare it with the journal\n"
  "  --first N         first slot (default 0)\n"
  "  --slots N         number of slots (default 2000)\n"
  "  --record BYTES    size of a slot, a multiple of 512 (default 6144)\n"
  "  --depth N         writes in flight (default 8, at most 64)\n"
  "  --records N       end after N acknowledged records\n"
  "  --flush-every N   flush after N records (default 64, 0: never)\n"
  "  --until-lost      the death of the server is a normal end\n"
  "  --kill PID        after --records N SIGKILL that process, the server,\n"
  "                    with writes in flight; implies --until-lost\n"
  "  --reconnect       servers may die and come back, and fail\n"
  "  --per-second N    at most N records a second\n"
  "  --seed N\n"
  "  --help            this text\n";

/* Who may die later may die now: that one is connected to later, too. */
static void
connect_one (struct writer *w, size_t i)
{
  w->nbd[i] = nbd_create ();
  if (!w->nbd[i] || (nbd_connect_unix (w->nbd[i], w->sockets[i]) == -1 &&
                     !w->reconnect))
    writer_fail (nbd_get_error ());
}

/* Many at a time: most of what a read costs is the way there and back. */
#define VERIFY_SLOTS 32u

static void
verify_records (struct writer *w)
{
  struct journal *j = &w->journal;
  uint8_t *buf = malloc ((size_t) VERIFY_SLOTS * j->record_bytes);
  uint32_t i, nr = 0, nr_bad = 0;

  if (!buf)
    writer_fail ("out of memory");
  for (i = 0; i < j->nr_slots; i++) {
    const uint32_t at = i % VERIFY_SLOTS;
    const uint32_t left = j->nr_slots - i;

    if (at == 0 &&
        nbd_pread (w->nbd[0], buf, (size_t) j->record_bytes *
                   (left < VERIFY_SLOTS ? left : VERIFY_SLOTS),
                   journal_offset (j, i), 0) == -1)
      writer_fail (nbd_get_error ());
    nr += j->slots[i].acked > 0;
    nr_bad += !record_check (j, i, buf + (size_t) at * j->record_bytes);
  }
  free (buf);
  printf ("writer: %u of %u slots hold acknowledged records, %u wrong\n",
          nr, j->nr_slots, nr_bad);
  if (nr_bad > 0)
    exit (EXIT_FAILURE);
}

static void
report (const struct writer *w)
{
  printf ("writer: %" PRIu64 " acknowledged, %" PRIu64 " flushes, %" PRIu64
          " read back, %" PRIu64 " refused, %" PRIu64 " switches, "
          "longest wait %" PRIu64 " ms%s\n",
          w->nr_acked, w->nr_flushes, w->nr_read_back, w->nr_refused,
          w->nr_switches, w->longest_ms, w->lost ? ", server lost" : "");
  if (w->reconnect)
    printf ("writer: connected again %" PRIu64 " times\n", w->nr_reconnects);
}

static const struct option long_options[] = {
  { "journal", required_argument, NULL, 'j' },
  { "verify", no_argument, NULL, 'v' },
  { "first", required_argument, NULL, 'f' },
  { "slots", required_argument, NULL, 'n' },
  { "record", required_argument, NULL, 'b' },
  { "depth", required_argument, NULL, 'd' },
  { "records", required_argument, NULL, 'r' },
  { "flush-every", required_argument, NULL, 'e' },
  { "until-lost", no_argument, NULL, 'l' },
  { "kill", required_argument, NULL, 'k' },
  { "reconnect", no_argument, NULL, 'c' },
  { "per-second", required_argument, NULL, 'p' },
  { "seed", required_argument, NULL, 's' },
  { "help", no_argument, NULL, 'h' },
  { NULL, 0, NULL, 0 },
};

static void
set_option (struct writer *w, struct options *o, int c)
{
  const uint64_t n = optarg ? strtoull (optarg, NULL, 0) : 0;

  switch (c) {
  case 'j': o->journal = optarg; break;
  case 'v': o->verify = true; break;
  case 'f': o->first = (uint32_t) n; break;
  case 'n': o->nr_slots = (uint32_t) n; break;
  case 'b': o->record_bytes = (uint32_t) n; break;
  case 'd': w->depth = n; break;
  case 'r': w->nr_records = n; break;
  case 'e': w->flush_every = n; break;
  case 'l': w->until_lost = true; break;
  case 'k': w->victim = (pid_t) n; w->until_lost = true; break;
  case 'c': w->reconnect = true; break;
  case 'p': w->per_second = n; break;
  case 's': w->random.state = n; break;
  case 'h': fputs (usage_text, stdout); exit (EXIT_SUCCESS);
  default: fputs (usage_text, stderr); exit (2);
  }
}

static void
parse_options (struct writer *w, struct options *o, int argc, char *argv[])
{
  int c;

  while ((c = getopt_long (argc, argv, "", long_options, NULL)) != -1)
    set_option (w, o, c);
  while (optind < argc && w->nr_servers < MAX_SERVERS)
    w->sockets[w->nr_servers++] = argv[optind++];
  if (optind < argc || w->nr_servers == 0 || !o->journal ||
      o->record_bytes == 0 || o->record_bytes % BLOCK_BYTES != 0 ||
      w->depth == 0 || w->depth > MAX_DEPTH || o->nr_slots <= MAX_DEPTH) {
    fputs (usage_text, stderr);
    exit (2);
  }
}

static void
ask_to_stop (int sig)
{
  (void) sig;
  stop_asked = 1;
}

static void
start (struct writer *w, const struct options *o)
{
  const struct sigaction term = { .sa_handler = ask_to_stop };
  size_t i;

  sigaction (SIGTERM, &term, NULL);
  if (journal_load (&w->journal, o->journal, o->record_bytes, o->first,
                    o->nr_slots) == -1)
    exit (EXIT_FAILURE);
  for (i = 0; i < w->depth; i++) {
    w->requests[i].w = w;
    w->requests[i].buf = malloc (o->record_bytes);
    if (!w->requests[i].buf)
      writer_fail ("out of memory");
  }
  for (i = 0; i < w->nr_servers; i++)
    connect_one (w, i);
}

static void
finish (struct writer *w, const struct options *o)
{
  size_t i;

  if (!o->verify && journal_save (&w->journal, o->journal) == -1)
    exit (EXIT_FAILURE);
  for (i = 0; i < w->nr_servers; i++) {
    if (!w->lost)
      nbd_shutdown (w->nbd[i], 0);
    nbd_close (w->nbd[i]);
  }
  for (i = 0; i < w->depth; i++)
    free (w->requests[i].buf);
  journal_destroy (&w->journal);
}

int
main (int argc, char *argv[])
{
  static struct writer w;       /* large, and lives as long as the program */
  struct options o = {
    .record_bytes = 6144, .nr_slots = 2000,
  };

  w.depth = 8;
  w.flush_every = 64;
  w.stop_asked = &stop_asked;
  w.random.state = (uint64_t) time (NULL);
  parse_options (&w, &o, argc, argv);
  start (&w, &o);
  if (o.verify)
    verify_records (&w);
  else {
    writer_run (&w);
    report (&w);
  }
  finish (&w, &o);
  return EXIT_SUCCESS;
}
