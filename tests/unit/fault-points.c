/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See fault-points.h.
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
#include "fault-points.h"
#include "image-internal.h"
#include "reference-check.h"

#define KIB UINT64_C (1024)

const struct world_shape fault_shapes[NR_SHAPES] = {
  { .name = "v3 64k", .create = "t.qcow2 1G",
    .unit_bytes = 64 * KIB, .far_offset = 600 * KIB * KIB },
  { .name = "v2 64k", .create = "-o compat=0.10 t.qcow2 1G",
    .unit_bytes = 64 * KIB, .far_offset = 600 * KIB * KIB },
  { .name = "v3 64k backed", .create = "t.qcow2 1G", .backed = true,
    .unit_bytes = 64 * KIB, .far_offset = 600 * KIB * KIB },
  { .name = "v2 64k backed", .create = "-o compat=0.10 t.qcow2 1G",
    .backed = true, .unit_bytes = 64 * KIB, .far_offset = 600 * KIB * KIB },
  { .name = "v3 64k with a snapshot", .create = "t.qcow2 1G",
    .snapshot = true, .unit_bytes = 64 * KIB,
    .far_offset = 600 * KIB * KIB },
  { .name = "v3 512, new refcount blocks",
    .create = "-o cluster_size=512 t.qcow2 4M",
    .unit_bytes = 4 * KIB, .far_offset = 2048 * KIB },
  { .name = "v3 512, new refcount table",
    .create = "-o cluster_size=512,refcount_bits=64 t.qcow2 4M",
    .file_bytes = 1536 * KIB,
    .unit_bytes = 4 * KIB, .far_offset = 2048 * KIB },
  { .name = "v3 4k on a device", .create = "-o cluster_size=4k t.qcow2 8M",
    .device_bytes = 4096 * KIB, .unit_bytes = 4 * KIB,
    .far_offset = 4096 * KIB },
  { .name = "subclusters", .create = "-o extended_l2=on t.qcow2 1G",
    .unit_bytes = 64 * KIB, .far_offset = 600 * KIB * KIB },
  { .name = "subclusters backed", .create = "-o extended_l2=on t.qcow2 1G",
    .backed = true, .unit_bytes = 64 * KIB, .far_offset = 600 * KIB * KIB },
  { .name = "subclusters with a snapshot", .snapshot = true,
    .create = "-o extended_l2=on,cluster_size=16k t.qcow2 1G",
    .unit_bytes = 16 * KIB, .far_offset = 600 * KIB * KIB },
};

const struct operation fault_operations[NR_OPERATIONS] = {
  { "write in place", { { 0 } }, { { WRITE, 8, UNITS (1), 0 } } },
  { "allocating write", { { 0 } }, { { WRITE, 16 * 4 + 8, UNITS (2), 0 } } },
  { "write over zeros", { { 0 } }, { { WRITE, UNITS (2) + 3, 9, 0 } } },
  { "write in a new table", { { 0 } }, { { WRITE, FAR + 5, UNITS (1), 0 } } },
  { "durable write", { { 0 } },
    { { WRITE, UNITS (5), UNITS (1), IMAGE_FUA } } },
  { "zero", { { 0 } }, { { ZERO, 8, UNITS (3), 0 } } },
  { "trim", { { 0 } }, { { ZERO, 8, UNITS (3), IMAGE_MAY_TRIM } } },
  { "zero what was never written", { { 0 } },
    { { ZERO, UNITS (4) - 3, UNITS (3), 0 } } },
  { "flush", { { WRITE, UNITS (4), UNITS (1), 0 } }, { { FLUSH, 0, 0, 0 } } },
  { "flushes after a trim", { { ZERO, 0, UNITS (2), IMAGE_MAY_TRIM } },
    { { FLUSH, 0, 0, 0 }, { FLUSH, 0, 0, 0 }, { FLUSH, 0, 0, 0 } } },
  { "write to what was trimmed",
    { { ZERO, 0, UNITS (2), IMAGE_MAY_TRIM }, { FLUSH, 0, 0, 0 } },
    { { WRITE, 3, UNITS (1), 0 }, { FLUSH, 0, 0, 0 } } },
  { "finish", { { ZERO, 0, UNITS (2), IMAGE_MAY_TRIM },
                { WRITE, UNITS (6), UNITS (1), 0 } },
    { { FINISH, 0, 0, 0 } } },
};

const struct fault fault_kinds[NR_FAULTS] = {
  { SIMDISK_READ, EIO, false, false }, { SIMDISK_READ, EIO, true, false },
  { SIMDISK_WRITE, EIO, false, false }, { SIMDISK_WRITE, EIO, true, false },
  { SIMDISK_WRITE, ENOSPC, false, false },
  { SIMDISK_WRITE, ENOSPC, true, false },
  { SIMDISK_WRITE, EIO, false, true }, { SIMDISK_WRITE, EIO, true, true },
  { SIMDISK_ZERO, EIO, false, false }, { SIMDISK_ZERO, ENOSPC, true, false },
  { SIMDISK_SYNC, EIO, false, false }, { SIMDISK_SYNC, ENOSPC, true, false },
  { SIMDISK_ALL, EIO, false, false }, { SIMDISK_ALL, ENOSPC, true, false },
  { MEMORY, ENOMEM, false, false }, { MEMORY, ENOMEM, true, false },
};

static void
arm_one (struct point *p, unsigned i)
{
  const struct fault *f = p->faults[i].fault;
  const uint64_t nth = p->faults[i].nth;

  if (f->kinds == MEMORY && i > 0 && p->faults[0].fault->kinds == MEMORY)
    fail_call_too ((unsigned) nth, f->forever);
  else if (f->kinds == MEMORY)
    (f->forever ? fail_calls_from : fail_call) ((unsigned) nth);
  else if (f->torn)
    simdisk_fail_torn (p->w->disk, nth, f->errnum, nth + 1, f->forever);
  else
    simdisk_fail (p->w->disk, f->kinds, nth, f->errnum, f->forever);
}

/* Whether the last two were set in the same place. */
static bool
share_a_place (const struct point *p)
{
  return p->nr_faults > 1 && (p->faults[0].fault->kinds == MEMORY) ==
    (p->faults[1].fault->kinds == MEMORY);
}

static void
arm (struct point *p)
{
  arm_one (p, 0);
  if (p->nr_faults > 1) {
    if (share_a_place (p) && p->faults[0].fault->kinds != MEMORY)
      simdisk_keep_fault (p->w->disk);
    arm_one (p, 1);
  }
}

static bool
has_struck (struct point *p, unsigned i)
{
  const bool kept = i == 0 && share_a_place (p);

  if (p->faults[i].fault->kinds == MEMORY)
    return kept ? fail_call_kept_struck () : fail_call_struck ();
  return kept ? simdisk_kept_fault_struck (p->w->disk)
              : simdisk_fault_struck (p->w->disk);
}

/* It is over; how many have struck. */
static unsigned
disarm (struct point *p)
{
  unsigned i, nr = 0;

  for (i = 0; i < p->nr_faults; ++i)
    nr += p->faults[i].struck = has_struck (p, i);
  fail_call (0);
  simdisk_fail (p->w->disk, 0, 0, 0, false);
  return nr;
}

/* Of the faults that have struck: whether one is of KINDS, or for ever. */
static bool
struck_any (const struct point *p, unsigned kinds, bool forever)
{
  unsigned i;

  for (i = 0; i < p->nr_faults; ++i)
    if (p->faults[i].struck && ((p->faults[i].fault->kinds & kinds) ||
                                (forever && p->faults[i].fault->forever)))
      return true;
  return false;
}

static int
step (struct point *p, const struct step *s, uint8_t salt, struct error *err)
{
  const int r = world_step (p->w, s, salt, err);

  if (p->stepped)
    p->stepped (p, s, r);
  return r;
}

static void
must_step (struct point *p, const struct step *s, uint8_t salt)
{
  struct error err = ERROR_INIT;

  if (step (p, s, salt, &err) == -1)
    fail_msg ("step %d should succeed: %s", (int) s->what, err.text);
}

static int
run_steps (struct point *p, struct error *err)
{
  unsigned i;

  for (i = 0; i < 3; ++i)
    if (step (p, &p->op->steps[i], 3, err) == -1)
      return -1;
  return 0;
}

/* A prime: not always of the same operation. */
#define CHECK_EACH 17u

void
fault_point_references (struct point *p, uint64_t *ret_leaks)
{
  struct error err = ERROR_INIT;
  struct io *io;

  *ret_leaks = 0;
  if (p->w->shape->snapshot)
    return;
  io = simdisk_open (p->w->disk, IO_OPEN_WRITE, &err);
  assert_non_null (io);
  if (reference_check (io, ret_leaks, &err) == -1)
    fail_msg ("references: %s", err.text);
  io_close (io);
}

/* No errors; *RET_LEAKS host clusters leak, where that can be told. */
static void
check_image (struct point *p, bool may_leak, uint64_t *ret_leaks)
{
  if (p->totals->points % p->totals->qemu_each == 0) {
    const enum verdict verdict =
      world_qemu_look (p->w, p->totals->qemu_looks++ % CHECK_EACH == 0);

    if (verdict != VERDICT_CLEAN && !(may_leak && verdict == VERDICT_LEAKS))
      fail_msg ("QEMU's check: %d", verdict);
  }
  fault_point_references (p, ret_leaks);
}

static uint64_t
nr_stuck (struct world *w) NO_TSA
{
  const struct allocator *a = &w->img->allocator;

  return a->nr_stuck + a->refcounts.nr_leaked;
}

/* What is counted and not referred to is in one of the allocator's places. */
static void
check_sum (struct point *p)
{
  uint64_t pool, quarantined, leaks;

  if (p->w->shape->snapshot)
    return;
  allocator_get_stats (&p->w->img->allocator, &pool, &quarantined);
  fault_point_references (p, &leaks);
  if (leaks != pool + quarantined + nr_stuck (p->w))
    fail_msg ("%" PRIu64 " clusters are counted and not referred to: %" PRIu64
              " in the pool, %" PRIu64 " in quarantine, %" PRIu64 " stuck",
              leaks, pool, quarantined, nr_stuck (p->w));
}

static void
assert_poisoned (int r, const struct error *err)
{
  assert_int_equal (r, -1);
  assert_int_equal (err->errnum, EIO);
  assert_non_null (err->class);
  assert_string_equal (err->class, "Poisoned");
}

static void
check_all_changes_fail (struct world *w)
{
  struct error err = ERROR_INIT;
  const uint8_t byte = 0;
  unsigned i;

  for (i = 0; i < 2; ++i) {
    assert_poisoned (image_write (w->img, &byte, 1, 0, 0, &err), &err);
    assert_poisoned (image_zero (w->img, 1, 0, 0, &err), &err);
    assert_poisoned (image_trim (w->img, 1, 0, 0, &err), &err);
    assert_poisoned (image_flush (w->img, &err), &err);
    assert_poisoned (image_finish (w->img, &err), &err);
    assert_null (strstr (err.text, "unknown failure"));
  }
}

/* It works again as if nothing had been: repeat, finish, open again. */
static void
check_usable (struct point *p, bool leaks_before)
{
  struct world *w = p->w;
  uint64_t leaks, stuck;
  const struct step more = { WRITE, UNITS (7), UNITS (1), 0 };
  const struct step last = { FINISH, 0, 0, 0 };
  unsigned i;

  for (i = 0; i < 3; ++i)
    if (p->op->steps[i].what != FINISH)
      must_step (p, &p->op->steps[i], 3);
  if (atomic_load (&w->img->mode) == IMAGE_WRITING)
    must_step (p, &more, 4);
  world_compare (w, false, "repeated");
  must_step (p, &last, 0);
  stuck = nr_stuck (w);
  world_close (w);
  check_image (p, leaks_before || stuck > 0, &leaks);
  if (!leaks_before && !w->shape->snapshot)
    assert_int_equal (leaks, stuck);
  /* Nothing is lost but what could not be read, zeroed or noted on its way. */
  if (!struck_any (p, SIMDISK_READ | SIMDISK_ZERO | MEMORY, false))
    assert_int_equal (stuck, 0);
  p->totals->leaky += leaks > 0;
  world_open (w);
  world_compare (w, false, "opened again");
  world_close (w);
}

static void
check_poisoned (struct point *p, bool failed)
{
  struct world *w = p->w;
  uint64_t leaks;

  p->totals->poisoned++;
  /* A failed read, or a failed punch, is no reason; but where nothing can be
   * read any more, or not when that is tried, what was half done cannot be
   * taken back. */
  if (p->nr_faults == 1)
    assert_true (struck_any (p, SIMDISK_WRITE | SIMDISK_SYNC, true));
  check_all_changes_fail (w);
  world_close (w);
  check_image (p, true, &leaks);
  world_open (w);
  world_compare (w, failed, "opened afresh");
  check_usable (p, true);
}

static void
note_failed_sync (void *opaque, const struct simdisk_event *event)
{
  struct point *p = opaque;

  if (event->kind == SIMDISK_SYNC && event->phase == SIMDISK_END &&
      event->errnum != 0)
    p->sync_failed = true;
}

/* Until the faults have ended. */
static int
try_steps (struct point *p, struct error *err)
{
  int r;

  p->sync_failed = false;
  simdisk_trace (p->w->disk, note_failed_sync, p);
  arm (p);
  r = run_steps (p, err);
  if (r == -1)
    assert_true (err->errnum != 0 && err->text[0] != '\0');
  if (r == -1 && p->nr_faults > 1 && !atomic_load (&p->w->img->poison.set))
    r = run_steps (p, err);
  return r;
}

bool
fault_point_run (struct point *p)
{
  struct error err = ERROR_INIT;
  struct world *w = p->w;
  unsigned nr_struck;
  int r;

  world_restart (w);
  world_open (w);
  must_step (p, &p->op->before[0], 2);
  must_step (p, &p->op->before[1], 2);
  world_settle (w);
  r = try_steps (p, &err);
  nr_struck = disarm (p);
  simdisk_trace (w->disk, NULL, NULL);
  if (nr_struck < p->nr_faults && p->nr_faults > 1)
    return false;
  p->totals->points += nr_struck == p->nr_faults;
  p->totals->failed += r == -1;
  if (r == -1 && nr_struck == 0)
    fail_msg ("failed without a fault: %s", err.text);
  world_compare (w, r == -1, "after the fault");
  if (p->then)
    p->then (p, r);
  if (atomic_load (&w->img->poison.set))
    check_poisoned (p, r == -1);
  else {
    assert_false (p->sync_failed);
    check_sum (p);
    check_usable (p, false);
  }
  return nr_struck == p->nr_faults;
}
