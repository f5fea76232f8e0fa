/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A release: what is durable when the record says so, and how many syncs that
 * takes.
 */

#include <config.h>

#include "record-world.h"

static size_t
durable_only (void *opaque, const struct simdisk_item *item)
{
  (void) opaque;
  (void) item;
  return 0;
}

/* What a power cut may leave, at worst, when the record is about to say
 * that the image is released. */
static void
keep_worst (void *opaque, const struct simdisk_event *e)
{
  struct simdisk **ret = opaque;

  if (e->kind == SIMDISK_WRITE && e->phase == SIMDISK_BEGIN &&
      e->offset < 4096 && !*ret)
    *ret = simdisk_crash_choose (e->disk, durable_only, NULL);
}

static void
test_data_before_record (void **state)
{
  struct simdisk *worst = NULL;
  struct handoff *a;
  struct world w;

  (void) state;
  world_init (&w);
  a = new_on (&w, "host-a");
  activate (a, NULL, false);
  assert_int_equal (write_byte (a, 0x33, 8192), 0);
  simdisk_trace (w.disk, keep_worst, &worst);
  release (a);
  simdisk_trace (w.disk, NULL, NULL);
  handoff_free (a);
  world_destroy (&w);

  assert_non_null (worst);
  world_init_with (&w, worst);
  a = new_on (&w, "host-a");
  activate (a, NULL, false);
  assert_int_equal (read_byte (a, 8192), 0x33);
  handoff_free (a);
  world_destroy (&w);
}

/* Syncs of a release after a flush, if FLUSHED, of something written, if
 * WRITTEN. */
static uint64_t
count_syncs (bool written, bool flushed)
{
  struct handoff *a;
  struct world w;
  uint64_t n;

  world_init (&w);
  a = new_on (&w, "host-a");
  activate (a, NULL, false);
  if (written)
    assert_int_equal (write_byte (a, 0x33, 8192), 0);
  if (flushed)
    assert_int_equal (handoff_flush (a, NULL), 0);
  n = simdisk_calls (w.disk, SIMDISK_SYNC);
  release (a);
  n = simdisk_calls (w.disk, SIMDISK_SYNC) - n;
  handoff_free (a);
  world_destroy (&w);
  return n;
}

/* One for the record and what the allocator gives back, none where that is
 * nothing; one for the guest's data where they are not durable yet. */
static void
test_syncs_of_a_release (void **state)
{
  (void) state;
  assert_int_equal (count_syncs (true, true), 1);
  assert_int_equal (count_syncs (false, true), 0);
  assert_int_equal (count_syncs (true, false), 2);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_data_before_record),
    cmocka_unit_test (test_syncs_of_a_release),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
