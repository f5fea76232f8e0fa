/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Chains of layers that hold little, of unlike sizes and clusters: every byte
 * and every zero is that of the first layer that has it.  The model is an array
 * that each layer cuts off or fills up with zeros, and then writes to.
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
#include <unistd.h>

#include <cmocka.h>

#include "checked.h"
#include "failing-calls.h"
#include "image.h"
#include "simdisk.h"

#define KIB 1024u
#define MAX_BYTES (256 * KIB)   /* an L1 entry covers 32 KiB, or 128 */
#define MAX_LAYERS 8

struct chain {
  struct simdisk *layers[MAX_LAYERS];
  unsigned nr_layers;
  struct simdisk_opener opener;
  uint64_t size;                /* of the last one */
  uint8_t model[MAX_BYTES];
  unsigned seed;
};

static uint64_t
dice (struct chain *c, uint64_t sides)
{
  return (uint64_t) rand_r (&c->seed) % sides;
}

/* The opener keeps no copy. */
static const char *const names[MAX_LAYERS] = {
  "./l0", "./l1", "./l2", "./l3", "./l4", "./l5", "./l6", "./l7",
};

static struct simdisk *
create (unsigned layer, unsigned cluster, uint64_t size)
{
  char dir[] = "/tmp/baton-layers-XXXXXX", line[256], backing[64] = "";
  struct simdisk *d;
  char path[64];

  assert_non_null (mkdtemp (dir));
  if (layer > 0)
    snprintf (backing, sizeof backing, " -b l%u -F qcow2", layer - 1);
  snprintf (line, sizeof line, "cd %s && qemu-img create -u -q -f qcow2 -o "
            "cluster_size=%u%s x %llu", dir, cluster, backing,
            (unsigned long long) size);
  assert_int_equal (system (line), 0);
  snprintf (path, sizeof path, "%s/x", dir);
  d = simdisk_load_file (path, 512, NULL);
  assert_non_null (d);
  unlink (path);
  rmdir (dir);
  return d;
}

static int
try_open (struct chain *c, bool writable, struct image **ret,
          struct error *err)
{
  const struct image_options options = {
    .opener = &c->opener.base, .backing = BACKING_ON,
  };
  const unsigned last = c->nr_layers - 1;
  struct io *io = simdisk_open (c->layers[last],
                                writable ? IO_OPEN_WRITE : 0, NULL);
  const int r = image_open (io, names[last], writable, &options, ret, err);

  if (r == -1)
    io_close (io);
  return r;
}

static struct image *
open_last (struct chain *c, bool writable)
{
  struct error err = ERROR_INIT;
  struct image *img = NULL;

  if (try_open (c, writable, &img, &err) == -1 ||
      (writable && image_start_writing (img, &err) == -1))
    fail_msg ("%s", err.text);
  return img;
}

/* Whichever call for memory fails, nothing is left open. */
static void
open_without_memory (struct chain *c)
{
  unsigned nth, nr_failed = 0;
  bool struck = true;

  for (nth = 1; struck; ++nth) {
    struct error err = ERROR_INIT;
    struct image *img = NULL;
    int r;

    fail_call (nth);
    r = try_open (c, false, &img, &err);
    struck = fail_call_struck ();
    assert_true (r == 0 || struck);
    assert_int_equal (err.errnum, r == 0 ? 0 : ENOMEM);
    nr_failed += r == -1;
    image_close (img);
  }
  assert_true (nr_failed > 2 * c->nr_layers);
}

/* Many layers have nothing at all. */
static void
write_some (struct chain *c, struct image *img)
{
  uint64_t n = dice (c, 3), at, len;
  struct error err = ERROR_INIT;

  for (; n > 0; --n) {
    at = dice (c, c->size);
    len = 1 + dice (c, min_u64 (3000, c->size - at));
    if (dice (c, 4) == 0) {
      memset (c->model + at, 0, len);
      assert_int_equal (image_zero (img, len, at, 0, &err), 0);
      continue;
    }
    memset (c->model + at, (int) (1 + c->nr_layers), len);
    assert_int_equal (image_write (img, c->model + at, len, at, 0, &err), 0);
  }
  assert_int_equal (image_finish (img, &err), 0);
  image_close (img);
}

static void
add_layer (struct chain *c)
{
  const unsigned i = c->nr_layers++;
  const unsigned cluster = dice (c, 3) == 0 ? 1024 : 512;
  const uint64_t before = c->size;

  c->size = 512 * (1 + dice (c, MAX_BYTES / 512));
  if (dice (c, 2))
    c->size = MAX_BYTES;
  if (before < c->size)
    memset (c->model + before, 0, c->size - before);
  c->layers[i] = create (i, cluster, c->size);
  simdisk_opener_put (&c->opener, names[i], c->layers[i]);
  write_some (c, open_last (c, true));
}

static int
require_zeros (void *opaque, uint64_t offset, uint64_t len, unsigned type,
               struct error *err)
{
  struct chain *c = opaque;
  uint64_t i;

  (void) err;
  for (i = offset; type & IMAGE_EXTENT_ZERO && i < offset + len; ++i)
    if (c->model[i] != 0)
      fail_msg ("%u layers: %llu is no zero", c->nr_layers,
                (unsigned long long) i);
  return 0;
}

static void
require_model (struct chain *c)
{
  struct image *img = open_last (c, false);
  struct error err = ERROR_INIT;
  uint8_t buf[MAX_BYTES];
  unsigned i;

  for (i = 0; i < 50; ++i) {
    const uint64_t at = dice (c, c->size);
    const uint64_t len = 1 + dice (c, c->size - at);

    assert_int_equal (image_read (img, buf, len, at, &err), 0);
    if (memcmp (buf, c->model + at, len) != 0)
      fail_msg ("%u layers: %llu bytes at %llu", c->nr_layers,
                (unsigned long long) len, (unsigned long long) at);
  }
  assert_int_equal (image_extents (img, c->size, 0, require_zeros, c, &err),
                    0);
  image_close (img);
}

static void
try_chain (unsigned seed)
{
  struct chain c = { .seed = seed };
  unsigned i;

  simdisk_opener_init (&c.opener);
  while (c.nr_layers < MAX_LAYERS) {
    add_layer (&c);
    require_model (&c);
  }
  open_without_memory (&c);
  simdisk_opener_destroy (&c.opener);
  for (i = 0; i < c.nr_layers; ++i)
    simdisk_free (c.layers[i]);
}

static void
test_random_chains (void **state)
{
  const char *given = getenv ("BATON_TEST_SEED");
  const unsigned nr = getenv ("BATON_TEST_RUNS") ? 3 : 6;
  unsigned i, seed = given ? (unsigned) strtoul (given, NULL, 10)
                           : (unsigned) getpid ();

  (void) state;
  print_message ("replay: BATON_TEST_SEED=%u\n", seed);
  for (i = 0; i < nr; ++i)
    try_chain (seed + i);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_random_chains),
  };

  if (system ("qemu-img --version >/dev/null 2>&1") != 0)
    return 77;
  return cmocka_run_group_tests (tests, NULL, NULL);
}
