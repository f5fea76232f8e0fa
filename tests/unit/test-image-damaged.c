/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Images that are damaged, made to hurt, or only unusual: what can be told at
 * open is refused before anything is written; what cannot must not make the
 * engine lose data.  And a host without space is no damage.
 *
 * All start from the same image of 512-byte clusters, built by hand:
 *
 *   cluster 0  header             cluster 3  L1 table; entry 0 is cluster 4
 *   cluster 1  refcount table     cluster 4  L2 table; entry 0 is cluster 5
 *   cluster 2  refcount block 0   cluster 5  data, 0xdd
 */

#include <config.h>

#include <errno.h>
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

#include "checked.h"
#include "header-builder.h"
#include "image.h"
#include "io-file.h"
#include "reference-check.h"
#include "simdisk.h"

#define C UINT64_C (512)
#define NR_BUILT 6u
#define DISK_BYTES (UINT64_C (1) << 20)
#define COPIED (UINT64_C (1) << 63)
/* Clusters per refcount block, and guest bytes per L2 table. */
#define RANGE (C / 2)
#define L2_COVERS (C / 8 * C)

/* Places in the file. */
#define REFTABLE(i) (1 * C + 8 * (i))
#define REFCOUNT(cluster) (2 * C + 2 * (cluster))
#define L1(i) (3 * C + 8 * (i))
#define L2(i) (4 * C + 8 * (i))

/* In lists of struct poke, whose offsets are those of the file; the last one
 * has the width 0. */
#define MAX_POKES 4

static void
must (int r, const struct error *err)
{
  if (r == -1)
    fail_msg ("%s", err->text);
}

static struct io *
open_io (struct simdisk *d)
{
  struct error err = ERROR_INIT;
  struct io *io = simdisk_open (d, IO_OPEN_WRITE, &err);

  must (io ? 0 : -1, &err);
  return io;
}

/* The image above with POKES, which may be NULL, and NR_CLUSTERS long. */
static struct simdisk *
build (const struct poke *pokes, uint64_t nr_clusters)
{
  static const struct poke tables[] = {
    { AT_CLUSTER_BITS, 4, 9 }, { AT_SIZE, 8, DISK_BYTES },
    { AT_L1_SIZE, 4, DISK_BYTES / L2_COVERS }, { AT_L1_OFFSET, 8, 3 * C },
    { AT_REFTABLE_OFFSET, 8, C },
    { REFTABLE (0), 8, 2 * C }, { L1 (0), 8, 4 * C | COPIED },
    { L2 (0), 8, 5 * C | COPIED }, { 0, 0, 0 },
  };
  struct simdisk *d = simdisk_new (512);
  struct io *io = open_io (d);
  struct error err = ERROR_INIT;
  uint8_t *buf = calloc (1, BUILT_BYTES + nr_clusters * C);
  const struct poke *p;
  uint32_t i;

  assert_non_null (buf);
  build_header (buf, 3);
  for (p = tables; p->width; ++p)
    poke (buf, *p);
  for (i = 0; i < NR_BUILT; ++i)
    poke (buf, (struct poke) { REFCOUNT (i), 2, 1 });
  memset (buf + 5 * C, 0xdd, C);
  for (p = pokes; p && p->width; ++p)
    poke (buf, *p);
  must (io_pwrite (io, buf, nr_clusters * C, 0, IO_DSYNC, &err), &err);
  free (buf);
  io_close (io);
  return d;
}

/* Takes IO over. */
static int
try_open (struct io *io, struct image **ret, struct error *err)
{
  struct simdisk_opener none;
  const struct image_options options = {
    .opener = &none.base, .backing = BACKING_OFF, .metadata_cache_bytes = 1,
  };
  int r;

  simdisk_opener_init (&none);
  r = image_open (io, "t.qcow2", true, &options, ret, err);
  simdisk_opener_destroy (&none);
  if (r == -1)
    io_close (io);
  return r;
}

static struct image *
open_image (struct io *io)
{
  struct error err = ERROR_INIT;
  struct image *img = NULL;

  must (try_open (io, &img, &err), &err);
  must (image_start_writing (img, &err), &err);
  return img;
}

static int
try_write (struct image *img, uint8_t byte, uint64_t offset,
           struct error *err)
{
  uint8_t buf[C];

  memset (buf, byte, sizeof buf);
  return image_write (img, buf, sizeof buf, offset, 0, err);
}

static void
write_cluster (struct image *img, uint8_t byte, uint64_t offset)
{
  struct error err = ERROR_INIT;

  must (try_write (img, byte, offset, &err), &err);
}

static void
require_cluster (struct image *img, uint8_t byte, uint64_t offset)
{
  struct error err = ERROR_INIT;
  uint8_t buf[C], expected[C];

  memset (expected, byte, sizeof expected);
  must (image_read (img, buf, sizeof buf, offset, &err), &err);
  if (memcmp (buf, expected, sizeof buf) != 0)
    fail_msg ("guest offset %" PRIu64 ": %02x, not %02x", offset, buf[0],
              byte);
}

static void
finish_and_close (struct image *img)
{
  struct error err = ERROR_INIT;

  must (image_flush (img, &err), &err);
  must (image_finish (img, &err), &err);
  image_close (img);
}

static void
require_clean (struct simdisk *d)
{
  struct error err = ERROR_INIT;
  struct io *io = open_io (d);
  uint64_t leaks;

  must (reference_check (io, &leaks, &err), &err);
  assert_int_equal (leaks, 0);
  io_close (io);
}

/* Range 1 has no block, range 2 has one; the file ends one cluster before the
 * end of range 1.  The new block fits there, and nothing else does. */
static void
test_gap_in_refcount_table (void **state)
{
  static const struct poke gap[] = {
    { REFTABLE (2), 8, 200 * C }, { REFCOUNT (200), 2, 1 },
    { 0, 0, 0 },
  };
  struct simdisk *d = build (gap, 2 * RANGE - 1);
  struct image *img = open_image (open_io (d));
  uint64_t i;

  (void) state;
  for (i = 1; i < 20; ++i)
    write_cluster (img, (uint8_t) i, i * C);
  finish_and_close (img);
  require_clean (d);
  img = open_image (open_io (d));
  require_cluster (img, 0xdd, 0);
  for (i = 1; i < 20; ++i)
    require_cluster (img, (uint8_t) i, i * C);
  image_close (img);
  simdisk_free (d);
}

/* An entry may point behind the end of the file, where the cluster reads
 * zeros.  On a real file: simulated disks cannot be cut off.  NR_OTHERS:
 * clusters that are allocated besides. */
static void
write_behind_the_end (uint64_t nr_others)
{
  static const struct poke behind[] = {
    { L2 (0), 8, 100 * C | COPIED }, { REFCOUNT (100), 2, 1 },
    { REFCOUNT (5), 2, 0 }, { 0, 0, 0 },
  };
  char path[] = "/tmp/baton-damaged-XXXXXX";
  const int fd = mkstemp (path);
  struct simdisk *d = build (behind, NR_BUILT);
  struct io_file_opener opener;
  struct error err = ERROR_INIT;
  struct image *img;
  struct io *io;
  uint64_t i;

  assert_true (fd >= 0);
  must (simdisk_save_file (d, path, &err), &err);
  io_file_opener_init (&opener, false, LOCKING_OFF);
  must (opener.base.open (&opener.base, path, IO_OPEN_WRITE, &io, &err), &err);
  img = open_image (io);
  require_cluster (img, 0, 0);
  write_cluster (img, 0xab, 0);
  for (i = 1; i <= nr_others; ++i)
    write_cluster (img, (uint8_t) i, i * C);
  finish_and_close (img);
  must (opener.base.open (&opener.base, path, IO_OPEN_WRITE, &io, &err), &err);
  img = open_image (io);
  require_cluster (img, 0xab, 0);
  for (i = 1; i <= nr_others; ++i)
    require_cluster (img, (uint8_t) i, i * C);
  image_close (img);
  close (fd);
  unlink (path);
  simdisk_free (d);
}

static void
test_behind_the_end (void **state)
{
  (void) state;
  write_behind_the_end (0);
  write_behind_the_end (1);
  write_behind_the_end (150);
}

/* A host that has room for LEFT clusters more; those that have been written
 * once have their place. */
struct host {
  uint64_t left;
  bool there[64 * RANGE];
};

static void
charge (void *opaque, const struct simdisk_event *e)
{
  struct host *host = opaque;
  uint64_t c;

  if (e->kind != SIMDISK_WRITE || e->phase != SIMDISK_BEGIN)
    return;
  for (c = e->offset / C; c < div_round_up (e->offset + e->len_bytes, C);
       ++c) {
    assert_true (c < 64 * RANGE);
    if (host->there[c])
      continue;
    if (host->left == 0) {
      simdisk_fail (e->disk, SIMDISK_WRITE, 1, ENOSPC, false);
      return;
    }
    host->left--;
    host->there[c] = true;
  }
}

/* Writes where the guest's disk has no L2 table yet, with room for LEFT
 * clusters; false: there was not enough. */
static bool
write_with_room (uint64_t left)
{
  struct simdisk *d = build (NULL, NR_BUILT);
  struct host host = { .left = left };
  struct image *img = open_image (open_io (d));
  struct error err = ERROR_INIT;
  struct image_stats stats;
  bool enough;

  memset (host.there, true, NR_BUILT);
  simdisk_trace (d, charge, &host);
  enough = try_write (img, 0x11, L2_COVERS, &err) == 0;
  image_get_stats (img, &stats);
  if (stats.poisoned)
    fail_msg ("poisoned, with room for %" PRIu64 " clusters", left);
  if (!enough)
    assert_int_equal (err.errnum, ENOSPC);
  host.left = UINT64_MAX;
  simdisk_fail (d, SIMDISK_ALL, 1, 0, false);
  write_cluster (img, 0x22, L2_COVERS);
  write_cluster (img, 0x33, 2 * L2_COVERS);
  require_cluster (img, 0x22, L2_COVERS);
  require_cluster (img, 0x33, 2 * L2_COVERS);
  finish_and_close (img);
  simdisk_trace (d, NULL, NULL);
  require_clean (d);
  simdisk_free (d);
  return enough;
}

static void
test_no_room_for_l2_table (void **state)
{
  uint64_t left = 0;

  (void) state;
  while (!write_with_room (left)) {
    ++left;
    assert_in_range (left, 1, 30);
  }
  /* Data, a table, and the end of what was reserved: all was tried. */
  assert_true (left >= 2);
}

struct refused {
  const char *name;
  int errnum;
  const char *text;             /* that the error says */
  struct poke pokes[MAX_POKES];
};

#define OVERLAPS " overlaps with other tables of the image: it is damaged, check"
#define TRUNCATED "the refcount table ends at offset "
#define REPAIR " is 0: the image is damaged, repair it with qemu-img check -r all"

static const struct refused damages[] = {
  { "L1 entry 0 leads to the refcount block", EIO, OVERLAPS,
    { { L1 (0), 8, 2 * C | COPIED } } },
  { "L1 entry 0 leads to the L1 table", EIO, OVERLAPS,
    { { L1 (0), 8, 3 * C | COPIED } } },
  { "L1 entry 0 leads to the refcount table", EIO, OVERLAPS,
    { { L1 (0), 8, C | COPIED } } },
  { "L1 entries 0 and 1 lead to one L2 table", EIO, OVERLAPS,
    { { L1 (1), 8, 4 * C | COPIED } } },
  { "L1 entries 0 and 31 lead to one L2 table", EIO, OVERLAPS,
    { { L1 (31), 8, 4 * C | COPIED } } },
  { "the refcount block lies in the L1 table", EIO, OVERLAPS,
    { { REFTABLE (0), 8, 3 * C } } },
  { "the refcount block lies in an L2 table", EIO, OVERLAPS,
    { { REFTABLE (0), 8, 4 * C } } },
  { "the refcount block lies in the refcount table", EIO, OVERLAPS,
    { { REFTABLE (1), 8, C } } },
  { "the refcount table lies over an L2 table", EIO, OVERLAPS,
    { { AT_REFTABLE_OFFSET, 8, 4 * C } } },
  { "two entries of the refcount table have one block", EIO, OVERLAPS,
    { { REFTABLE (1), 8, 2 * C } } },
  /* What the header alone says. */
  { "the L1 table lies over the refcount table", EINVAL, " overlap",
    { { AT_L1_OFFSET, 8, C } } },
  { "the refcount table lies over the L1 table", EINVAL, " overlap",
    { { AT_REFTABLE_OFFSET, 8, 3 * C } } },
  { "the refcount table reaches into the L1 table", EINVAL, " overlap",
    { { AT_REFTABLE_CLUSTERS, 4, 3 } } },
  { "the refcount table is far behind the end", EIO, TRUNCATED,
    { { AT_REFTABLE_OFFSET, 8, UINT64_C (1) << 40 } } },
  { "the refcount table is at the end", EIO, TRUNCATED,
    { { AT_REFTABLE_OFFSET, 8, NR_BUILT * C } } },
  { "the last cluster of the refcount table is missing", EIO, TRUNCATED,
    { { AT_REFTABLE_OFFSET, 8, 5 * C }, { AT_REFTABLE_CLUSTERS, 4, 2 } } },
  { "the header is not counted", EIO,
    "the refcount of the header" REPAIR, { { REFCOUNT (0), 2, 0 } } },
  { "the refcount table is not counted", EIO,
    "refcount of the refcount table is 0", { { REFCOUNT (1), 2, 0 } } },
  { "the L1 table is not counted", EIO, "refcount of the L1 table is 0",
    { { REFCOUNT (3), 2, 0 } } },
  { "L1 entry 0 leads behind the end", EIO,
    " bytes): the file is truncated, restore it from a copy",
    { { L1 (0), 8, UINT64_C (1) << 30 | COPIED } } },
  { "there is no block to count in", EIO, "refcount of the header is 0",
    { { REFTABLE (0), 8, 0 } } },
};

static void
require_refused (const struct refused *r)
{
  struct simdisk *built = build (r->pokes, NR_BUILT);
  struct simdisk *d = simdisk_kill (built);
  struct error err = ERROR_INIT;
  struct image *img = NULL;

  if (try_open (open_io (d), &img, &err) == 0)
    fail_msg ("%s: it was opened", r->name);
  if (err.errnum != r->errnum || !strstr (err.text, r->text))
    fail_msg ("%s: errno %d: \"%s\"", r->name, err.errnum, err.text);
  /* Nothing has changed, since nothing was written. */
  assert_int_equal (simdisk_calls (d, SIMDISK_WRITE | SIMDISK_ZERO), 0);
  simdisk_free (d);
  simdisk_free (built);
}

static void
test_refused_at_open (void **state)
{
  size_t i;

  (void) state;
  for (i = 0; i < sizeof damages / sizeof damages[0]; ++i)
    require_refused (&damages[i]);
}

/* What is refused above is refused for the damage alone. */
static void
test_undamaged (void **state)
{
  struct simdisk *d = build (NULL, NR_BUILT);
  struct image *img = open_image (open_io (d));

  (void) state;
  require_cluster (img, 0xdd, 0);
  write_cluster (img, 0x44, DISK_BYTES - C);
  finish_and_close (img);
  require_clean (d);
  simdisk_free (d);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_undamaged),
    cmocka_unit_test (test_gap_in_refcount_table),
    cmocka_unit_test (test_behind_the_end),
    cmocka_unit_test (test_no_room_for_l2_table),
    cmocka_unit_test (test_refused_at_open),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
