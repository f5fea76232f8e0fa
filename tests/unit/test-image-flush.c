/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Flushes that overlap: they share a sync, but never one that began before
 * they did; and when it fails, all who waited fail, for ever.
 */

#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gate-io.h"
#include "image-finish.h"
#include "image-internal.h"
#include "image-world.h"
#include "io-optional.h"

#define NR_WAITERS 4

static const struct world_shape shape = {
  .name = "v3 64k", .create = "t.qcow2 1G",
  .unit_bytes = 65536, .far_offset = UINT64_C (600) << 20,
};

struct fixture {
  struct world w;
  struct gate_io gate;
  struct image *img;
};

static void
setup (struct fixture *f)
{
  const struct image_options options = { .opener = &f->w.opener.base };
  struct error err = ERROR_INIT;

  world_init (&f->w, &shape);
  world_restart (&f->w);
  gate_init (&f->gate, simdisk_open (f->w.disk, IO_OPEN_WRITE, &err));
  if (image_open (&f->gate.base, "t.qcow2", true, &options, &f->img,
                  &err) == -1 ||
      image_start_writing (f->img, &err) == -1)
    fail_msg ("%s", err.text);
}

static void
teardown (struct fixture *f)
{
  image_close (f->img);
  world_destroy (&f->w);
}

struct flusher {
  struct image *img;
  pthread_t thread;
  struct error err;
  int result;
  _Atomic bool ended;
};

static void *
flush (void *p)
{
  struct flusher *f = p;

  f->result = image_flush (f->img, &f->err);
  atomic_store (&f->ended, true);
  return NULL;
}

static void
start (struct flusher *f, struct image *img)
{
  *f = (struct flusher) { .img = img };
  assert_int_equal (pthread_create (&f->thread, NULL, flush, f), 0);
}

static uint64_t
nr_syncs (struct fixture *f)
{
  return simdisk_calls (f->w.disk, SIMDISK_SYNC);
}

/* One flush is at its sync; the others came after it had begun. */
static void
start_all (struct fixture *f, struct flusher *flushers)
{
  unsigned i;

  gate_close (&f->gate, GATE_SYNC);
  start (&flushers[0], f->img);
  gate_await (&f->gate, 1);
  for (i = 1; i <= NR_WAITERS; ++i)
    start (&flushers[i], f->img);
  usleep (30000);
  for (i = 0; i <= NR_WAITERS; ++i)
    assert_false (atomic_load (&flushers[i].ended));
  assert_int_equal (gate_waiting (&f->gate), 1);
}

static void
test_share_the_next_one (void **state)
{
  struct flusher flushers[1 + NR_WAITERS];
  struct fixture f;
  uint64_t before;
  unsigned i;

  (void) state;
  setup (&f);
  before = nr_syncs (&f);
  start_all (&f, flushers);
  gate_open (&f.gate);
  for (i = 0; i <= NR_WAITERS; ++i) {
    pthread_join (flushers[i].thread, NULL);
    assert_int_equal (flushers[i].result, 0);
  }
  assert_int_equal (nr_syncs (&f), before + 2);
  teardown (&f);
}

/* -- clean --------------------------------------------------------------- */

/* What returns while a sync runs may have missed it. */
static void
test_change_during_a_sync (void **state)
{
  uint8_t byte = 1;
  struct flusher flusher;
  struct fixture f;

  (void) state;
  setup (&f);
  assert_false (image_is_clean (f.img));
  assert_int_equal (image_write (f.img, &byte, 1, 0, 0, NULL), 0);
  gate_close (&f.gate, GATE_SYNC);
  start (&flusher, f.img);
  gate_await (&f.gate, 1);
  assert_int_equal (image_write (f.img, &byte, 1, 1, 0, NULL), 0);
  gate_open (&f.gate);
  pthread_join (flusher.thread, NULL);
  assert_int_equal (flusher.result, 0);
  assert_false (image_is_clean (f.img));
  assert_int_equal (image_flush (f.img, NULL), 0);
  assert_true (image_is_clean (f.img));
  teardown (&f);
}

/* Each change of a file takes the mark away, but one that is durable. */
static void
test_changes (void **state)
{
  uint8_t byte = 1;
  struct fixture f;
  struct io *io;
  int i;

  (void) state;
  setup (&f);
  io = &f.gate.base;
  for (i = 0; i < 4; i++) {
    assert_int_equal (image_flush (f.img, NULL), 0);
    assert_true (image_is_clean (f.img));
    if (i == 0)
      io_pwrite (io, &byte, 1, 1 << 20, 0, NULL);
    else if (i == 1)
      io_zero (io, 1 << 20, 1, IO_PUNCH, NULL);
    else if (i == 2)
      io_truncate (io, 1 << 20, NULL);
    else
      io_pwrite (io, &byte, 1, 1 << 20, IO_DSYNC, NULL);
    assert_int_equal (image_is_clean (f.img), i == 3);
  }
  simdisk_fail (f.w.disk, SIMDISK_WRITE, 1, EIO, false);
  assert_int_equal (io_pwrite (io, &byte, 1, 1 << 20, IO_DSYNC, NULL), -1);
  assert_false (image_is_clean (f.img));
  teardown (&f);
}

/* The last sync looks for no free clusters inside the file: what it found would
 * be counted up after the end. */
static void
test_nothing_is_found_at_the_end (void **state)
{
  struct fixture f;
  struct extent e;
  uint8_t byte = 1;

  (void) state;
  setup (&f);
  assert_int_equal (image_write (f.img, &byte, 1, 0, 0, NULL), 0);
  assert_int_equal (image_write (f.img, &byte, 1, 65536, 0, NULL), 0);
  assert_int_equal (image_trim (f.img, 65536, 0, 0, NULL), 0);
  assert_int_equal (image_finish (f.img, NULL), 0);
  assert_int_equal (image_start_writing (f.img, NULL), 0);
  assert_int_equal (allocator_take (&f.img->allocator, 1, &e, NULL), 0);
  allocator_put_back (&f.img->allocator, e);
  assert_int_equal (image_finish (f.img, NULL), 0);
  assert_int_equal (allocator_quarantined (&f.img->allocator), 0);
  teardown (&f);
}

/* The second sync would succeed; what the first one lost is lost. */
static void
test_waiters_fail_with_it (void **state)
{
  struct flusher flushers[1 + NR_WAITERS];
  struct error err = ERROR_INIT;
  struct fixture f;
  uint64_t before;
  unsigned i;

  (void) state;
  setup (&f);
  assert_int_equal (image_write (f.img, "data", 4, 0, 0, &err), 0);
  before = nr_syncs (&f);
  start_all (&f, flushers);
  simdisk_fail (f.w.disk, SIMDISK_SYNC, 1, EIO, false);
  gate_open (&f.gate);
  for (i = 0; i <= NR_WAITERS; ++i) {
    pthread_join (flushers[i].thread, NULL);
    assert_int_equal (flushers[i].result, -1);
    assert_int_equal (flushers[i].err.errnum, EIO);
    assert_string_equal (flushers[i].err.class, "Poisoned");
    assert_non_null (strstr (flushers[i].err.text, "syncing"));
  }
  assert_int_equal (nr_syncs (&f), before + 1);
  assert_int_equal (image_flush (f.img, &err), -1);
  assert_int_equal (image_write (f.img, "data", 4, 0, 0, &err), -1);
  assert_string_equal (err.class, "Poisoned");
  teardown (&f);
}

static void
test_reason_without_an_error (void **state)
{
  struct error err = ERROR_INIT;
  struct fixture f;

  (void) state;
  setup (&f);
  simdisk_fail (f.w.disk, SIMDISK_SYNC, 1, EIO, false);
  assert_int_equal (image_flush (f.img, NULL), -1);
  assert_int_equal (image_flush (f.img, &err), -1);
  assert_non_null (strstr (err.text, "syncing"));
  teardown (&f);
}

/* Where much waits in quarantine the next change flushes, once; who does not
 * write has nothing to flush. */
static void
test_flushes_unasked (void **state)
{
  struct image_options options = { 0 };
  struct error err = ERROR_INIT;
  struct image *img;
  struct fixture f;
  uint64_t syncs;

  (void) state;
  setup (&f);
  atomic_store (&f.img->crowded, true);
  syncs = simdisk_calls (f.w.disk, SIMDISK_SYNC);
  assert_int_equal (image_write (f.img, "x", 1, 0, 0, &err), 0);
  assert_int_equal (simdisk_calls (f.w.disk, SIMDISK_SYNC), syncs + 1);
  assert_int_equal (image_write (f.img, "x", 1, 0, 0, &err), 0);
  assert_int_equal (simdisk_calls (f.w.disk, SIMDISK_SYNC), syncs + 1);

  options.opener = &f.w.opener.base;
  assert_int_equal (image_open (simdisk_open (f.w.disk, 0, &err), "t.qcow2",
                                false, &options, &img, &err), 0);
  assert_int_equal (image_flush (img, &err), 0);
  assert_int_equal (simdisk_calls (f.w.disk, SIMDISK_SYNC), syncs + 1);
  image_close (img);
  teardown (&f);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_share_the_next_one),
    cmocka_unit_test (test_change_during_a_sync),
    cmocka_unit_test (test_changes),
    cmocka_unit_test (test_nothing_is_found_at_the_end),
    cmocka_unit_test (test_waiters_fail_with_it),
    cmocka_unit_test (test_reason_without_an_error),
    cmocka_unit_test (test_flushes_unasked),
  };

  if (system ("qemu-img --version >/dev/null 2>&1") != 0)
    return 77;
  return cmocka_run_group_tests (tests, NULL, NULL);
}
