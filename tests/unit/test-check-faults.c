/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A check and a repair in which something fails: each call of the file, once
 * or for ever; each call that needs memory; and a user who interrupts it at
 * each step.  It says so; a check that repairs nothing has written nothing;
 * after a repair that did not come to its end the guest's data are there as
 * before, and another repair makes the image well.
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

#include "check.h"
#include "failing-calls.h"
#include "image.h"
#include "poked-image.h"

#define DISK_BYTES (UINT64_C (256) << 10)
#define COPIED (UINT64_C (1) << 63)
#define FAR (UINT64_C (1) << 40)
#define INCOMPAT 72
#define DIRTY 1

/* Clusters 0 to 4: header, refcount table and block, L1 table, L2 table.  A
 * snapshot, and a bitmap that has bits of its own. */
#define CREATE_WITH(options, how) \
  "qemu-img create -q -f qcow2 -o " options " t.qcow2 256k; " \
  "qemu-io -f qcow2 -c 'write -P 1 0 200k' -c 'write " how "-P 3 200k 4k' " \
  "t.qcow2; qemu-img bitmap --add -g 512 t.qcow2 b0; " \
  "qemu-img snapshot -c one t.qcow2; " \
  "qemu-io -f qcow2 -c 'write -P 2 0 100k' -c 'write -z 208k 4k' t.qcow2"
#define CREATE CREATE_WITH ("cluster_size=4k", "-c ")
/* The census allocates for 32 MiB of such clusters at a time. */
#define LONG(mib) CREATE "; truncate -s " #mib "M t.qcow2"
#define MIB(n) (UINT64_C (n) << 20)

static const struct damaged {
  const char *name;
  const char *create;
  bool repaired;                /* before anything fails */
  bool empty;                   /* the guest's tables are others, of zeros */
  enum check_repair repair;
  struct change changes[MAX_CHANGES];
} images[] = {
  { "checked", CREATE, false, false, CHECK_REPAIR_NONE, {
      { REFCOUNT_BLOCK, 80, 2, 7, SET } } },
  { "checked, large clusters", CREATE_WITH ("cluster_size=128k", ""), false,
    false, CHECK_REPAIR_NONE, { { REFCOUNT_BLOCK, 80, 2, 7, SET } } },
  /* What the census has not counted yet, in places far apart. */
  { "checked, far apart", LONG (128), false, true, CHECK_REPAIR_NONE, {
      { L1_TABLE, 0, 8, MIB (33), SET },
      { BITMAP_DIRECTORY, 0, 8, MIB (65), SET },
      { SNAPSHOT_TABLE, 0, 8, MIB (97), SET } } },
  { "rebuilt before", LONG (32), true, false, CHECK_REPAIR_NONE, {
      { REFCOUNT_TABLE, 0, 8, FAR, SET } } },
  { "leaks", CREATE, false, false, CHECK_REPAIR_LEAKS, {
      { BITMAP_REFCOUNT, 0, 2, 3, SET }, { REFCOUNT_BLOCK, 1000, 2, 1, SET },
      { REFCOUNT_BLOCK, 1006, 2, 1, SET } } },
  { "leaks, and others too low", CREATE, false, false, CHECK_REPAIR_LEAKS, {
      { BITMAP_REFCOUNT, 0, 2, 3, SET }, { REFCOUNT_BLOCK, 6, 2, 0, SET },
      { REFCOUNT_BLOCK, 1000, 2, 1, SET } } },
  { "leaks, and no second block", CREATE_WITH ("cluster_size=512", ""), false,
    false, CHECK_REPAIR_LEAKS, {
      { REFCOUNT_BLOCK, 0, 2, 2, SET }, { REFCOUNT_TABLE, 8, 8, 0, SET } } },
  { "counts", CREATE, false, false, CHECK_REPAIR_ALL, {
      { BITMAP_REFCOUNT, 0, 2, 3, SET }, { REFCOUNT_BLOCK, 6, 2, 0, SET },
      { HEADER, INCOMPAT, 8, DIRTY, SET } } },
  { "flags", CREATE, false, false, CHECK_REPAIR_ALL, {
      { L1_TABLE, 0, 8, COPIED, FLIP }, { L2_TABLE, 8, 8, COPIED, FLIP },
      { HEADER, INCOMPAT, 8, DIRTY, SET } } },
  { "rebuilt", LONG (32), false, false, CHECK_REPAIR_ALL, {
      { REFCOUNT_TABLE, 0, 8, FAR, SET },
      { HEADER, INCOMPAT, 8, DIRTY, SET } } },
};
#define NR_IMAGES (sizeof images / sizeof images[0])

enum kind { IO_ONCE, IO_FOR_EVER, MEMORY, INTERRUPT, NR_KINDS };
static const int errnums[NR_KINDS] = { EIO, EIO, ENOMEM, EINTR };

struct steps {
  _Atomic bool interrupt;
  unsigned left;                /* until it is set; 0: never */
};

static void
step (void *opaque, const char *phase, uint64_t done, uint64_t total)
{
  struct steps *s = opaque;

  assert_non_null (phase);
  assert_true (done <= total);
  if (s->left > 0 && --s->left == 0)
    s->interrupt = true;
}

static int
check (struct simdisk *d, enum check_repair repair, struct steps *s,
       struct check_result *ret, struct error *err)
{
  const struct check_options options = {
    .repair = repair, .interrupt = &s->interrupt, .progress = step,
    .opaque = s,
  };
  struct io *io = simdisk_open (d, IO_OPEN_WRITE, NULL);
  const int r = check_image (io, &options, ret, err);

  io_close (io);
  return r;
}

static void
must_become_clean (const char *name, struct simdisk *d)
{
  struct steps none = { .left = 0 };
  struct error err = ERROR_INIT;
  struct check_result r;

  if (check (d, CHECK_REPAIR_ALL, &none, &r, &err) == -1)
    fail_msg ("%s: %s", name, err.text);
  assert_int_equal (check (d, CHECK_REPAIR_NONE, &none, &r, &err), 0);
  assert_int_equal (r.corruptions + r.leaks + r.check_errors, 0);
}

/* The guest's disk, and the snapshot's. */
static void
read_all (struct simdisk *d, const char *snapshot, uint8_t *ret)
{
  const struct image_options options = { .snapshot = snapshot };
  struct io *io = simdisk_open (d, 0, NULL);
  struct error err = ERROR_INIT;
  struct image *img;

  if (image_open (io, "t.qcow2", false, &options, &img, &err) == -1 ||
      image_read (img, ret, DISK_BYTES, 0, &err) == -1)
    fail_msg ("%s", err.text);
  image_close (img);
}

static void
compare (struct simdisk *d, const uint8_t *now, const uint8_t *then)
{
  uint8_t *buf = malloc (DISK_BYTES);

  assert_non_null (buf);
  read_all (d, NULL, buf);
  assert_memory_equal (buf, now, DISK_BYTES);
  read_all (d, "one", buf);
  assert_memory_equal (buf, then, DISK_BYTES);
  free (buf);
}

static void
arm (struct simdisk *d, enum kind kind, unsigned nth)
{
  if (kind == MEMORY)
    fail_call (nth);
  else if (kind != INTERRUPT)
    simdisk_fail (d, SIMDISK_READ | SIMDISK_CHANGES | SIMDISK_SIZE, nth, EIO,
                  kind == IO_FOR_EVER);
}

static bool
disarm (struct simdisk *d, enum kind kind, const struct steps *s)
{
  const bool memory = fail_call_struck ();
  const bool io = simdisk_fault_struck (d);

  simdisk_fail (d, 0, 0, 0, false);
  return kind == MEMORY ? memory : kind == INTERRUPT ? s->interrupt : io;
}

struct contents {
  struct simdisk *pristine;
  uint8_t now[DISK_BYTES], then[DISK_BYTES];
};

/* Whether the fault struck. */
static bool
fail_nth (const struct damaged *i, const struct contents *c, enum kind kind,
          unsigned nth, unsigned *nr_told)
{
  struct steps s = { .left = kind == INTERRUPT ? nth : 0 };
  struct simdisk *d = simdisk_kill (c->pristine);
  const uint64_t before = simdisk_sum (d);
  struct error err = ERROR_INIT;
  struct check_result result;
  bool struck;
  int r;

  arm (d, kind, nth);
  r = check (d, i->repair, &s, &result, &err);
  struck = disarm (d, kind, &s);
  if (r == -1) {
    assert_true (struck);
    assert_int_equal (err.errnum, errnums[kind]);
    assert_true (err.text[0] != '\0');
    ++*nr_told;
  }
  if (i->repair == CHECK_REPAIR_NONE)
    assert_true (simdisk_sum (d) == before);
  else {
    must_become_clean (i->name, d);
    compare (d, c->now, c->then);
  }
  simdisk_free (d);
  return struck;
}

static void
fail_each (const struct damaged *i, const struct contents *c)
{
  static const unsigned least[NR_KINDS] = { 10, 10, 8, 3 };
  unsigned kind;

  for (kind = 0; kind < NR_KINDS; ++kind) {
    unsigned nth = 1, nr_told = 0;

    while (fail_nth (i, c, kind, nth, &nr_told))
      nth++;
    print_message ("%s: %u failures, %u told\n", i->name, nth - 1, nr_told);
    assert_true (nr_told >= least[kind]);
    /* An interrupt at the last step comes too late. */
    assert_int_equal (nr_told + (kind == INTERRUPT), nth - 1);
  }
}

/* What is read where nothing failed, and that it is what was written. */
static void
learn (const struct damaged *i, struct contents *c)
{
  struct simdisk *d;

  c->pristine = poked_image (i->create, i->changes);
  if (i->repaired)
    must_become_clean (i->name, c->pristine);
  d = simdisk_kill (c->pristine);
  must_become_clean (i->name, d);
  read_all (d, NULL, c->now);
  read_all (d, "one", c->then);
  simdisk_free (d);
  assert_int_equal (c->now[0], i->empty ? 0 : 2);
  assert_int_equal (c->now[150 << 10], i->empty ? 0 : 1);
  assert_int_equal (c->now[201 << 10], i->empty ? 0 : 3);
  assert_int_equal (c->then[0], i->empty ? 0 : 1);
  assert_int_equal (c->then[201 << 10], i->empty ? 0 : 3);
}

static void
test_each_failure (void **state)
{
  size_t i;

  (void) state;
  for (i = 0; i < NR_IMAGES; ++i) {
    static struct contents c;

    learn (&images[i], &c);
    fail_each (&images[i], &c);
    simdisk_free (c.pristine);
  }
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_each_failure),
  };

  if (system ("command -v qemu-img >/dev/null && command -v qemu-io "
              ">/dev/null") != 0)
    return 77;
  return cmocka_run_group_tests (tests, NULL, NULL);
}
