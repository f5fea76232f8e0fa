/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Random requests on images of many geometries, against a copy in memory.
 *
 * Images are made by qemu-img (the test is skipped without it), opened with
 * the smallest metadata cache, changed by writes, zeroes, trims and flushes,
 * read back in between and at the end, finished, and then given to
 * qemu-img check, which must find neither errors nor leaks.  Then they are
 * opened again and must read the same.
 *
 * BATON_TEST_SEED replays one seed; BATON_TEST_OPS changes the length.
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

#include "image.h"
#include "io-file.h"

#define MIB (UINT64_C (1) << 20)
#define MAX_REQUEST (512 * 1024)

struct geometry {
  const char *name;
  const char *create;           /* shell, in the test's directory; makes t.qcow2
                                 * and, with a backing file, base.raw */
  uint64_t size;
  bool backed;
  bool compress;                /* compress=on; written are few values */
};

#define BASE "dd if=/dev/urandom of=base.raw bs=64k count=24 status=none && "

static const struct geometry geometries[] = {
  { .name = "v3 64k",
    .create = "qemu-img create -q -f qcow2 t.qcow2 4M",
    .size = 4 * MIB },
  { .name = "v2 64k",
    .create = "qemu-img create -q -f qcow2 -o compat=0.10 t.qcow2 4M",
    .size = 4 * MIB },
  { .name = "v3 512, 64-bit refcounts",
    .create = "qemu-img create -q -f qcow2 -o cluster_size=512,refcount_bits=64 "
    "t.qcow2 4M",
    .size = 4 * MIB },
  { .name = "v3 512, 1-bit refcounts",
    .create = "qemu-img create -q -f qcow2 -o cluster_size=512,refcount_bits=1 "
    "t.qcow2 4M",
    .size = 4 * MIB },
  { .name = "v3 4k, 2-bit refcounts",
    .create = "qemu-img create -q -f qcow2 -o cluster_size=4k,refcount_bits=2 "
    "t.qcow2 4M",
    .size = 4 * MIB },
  { .name = "v3 2M",
    .create = "qemu-img create -q -f qcow2 -o cluster_size=2M t.qcow2 32M",
    .size = 32 * MIB },
  { .name = "odd size",
    .create = "qemu-img create -q -f qcow2 -o cluster_size=64k t.qcow2 "
    "3999232",
    .size = 3999232 },
  { .name = "v3 over short raw",
    .create = BASE "qemu-img create -q -f qcow2 -b base.raw -F raw "
    "t.qcow2 4M",
    .size = 4 * MIB, .backed = true },
  { .name = "v2 over short raw",
    .create = BASE "qemu-img create -q -f qcow2 -o compat=0.10 "
    "-b base.raw -F raw t.qcow2 4M",
    .size = 4 * MIB, .backed = true },
  { .name = "v3 4k over qcow2 over raw",
    .create = BASE
    "qemu-img create -q -f qcow2 -o cluster_size=1k -b base.raw -F raw "
    "mid.qcow2 2M && "
    "qemu-img create -q -f qcow2 -o cluster_size=4k -b mid.qcow2 -F qcow2 "
    "t.qcow2 4M",
    .size = 4 * MIB, .backed = true },
  { .name = "zlib",
    .create = BASE "qemu-img convert -q -c -f raw -O qcow2 base.raw t.qcow2 && "
    "qemu-img resize -q t.qcow2 4M",
    .size = 4 * MIB, .backed = true },
  { .name = "zlib v2 4k",
    .create = "yes words that deflate | head -c 1572864 > base.raw && "
    "qemu-img convert -q -c -f raw -O qcow2 -o compat=0.10,cluster_size=4k "
    "base.raw t.qcow2 && qemu-img resize -q t.qcow2 4M",
    .size = 4 * MIB, .backed = true },
  { .name = "snapshot",
    .create = BASE "qemu-img convert -q -f raw -O qcow2 base.raw t.qcow2 && "
    "qemu-img resize -q t.qcow2 4M && qemu-img snapshot -c one t.qcow2",
    .size = 4 * MIB, .backed = true },
  { .name = "subclusters 64k",
    .create = "qemu-img create -q -f qcow2 -o extended_l2=on "
    "t.qcow2 4M",
    .size = 4 * MIB },
  { .name = "subclusters 16k over short raw",
    .create = BASE "qemu-img create -q -f qcow2 -o "
    "extended_l2=on,cluster_size=16k -b base.raw -F raw t.qcow2 3999232",
    .size = 3999232, .backed = true },
  { .name = "subclusters 2M",
    .create = BASE "qemu-img create -q -f qcow2 -o "
    "extended_l2=on,cluster_size=2M -b base.raw -F raw t.qcow2 32M",
    .size = 32 * MIB, .backed = true },
  { .name = "subclusters, zlib",
    .create = BASE "qemu-img convert -q -c -f raw -O qcow2 -o "
    "extended_l2=on base.raw t.qcow2 && qemu-img resize -q t.qcow2 4000256",
    .size = 4000256, .backed = true },
  { .name = "subclusters, snapshot",
    .create = BASE "qemu-img convert -q -f raw -O qcow2 -o "
    "extended_l2=on,cluster_size=32k base.raw t.qcow2 && qemu-img resize -q "
    "t.qcow2 4M && qemu-img snapshot -c one t.qcow2",
    .size = 4 * MIB, .backed = true },
  { .name = "subclusters, preallocated",
    .create = "qemu-img create -q -f qcow2 -o "
    "extended_l2=on,preallocation=metadata t.qcow2 4M",
    .size = 4 * MIB },
  { .name = "preallocated",
    .create = "qemu-img create -q -f qcow2 -o preallocation=metadata "
    "t.qcow2 4M",
    .size = 4 * MIB },
  { .name = "packing 4k",
    .create = "qemu-img create -q -f qcow2 -o cluster_size=4k t.qcow2 4M",
    .size = 4 * MIB, .compress = true },
  { .name = "packing v2 64k over short raw",
    .create = BASE "qemu-img create -q -f qcow2 "
    "-o compat=0.10 -b base.raw -F raw t.qcow2 3999232",
    .size = 3999232, .backed = true, .compress = true },
};

#define NR_GEOMETRIES (sizeof geometries / sizeof geometries[0])

struct rng { uint64_t state; };

static uint64_t
next_random (struct rng *r)
{
  r->state ^= r->state << 13;
  r->state ^= r->state >> 7;
  r->state ^= r->state << 17;
  return r->state;
}

static char dir[] = "/tmp/baton-image-XXXXXX";

static void
shell (const char *command)
{
  char line[1024];

  snprintf (line, sizeof line, "cd %s && %s", dir, command);
  if (system (line) != 0)
    fail_msg ("failed: %s", line);
}

static struct image *
open_image (const struct geometry *g, struct io_file_opener *opener)
{
  const struct image_options options = {
    .opener = &opener->base, .metadata_cache_bytes = 1,
    .compress = g->compress,
  };
  struct error err = ERROR_INIT;
  struct image *img = NULL;
  struct io *io;
  char path[64];

  snprintf (path, sizeof path, "%s/t.qcow2", dir);
  if (opener->base.open (&opener->base, path, IO_OPEN_WRITE, &io, &err) == -1
      || image_open (io, path, true, &options, &img, &err) == -1
      || image_start_writing (img, &err) == -1)
    fail_msg ("%s", err.text);
  return img;
}

static uint8_t *
first_content (const struct geometry *g)
{
  uint8_t *model = calloc (1, g->size);
  char path[64];
  FILE *fp;

  assert_non_null (model);
  if (g->backed) {
    snprintf (path, sizeof path, "%s/base.raw", dir);
    fp = fopen (path, "r");
    assert_non_null (fp);
    assert_true (fread (model, 1, g->size, fp) > 0);
    fclose (fp);
  }
  return model;
}

static void
compare (struct image *img, const uint8_t *model, uint64_t len,
         uint64_t offset, const char *when)
{
  struct error err = ERROR_INIT;
  uint8_t *buf = malloc (len);
  uint64_t i;

  assert_non_null (buf);
  if (image_read (img, buf, len, offset, &err) == -1)
    fail_msg ("%s: read: %s", when, err.text);
  for (i = 0; i < len; ++i)
    if (buf[i] != model[offset + i])
      fail_msg ("%s: byte %" PRIu64 " is %02x, expected %02x", when,
                offset + i, buf[i], model[offset + i]);
  free (buf);
}

struct checked_extents { const uint8_t *model; uint64_t at; };

static int
check_extent (void *opaque, uint64_t offset, uint64_t len, unsigned type,
              struct error *err)
{
  struct checked_extents *c = opaque;
  uint64_t i;

  (void) err;
  assert_int_equal (offset, c->at);
  assert_true (len > 0);
  if (type & IMAGE_EXTENT_ZERO)
    for (i = 0; i < len; ++i)
      assert_int_equal (c->model[offset + i], 0);
  c->at += len;
  return 0;
}

static void
compare_extents (struct image *img, const uint8_t *model, uint64_t len,
                 uint64_t offset)
{
  struct checked_extents c = { model, offset };
  struct error err = ERROR_INIT;

  if (image_extents (img, len, offset, check_extent, &c, &err) == -1)
    fail_msg ("extents: %s", err.text);
  assert_int_equal (c.at, offset + len);
}

static void
write_some (struct image *img, uint8_t *model, struct rng *rng, uint64_t len,
            uint64_t offset, unsigned flags, bool few)
{
  const uint64_t mask = few && next_random (rng) % 4 ? 3 : 255;
  struct error err = ERROR_INIT;
  uint64_t i;

  for (i = 0; i < len; ++i)
    model[offset + i] = next_random (rng) & mask;
  if (image_write (img, model + offset, len, offset, flags, &err) == -1)
    fail_msg ("write %" PRIu64 " at %" PRIu64 ": %s", len, offset, err.text);
}

static void
zero_some (struct image *img, uint8_t *model, uint64_t len, uint64_t offset,
           unsigned flags)
{
  struct error err = ERROR_INIT;

  memset (model + offset, 0, len);
  if (image_zero (img, len, offset, flags, &err) == -1)
    fail_msg ("zero %" PRIu64 " at %" PRIu64 ": %s", len, offset, err.text);
}

/* A length and a place; half of all are in a part where they collide. */
static void
pick (struct rng *rng, uint64_t size, uint64_t *ret_len, uint64_t *ret_offset)
{
  static const uint64_t bounds[] = { 16, 512, 4096, 70000, MAX_REQUEST };
  const uint64_t max = bounds[next_random (rng) % 5];
  const uint64_t area = next_random (rng) % 2 ? size : size / 8;

  *ret_offset = next_random (rng) % area;
  *ret_len = 1 + next_random (rng) % max;
  if (next_random (rng) % 3 == 0) {
    *ret_offset &= ~UINT64_C (0xffff);
    *ret_len = (*ret_len + 0xffff) & ~UINT64_C (0xffff);
  }
  if (*ret_offset + *ret_len > size)
    *ret_len = size - *ret_offset;
}

static void
one_request (const struct geometry *g, struct image *img, uint8_t *model,
             struct rng *rng)
{
  const unsigned fua = next_random (rng) % 16 == 0 ? IMAGE_FUA : 0;
  struct error err = ERROR_INIT;
  uint64_t len, offset;

  pick (rng, g->size, &len, &offset);
  switch (next_random (rng) % 10) {
  case 0: case 1: case 2: case 3:
    write_some (img, model, rng, len, offset, fua, g->compress);
    break;
  case 4:
    zero_some (img, model, len, offset, fua);
    break;
  case 5: case 6:
    zero_some (img, model, len, offset, fua | IMAGE_MAY_TRIM);
    break;
  case 7:
    if (image_flush (img, &err) == -1)
      fail_msg ("flush: %s", err.text);
    break;
  case 8:
    compare_extents (img, model, len, offset);
    break;
  default:
    compare (img, model, len, offset, "during the run");
    break;
  }
}

static void
run (const struct geometry *g, uint64_t seed, unsigned nr_requests)
{
  struct rng rng = { seed * 2654435761u + 88172645463325252u };
  struct error err = ERROR_INIT;
  struct io_file_opener opener;
  struct image *img;
  uint8_t *model;
  unsigned i;

  io_file_opener_init (&opener, false, LOCKING_AUTO);
  shell ("rm -f *");
  shell (g->create);
  model = first_content (g);
  img = open_image (g, &opener);
  for (i = 0; i < nr_requests; ++i)
    one_request (g, img, model, &rng);
  compare (img, model, g->size, 0, "at the end");
  if (image_finish (img, &err) == -1)
    fail_msg ("finish: %s", err.text);
  image_close (img);

  shell ("qemu-img check -q t.qcow2");
  img = open_image (g, &opener);
  compare (img, model, g->size, 0, "opened again");
  compare_extents (img, model, g->size, 0);
  image_close (img);
  free (model);
}

static unsigned
number_from_env (const char *name, unsigned otherwise)
{
  const char *s = getenv (name);

  return s ? strtoul (s, NULL, 10) : otherwise;
}

static void
test_random (void **state)
{
  const unsigned nr = number_from_env ("BATON_TEST_OPS", 400);
  const unsigned first = number_from_env ("BATON_TEST_SEED", 1);
  const unsigned last = getenv ("BATON_TEST_SEED") ? first
    : getenv ("BATON_TEST_LONG") ? 8 : 1;
  unsigned seed;
  size_t i;

  (void) state;
  for (i = 0; i < NR_GEOMETRIES; ++i)
    for (seed = first; seed <= last; ++seed) {
      printf ("%s: seed %u\n", geometries[i].name, seed);
      fflush (stdout);
      run (&geometries[i], seed, nr);
    }
}

int
main (void)
{
  const struct CMUnitTest tests[] = { cmocka_unit_test (test_random) };
  int r;

  if (system ("qemu-img --version >/dev/null 2>&1") != 0)
    return 77;
  if (!mkdtemp (dir))
    return 1;
  r = cmocka_run_group_tests (tests, NULL, NULL);
  shell ("rm -f *");
  rmdir (dir);
  return r;
}
