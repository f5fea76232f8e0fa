/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Promise P while an image is repaired (docs/DURABILITY.md, "Repair").
 *
 * A run takes an image, damages it at random, leaves some writes of a process
 * that was killed in the page cache, and repairs it.  Before every write, zero
 * and sync of the repair the disk loses power in several ways.  What is left
 *
 *   - must read as before (a guest cluster whose pointer was being removed:
 *     or zeros);
 *   - where nothing was counted too low before, must have nothing counted too
 *     low, and COPIED nowhere but where the refcount is 1;
 *   - without its dirty bit must have no corruption;
 *   - is repaired, after which it is clean.
 *
 * A failure prints the image and the seed; BATON_TEST_SEED replays it.
 */

#include <config.h>

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "check.h"
#include "cursor.h"
#include "image.h"
#include "qcow2-entry.h"
#include "simdisk.h"

#define DISK_BYTES (UINT64_C (256) << 10)
#define NR_CUTS 3u
#define NONE UINT64_MAX

struct geometry {
  const char *name;
  const char *create;
  const char *then;             /* more commands */
};

static const struct geometry geometries[] = {
  { "4k", "cluster_size=4k", "true" },
  { "512, 64-bit refcounts", "cluster_size=512,refcount_bits=64", "true" },
  { "4k, snapshot", "cluster_size=4k,refcount_bits=8",
    "qemu-img snapshot -c s t.qcow2 && "
    "qemu-io -f qcow2 -c 'write -P 9 4k 40k' t.qcow2 >/dev/null" },
};
#define NR_GEOMETRIES (sizeof geometries / sizeof geometries[0])

struct world {
  const struct geometry *geometry;
  uint64_t seed, random;
  struct qcow2_header h;
  struct simdisk *disk;
  uint8_t *content;             /* DISK_BYTES that must read back */
  uint64_t vanishing;           /* guest offset of a cluster that may read
                                 * zeros, or NONE */
  bool only_high;               /* nothing is counted too low */
  bool only_true;               /* COPIED is nowhere that it must not be */
  bool looking;
  uint64_t nr_cuts;
};

static struct simdisk *pristine[NR_GEOMETRIES];
static uint64_t total_cuts;

static uint64_t
next (struct world *w)
{
  w->random ^= w->random << 13;
  w->random ^= w->random >> 7;
  w->random ^= w->random << 17;
  return w->random >> 11;
}

static void
broken (const struct world *w, const char *what, const char *text)
{
  fail_msg ("%s: seed %" PRIu64 ": %s: %s", w->geometry->name, w->seed, what,
            text);
}

static struct io *
open_io (struct simdisk *d)
{
  struct io *io = simdisk_open (d, IO_OPEN_WRITE, NULL);

  assert_non_null (io);
  return io;
}

/* -- checking what is left --------------------------------------------- */

struct findings {
  uint64_t nr_low;
  uint64_t nr_untrue;           /* COPIED where the refcount is not 1 */
  char first[200];
};

static void
note (void *opaque, const char *text)
{
  struct findings *f = opaque;
  const char *entry = strstr (text, "entry=");

  if (f->first[0] == '\0')
    snprintf (f->first, sizeof f->first, "%s", text);
  if (strncmp (text, "ERROR cluster", 13) == 0)
    f->nr_low++;
  if (strncmp (text, "ERROR OFLAG_COPIED", 18) == 0 && entry[6] >= '8')
    f->nr_untrue++;
}

static void
check (struct world *w, struct simdisk *d, enum check_repair repair,
       struct check_result *ret, struct findings *ret_findings)
{
  struct findings f = { 0 };
  const struct check_options options = {
    .repair = repair, .finding = note, .opaque = &f,
  };
  struct error err = ERROR_INIT;
  struct io *io = open_io (d);

  if (check_image (io, &options, ret, &err) == -1)
    broken (w, "check", err.text);
  io_close (io);
  if (ret_findings)
    *ret_findings = f;
}

static void
read_all (struct world *w, struct simdisk *d, uint8_t *buf)
{
  struct simdisk_opener none;
  const struct image_options options = {
    .opener = &none.base, .backing = BACKING_OFF, .metadata_cache_bytes = 1,
  };
  struct error err = ERROR_INIT;
  struct image *img;

  simdisk_opener_init (&none);
  if (image_open (open_io (d), "t.qcow2", false, &options, &img, &err) == -1 ||
      image_read (img, buf, DISK_BYTES, 0, &err) == -1)
    broken (w, "read", err.text);
  image_close (img);
  simdisk_opener_destroy (&none);
}

static void
check_content (struct world *w, struct simdisk *d, const char *when)
{
  uint8_t *buf = malloc (DISK_BYTES);
  uint64_t i;

  assert_non_null (buf);
  read_all (w, d, buf);
  for (i = 0; i < DISK_BYTES; ++i)
    if (buf[i] != w->content[i] &&
        !(buf[i] == 0 && w->vanishing != NONE && i >= w->vanishing &&
          i < w->vanishing + w->h.cluster_size))
      broken (w, when, "the content has changed");
  free (buf);
}

static bool
is_dirty (struct simdisk *d)
{
  struct io *io = open_io (d);
  uint8_t byte;

  assert_int_equal (io_pread (io, &byte, 1, QCOW2_HDR_INCOMPAT + 7, NULL), 0);
  io_close (io);
  return byte & QCOW2_INCOMPAT_DIRTY;
}

/* Takes D over. */
static void
check_cut (struct world *w, struct simdisk *d, bool was_dirty)
{
  struct check_result r;
  struct findings f;

  check_content (w, d, "after a power cut");
  check (w, d, CHECK_REPAIR_NONE, &r, &f);
  if (w->only_high && f.nr_low > 0)
    broken (w, "counted too low after a power cut", f.first);
  if (w->only_true && f.nr_untrue > 0)
    broken (w, "COPIED too early", f.first);
  if (was_dirty && !is_dirty (d) && r.corruptions > 0)
    broken (w, "no longer dirty, but", f.first);
  check (w, d, CHECK_REPAIR_ALL, &r, NULL);
  check (w, d, CHECK_REPAIR_NONE, &r, &f);
  if (r.corruptions + r.leaks + r.check_errors > 0 || is_dirty (d))
    broken (w, "repaired again", f.first);
  check_content (w, d, "repaired again");
  simdisk_free (d);
}

static void
look (void *opaque, const struct simdisk_event *event)
{
  struct world *w = opaque;
  unsigned i;

  if (event->phase == SIMDISK_END || !w->looking)
    return;
  w->looking = false;
  for (i = 0; i < NR_CUTS; ++i) {
    check_cut (w, simdisk_crash (w->disk, next (w)), true);
    w->nr_cuts++;
  }
  w->looking = true;
}

/* -- damage ------------------------------------------------------------ */

static uint64_t
get (struct io *io, uint64_t offset)
{
  uint8_t be[8];

  assert_int_equal (io_pread (io, be, 8, offset, NULL), 0);
  return load_be64 (be);
}

static void
put (struct io *io, uint64_t offset, uint64_t value, unsigned flags)
{
  uint8_t be[8];

  store_be64 (be, value);
  assert_int_equal (io_pwrite (io, be, 8, offset, flags, NULL), 0);
}

static uint64_t
file_clusters (struct world *w, struct io *io)
{
  uint64_t size;

  assert_int_equal (io_size (io, &size, NULL), 0);
  return size >> w->h.cluster_bits;
}

/* Add DELTA to the refcount of CLUSTER, not below 0. */
static void
recount (struct world *w, struct io *io, uint64_t cluster, int delta,
         unsigned flags)
{
  const uint64_t per_block = UINT64_C (1) << w->h.refblock_bits;
  const uint64_t block =
    get (io, w->h.reftable_offset + cluster / per_block * 8);
  uint8_t *buf = malloc (w->h.cluster_size);
  uint64_t n, at;

  assert_non_null (buf);
  if (block != 0) {
    assert_int_equal (io_pread (io, buf, w->h.cluster_size, block, NULL), 0);
    n = refcount_get (buf, w->h.refcount_order, cluster % per_block);
    if (n > 0 || delta > 0)
      refcount_set (buf, w->h.refcount_order, cluster % per_block, n + delta);
    at = ((cluster % per_block) << w->h.refcount_order) / 8 & ~UINT64_C (511);
    assert_int_equal (io_pwrite (io, buf + at, 512, block + at, flags, NULL),
                      0);
  }
  free (buf);
}

/* The place of the entry of a guest cluster that has data, and which. */
static uint64_t
some_entry (struct world *w, struct io *io, uint64_t *ret_guest)
{
  for (;;) {
    const uint64_t guest = next (w) % (DISK_BYTES >> w->h.cluster_bits);
    const uint64_t table =
      get (io, w->h.l1_table_offset + (guest >> w->h.l2_bits) * 8) &
      QCOW2_ENTRY_OFFSET_MASK;
    const uint64_t at =
      table + (guest & ((UINT64_C (1) << w->h.l2_bits) - 1)) * 8;

    if (table == 0 || !(get (io, at) & QCOW2_ENTRY_OFFSET_MASK) ||
        (get (io, at) & QCOW2_ENTRY_COMPRESSED))
      continue;
    *ret_guest = guest << w->h.cluster_bits;
    return at;
  }
}

static void
damage_once (struct world *w, struct io *io)
{
  uint64_t guest, entry = some_entry (w, io, &guest);
  const uint64_t cluster =
    (get (io, entry) & QCOW2_ENTRY_OFFSET_MASK) >> w->h.cluster_bits;

  switch (next (w) % 6) {
  case 0:                       /* counted too high, and COPIED says so */
    recount (w, io, cluster, 1, IO_DSYNC);
    put (io, entry, get (io, entry) & ~QCOW2_ENTRY_COPIED, IO_DSYNC);
    break;
  case 1:
    recount (w, io, next (w) % file_clusters (w, io), 1, IO_DSYNC);
    w->only_true = false;
    break;
  case 2:
    recount (w, io, cluster, -1, IO_DSYNC);
    w->only_high = w->only_true = false;
    break;
  case 3:
    put (io, entry, get (io, entry) ^ QCOW2_ENTRY_COPIED, IO_DSYNC);
    w->only_true = false;
    break;
  case 4:                       /* no refcount block */
    put (io, w->h.reftable_offset, 0, IO_DSYNC);
    w->only_high = w->only_true = false;
    break;
  case 5:                       /* a leak at the end */
    put (io, file_clusters (w, io) << w->h.cluster_bits, 0, IO_DSYNC);
    recount (w, io, file_clusters (w, io), 1, IO_DSYNC);
    break;
  }
}

/* What a process did before it was killed: QEMU with lazy refcounts has
 * pointed to a cluster and counted it, or a pointer is gone. */
static void
leave_pending (struct world *w, struct io *io)
{
  uint64_t guest, entry = some_entry (w, io, &guest);
  const uint64_t cluster =
    (get (io, entry) & QCOW2_ENTRY_OFFSET_MASK) >> w->h.cluster_bits;

  switch (next (w) % 3) {
  case 0:
    put (io, entry, 0, 0);
    w->vanishing = guest;
    break;
  case 1:
    recount (w, io, cluster, -1, IO_DSYNC);
    recount (w, io, cluster, 1, 0);
    w->only_high = w->only_true = false;
    break;
  case 2:
    break;
  }
}

static void
damage (struct world *w)
{
  struct io *io = open_io (w->disk);
  unsigned nr = next (w) % 4, i;

  for (i = 0; i < nr; ++i)
    damage_once (w, io);
  put (io, QCOW2_HDR_INCOMPAT, QCOW2_INCOMPAT_DIRTY, IO_DSYNC);
  leave_pending (w, io);
  io_close (io);
}

/* -- a run ------------------------------------------------------------- */

static void
read_header (struct world *w)
{
  struct error err = ERROR_INIT;
  struct io *io = open_io (w->disk);
  uint8_t *buf = malloc (65536);

  assert_non_null (buf);
  assert_int_equal (io_pread (io, buf, 65536, 0, NULL), 0);
  if (qcow2_header_parse (buf, 65536, &w->h, &err) == -1)
    broken (w, "header", err.text);
  free (buf);
  io_close (io);
}

static void
run (unsigned geometry, uint64_t seed)
{
  struct world w = {
    .geometry = &geometries[geometry], .seed = seed,
    .random = seed * UINT64_C (0x9e3779b97f4a7c15) + 1,
    .vanishing = NONE, .only_high = true, .only_true = true,
  };
  struct check_result r;
  struct findings f;

  w.disk = simdisk_kill (pristine[geometry]);
  w.content = malloc (DISK_BYTES);
  assert_non_null (w.content);
  read_header (&w);
  read_all (&w, w.disk, w.content);
  damage (&w);
  simdisk_trace (w.disk, look, &w);
  w.looking = true;
  check (&w, w.disk, CHECK_REPAIR_ALL, &r, NULL);
  w.looking = false;
  simdisk_trace (w.disk, NULL, NULL);
  check (&w, w.disk, CHECK_REPAIR_NONE, &r, &f);
  if (r.corruptions + r.leaks + r.check_errors > 0 || is_dirty (w.disk))
    broken (&w, "repaired", f.first);
  check_cut (&w, simdisk_crash (w.disk, next (&w)), true);
  total_cuts += w.nr_cuts;
  free (w.content);
  simdisk_free (w.disk);
}

static void
test_power_cuts (void **state)
{
  const char *one = getenv ("BATON_TEST_SEED");
  const uint64_t nr = getenv ("BATON_TEST_LONG") ? 2000 : 60;
  uint64_t seed;
  unsigned g;

  (void) state;
  for (g = 0; g < NR_GEOMETRIES; ++g)
    for (seed = 1; seed <= nr; ++seed)
      if (!one || strtoull (one, NULL, 10) == seed)
        run (g, seed);
  printf ("%" PRIu64 " power cuts\n", total_cuts);
}

static void
make_pristine (const char *dir, unsigned g)
{
  struct error err = ERROR_INIT;
  char line[1024];

  snprintf (line, sizeof line,
            "cd %s && qemu-img create -q -f qcow2 -o %s t.qcow2 256k && "
            "qemu-io -f qcow2 -c 'write -P 1 0 20k' -c 'write -P 2 100k 30k' "
            "-c 'write -P 3 30k 5k' t.qcow2 >/dev/null && %s", dir,
            geometries[g].create, geometries[g].then);
  if (system (line) != 0)
    exit (77);
  snprintf (line, sizeof line, "%s/t.qcow2", dir);
  pristine[g] = simdisk_load_file (line, 512, &err);
  if (!pristine[g])
    fail_msg ("%s", err.text);
  unlink (line);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_power_cuts),
  };
  char dir[] = "/tmp/baton-check-XXXXXX";
  unsigned g;
  int r;

  if (!mkdtemp (dir))
    return 99;
  for (g = 0; g < NR_GEOMETRIES; ++g)
    make_pristine (dir, g);
  rmdir (dir);
  r = cmocka_run_group_tests (tests, NULL, NULL);
  for (g = 0; g < NR_GEOMETRIES; ++g)
    simdisk_free (pristine[g]);
  return r;
}
