/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Promises P and K over every workload of up to three requests
 * (docs/DURABILITY.md).
 *
 * For each geometry, for a metadata cache of the least size and of the usual
 * one, every sequence of one, two and three of the requests below is run on
 * a small disk.  In its last request, and in the orderly end behind it, the
 * disk is looked at
 *
 *   - where a sync begins, and where a durable write has been issued and has
 *     not yet reached the disk: between two such points nothing can be
 *     durable that could not be at the later one, so this is every state that
 *     a power cut can leave;
 *   - when it has been acknowledged;
 *   - as a kill leaves it, before every change of the file.
 *
 * Where there are more states than max_states a random sample of as many is
 * looked at; the figures say how often.  What precedes the last request is
 * what a shorter workload has looked at.  A disk with the same bytes as one
 * before is not opened again, but what was found there is held against what is
 * allowed now (struct seen).  Some states are served again and lose power
 * again; of some QEMU must say the same (qemu-look.h).
 *
 * By default workloads of two requests; BATON_TEST_LONG=1 those of three;
 * BATON_TEST_SEED=N random ones of four to eight, from the fourth on.
 * What fails is named by geometry, cache and digits, the requests;
 * BATON_TEST_WORKLOAD=GEOMETRY,CACHE,DIGITS runs it alone.
 */

#include <config.h>

#include <inttypes.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "crash-files.h"
#include "crash-world.h"
#include "random.h"

#define NR_KINDS 10u
#define NR_CACHES 2u
#define ALL_REQUESTS 3u         /* every workload of so many */
#define MAX_REQUESTS 8u

static const struct geometry geometries[] = {
  { .name = "v3 512", .cluster_sectors = 1, .nr_sectors = 70,
    .create = "qemu-img create -q -f qcow2 -o cluster_size=512 t.qcow2 35k" },
  { .name = "v2 512", .cluster_sectors = 1, .nr_sectors = 70,
    .create = "qemu-img create -q -f qcow2 -o compat=0.10,cluster_size=512 "
              "t.qcow2 35k" },
  { .name = "v3 512, 64-bit refcounts", .cluster_sectors = 1, .nr_sectors = 70,
    .create = "qemu-img create -q -f qcow2 -o "
              "cluster_size=512,refcount_bits=64 t.qcow2 35k" },
  { .name = "v3 512, 1-bit refcounts", .cluster_sectors = 1, .nr_sectors = 70,
    .create = "qemu-img create -q -f qcow2 -o "
              "cluster_size=512,refcount_bits=1 t.qcow2 35k" },
  { .name = "v3 512 backed", .cluster_sectors = 1, .nr_sectors = 70,
    .create = "qemu-img create -q -f qcow2 -o cluster_size=512 "
              "-b base.raw -F raw t.qcow2 35k", .backed = true },
  { .name = "v2 1k backed", .cluster_sectors = 2, .nr_sectors = 32,
    .create = "qemu-img create -q -f qcow2 -o compat=0.10,cluster_size=1k "
              "-b base.raw -F raw t.qcow2 16k", .backed = true },
  { .name = "v3 2k backed", .cluster_sectors = 4, .nr_sectors = 32,
    .create = "qemu-img create -q -f qcow2 -o cluster_size=2k "
              "-b base.raw -F raw t.qcow2 16k", .backed = true },
  { .name = "v3 4k", .cluster_sectors = 8, .nr_sectors = 32,
    .create = "qemu-img create -q -f qcow2 -o cluster_size=4k t.qcow2 16k" },
  { .name = "v3 1k preallocated", .cluster_sectors = 2, .nr_sectors = 32,
    .create = "qemu-img create -q -f qcow2 -o cluster_size=1k,"
              "preallocation=metadata t.qcow2 16k" },
  { .name = "v3 2k compressed", .cluster_sectors = 4, .nr_sectors = 32,
    .create = "head -c 16k base.raw >part.raw && qemu-img convert -q -c -O "
              "qcow2 -o cluster_size=2k -f raw part.raw t.qcow2",
    .backed = true },
  { .name = "v3 1k packing", .cluster_sectors = 2, .nr_sectors = 32,
    .compress = true,
    .create = "qemu-img create -q -f qcow2 -o cluster_size=1k t.qcow2 16k" },
  { .name = "subclusters", .cluster_sectors = 32, .nr_sectors = 96,
    .create = "qemu-img create -q -f qcow2 -o extended_l2=on,"
              "cluster_size=16k t.qcow2 48k" },
  { .name = "subclusters backed", .cluster_sectors = 32, .nr_sectors = 96,
    .create = "qemu-img create -q -f qcow2 -o extended_l2=on,"
              "cluster_size=16k -b base.raw -F raw t.qcow2 48k",
    .backed = true },
  { .name = "data file", .cluster_sectors = 2, .nr_sectors = 32,
    .has_data_file = true,
    .create = "qemu-img create -q -f qcow2 -o cluster_size=1k,"
              "data_file=data.raw t.qcow2 16k && head -c 16k stale >data.raw" },
  { .name = "raw data file", .cluster_sectors = 2, .nr_sectors = 32,
    .has_data_file = true, .raw = true,
    .create = "qemu-img create -q -f qcow2 -o cluster_size=1k,"
              "data_file=data.raw,data_file_raw=on t.qcow2 16k" },
};
#define NR_GEOMETRIES (sizeof geometries / sizeof geometries[0])

/* Added up over all processes. */
struct totals {
  struct figures figures;
  uint64_t workloads, states, sampled;
};

/* How far to go. */
static unsigned max_requests, max_states, one_again_of, qemu_each;
static const char *seed_text;   /* random workloads */

static void
set_limits (void)
{
  const bool is_long = getenv ("BATON_TEST_LONG") || seed_text;
  const bool is_slow = getenv ("BATON_TEST_RUNS") != NULL;

  max_requests = is_long ? 3 : 2;
  max_states = is_long && !seed_text ? 160 : is_slow ? 4 : 64;
  one_again_of = is_long ? 192 : 512;
  qemu_each = seed_text ? 300 : is_long ? 150 : 200;
}

struct explorer {
  struct world w;
  struct image *img;
  struct random random;
  bool looking;
};

static struct totals *totals;   /* this process's; one for each is shared */
static struct simdisk *base, *data;
static struct seen *seen;       /* of this geometry */

/* -- states --------------------------------------------------------------- */

/* LEFT and DATA, which may be NULL, are freed. */
static void
look_at (struct explorer *x, struct simdisk *left, struct simdisk *data_left)
{
  uint64_t found[DISK_SECTORS];

  world_check (&x->w, left, data_left, x->w.allowed, "power cut", found);
  totals->states++;
  if (random_chance (&x->random, 1, one_again_of))
    world_run_again (&x->w, left, data_left, found, 1);
  simdisk_free (left);
  simdisk_free (data_left);
}

static void
look_at_sample (struct explorer *x)
{
  unsigned i;

  totals->sampled++;
  for (i = 0; i < max_states; ++i)
    look_at (x, simdisk_crash (x->w.disk, random_next (&x->random)),
             x->w.data ? simdisk_crash (x->w.data, random_next (&x->random))
                       : NULL);
}

static void
look_at_all (struct explorer *x)
{
  const uint64_t nr = simdisk_nr_states (x->w.disk);
  const uint64_t nr_data = x->w.data ? simdisk_nr_states (x->w.data) : 1;
  uint64_t i, j;

  if (nr > max_states || nr_data > max_states / nr) {
    look_at_sample (x);
    return;
  }
  for (i = 0; i < nr; ++i)
    for (j = 0; j < nr_data; ++j)
      look_at (x, simdisk_crash_state (x->w.disk, i),
               x->w.data ? simdisk_crash_state (x->w.data, j) : NULL);
}

static void
look (void *opaque, const struct simdisk_event *event)
{
  struct explorer *x = opaque;

  if (!x->looking || event->phase == SIMDISK_END)
    return;
  x->looking = false;
  if (event->phase == SIMDISK_APPLIED || event->kind == SIMDISK_SYNC)
    look_at_all (x);
  else
    world_look_at_kill (&x->w);
  world_use_data (&x->w, x->w.data);
  x->looking = true;
}

/* -- workloads -------------------------------------------------------------- */

static void
request (struct explorer *x, unsigned kind)
{
  struct world *w = &x->w;
  const unsigned all = w->geometry->nr_sectors;
  const unsigned c = w->geometry->cluster_sectors;
  const struct {
    enum crash_request kind;
    unsigned first, nr, flags;
  } kinds[NR_KINDS] = {
    { REQUEST_WRITE, 0, c, 0 },
    { REQUEST_WRITE, c - 1, 2, 0 },     /* a cluster's end, the next's begin */
    { REQUEST_WRITE, all - 1, 1, 0 },   /* 512: another L2 table */
    { REQUEST_WRITE, c > 1 ? c / 2 : 3, 1, 0 },
    { REQUEST_WRITE, c, 1, IMAGE_FUA },
    { REQUEST_ZERO, 0, c, 0 },
    { REQUEST_ZERO, c - 1, 2, 0 },
    { REQUEST_TRIM, 0, c, 0 },
    { REQUEST_TRIM, 0, all, 0 },
    { REQUEST_FLUSH, 0, 0, 0 },
  };

  w->request++;
  world_request (w, x->img, kinds[kind].kind, kinds[kind].first,
                 kinds[kind].nr, kinds[kind].flags);
}

static void
explorer_init (struct explorer *x, const struct geometry *g,
               const struct simdisk *pristine, unsigned cache)
{
  struct world *w = &x->w;
  unsigned s;

  *w = (struct world) {
    .geometry = g, .request = 1, .random = 88172645463325252u,
    .disk = simdisk_kill ((struct simdisk *) pristine),
    .data = g->has_data_file ? simdisk_kill (data) : NULL,
    .figures = &totals->figures, .nr_crashes = 0,
    .qemu_each = qemu_each, .seen = seen,
  };
  simdisk_opener_init (&w->opener);
  simdisk_opener_put (&w->opener, "base.raw", base);
  simdisk_opener_put (&w->opener, "data.raw", w->data);
  w->options = (struct image_options) {
    .opener = &w->opener.base, .backing = BACKING_ON, .data_file = BACKING_ON,
    .compress = g->compress, .metadata_cache_bytes = cache == 0 ? 1 : 0,
  };
  for (s = 0; s < DISK_SECTORS; ++s)
    w->acknowledged[s] = w->allowed[s] = g->backed ? FIRST : ZEROS;
  simdisk_trace (w->disk, look, x);
  if (w->data)
    simdisk_trace (w->data, look, x);
}

/* DIGITS: the requests. */
static void
run (const struct geometry *g, const struct simdisk *pristine, unsigned cache,
     const unsigned *digits, unsigned nr)
{
  struct explorer x = { .looking = false };
  unsigned i;

  explorer_init (&x, g, pristine, cache);
  x.w.seed = cache;
  for (i = 0; i < nr; ++i)
    x.w.seed = x.w.seed * 10 + digits[i];
  x.random = (struct random) { x.w.seed };
  x.img = world_open (&x.w, x.w.disk, true);
  for (i = 0; i < nr; ++i) {
    x.looking = i == nr - 1 || i >= ALL_REQUESTS;
    request (&x, digits[i]);
  }
  x.looking = false;
  look_at_all (&x);
  world_use_data (&x.w, x.w.data);
  x.looking = true;
  world_finish (&x.w, x.img);
  world_check (&x.w, x.w.disk, x.w.data, x.w.acknowledged, "the end", NULL);
  totals->workloads++;
  simdisk_free (x.w.disk);
  simdisk_free (x.w.data);
  simdisk_opener_destroy (&x.w.opener);
}

static void
run_all (const struct geometry *g, const struct simdisk *pristine,
         unsigned cache)
{
  unsigned d[3];

  for (d[0] = 0; d[0] < NR_KINDS; ++d[0]) {
    run (g, pristine, cache, d, 1);
    for (d[1] = 0; d[1] < NR_KINDS; ++d[1]) {
      run (g, pristine, cache, d, 2);
      for (d[2] = 0; d[2] < NR_KINDS && max_requests > 2; ++d[2])
        run (g, pristine, cache, d, 3);
    }
  }
}

static void
run_random (const struct geometry *g, const struct simdisk *pristine)
{
  struct random random = {
    strtoull (seed_text, NULL, 10) * NR_GEOMETRIES + (uint64_t) (g - geometries)
  };
  unsigned d[MAX_REQUESTS], n, i, nr;

  for (n = 0; n < 20; ++n) {
    nr = ALL_REQUESTS + 1 +
      (unsigned) random_below (&random, MAX_REQUESTS - ALL_REQUESTS);
    for (i = 0; i < nr; ++i)
      d[i] = (unsigned) random_below (&random, NR_KINDS);
    run (g, pristine, n % NR_CACHES, d, nr);
  }
}

static void
run_one (const char *name, const struct geometry *g,
         const struct simdisk *pristine)
{
  const char *rest = strrchr (name, ',') - 2;
  unsigned d[MAX_REQUESTS] = { 0 }, nr = 0;

  for (name = rest + 3; *name && nr < MAX_REQUESTS; ++name)
    d[nr++] = (unsigned) (*name - '0') % NR_KINDS;
  assert_true (nr > 0);
  run (g, pristine, (unsigned) (rest[1] - '0'), d, nr);
}

static void
explore_geometry (const struct geometry *g)
{
  const char *one = getenv ("BATON_TEST_WORKLOAD");
  struct simdisk *pristine;
  unsigned cache;

  if (one && (strncmp (one, g->name, strlen (g->name)) != 0 ||
              one[strlen (g->name)] != ','))
    return;
  crash_shell (g->create);
  memset (seen, 0, SEEN_DISKS * sizeof *seen);
  pristine = crash_load ("t.qcow2");
  data = g->has_data_file ? crash_load ("data.raw") : NULL;
  if (one)
    run_one (one, g, pristine);
  else if (seed_text)
    run_random (g, pristine);
  for (cache = 0; cache < NR_CACHES && !one && !seed_text; ++cache)
    run_all (g, pristine, cache);
  simdisk_free (pristine);
  simdisk_free (data);
  crash_shell ("rm -f t.qcow2 data.raw");
}

/* -- processes, one per processor ------------------------------------------- */

static unsigned part, nr_parts;
static atomic_uint *nr_taken;   /* shared: of the geometries */

static void
test_part (void **state)
{
  size_t i;

  (void) state;
  base = crash_load ("base.raw");
  seen = calloc (SEEN_DISKS, sizeof *seen);
  assert_non_null (seen);
  /* The last ones take longest. */
  while ((i = atomic_fetch_add (nr_taken, 1)) < NR_GEOMETRIES)
    explore_geometry (&geometries[NR_GEOMETRIES - 1 - i]);
  free (seen);
  simdisk_free (base);
}

static int
explore_part (void)
{
  const struct CMUnitTest tests[] = { cmocka_unit_test (test_part) };
  int r;

  if (crash_files_make () == -1)
    return 1;
  r = cmocka_run_group_tests (tests, NULL, NULL);
  crash_files_remove ();
  return r != 0;
}

static void
report (const struct totals *all)
{
  struct totals t = { 0 };
  uint64_t *sums = (uint64_t *) &t;     /* it holds nothing else */
  size_t i, n;

  for (i = 0; i < nr_parts; ++i)
    for (n = 0; n < sizeof t / sizeof *sums; ++n)
      sums[n] += ((const uint64_t *) &all[i])[n];
  printf ("%" PRIu64 " workloads: %" PRIu64 " states after a power cut (%"
          PRIu64 " times a sample of too many), %" PRIu64 " kills, disks of "
          "these that were as one before %" PRIu64 "; %" PRIu64 " served "
          "again, %" PRIu64 " power cuts of these; %" PRIu64 " looked at by "
          "QEMU, of these %" PRIu64 " by qemu-img check\n", t.workloads,
          t.states + t.figures.cuts_again, t.sampled, t.figures.kills, t.figures.known,
          t.figures.again, t.figures.cuts_again, t.figures.qemu_looks,
          t.figures.qemu_checks);
}

int
main (void)
{
  struct totals *all;
  int status, failed = 0;
  unsigned i;

  if (system ("qemu-img --version >/dev/null 2>&1") != 0)
    return 77;
  /* Else each large buffer is mapped and unmapped. */
  mallopt (M_MMAP_THRESHOLD, 1 << 25);
  mallopt (M_TRIM_THRESHOLD, 1 << 28);
  seed_text = getenv ("BATON_TEST_SEED");
  set_limits ();
  nr_parts = getenv ("BATON_TEST_LONG")
    ? (unsigned) sysconf (_SC_NPROCESSORS_ONLN) : 1;
  all = mmap (NULL, nr_parts * sizeof *all, PROT_READ | PROT_WRITE,
              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  nr_taken = mmap (NULL, sizeof *nr_taken, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (all == MAP_FAILED || nr_taken == MAP_FAILED)
    return 1;
  for (part = 0; part < nr_parts; ++part) {
    totals = &all[part];
    fflush (NULL);
    if (fork () == 0)
      exit (explore_part ());
  }
  for (i = 0; i < nr_parts; ++i)
    failed |= wait (&status) == -1 || status != 0;
  report (all);
  return failed;
}
