/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Compressed writes on a small device: places are used again and again, and
 * what was taken ahead for packing is there for whoever needs it.
 */

#include <config.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "image-world.h"
#include "random.h"

#define KIB UINT64_C (1024)

static const struct world_shape shape = {
  .name = "a small device", .create = "-o cluster_size=4k t.qcow2 8M",
  .device_bytes = 12 * 4 * KIB, .unit_bytes = 4 * KIB,
  .far_offset = 4096 * KIB, .compress = true,
};

static void
must_step (struct world *w, struct step s, uint8_t salt)
{
  struct error err = ERROR_INIT;

  if (world_step (w, &s, salt, &err) == -1)
    fail_msg ("%s", err.text);
}

static void
check_end (struct world *w)
{
  const struct step finish = { FINISH, 0, 0, 0 };

  world_compare (w, false, "at the end");
  must_step (w, finish, 0);
  world_close (w);
  assert_int_equal (world_qemu_look (w, true), VERDICT_CLEAN);
  world_open (w);
  world_compare (w, false, "opened again");
}

/* Four bits of each byte are random, so that it takes two writes to fill a
 * host cluster. */
static void
write_random (struct world *w, uint64_t offset, struct random *r)
{
  struct error err = ERROR_INIT;
  unsigned i;

  for (i = 0; i < 4 * KIB; ++i)
    w->new[offset + i] = random_below (r, 16);
  if (image_write (w->img, w->new + offset, 4 * KIB, offset, 0, &err) == -1)
    fail_msg ("%s", err.text);
}

/* Every host cluster is filled, freed and filled again several times.  The
 * clusters inflated last are remembered by their place: not when other data
 * is there. */
static void
test_place_is_used_again (void **state)
{
  const struct step trim = { ZERO, UNITS (5), UNITS (2), IMAGE_MAY_TRIM };
  const struct step flush = { FLUSH, 0, 0, 0 };
  struct random r = { 1 };
  struct world w;
  unsigned i, j;

  (void) state;
  world_init (&w, &shape);
  world_restart (&w);
  world_open (&w);
  for (i = 0; i < 40; ++i) {
    write_random (&w, 5 * 4 * KIB, &r);
    write_random (&w, 6 * 4 * KIB, &r);
    world_compare (&w, false, "written");
    must_step (&w, trim, 0);
    for (j = 0; j < 4; ++j)
      must_step (&w, flush, 0);
  }
  write_random (&w, 5 * 4 * KIB, &r);
  check_end (&w);
  world_destroy (&w);
}

/* Packing has taken all there is; a cluster that is written in part needs
 * one of them. */
static void
test_ahead_is_not_lost (void **state)
{
  const struct step packed = { WRITE, UNITS (5), UNITS (1), 0 };
  const struct step part = { WRITE, UNITS (6) + 4, 3, 0 };
  struct image_stats stats;
  struct world w;

  (void) state;
  world_init (&w, &shape);
  world_restart (&w);
  world_open (&w);
  must_step (&w, packed, 1);
  image_get_stats (w.img, &stats);
  assert_int_equal (stats.reserved_clusters, 0);
  must_step (&w, part, 2);
  must_step (&w, part, 3);
  check_end (&w);
  world_destroy (&w);
}

/* More pieces than go to the file in one write, all there together. */
static void
test_many_pieces (void **state)
{
  static const struct world_shape many = {
    .name = "many", .create = "-o cluster_size=4k t.qcow2 4M",
    .unit_bytes = 128 * KIB, .far_offset = 2048 * KIB, .compress = true,
  };
  const struct step s = { WRITE, UNITS (4), UNITS (3), 0 };
  struct world w;

  (void) state;
  world_init (&w, &many);
  world_restart (&w);
  world_open (&w);
  must_step (&w, s, 1);
  check_end (&w);
  world_destroy (&w);
}

static void
refused (const char *create, const char *what)
{
  struct image_options options = { .compress = true };
  struct error err = ERROR_INIT;
  char dir[] = "/tmp/baton-pack-XXXXXX", line[512];
  struct simdisk *disk;
  struct image *img;
  struct io *io;

  assert_non_null (mkdtemp (dir));
  snprintf (line, sizeof line, "cd %s; for i in 1 2 3 4 5 6 7 8; do "
            "qemu-img create -q -f qcow2 %s t.qcow2 1M && exit 0; done; exit 1",
            dir, create);
  assert_int_equal (system (line), 0);
  snprintf (line, sizeof line, "%s/t.qcow2", dir);
  disk = simdisk_load_file (line, 512, &err);
  snprintf (line, sizeof line, "rm -r %s", dir);
  assert_int_equal (system (line), 0);
  assert_non_null (disk);
  io = simdisk_open (disk, IO_OPEN_WRITE, &err);
  assert_int_equal (image_open (io, "t.qcow2", true, &options, &img, &err),
                    -1);
  assert_int_equal (err.errnum, ENOTSUP);
  snprintf (line, sizeof line, "compress=on: this image %s", what);
  if (!strstr (err.text, line))
    fail_msg ("%s", err.text);
  io_close (io);
  simdisk_free (disk);
}

/* Where nothing can be compressed it says so. */
static void
test_refused (void **state)
{
  (void) state;
  refused ("-o data_file=data.raw", "keeps its data in an external data file");
  refused ("--object secret,id=s,data=password -o encrypt.format=luks,"
           "encrypt.key-secret=s,encrypt.iter-time=10", "is encrypted, and "
           "what is encrypted cannot be compressed");
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_place_is_used_again),
    cmocka_unit_test (test_ahead_is_not_lost),
    cmocka_unit_test (test_many_pieces),
    cmocka_unit_test (test_refused),
  };

  if (system ("qemu-img --version >/dev/null 2>&1") != 0)
    return 77;
  return cmocka_run_group_tests (tests, NULL, NULL);
}
