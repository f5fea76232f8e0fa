/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Random operations on two NBD servers that serve equal disks: the server
 * under test (A) and a reference (B).  Both must at all times hold what a
 * model in memory says.
 *
 * A trim must leave zeros on A.  A reference promises that only for whole
 * clusters, so it is sent write-zeroes with permission to unmap instead.
 */

#include <config.h>

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "twin-run.h"
#include "twin-status.h"

#define VERIFY_BYTES (UINT64_C (1) << 20)

struct options {
  const char *uri[2];
  uint64_t cluster;
  size_t nr_connections;
  bool read_only_verify;
  enum status_rule rule;
  bool qemu;
};

static const char usage_text[] =
  "usage: twin [OPTIONS] A B\n"
  "\n"
  "Random operations on two NBD servers that hold equal disks, A under test\n"
  "and B the reference, compared with each other and with a model.  A and B\n"
  "are NBD URIs or paths of Unix sockets.  Numbers may end in k or M.\n"
  "\n"
  "  --seed N             replay this run (default: from the clock)\n"
  "  --ops N              number of operations (default 500)\n"
  "  --cluster BYTES      where the edges of the format are (default 65536)\n"
  "  --depth N            operations in flight on A (default 1, at most 64)\n"
  "  --connections N      connections to A (default 1, at most 16)\n"
  "  --qemu               A is QEMU, too: it does not promise zeros after a\n"
  "                       trim, and a cache request may kill it (7.2)\n"
  "  --read-only-verify   only compare A with B, and A's block status\n"
  "  --same-file          A and B serve one file: only compare, and their\n"
  "                       block status must be the same\n"
  "  --verbose            print every operation before it is sent\n"
  "  --help               this text\n"
  "\n"
  "Exit status: 0 equal, 1 a difference or an error, 2 usage.\n";

static void
die (const char *what)
{
  fprintf (stderr, "twin: %s\n", what);
  exit (EXIT_FAILURE);
}

static void
die_nbd (const struct side *side)
{
  fprintf (stderr, "twin: server %s: %s\n", side->label, nbd_get_error ());
  exit (EXIT_FAILURE);
}

static struct nbd_handle *
connect_one (const struct side *side, const char *uri)
{
  struct nbd_handle *nbd = nbd_create ();
  const bool is_uri = strstr (uri, "://") != NULL;

  if (!nbd ||
      nbd_add_meta_context (nbd, LIBNBD_CONTEXT_BASE_ALLOCATION) == -1)
    die_nbd (side);
  /* libnbd refuses what the server does not advertise, and splits nothing:
   * every other request goes out as it is. */
  if ((is_uri ? nbd_connect_uri (nbd, uri)
              : nbd_connect_unix (nbd, uri)) == -1)
    die_nbd (side);
  return nbd;
}

static void
connect_side (struct side *side, const char *uri, size_t nr_connections)
{
  struct nbd_handle *nbd;
  int64_t n;

  while (side->nr_connections < nr_connections)
    side->nbd[side->nr_connections++] = connect_one (side, uri);
  nbd = side->nbd[0];
  if ((n = nbd_get_size (nbd)) == -1)
    die_nbd (side);
  side->size = (uint64_t) n;
  n = nbd_get_block_size (nbd, LIBNBD_SIZE_MINIMUM);
  side->min_block = n > 0 ? (uint64_t) n : 1;
  side->can_fua = nbd_can_fua (nbd) > 0;
  side->can_fast_zero = nbd_can_fast_zero (nbd) > 0;
  side->can_trim = nbd_can_trim (nbd) > 0;
  side->can_cache = nbd_can_cache (nbd) > 0;
  side->can_status =
    nbd_can_meta_context (nbd, LIBNBD_CONTEXT_BASE_ALLOCATION) > 0;
  if (nr_connections > 1 && nbd_can_multi_conn (nbd) <= 0)
    die ("--connections: the server does not advertise multi-conn");
}

static void
disconnect_side (struct side *side)
{
  size_t i;

  for (i = 0; i < side->nr_connections; i++) {
    if (nbd_shutdown (side->nbd[i], 0) == -1)
      die_nbd (side);
    nbd_close (side->nbd[i]);
  }
}

static void
load_model (struct run *run)
{
  static uint8_t buf[VERIFY_BYTES];
  uint64_t offset, len;

  for (offset = 0; offset < run->b.size; offset += len) {
    len = run->b.size - offset;
    if (len > sizeof buf)
      len = sizeof buf;
    if (nbd_pread (run->b.nbd[0], buf, len, offset, 0) == -1)
      die_nbd (&run->b);
    model_load (&run->model, buf, offset, len);
  }
}

/* Read everything of SIDE and compare it with the model. */
static void
verify_data (struct run *run, struct side *side)
{
  static uint8_t buf[VERIFY_BYTES];
  struct op op = { .index = run->nr_ops, .kind = OP_READ };
  uint64_t at;

  for (; op.offset < side->size; op.offset += op.len) {
    op.len = side->size - op.offset;
    if (op.len > sizeof buf)
      op.len = sizeof buf;
    if (nbd_pread (side->nbd[0], buf, op.len, op.offset, 0) == -1)
      die_nbd (side);
    if (!model_equal (&run->model, buf, op.offset, op.len, &at))
      run_fail_data (run, side, &op, at, buf);
  }
}

/* "4096", "64k", "2M". */
static uint64_t
number (const char *option, const char *text)
{
  static const char units[] = "kM";
  char *end;
  uint64_t n = strtoull (text, &end, 0);
  const char *unit = *end == '\0' ? NULL : strchr (units, *end);

  if (unit) {
    n <<= 10 * (unit - units + 1);
    end++;
  }
  if (*text == '\0' || *text == '-' || *end != '\0') {
    fprintf (stderr, "twin: --%s: '%s' is not a number\n", option, text);
    exit (2);
  }
  return n;
}

static const struct option long_options[] = {
  { "seed", required_argument, NULL, 's' },
  { "ops", required_argument, NULL, 'o' },
  { "cluster", required_argument, NULL, 'c' },
  { "depth", required_argument, NULL, 'd' },
  { "connections", required_argument, NULL, 'n' },
  { "qemu", no_argument, NULL, 'q' },
  { "read-only-verify", no_argument, NULL, 'r' },
  { "same-file", no_argument, NULL, 'f' },
  { "verbose", no_argument, NULL, 'v' },
  { "help", no_argument, NULL, 'h' },
  { NULL, 0, NULL, 0 },
};

static void
set_option (struct run *run, struct options *o, int c, int index)
{
  const char *name = long_options[index].name;

  switch (c) {
  case 's': run->seed = number (name, optarg); break;
  case 'o': run->nr_ops = number (name, optarg); break;
  case 'c': o->cluster = number (name, optarg); break;
  case 'd': run->depth = number (name, optarg); break;
  case 'n': o->nr_connections = number (name, optarg); break;
  case 'q': o->qemu = true; break;
  case 'r': o->read_only_verify = true; break;
  case 'f': o->rule = STATUS_SAME_FILE; break;
  case 'v': run->verbose = true; break;
  case 'h': fputs (usage_text, stdout); exit (EXIT_SUCCESS);
  default: fputs (usage_text, stderr); exit (2);
  }
}

static void
parse_options (struct run *run, struct options *o, int argc, char *argv[])
{
  int c, index = 0;

  while ((c = getopt_long (argc, argv, "", long_options, &index)) != -1)
    set_option (run, o, c, index);
  if (argc - optind != 2 || run->depth < 1 || run->depth > MAX_DEPTH ||
      o->nr_connections < 1 || o->nr_connections > MAX_CONNECTIONS ||
      o->cluster == 0) {
    fputs (usage_text, stderr);
    exit (2);
  }
  o->uri[0] = argv[optind];
  o->uri[1] = argv[optind + 1];
}

static void
prepare (struct run *run, const struct options *o)
{
  uint64_t align;

  connect_side (&run->a, o->uri[0], o->nr_connections);
  connect_side (&run->b, o->uri[1], 1);
  run->a.trim_as_zero = o->qemu;
  if (o->qemu)
    run->a.can_cache = false;
  run->b.trim_as_zero = true;
  run->b.one_by_one = true;
  if (run->a.size != run->b.size || run->a.size == 0) {
    fprintf (stderr, "twin: A has %" PRIu64 " bytes and B has %" PRIu64 "\n",
             run->a.size, run->b.size);
    exit (EXIT_FAILURE);
  }
  align = run->a.min_block > run->b.min_block ? run->a.min_block
                                              : run->b.min_block;
  if (run->a.size % align != 0)
    die ("the size is no multiple of the smallest block");
  plan_init (&run->plan, run->seed, run->a.size, o->cluster, align);
  if (model_init (&run->model, run->a.size) == -1)
    die ("the model does not fit into memory");
}

static void
report (const struct run *run, const struct status_figures *status)
{
  size_t i;

  printf ("twin: seed %" PRIu64 ", %" PRIu64 " operations", run->seed,
          run->nr_ops);
  for (i = 0; i < NR_OP_KINDS; i++)
    if (run->counts[i] > 0)
      printf (", %s %" PRIu64, op_kind_name ((enum op_kind) i),
              run->counts[i]);
  if (run->nr_fast_refused > 0)
    printf (" (%" PRIu64 " fast refused)", run->nr_fast_refused);
  printf ("; status same %" PRIu64 " held %" PRIu64 " looked %" PRIu64
          " only-A-zero %" PRIu64 " only-B-zero %" PRIu64, status->nr_same,
          status->nr_held, status->nr_looked, status->nr_only_a_zero,
          status->nr_only_b_zero);
  printf (": equal\n");
}

int
main (int argc, char *argv[])
{
  static struct run run;        /* large, and lives as long as the program */
  struct options o = { .cluster = 65536, .nr_connections = 1 };
  struct status_figures status;
  struct random clock_seed = { (uint64_t) time (NULL) };

  run.a.label = "A";
  run.b.label = "B";
  run.nr_ops = 500;
  run.depth = 1;
  run.seed = random_next (&clock_seed) >> 32;
  parse_options (&run, &o, argc, argv);
  if (o.read_only_verify || o.rule != STATUS_TWINS)
    run.nr_ops = 0;

  prepare (&run, &o);
  load_model (&run);
  verify_data (&run, &run.a);
  if (run.nr_ops > 0) {
    run_operations (&run);
    verify_data (&run, &run.a);
    verify_data (&run, &run.b);
  }
  status_verify (&run);
  status_compare (&run, o.rule, &status);
  report (&run, &status);

  disconnect_side (&run.a);
  disconnect_side (&run.b);
  model_destroy (&run.model);
  return EXIT_SUCCESS;
}
