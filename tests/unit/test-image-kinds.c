/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What test-image-faults.c does, for the kinds of images that it has not:
 * compressed, encrypted, with a data file, over a backing image.  The Nth call
 * to one of the image's files, or for memory, fails, for N = 1, 2, ... until
 * an operation ends without having met the fault.  Opening is one of them.
 * After each:
 *
 *   - the operation succeeded, or failed with a text;
 *   - each byte of the disk is what it was, or what was asked for;
 *   - where the image is not poisoned the operation can be repeated, the image
 *     finished, and no more leaks than the allocator says is stuck;
 *   - where it is poisoned, changes say so; opened afresh, all is there.
 *
 * With BATON_TEST_VERBOSE the last line before a failure is the point that
 * failed.
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

#include <cmocka.h>

#include "failing-calls.h"
#include "image-internal.h"
#include "image-kinds.h"
#include "poked-image.h"
#include "reference-check.h"

enum what { OPEN, WRITE, NOISE, ZERO, TRIM, FINISH };

struct operation {
  enum what what;
  uint32_t offset, len;         /* cut off at the disk's end */
};

static const struct operation operations[] = {
  { OPEN, 0, 0 },
  { WRITE, 100, 50 },
  { WRITE, 12 * K - 10, 9000 },
  { WRITE, 32 * K, 34 * K },
  { WRITE, 40 * K, 1 * K },
  { WRITE, 100 * K + 1, 20 * K },
  { WRITE, 240 * K, 16 * K },
  { WRITE, 160 * K, 40 * K },
  { NOISE, 160 * K, 40 * K },
  { ZERO, 1536, 1 * K },
  { ZERO, 35 * K + 100, 50 },
  { ZERO, 0, 40 * K },
  { ZERO, 97 * K + 100, 50 },
  { TRIM, 5 * K, 70 * K },
  { TRIM, 0, DISK_BYTES },
  { FINISH, 0, 0 },             /* after some of these */
};

/* Calls for memory. */
#define MEMORY (SIMDISK_ALL + 1)

struct fault {
  unsigned kinds;
  int errnum;
  bool other;                   /* of the other file */
};

static const struct fault faults[] = {
  { MEMORY, ENOMEM, false }, { SIMDISK_READ, EIO, false },
  { SIMDISK_WRITE, EIO, false }, { SIMDISK_ZERO, EIO, false },
  { SIMDISK_SYNC, EIO, false }, { SIMDISK_READ, EIO, true },
  { SIMDISK_CHANGES, EIO, true },
};

#define NR(a) (sizeof (a) / sizeof (a)[0])

struct world {
  const struct kind *kind;
  uint64_t size;                /* of the disk */
  struct simdisk *pristine, *other_pristine;
  struct simdisk *disk, *other;
  struct simdisk_opener opener;
  struct keyring *keyring;
  struct image *img;
  bool knows_digest;
  uint8_t digest[DIGEST_BYTES]; /* of the backing file, since the first time */
  uint8_t first[DISK_BYTES], old[DISK_BYTES], new[DISK_BYTES];
};

static void
must (int r, const struct error *err)
{
  if (r == -1)
    fail_msg ("%s", err->text);
}

/* -- images -------------------------------------------------------------- */

static int
try_open (struct world *w, struct error *err)
{
  const struct image_options options = {
    .opener = &w->opener.base, .backing = BACKING_ON, .data_file = BACKING_ON,
    .keyring = w->keyring, .metadata_cache_bytes = 1,
    .compress = w->kind->compress, .keep_space = w->kind->keep_space,
  };
  uint8_t digest[DIGEST_BYTES] = { 0 };
  bool has = false;
  struct io *io = simdisk_open (w->disk, IO_OPEN_WRITE, err);

  if (image_open (io, "t.qcow2", true, &options, &w->img, err) == -1) {
    io_close (io);
    return -1;
  }
  if (image_start_writing (w->img, err) == 0 &&
      image_digest_backing (w->img, &has, digest, err) == 0) {
    assert_int_equal (has, w->kind->backed);
    if (has && w->knows_digest)
      assert_memory_equal (digest, w->digest, sizeof digest);
    memcpy (w->digest, digest, sizeof digest);
    w->knows_digest = has;
    return 0;
  }
  image_close (w->img);
  w->img = NULL;
  return -1;
}

static void
close_image (struct world *w)
{
  image_close (w->img);
  w->img = NULL;
}

static void
restart (struct world *w)
{
  simdisk_free (w->disk);
  w->disk = simdisk_kill (w->pristine);
  if (w->kind->other) {
    simdisk_free (w->other);
    w->other = simdisk_kill (w->other_pristine);
    simdisk_opener_put (&w->opener, w->kind->other, w->other);
  }
  memcpy (w->old, w->first, sizeof w->old);
  memcpy (w->new, w->first, sizeof w->new);
}

/* Content that QEMU would need the key, or the data file, for. */
static void
fill (struct world *w)
{
  struct error err = ERROR_INIT;

  memset (w->new, 0x33, 60 * K);
  must (try_open (w, &err), &err);
  must (image_write (w->img, w->new, 60 * K, 2 * K, 0, &err), &err);
  must (image_zero (w->img, 4 * K, 20 * K, 0, &err), &err);
  must (image_finish (w->img, &err), &err);
  close_image (w);
}

static void
world_init (struct world *w, const struct kind *kind)
{
  struct error err = ERROR_INIT;
  char line[900];

  *w = (struct world) { .kind = kind, .size = DISK_BYTES - kind->short_bytes };
  simdisk_opener_init (&w->opener);
  must (keyring_new ("sesame", 6, "FILE", &w->keyring, &err), &err);
  w->pristine = poked_image (kind->create, &(struct change) { NOWHERE, 0, 0, 0,
                                                              SET });
  if (kind->backed) {
    snprintf (line, sizeof line, "%s; mv base t.qcow2", kind->create);
    w->other_pristine = poked_image (line, &(struct change) { NOWHERE, 0, 0, 0,
                                                              SET });
  }
  else if (kind->other)
    w->other_pristine = simdisk_new (512);
  restart (w);
  if (kind->filled) {
    fill (w);
    simdisk_free (w->pristine);
    w->pristine = simdisk_kill (w->disk);
    if (kind->other) {
      simdisk_free (w->other_pristine);
      w->other_pristine = simdisk_kill (w->other);
    }
  }
  restart (w);
  must (try_open (w, &err), &err);
  must (image_read (w->img, w->first, w->size, 0, &err), &err);
  close_image (w);
}

static void
world_destroy (struct world *w)
{
  simdisk_free (w->disk);
  simdisk_free (w->other);
  simdisk_free (w->pristine);
  simdisk_free (w->other_pristine);
  simdisk_opener_destroy (&w->opener);
  keyring_free (w->keyring);
}

/* Each byte is the new one or, where MIXED, the old one. */
static void
compare (struct world *w, bool mixed, const char *when)
{
  static uint8_t buf[DISK_BYTES];
  struct error err = ERROR_INIT;
  uint64_t i;

  if (image_read (w->img, buf, w->size, 0, &err) == -1)
    fail_msg ("%s: %s", when, err.text);
  for (i = 0; i < w->size; ++i)
    if (buf[i] != w->new[i] && !(mixed && buf[i] == w->old[i]))
      fail_msg ("%s, %s: offset %" PRIu64 ": %02x, not %02x", w->kind->name,
                when, i, buf[i], w->new[i]);
}

/* -- points --------------------------------------------------------------- */

struct point {
  struct world *w;
  const struct operation *op;
  const struct fault *fault;
  unsigned nth;
};

struct totals {
  unsigned points, failed, poisoned;
};

static void
arm (const struct point *p)
{
  const struct fault *f = p->fault;

  if (f->kinds == MEMORY)
    fail_call (p->nth);
  else
    simdisk_fail (f->other ? p->w->other : p->w->disk, f->kinds, p->nth,
                  f->errnum, false);
}

/* Whether the fault struck; it is over. */
static bool
disarm (const struct point *p)
{
  struct simdisk *d = p->fault->other ? p->w->other : p->w->disk;
  const bool struck = p->fault->kinds == MEMORY ? fail_call_struck ()
    : simdisk_fault_struck (d);

  simdisk_fail (d, SIMDISK_ALL, 0, 0, false);
  return struck;
}

/* The model follows. */
static int
operate (struct world *w, const struct operation *op, struct error *err)
{
  const uint64_t end = op->offset + op->len;
  const uint64_t len = (end < w->size ? end : w->size) - op->offset;
  uint64_t i;

  switch (op->what) {
  case OPEN:
    return try_open (w, err);
  case FINISH:
    return image_finish (w->img, err);
  case WRITE:
    for (i = op->offset; i < op->offset + len; ++i)
      w->new[i] = (uint8_t) (0x40 | i >> 9);
    return image_write (w->img, w->new + op->offset, len, op->offset, 0, err);
  case NOISE:                   /* that does not shrink */
    for (i = op->offset; i < op->offset + len; ++i)
      w->new[i] = (uint8_t) (i * i * UINT64_C (0x9e3779b97f4a7c15) >> 40);
    return image_write (w->img, w->new + op->offset, len, op->offset, 0, err);
  case ZERO:
  case TRIM:
    memset (w->new + op->offset, 0, len);
    return image_zero (w->img, len, op->offset,
                       op->what == TRIM ? IMAGE_MAY_TRIM : 0, err);
  }
  return -1;
}

static void
check_references (struct world *w, uint64_t stuck)
{
  struct error err = ERROR_INIT;
  uint64_t leaks = 0;
  struct io *io;

  if (w->kind->unchecked)
    return;
  io = simdisk_open (w->disk, 0, &err);
  must (reference_check (io, &leaks, &err), &err);
  io_close (io);
  /* A cluster of compressed data may be stuck with each of its users. */
  if (w->kind->packed)
    assert_true (leaks <= stuck);
  else
    assert_int_equal (leaks, stuck);
}

static void
check_usable (const struct point *p)
{
  struct error err = ERROR_INIT;
  struct world *w = p->w;
  uint64_t stuck;

  if (p->op->what != OPEN)
    must (operate (w, p->op, &err), &err);
  compare (w, false, "repeated");
  must (image_finish (w->img, &err), &err);
  stuck = w->img->allocator.nr_stuck;
  close_image (w);
  check_references (w, stuck);
  must (try_open (w, &err), &err);
  compare (w, false, "opened again");
  close_image (w);
}

static void
check_poisoned (const struct point *p)
{
  struct error err = ERROR_INIT;
  struct world *w = p->w;

  assert_true (p->fault->kinds & SIMDISK_CHANGES);
  assert_int_equal (image_write (w->img, "x", 1, 0, 0, &err), -1);
  assert_int_equal (err.errnum, EIO);
  assert_string_equal (err.class, "Poisoned");
  assert_int_equal (image_finish (w->img, &err), -1);
  close_image (w);
  must (try_open (w, &err), &err);
  compare (w, true, "opened afresh");
  must (operate (w, p->op, &err), &err);
  compare (w, false, "repeated afresh");
  close_image (w);
}

static bool
run_point (const struct point *p, struct totals *t)
{
  struct error err = ERROR_INIT;
  struct world *w = p->w;
  bool struck;
  int r;

  restart (w);
  if (p->op->what != OPEN)
    must (try_open (w, &err), &err);
  if (p->op->what == FINISH) {
    must (operate (w, &(struct operation) { TRIM, 5 * K, 70 * K }, &err),
          &err);
    must (operate (w, &(struct operation) { WRITE, 90 * K, 5 * K }, &err),
          &err);
    memcpy (w->old, w->new, sizeof w->old);
  }
  arm (p);
  r = operate (w, p->op, &err);
  struck = disarm (p);
  t->points += struck;
  if (r == -1) {
    t->failed++;
    if (!struck)
      fail_msg ("failed without a fault: %s", err.text);
    if (err.errnum != p->fault->errnum && err.errnum != EIO)
      fail_msg ("errno %d: %s", err.errnum, err.text);
    assert_true (err.text[0] != '\0');
    if (p->op->what == OPEN)
      must (try_open (w, &err), &err);
  }
  compare (w, r == -1, "after the fault");
  if (!atomic_load (&w->img->poison.set))
    check_usable (p);
  else {
    t->poisoned++;
    check_poisoned (p);
  }
  return struck;
}

static void
test_kind (void **state)
{
  const unsigned step = one_of (11);
  static struct world w;
  struct totals t = { 0, 0, 0 };
  struct point p = { .w = &w };
  size_t o, f;

  world_init (&w, *state);
  for (o = 0; o < NR (operations); ++o)
    for (f = 0; f < NR (faults); ++f) {
      if (faults[f].other && !w.other)
        continue;
      p.op = &operations[o];
      p.fault = &faults[f];
      p.nth = 0;
      do {
        p.nth += p.nth ? step : 1;
        if (getenv ("BATON_TEST_VERBOSE"))
          print_message ("operation %zu, fault %zu, call %u\n", o, f, p.nth);
      } while (run_point (&p, &t));
    }
  print_message ("%s: %u points of failure, %u operations failed, %u images "
                 "poisoned\n", w.kind->name, t.points, t.failed, t.poisoned);
  assert_true (t.points > 50 / step && t.failed > 50 / step);
  world_destroy (&w);
}

int
main (void)
{
  struct CMUnitTest tests[NR (kinds)];
  size_t i;

  if (system ("command -v qemu-img >/dev/null && command -v qemu-io "
              ">/dev/null") != 0)
    return 77;
  for (i = 0; i < NR (kinds); ++i)
    tests[i] = (struct CMUnitTest) { kinds[i].name, test_kind, NULL, NULL,
                                     (void *) &kinds[i] };
  return cmocka_run_group_tests (tests, NULL, NULL);
}
