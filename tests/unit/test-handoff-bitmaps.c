/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A hand-over of an image with persistent dirty bitmaps: each server finds
 * what the others have recorded; whoever could not inactivate goes on, and
 * what he writes then is not missed; whoever is killed leaves them in use.
 */

#include <config.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bitmaps-world.h"
#include "record-world.h"

static enum handoff_state
state_of (struct handoff *h)
{
  struct handoff_status s;

  handoff_get_status (h, &s);
  return s.state;
}

static bool
has_notice (struct handoff *h, const char *text)
{
  struct handoff_status s;
  unsigned i;

  handoff_get_status (h, &s);
  for (i = 0; i < s.notices.nr; ++i)
    if (strstr (s.notices.text[i], text))
      return true;
  return false;
}

/* A write of one sector, as OFFSET_OF says where. */
static int
write_sector (struct test *t, struct handoff *h, unsigned sector)
{
  if (write_byte (h, 0x11, offset_of (sector)) == -1)
    return -1;
  t->asked[sector] = true;
  return 0;
}

/* What they must be when H has inactivated: valid, or lost and told of. */
static bool
check_released (struct test *t, struct handoff *h)
{
  const bool lost = has_notice (h, "could not be saved");
  struct simdisk *left = simdisk_crash (t->disk, 1);

  assert_int_equal (simdisk_nr_states (t->disk), 1);
  check_left (t, left, false);
  simdisk_free (left);
  if (!lost)
    check_ended (t, "released");
  return lost;
}

/* The server that could not inactivate: what it writes now is not missed. */
static void
go_on (struct test *t, struct handoff *h)
{
  struct simdisk *left;

  assert_int_equal (state_of (h), HANDOFF_ACTIVE);
  if (write_sector (t, h, NEAR_SECTORS + 3) == -1)
    return;                     /* poisoned */
  t->acknowledged = true;
  left = simdisk_kill (t->disk);
  check_left (t, left, true);
  simdisk_free (left);
  t->acknowledged = false;
  release (h);
  assert_false (has_notice (h, "could not be saved"));
  check_released (t, h);
}

static bool
fail_release (struct simdisk *pristine, uint64_t nth, unsigned kinds,
              int errnum, bool forever, unsigned nr[2])
{
  struct world w;
  struct handoff *h;
  struct test t;
  bool struck;
  int r;

  world_init_with (&w, simdisk_kill (pristine));
  test_init (&t, &shapes[1], w.disk, nth);
  h = new_on (&w, "host-a");
  activate (h, NULL, false);
  assert_int_equal (write_sector (&t, h, 5), 0);
  assert_int_equal (write_sector (&t, h, NR_SECTORS - 1), 0);
  simdisk_fail (w.disk, kinds, nth, errnum, forever);
  r = handoff_inactivate (h, 0, NULL);
  struck = simdisk_fault_struck (w.disk);
  simdisk_fail (w.disk, 0, 1, 0, false);
  if (r == 0)
    nr[0] += check_released (&t, h);
  else {
    go_on (&t, h);
    nr[1] += state_of (h) == HANDOFF_INACTIVE;
  }
  handoff_free (h);
  world_destroy (&w);
  return struck;
}

static void
test_failed_release (void **state)
{
  struct simdisk *pristine = make_image (&shapes[1]);
  unsigned nr[2] = { 0, 0 };
  uint64_t nth;
  int forever;

  (void) state;
  for (forever = 0; forever < 2; ++forever) {
    for (nth = 1; fail_release (pristine, nth, SIMDISK_ALL, EIO, forever, nr);)
      nth++;
    assert_true (nth > 8);
    for (nth = 1; fail_release (pristine, nth, SIMDISK_WRITE, ENOSPC, forever,
                                nr);)
      nth++;
    assert_true (nth > 4);
  }
  print_message ("%u times lost, %u times the next one succeeded\n", nr[0],
                 nr[1]);
  assert_true (nr[0] > 0 && nr[1] > 0);
  simdisk_free (pristine);
}

/* Two servers in turns; each finds what the other has recorded. */
static void
test_hand_over (void **state)
{
  struct simdisk *pristine = make_image (&shapes[0]);
  struct handoff *h[2];
  struct ticket ticket;
  struct world w;
  struct test t;
  unsigned i;

  (void) state;
  world_init_with (&w, simdisk_kill (pristine));
  test_init (&t, &shapes[0], w.disk, 0);
  h[0] = new_on (&w, "host-a");
  h[1] = new_on (&w, "host-b");
  for (i = 0; i < 6; ++i) {
    activate (h[i % 2], i > 0 ? &ticket : NULL, false);
    assert_int_equal (write_sector (&t, h[i % 2], i * 61), 0);
    ticket = release (h[i % 2]);
    assert_false (check_released (&t, h[i % 2]));
  }
  /* The one who is killed leaves them in use; the next one says so. */
  activate (h[0], &ticket, false);
  assert_false (has_notice (h[0], "cannot be used"));
  assert_int_equal (write_sector (&t, h[0], 300), 0);
  handoff_free (h[0]);
  t.lost = true;
  activate (h[1], NULL, true);
  assert_true (has_notice (h[1], "2 of the image's persistent dirty bitmaps "
                           "cannot be used"));
  release (h[1]);
  check_ended (&t, "after a crash");
  handoff_free (h[1]);
  world_destroy (&w);
  simdisk_free (pristine);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_failed_release),
    cmocka_unit_test (test_hand_over),
  };

  if (system ("command -v qemu-img >/dev/null && command -v qemu-io "
              ">/dev/null") != 0)
    return 77;
  return cmocka_run_group_tests (tests, NULL, NULL);
}
