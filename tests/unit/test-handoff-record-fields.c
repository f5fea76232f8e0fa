/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Each field of a record, and of a ticket, by which a server knows that it is
 * his own: where one of them differs it is another's.
 */

#include <config.h>

#include <errno.h>

#include "record-world.h"

/* -- a record that changes while its server is active ---------------------- */

static void
released (struct record *r)
{
  r->state = RECORD_RELEASED;
}

static void
next_epoch (struct record *r)
{
  r->epoch++;
}

static void
other_uuid (struct record *r)
{
  r->uuid[0] ^= 1;
}

static void
other_instance (struct record *r)
{
  r->instance[RECORD_ID_BYTES - 1] ^= 1;
}

static void
change_record (struct world *w, void (*change) (struct record *))
{
  struct io *io = simdisk_open (w->disk, IO_OPEN_WRITE, NULL);
  struct view v;

  assert_int_equal (view_read_header (io, NULL, &v, NULL), 0);
  change (&v.record);
  assert_int_equal (record_write (io, v.header, v.cluster_size, &v.record,
                                  IO_DSYNC, NULL), 0);
  view_clear (&v);
  io_close (io);
}

/* A byte of the host's name: the checksum no longer holds. */
static void
damage_record (struct world *w)
{
  struct io *io = simdisk_open (w->disk, IO_OPEN_WRITE, NULL);
  uint8_t header[4096];
  size_t i = 0;

  assert_int_equal (io_pread (io, header, sizeof header, 0, NULL), 0);
  while (memcmp (header + i, "host-a", 6) != 0)
    assert_true (++i < sizeof header - 6);
  assert_int_equal (io_pwrite (io, "H", 1, i, IO_DSYNC, NULL), 0);
  io_close (io);
}

static void
overtaken_by (void (*change) (struct record *))
{
  struct handoff_status s;
  struct handoff *a;
  struct world w;
  uint64_t before;

  world_init (&w);
  a = new_on (&w, "host-a");
  activate (a, NULL, false);
  assert_int_equal (write_byte (a, 0x11, 0), 0);
  if (change)
    change_record (&w, change);
  else
    damage_record (&w);
  before = simdisk_sum (w.disk);
  assert_int_equal (handoff_inactivate (a, 0, NULL), 0);
  assert_true (simdisk_sum (w.disk) == before);
  handoff_get_status (a, &s);
  assert_int_equal (s.state, HANDOFF_INACTIVE);
  assert_int_equal (s.ownership.found,
                    change ? RECORD_VALID : RECORD_DAMAGED);
  handoff_free (a);
  world_destroy (&w);
}

/* It writes nothing: the image is the other's. */
static void
test_each_field_of_a_record (void **state)
{
  (void) state;
  overtaken_by (released);
  overtaken_by (next_epoch);
  overtaken_by (other_uuid);
  overtaken_by (other_instance);
  overtaken_by (NULL);
}

/* A request is in flight: it may still be writing, so its end is waited for
 * all the same, and no longer than was said. */
static void
test_overtaken_and_busy (void **state)
{
  struct error err = ERROR_INIT;
  struct handoff_status s;
  struct handoff *a;
  struct image *img;
  struct world w;

  (void) state;
  world_init (&w);
  a = new_on (&w, "host-a");
  activate (a, NULL, false);
  assert_int_equal (handoff_admit (a, REQUEST_WRITE, &img, NULL), ADMITTED);
  change_record (&w, next_epoch);
  assert_int_equal (handoff_inactivate (a, 20, &err), -1);
  assert_string_equal (err.class, "DrainTimeout");
  handoff_get_status (a, &s);
  assert_int_equal (s.state, HANDOFF_ACTIVE);
  handoff_leave (a);
  assert_int_equal (handoff_inactivate (a, 20, NULL), 0);
  handoff_free (a);
  world_destroy (&w);
}

struct force {
  struct world *w;
  bool done;
};

/* Before the first change that it sees. */
static void
force_record (void *opaque, const struct simdisk_event *e)
{
  struct force *f = opaque;

  (void) e;
  if (f->done)
    return;
  f->done = true;
  change_record (f->w, next_epoch);
}

/* Between the look before the drain and the one before the record. */
static void
test_overtaken_while_it_ends (void **state)
{
  struct handoff_status s;
  struct handoff *a;
  struct world w;
  struct force f = { .w = &w };

  (void) state;
  world_init (&w);
  a = new_on (&w, "host-a");
  activate (a, NULL, false);
  assert_int_equal (write_byte (a, 0x11, 0), 0);
  simdisk_trace (w.disk, force_record, &f);
  assert_int_equal (handoff_inactivate (a, 0, NULL), 0);
  simdisk_trace (w.disk, NULL, NULL);
  assert_true (f.done);
  /* The other's record stands. */
  check_record (&w, RECORD_HELD, 2, "host-a");
  handoff_get_status (a, &s);
  assert_int_equal (s.state, HANDOFF_INACTIVE);
  assert_int_equal (s.ownership.record.epoch, 2);
  handoff_free (a);
  world_destroy (&w);
}

/* -- a ticket that is asked for twice --------------------------------------- */

static void
not_mine (struct handoff *h, const struct ticket *t)
{
  struct error err = ERROR_INIT;

  assert_int_equal (handoff_take_over (h, t, false, &err), -1);
  assert_string_equal (err.class, "WrongState");
  assert_non_null (strstr (err.text, "did not take over by this ticket"));
  assert_int_equal (write_byte (h, 0x22, 0), 0);
}

static void
test_each_field_of_a_ticket (void **state)
{
  struct ticket t, other;
  struct handoff *a, *b;
  struct world w;

  (void) state;
  world_init (&w);
  a = new_on (&w, "host-a");
  b = new_on (&w, "host-b");
  activate (a, NULL, false);
  /* It took over by none, and there was no record. */
  memset (&other, 0, sizeof other);
  not_mine (a, &other);
  t = release (a);
  activate (b, &t, false);
  activate (b, &t, false);
  other = t;
  other.release.epoch++;
  not_mine (b, &other);
  other = t;
  other.release.uuid[3] ^= 1;
  not_mine (b, &other);
  other = t;
  other.release.nonce[7] ^= 1;
  not_mine (b, &other);
  activate (b, &t, false);
  handoff_free (a);
  handoff_free (b);
  world_destroy (&w);
}

/* The ticket says that there was a backing file, and there is none. */
static void
test_backing_that_is_not (void **state)
{
  struct handoff *a, *b;
  struct ticket t;
  struct world w;

  (void) state;
  world_init (&w);
  a = new_on (&w, "host-a");
  b = new_on (&w, "host-b");
  activate (a, NULL, false);
  t = release (a);
  assert_false (t.has_backing);
  t.has_backing = true;
  refused (b, &t, "BackingChanged");
  t.has_backing = false;
  activate (b, &t, false);
  handoff_free (a);
  handoff_free (b);
  world_destroy (&w);
}

/* -- a server that keeps no records ------------------------------------------ */

/* It is the old record still; and the image, that of a program that does not
 * know records. */
static void
check_left_alone (struct world *w)
{
  struct io *io = simdisk_open (w->disk, 0, NULL);
  struct view v;

  assert_int_equal (view_read_header (io, NULL, &v, NULL), 0);
  assert_int_equal (v.found, RECORD_VALID);
  assert_int_equal (v.record.state, RECORD_RELEASED);
  assert_int_equal (v.record.epoch, 1);
  assert_false (v.intact);
  view_clear (&v);
  io_close (io);
}

/* It was given a ticket: it looks as others do, and writes none. */
static void
test_plain_with_ticket (void **state)
{
  struct handoff *a, *plain;
  struct handoff_status s;
  struct ticket t, other;
  struct world w;

  (void) state;
  world_init (&w);
  a = new_on (&w, "host-a");
  plain = new_at (&w.opener.base, "host-b", false);
  activate (a, NULL, false);
  assert_int_equal (write_byte (a, 0x11, 0), 0);
  t = release (a);
  other = t;
  other.release.nonce[0] ^= 1;
  assert_int_equal (handoff_take_over (plain, &other, false, NULL), -1);
  activate (plain, &t, false);
  handoff_get_status (plain, &s);
  assert_true (s.ownership.has_how);
  assert_int_equal (read_byte (plain, 0), 0x11);
  /* Again, as a caller does who had no answer. */
  activate (plain, &t, false);
  not_mine (plain, &other);
  check_left_alone (&w);
  handoff_free (a);
  handoff_free (plain);
  world_destroy (&w);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_each_field_of_a_record),
    cmocka_unit_test (test_overtaken_and_busy),
    cmocka_unit_test (test_overtaken_while_it_ends),
    cmocka_unit_test (test_each_field_of_a_ticket),
    cmocka_unit_test (test_backing_that_is_not),
    cmocka_unit_test (test_plain_with_ticket),
  };

  if (system ("command -v qemu-img >/dev/null") != 0)
    return 77;
  return cmocka_run_group_tests (tests, NULL, NULL);
}
