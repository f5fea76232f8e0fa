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
 * And where a new refcount table is made, it and its blocks are there as soon
 * as the header says so (C2).
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

#include "check-damage.h"
#include "check.h"
#include "image.h"
#include "simdisk.h"

#define DISK_BYTES (UINT64_C (256) << 10)
#define NR_CUTS 3u

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
  uint64_t seed;
  struct damage damage;
  struct simdisk *disk;
  uint8_t *content;             /* DISK_BYTES that must read back */
  bool looking;
  uint64_t nr_cuts;
};

static struct simdisk *pristine[NR_GEOMETRIES];
static uint64_t total_cuts;

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
        !(buf[i] == 0 && w->damage.vanishing != DAMAGE_NONE && i >= w->damage.vanishing &&
          i < w->damage.vanishing + w->damage.h.cluster_size))
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
  if (w->damage.only_high && f.nr_low > 0)
    broken (w, "counted too low after a power cut", f.first);
  if (w->damage.only_true && f.nr_untrue > 0)
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
    check_cut (w, simdisk_crash (w->disk, damage_random (&w->damage)), true);
    w->nr_cuts++;
  }
  w->looking = true;
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
  if (qcow2_header_parse (buf, 65536, &w->damage.h, &err) == -1)
    broken (w, "header", err.text);
  free (buf);
  io_close (io);
}

static void
run (unsigned geometry, uint64_t seed)
{
  struct world w = {
    .geometry = &geometries[geometry], .seed = seed,
  };
  struct check_result r;
  struct findings f;
  struct io *io;

  damage_init (&w.damage, seed);
  w.disk = simdisk_kill (pristine[geometry]);
  w.content = malloc (DISK_BYTES);
  assert_non_null (w.content);
  read_header (&w);
  read_all (&w, w.disk, w.content);
  io = open_io (w.disk);
  damage_image (&w.damage, io, DISK_BYTES);
  io_close (io);
  simdisk_trace (w.disk, look, &w);
  w.looking = true;
  check (&w, w.disk, CHECK_REPAIR_ALL, &r, NULL);
  w.looking = false;
  simdisk_trace (w.disk, NULL, NULL);
  check (&w, w.disk, CHECK_REPAIR_NONE, &r, &f);
  if (r.corruptions + r.leaks + r.check_errors > 0 || is_dirty (w.disk))
    broken (&w, "repaired", f.first);
  check_cut (&w, simdisk_crash (w.disk, damage_random (&w.damage)), true);
  total_cuts += w.nr_cuts;
  free (w.content);
  simdisk_free (w.disk);
}

static void
test_power_cuts (void **state)
{
  const char *one = getenv ("BATON_TEST_SEED");
  const uint64_t first = one ? strtoull (one, NULL, 10) : 1;
  const char *runs = getenv ("BATON_TEST_RUNS");
  const uint64_t last = one && runs ? first + strtoull (runs, NULL, 10) - 1
                      : one ? first
                      : getenv ("BATON_TEST_LONG") ? 400 : runs ? 10 : 60;
  uint64_t seed;
  unsigned g;

  (void) state;
  for (g = 0; g < NR_GEOMETRIES; ++g)
    for (seed = first; seed <= last; ++seed)
      run (g, seed);
  printf ("%" PRIu64 " power cuts in repairs\n", total_cuts);
}

/* -- a new refcount table -------------------------------------------------- */

static size_t
durable (void *opaque, const struct simdisk_item *item)
{
  (void) opaque;
  (void) item;
  return 0;
}

/* When the header has it nothing else that was written need have arrived. */
static void
look_at_header (void *opaque, const struct simdisk_event *event)
{
  struct world *w = opaque;
  struct check_result r;
  struct findings f;
  struct simdisk *d;

  if (!w->looking || event->kind != SIMDISK_WRITE ||
      event->phase != SIMDISK_END ||
      event->offset != QCOW2_HDR_REFTABLE_OFFSET)
    return;
  w->looking = false;
  d = simdisk_crash_choose (w->disk, durable, NULL);
  check (w, d, CHECK_REPAIR_NONE, &r, &f);
  if (f.nr_low > 0)
    broken (w, "the header has a table that is not there", f.first);
  check_cut (w, d, true);
  w->nr_cuts++;
  w->looking = true;
}

static void
test_new_table (void **state)
{
  struct check_result r;
  struct io *io;
  unsigned g;

  (void) state;
  for (g = 0; g < NR_GEOMETRIES; ++g) {
    struct world w = { .geometry = &geometries[g] };

    damage_init (&w.damage, 0);
    w.disk = simdisk_kill (pristine[g]);
    w.content = malloc (DISK_BYTES);
    assert_non_null (w.content);
    read_header (&w);
    read_all (&w, w.disk, w.content);
    io = open_io (w.disk);
    damage_table (&w.damage, io);
    io_close (io);
    simdisk_trace (w.disk, look_at_header, &w);
    w.looking = true;
    check (&w, w.disk, CHECK_REPAIR_ALL, &r, NULL);
    assert_true (r.rebuilt);
    assert_int_equal (w.nr_cuts, 1);
    free (w.content);
    simdisk_free (w.disk);
  }
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
    cmocka_unit_test (test_new_table),
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
