/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Writes or reads back patterns around offsets of a disk: where the tables
 * of its format have their edges.  The disk may be as large as NBD allows:
 * nothing is kept of it but what is read.
 *
 * Around each OFFSET lies one range, whose start and length depend on
 * OFFSET and --step alone; what it holds depends on --seed.  Ranges are cut
 * where they would meet.  Before and after each range the disk must read
 * zeros.
 */

#include <config.h>

#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libnbd.h>

#include "random.h"

#define MAX_RANGE_BYTES (UINT64_C (256) << 10)
#define MARGIN_BYTES UINT64_C (512)

static const char usage_text[] =
  "usage: edges write|verify [OPTIONS] SOCKET OFFSET...\n"
  "\n"
  "Offsets ascend.  An OFFSET that is the size of the disk is its end.\n"
  "\n"
  "  --from         ranges begin at their OFFSET\n"
  "  --seed N       what the ranges hold (default 1)\n"
  "  --step BYTES   how long they are, about; at most 128 KiB are used\n"
  "\n"
  "Exit status: 0 done or equal, 1 a difference or an error, 2 usage.\n";

struct range {
  uint64_t start;
  uint64_t end;
};

struct job {
  struct nbd_handle *nbd;
  uint64_t seed;
  uint64_t step;
  uint64_t size;
  bool from;                    /* no range begins before its OFFSET */
};

static void
fail (const char *what, const struct range *r)
{
  fprintf (stderr, "edges: [%" PRIu64 ", %" PRIu64 "): %s\n", r->start,
           r->end, what);
  exit (EXIT_FAILURE);
}

/* Bytes of 1 to STEP on both sides of OFFSET, inside LIMIT. */
static struct range
range_around (const struct job *job, uint64_t offset,
              const struct range *limit)
{
  struct random random = { offset };
  uint64_t before = 1 + random_below (&random, job->step);
  uint64_t after = 1 + random_below (&random, job->step);

  if (before > offset - limit->start)
    before = offset - limit->start;
  if (after > limit->end - offset)
    after = limit->end - offset;
  if (job->from)
    before = 0;
  return (struct range) { offset - before, offset + after };
}

static void
pattern (const struct job *job, const struct range *r, uint8_t *ret_buf)
{
  uint64_t at;

  for (at = r->start; at < r->end; at++) {
    struct random random = { (at >> 3) ^ (job->seed << 56) };

    ret_buf[at - r->start] = (uint8_t) (random_next (&random) >> 8 * (at & 7));
  }
}

static void
write_range (const struct job *job, const struct range *r,
             const struct range *limit)
{
  static uint8_t buf[MAX_RANGE_BYTES];

  (void) limit;
  pattern (job, r, buf);
  if (nbd_pwrite (job->nbd, buf, r->end - r->start, r->start, 0) == -1)
    fail (nbd_get_error (), r);
}

static uint64_t
margin (uint64_t bytes)
{
  return bytes < MARGIN_BYTES ? bytes : MARGIN_BYTES;
}

/* One read, so that it crosses from one table to the next. */
static void
verify_range (const struct job *job, const struct range *r,
              const struct range *limit)
{
  static uint8_t buf[MAX_RANGE_BYTES + 2 * MARGIN_BYTES], wanted[sizeof buf];
  const uint64_t before = margin (r->start - limit->start);
  const uint64_t after = margin (limit->end - r->end);
  const uint64_t len = r->end - r->start;

  memset (wanted, 0, before + len + after);
  pattern (job, r, wanted + before);
  if (nbd_pread (job->nbd, buf, before + len + after, r->start - before,
                 0) == -1)
    fail (nbd_get_error (), r);
  if (memcmp (buf + before, wanted + before, len) != 0)
    fail ("wrong data", r);
  if (memcmp (buf, wanted, before) != 0 ||
      memcmp (buf + before + len, wanted + before + len, after) != 0)
    fail ("what is beside it is not zero", r);
}

static void
for_each_range (const struct job *job, char *offsets[], int nr,
                void (*fn) (const struct job *, const struct range *,
                            const struct range *))
{
  struct range limit = { 0 };
  uint64_t offset = strtoull (offsets[0], NULL, 10), next;
  int i;

  for (i = 0; i < nr; i++, offset = next) {
    next = i + 1 < nr ? strtoull (offsets[i + 1], NULL, 10) : job->size;
    limit.end = i + 1 < nr ? offset + (next - offset) / 2 : job->size;
    const struct range r = range_around (job, offset, &limit);

    if (r.end > r.start)
      fn (job, &r, &limit);
    limit.start = limit.end;
  }
}

static void
connect_to (struct job *job, const char *socket)
{
  job->nbd = nbd_create ();
  if (!job->nbd || nbd_connect_unix (job->nbd, socket) == -1) {
    fprintf (stderr, "edges: %s\n", nbd_get_error ());
    exit (EXIT_FAILURE);
  }
  job->size = (uint64_t) nbd_get_size (job->nbd);
}

static void
usage (void)
{
  fputs (usage_text, stderr);
  exit (2);
}

int
main (int argc, char *argv[])
{
  static const struct option options[] = {
    { "from", no_argument, NULL, 'f' },
    { "seed", required_argument, NULL, 's' },
    { "step", required_argument, NULL, 't' },
    { NULL, 0, NULL, 0 },
  };
  struct job job = { .seed = 1, .step = 65536 };
  bool writing;
  int c;

  while ((c = getopt_long (argc, argv, "", options, NULL)) != -1)
    switch (c) {
    case 'f': job.from = true; break;
    case 's': job.seed = strtoull (optarg, NULL, 0); break;
    case 't': job.step = strtoull (optarg, NULL, 0); break;
    default: usage ();
    }
  if (argc - optind < 3)
    usage ();
  if (job.step > MAX_RANGE_BYTES / 2)
    job.step = MAX_RANGE_BYTES / 2;
  writing = strcmp (argv[optind], "write") == 0;
  connect_to (&job, argv[optind + 1]);
  for_each_range (&job, argv + optind + 2, argc - optind - 2,
                  writing ? write_range : verify_range);
  if (nbd_shutdown (job.nbd, 0) == -1)
    return EXIT_FAILURE;
  nbd_close (job.nbd);
  return EXIT_SUCCESS;
}
