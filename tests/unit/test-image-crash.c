/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Promises P and K at every I/O of random requests (docs/DURABILITY.md).
 *
 * A run opens an image on the simulated disk and does a few random requests.
 * Before every write, zero and sync that the engine issues, the disk loses
 * power in several ways, and the process is killed once.  Each time the disk
 * that is left is opened and every guest sector must hold its last flushed
 * value or something written later (killed: exactly what was acknowledged,
 * or what was being written); no host cluster may have more references than
 * its refcount.  Some of what is left is then written to again, and loses
 * power again.
 *
 * Every sector written says which request wrote it.  What a sector may hold
 * is a set of requests: bit 0 zeros, bit 1 what the image held at first, and
 * bit N request N.
 *
 * Of some of these states QEMU must say the same (qemu-look.h).
 *
 * A failure prints the image and the seed; BATON_TEST_SEED replays it.
 */

#include <config.h>

#include <inttypes.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "crash-files.h"
#include "crash-world.h"

#define NR_REQUESTS 14u

/* qemu-img measures the processor, and gives up now and then. */
#define LUKS(options) \
  "printf secret >pw; for i in 1 2 3 4 5 6 7 8; do " \
  "qemu-img create -q -f qcow2 --object secret,id=s,file=pw -o " options "," \
  "encrypt.format=luks,encrypt.key-secret=s,encrypt.cipher-alg=aes-128," \
  "encrypt.iter-time=10 t.qcow2 256k 2>luks.err && exit 0; done; " \
  "cat luks.err; exit 1"

static const struct geometry geometries[] = {
  { .name = "v3 4k",
    .create = "qemu-img create -q -f qcow2 -o cluster_size=4k t.qcow2 256k" },
  { .name = "v2 4k",
    .create = "qemu-img create -q -f qcow2 -o compat=0.10,cluster_size=4k "
    "t.qcow2 256k" },
  { .name = "v3 512, 64-bit refcounts",
    .create = "qemu-img create -q -f qcow2 -o "
    "cluster_size=512,refcount_bits=64 t.qcow2 256k" },
  { .name = "v3 4k backed",
    .create = "qemu-img create -q -f qcow2 -o cluster_size=4k "
    "-b base.raw -F raw t.qcow2 256k", .backed = true },
  { .name = "v2 2k backed",
    .create = "qemu-img create -q -f qcow2 -o compat=0.10,"
    "cluster_size=2k -b base.raw -F raw t.qcow2 256k", .backed = true },
  { .name = "v3 4k compressed",
    .create = "qemu-img convert -q -c -O qcow2 -o cluster_size=4k "
    "-f raw base.raw t.qcow2", .backed = true },
  { .name = "subclusters",
    .create = "qemu-img create -q -f qcow2 -o extended_l2=on,"
    "cluster_size=16k t.qcow2 256k" },
  { .name = "subclusters backed",
    .create = "qemu-img create -q -f qcow2 -o extended_l2=on,"
    "cluster_size=16k -b base.raw -F raw t.qcow2 256k", .backed = true },
  { .name = "subclusters compressed",
    .create = "qemu-img convert -q -c -O qcow2 -o "
    "extended_l2=on,cluster_size=16k -f raw base.raw t.qcow2", .backed = true },
  /* Host clusters of which one subcluster is zeros, and no other was ever
   * written: they hold what the host had there. */
  { .name = "subclusters in used space",
    .create = "qemu-img create -q -f qcow2 -o "
    "extended_l2=on,cluster_size=16k t.qcow2 256k && for i in 0 1 2 3 4 5 6 7; "
    "do echo write -P 0 $((i * 16 + 3))k 512; done | qemu-io t.qcow2 "
    ">/dev/null && qemu-img map t.qcow2 | sed 1d | while read start len host "
    "file; do yes stale | dd of=t.qcow2 bs=512 seek=$((host / 512 + 1)) "
    "count=25 iflag=fullblock conv=notrunc status=none; done" },
  /* Over what others have left in the data file. */
  { .name = "data file", .has_data_file = true,
    .create = "qemu-img create -q -f qcow2 -o cluster_size=4k,"
              "data_file=data.raw t.qcow2 256k && cp stale data.raw" },
  { .name = "data file, backed", .has_data_file = true, .backed = true,
    .create = "qemu-img create -q -f qcow2 -o cluster_size=2k,"
              "data_file=data.raw -b base.raw -F raw t.qcow2 256k && "
              "cp stale data.raw" },
  { .name = "raw data file", .has_data_file = true, .raw = true,
    .create = "qemu-img create -q -f qcow2 -o cluster_size=4k,"
              "data_file=data.raw,data_file_raw=on t.qcow2 256k" },
  { .name = "v3 4k LUKS",
    .create = LUKS ("cluster_size=4k") },
  { .name = "subclusters LUKS",
    .create = LUKS ("extended_l2=on,cluster_size=16k") },
  { .name = "v3 1k packing", .compress = true,
    .create = "qemu-img create -q -f qcow2 -o cluster_size=1k t.qcow2 256k" },
  { .name = "v3 4k packing, 2-bit refcounts, backed",
    .create = "qemu-img create -q -f qcow2 -o cluster_size=4k,refcount_bits=2 "
              "-b base.raw -F raw t.qcow2 256k",
    .backed = true, .compress = true },
  { .name = "subclusters packing", .compress = true,
    .create = "qemu-img create -q -f qcow2 -o extended_l2=on,cluster_size=16k "
              "t.qcow2 256k" },
};
#define NR_GEOMETRIES (sizeof geometries / sizeof geometries[0])

static struct figures figures;
static struct simdisk *base;
static unsigned qemu_each;
static struct keyring *keyring;
static struct simdisk *data;    /* of the geometry being tried, or NULL */

static void
world_init (struct world *w, const struct geometry *g,
            struct simdisk *pristine, uint64_t seed)
{
  unsigned s;

  *w = (struct world) {
    .geometry = g, .seed = seed, .request = 1,
    .random = (seed + 1) * UINT64_C (0x9e3779b97f4a7c15),
    .disk = simdisk_kill (pristine), .figures = &figures,
    .data = g->has_data_file ? simdisk_kill (data) : NULL,
    /* Of LUKS it would have to be told the passphrase. */
    .qemu_each = strstr (g->name, "LUKS") ? 0 : qemu_each,
  };
  simdisk_opener_init (&w->opener);
  simdisk_opener_put (&w->opener, "base.raw", base);
  simdisk_opener_put (&w->opener, "data.raw", w->data);
  w->options = (struct image_options) {
    .opener = &w->opener.base, .backing = BACKING_ON, .data_file = BACKING_ON,
    .keyring = keyring, .compress = g->compress,
    .metadata_cache_bytes = 1,
  };
  for (s = 0; s < DISK_SECTORS; ++s)
    w->acknowledged[s] = w->allowed[s] = g->backed ? FIRST : ZEROS;
}

static void
world_destroy (struct world *w)
{
  simdisk_free (w->disk);
  simdisk_free (w->data);
  simdisk_opener_destroy (&w->opener);
}

static void
run (const struct geometry *g, struct simdisk *pristine, uint64_t seed)
{
  struct world w;

  world_init (&w, g, pristine, seed);
  world_do_requests (&w, NR_REQUESTS);
  world_check (&w, w.disk, w.data, w.acknowledged, "at the end", NULL);
  world_destroy (&w);
}

/* Each life of the server reserves clusters anew, and is killed after one
 * request: so refcount blocks and their table grow again and again. */
static void
grow (const struct geometry *g, struct simdisk *pristine, unsigned nr_lives)
{
  struct simdisk *next;
  struct image *img;
  struct world w;

  world_init (&w, g, pristine, 1);
  w.only_durable = true;
  w.nr_crashes = MAX_CRASHES;
  while (w.request < nr_lives) {
    simdisk_trace (w.disk, world_look, &w);
    img = world_open (&w, w.disk, true);
    w.request++;
    world_one_request (&w, img);
    image_close (img);
    next = simdisk_kill (w.disk);
    simdisk_free (w.disk);
    w.disk = next;
  }
  world_destroy (&w);
}

static uint64_t
number_from_env (const char *name, uint64_t otherwise)
{
  const char *s = getenv (name);

  return s ? strtoull (s, NULL, 10) : otherwise;
}

static void
test_growth (void **state)
{
  static const struct geometry g = {
    .name = "growth",
    .create = "qemu-img create -q -f qcow2 -o cluster_size=512,"
              "refcount_bits=64 t.qcow2 256k",
  };
  struct simdisk *pristine;

  (void) state;
  base = crash_load ("base.raw");
  crash_shell (g.create);
  pristine = crash_load ("t.qcow2");
  grow (&g, pristine, 40);
  simdisk_free (pristine);
  simdisk_free (base);
}

static void
test_crash (void **state)
{
  const bool one = getenv ("BATON_TEST_SEED") != NULL;
  const uint64_t first = number_from_env ("BATON_TEST_SEED", 0);
  const uint64_t nr = one ? 1 : number_from_env ("BATON_TEST_RUNS",
                                                 getenv ("BATON_TEST_LONG")
                                                 ? 8 : 2);
  struct simdisk *pristine;
  uint64_t seed;
  size_t i;

  (void) state;
  qemu_each = getenv ("BATON_TEST_LONG") ? 300
              : getenv ("BATON_TEST_RUNS") ? 5000 : 1000;
  base = crash_load ("base.raw");
  assert_int_equal (keyring_new ("secret", 6, "pw", &keyring, NULL), 0);
  for (i = 0; i < NR_GEOMETRIES; ++i) {
    crash_shell (geometries[i].create);
    pristine = crash_load ("t.qcow2");
    data = geometries[i].has_data_file ? crash_load ("data.raw") : NULL;
    for (seed = first; seed < first + nr; ++seed)
      run (&geometries[i], pristine, seed);
    simdisk_free (pristine);
    simdisk_free (data);
    crash_shell ("rm -f t.qcow2 data.raw");
  }
  simdisk_free (base);
  keyring_free (keyring);
  printf ("%" PRIu64 " crash points: %" PRIu64 " states after a power cut, %"
          PRIu64 " kills; %" PRIu64 " served again, %" PRIu64 " power cuts of "
          "these; %" PRIu64 " looked at by QEMU, of these %" PRIu64 " by "
          "qemu-img check; %" PRIu64 " leaked clusters seen; seeds %" PRIu64
          " to %" PRIu64 ", 0 violations\n",
          figures.points, figures.cuts, figures.kills, figures.again,
          figures.cuts_again, figures.qemu_looks, figures.qemu_checks,
          figures.leaks, first, first + nr - 1);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_growth),
    cmocka_unit_test (test_crash),
  };
  int r;

  if (system ("qemu-img --version >/dev/null 2>&1") != 0)
    return 77;
  /* Else each large buffer is mapped and unmapped. */
  mallopt (M_MMAP_THRESHOLD, 1 << 25);
  mallopt (M_TRIM_THRESHOLD, 1 << 28);
  if (crash_files_make () == -1)
    return 1;
  r = cmocka_run_group_tests (tests, NULL, NULL);
  crash_files_remove ();
  return r;
}
