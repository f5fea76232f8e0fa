/* SPDX-License-Identifier: BSD-3-Clause
 *
 * nbd-load: requests of one kind at an NBD server, and one line of JSON of
 * what they took: requests, seconds, CPU seconds of the server, of this
 * program, and of all else that ran meanwhile.
 *
 * Whoever compares servers is bench/compare.  Errors end the program: a rate
 * of requests that failed says nothing.
 */

#include <config.h>

#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "nbd-load.h"

#define MAX_CONNECTIONS 256
#define MAX_DEPTH 256
#define SILENCE_MS 60000

struct run {
  struct load load;
  struct wire *wires[MAX_CONNECTIONS];
  struct pollfd fds[MAX_CONNECTIONS];
  unsigned *unflushed;          /* per connection and slot: writes */
  struct wire *wire;            /* whose answers are being read */
  unsigned connection;          /* its number */
  uint64_t nr_sent, nr_done, nr_flushes;
  unsigned nr_in_flight;
  double end;
};

struct moment {
  double wall, server, mine, all;
};

void
load_fail (const char *format, ...)
{
  va_list args;

  va_start (args, format);
  fputs ("nbd-load: ", stderr);
  vfprintf (stderr, format, args);
  putc ('\n', stderr);
  va_end (args);
  exit (EXIT_FAILURE);
}

/* -- clocks ------------------------------------------------------------------- */

static double
now (clockid_t clock)
{
  struct timespec ts;

  if (clock_gettime (clock, &ts) == -1)
    load_fail ("a clock cannot be read: is the server gone?");
  return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}

static double
server_cpu (pid_t pid)
{
  clockid_t clock;

  if (pid == 0)
    return 0;
  if (clock_getcpuclockid (pid, &clock) != 0)
    load_fail ("process %d has no clock", (int) pid);
  return now (clock);
}

/* Seconds that any CPU of this machine was busy, or was not given to it. */
static double
machine_cpu (void)
{
  unsigned long long user, nice, system, idle, wait, irq, softirq, steal;
  FILE *fp = fopen ("/proc/stat", "r");
  int n;

  if (!fp)
    return 0;
  n = fscanf (fp, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice,
              &system, &idle, &wait, &irq, &softirq, &steal);
  fclose (fp);
  return n != 8 ? 0 : (double) (user + nice + system + irq + softirq + steal) /
    (double) sysconf (_SC_CLK_TCK);
}

static struct moment
look (const struct run *r)
{
  return (struct moment) {
    .wall = now (CLOCK_MONOTONIC),
    .server = server_cpu (r->load.server),
    .mine = now (CLOCK_PROCESS_CPUTIME_ID),
    .all = machine_cpu (),
  };
}

/* -- requests ----------------------------------------------------------------- */

static bool
wants_more (const struct run *r)
{
  if (r->load.nr_requests > 0)
    return r->nr_sent < r->load.nr_requests;
  return now (CLOCK_MONOTONIC) < r->end;
}

static void
send_next (struct run *r, struct wire *w, unsigned connection, unsigned slot)
{
  unsigned *unflushed = &r->unflushed[connection * r->load.depth + slot];

  if (r->load.flush_every && *unflushed == r->load.flush_every) {
    *unflushed = 0;
    r->nr_flushes++;
    wire_flush (w, slot);
  }
  else if (wants_more (r)) {
    ++*unflushed;
    wire_request (w, slot, load_place (&r->load, r->nr_sent++));
  }
  else
    return;
  r->nr_in_flight++;
}

static void
on_answer (void *opaque, unsigned slot)
{
  struct run *r = opaque;

  r->nr_in_flight--;
  send_next (r, r->wire, r->connection, slot);
}

static void
start (struct run *r)
{
  unsigned i, slot;

  for (slot = 0; slot < r->load.depth; ++slot)
    for (i = 0; i < r->load.connections; ++i)
      send_next (r, r->wires[i], i, slot);
  for (i = 0; i < r->load.connections; ++i)
    wire_push (r->wires[i]);
}

static void
pump (struct run *r)
{
  const int nr = poll (r->fds, r->load.connections, SILENCE_MS);
  unsigned i;

  if (nr <= 0)
    load_fail ("the server does not answer");
  for (i = 0; i < r->load.connections; ++i)
    if (r->fds[i].revents) {
      r->wire = r->wires[i];
      r->connection = i;
      wire_pull (r->wire, on_answer, r);
      wire_push (r->wire);
    }
}

static void
run_requests (struct run *r)
{
  start (r);
  while (r->nr_in_flight > 0)
    pump (r);
  r->nr_done = r->nr_sent;
}

static void
report (const struct run *r, const struct moment *a, const struct moment *b)
{
  const double server = b->server - a->server, mine = b->mine - a->mine;

  printf ("{\"requests\": %" PRIu64 ", \"flushes\": %" PRIu64
          ", \"seconds\": %.6f, \"server_cpu\": %.6f, \"client_cpu\": %.6f"
          ", \"other_cpu\": %.3f}\n", r->nr_done, r->nr_flushes,
          b->wall - a->wall, server, mine, b->all - a->all - server - mine);
}

static void
run_all (struct run *r)
{
  struct moment before, after;
  unsigned i;

  r->unflushed = calloc (r->load.connections * r->load.depth,
                         sizeof *r->unflushed);
  if (!r->unflushed)
    load_fail ("out of memory");
  if (r->load.op != LOAD_EXTENTS)
    for (i = 0; i < r->load.connections; ++i) {
      r->wires[i] = wire_open (&r->load);
      r->fds[i] = (struct pollfd) { wire_fd (r->wires[i]), POLLIN, 0 };
    }
  before = look (r);
  r->end = before.wall + r->load.seconds;
  if (r->load.op == LOAD_EXTENTS)
    r->nr_done = load_count_extents (&r->load);
  else
    run_requests (r);
  after = look (r);
  for (i = 0; i < r->load.connections && r->wires[i]; ++i)
    wire_close (r->wires[i]);
  report (r, &before, &after);
  free (r->unflushed);
}

/* -- options -------------------------------------------------------------------- */

static const char usage_text[] =
  "usage: nbd-load [OPTION]... SOCKET\n"
  "\n"
  "Send requests to the NBD server at the Unix socket SOCKET, and print what\n"
  "that took as one line of JSON.\n"
  "\n"
  "  --op OP            read, write, zero, trim, extents (default read)\n"
  "  --pattern P        random, sequential, once (default random)\n"
  "  --block BYTES      of a request (default 4096)\n"
  "  --span BYTES       offsets are below (default: the size of the disk)\n"
  "  --connections N    (default 1)\n"
  "  --depth N          requests in flight on each (default 1)\n"
  "  --requests N       how many in all\n"
  "  --seconds S        or for how long (default 1)\n"
  "  --flush-every N    a flush after N writes, which the next one waits for\n"
  "  --seed N           other places (default 1)\n"
  "  --server PID       whose CPU time is counted\n"
  "  --help             this text\n";

static unsigned
choose (const char *what, const char *value, const char *const *names)
{
  unsigned i;

  for (i = 0; names[i]; ++i)
    if (strcmp (value, names[i]) == 0)
      return i;
  load_fail ("--%s %s: see --help", what, value);
}

static uint64_t
number (const char *what, const char *value, uint64_t max)
{
  char *end;
  const unsigned long long n = strtoull (value, &end, 10);

  if (end == value || *end != '\0' || n > max)
    load_fail ("--%s %s: must be a number up to %" PRIu64, what, value, max);
  return n;
}

static void
set_option (struct load *l, int c, const char *v)
{
  static const char *const ops[] = {
    "read", "write", "zero", "trim", "extents", NULL };
  static const char *const patterns[] = {
    "random", "sequential", "once", NULL };

  switch (c) {
  case 'o': l->op = choose ("op", v, ops); break;
  case 'p': l->pattern = choose ("pattern", v, patterns); break;
  case 'b': l->block_bytes = (uint32_t) number ("block", v, 32 << 20); break;
  case 's': l->span_bytes = number ("span", v, INT64_MAX); break;
  case 'c': l->connections =
      (unsigned) number ("connections", v, MAX_CONNECTIONS); break;
  case 'd': l->depth = (unsigned) number ("depth", v, MAX_DEPTH); break;
  case 'n': l->nr_requests = number ("requests", v, INT64_MAX); break;
  case 't': l->seconds = strtod (v, NULL); break;
  case 'f': l->flush_every = (unsigned) number ("flush-every", v, 1 << 20);
    break;
  case 'r': l->seed = number ("seed", v, INT64_MAX); break;
  case 'P': l->server = (pid_t) number ("server", v, INT32_MAX); break;
  case 'h': fputs (usage_text, stdout); exit (EXIT_SUCCESS);
  default: fputs (usage_text, stderr); exit (2);
  }
}

static void
parse_options (struct load *l, int argc, char **argv)
{
  static const struct option options[] = {
    { "op", required_argument, NULL, 'o' },
    { "pattern", required_argument, NULL, 'p' },
    { "block", required_argument, NULL, 'b' },
    { "span", required_argument, NULL, 's' },
    { "connections", required_argument, NULL, 'c' },
    { "depth", required_argument, NULL, 'd' },
    { "requests", required_argument, NULL, 'n' },
    { "seconds", required_argument, NULL, 't' },
    { "flush-every", required_argument, NULL, 'f' },
    { "seed", required_argument, NULL, 'r' },
    { "server", required_argument, NULL, 'P' },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
  };
  int c;

  while ((c = getopt_long (argc, argv, "", options, NULL)) != -1)
    set_option (l, c, optarg);
  if (optind + 1 != argc || l->block_bytes == 0 || l->depth == 0 ||
      l->connections == 0) {
    fputs (usage_text, stderr);
    exit (2);
  }
  l->socket = argv[optind];
}

/* The size of the disk where nothing smaller is asked for. */
static void
find_span (struct load *l)
{
  struct nbd_handle *nbd = nbd_create ();
  int64_t size;

  if (!nbd || nbd_connect_unix (nbd, l->socket) == -1 ||
      (size = nbd_get_size (nbd)) == -1)
    load_fail ("%s", nbd_get_error ());
  if (l->span_bytes == 0 || l->span_bytes > (uint64_t) size)
    l->span_bytes = (uint64_t) size;
  if (l->span_bytes < l->block_bytes)
    load_fail ("the disk is smaller than a request");
  nbd_shutdown (nbd, 0);
  nbd_close (nbd);
}

int
main (int argc, char **argv)
{
  struct run r = {
    .load = { .block_bytes = 4096, .connections = 1, .depth = 1,
              .seconds = 1, .seed = 1 },
  };

  parse_options (&r.load, argc, argv);
  find_span (&r.load);
  run_all (&r);
  return EXIT_SUCCESS;
}
