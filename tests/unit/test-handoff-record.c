/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The handoff with ownership records: an image goes from host to host and
 * back, processes end, and programs come along that do not know of any of
 * this.  What goes wrong in the middle: test-handoff-record-faults.c.
 */

#include <config.h>

#include "cursor.h"
#include "qcow2-format.h"

#include "record-world.h"

static void
check_how (struct handoff *h, const char *how)
{
  struct handoff_status s;

  handoff_get_status (h, &s);
  assert_int_equal (s.state, HANDOFF_ACTIVE);
  assert_true (s.ownership.has_how);
  assert_string_equal (ownership_how_name (s.ownership.how), how);
}

/* -- the way there and back -------------------------------------------- */

static void
test_there_and_back (void **state)
{
  struct world w;
  struct handoff *a, *b;
  struct ticket t, again, u;

  (void) state;
  world_init (&w);
  a = new_on (&w, "host-a");
  b = new_on (&w, "host-b");
  activate (a, NULL, false);
  check_how (a, "create");
  check_record (&w, RECORD_HELD, 1, "host-a");
  assert_int_equal (write_byte (a, 0x11, 0), 0);
  refused (b, NULL, "LockHeld");
  t = release (a);
  check_record (&w, RECORD_RELEASED, 1, "host-a");
  again = release (a);
  assert_memory_equal (&t, &again, sizeof t);
  activate (b, &t, false);
  check_how (b, "ticket");
  check_record (&w, RECORD_HELD, 2, "host-b");
  assert_int_equal (read_byte (b, 0), 0x11);
  /* Asked again: success, and nothing is done. */
  activate (b, &t, false);
  activate (b, NULL, false);
  check_record (&w, RECORD_HELD, 2, "host-b");
  assert_int_equal (write_byte (b, 0x22, 8192), 0);
  u = release (b);
  assert_int_equal (u.release.epoch, 2);
  /* The old ticket is good for nothing, and so is no ticket. */
  refused (a, &t, "Overtaken");
  refused (a, NULL, "Overtaken");
  refused (b, &t, "Overtaken");
  activate (a, &u, false);
  check_record (&w, RECORD_HELD, 3, "host-a");
  assert_int_equal (read_byte (a, 8192), 0x22);
  assert_int_equal (handoff_take_over (a, &t, false, NULL), -1);
  handoff_free (a);
  handoff_free (b);
  world_destroy (&w);
}

static void
test_roll_back (void **state)
{
  struct world w;
  struct handoff *a, *b;
  struct ticket t, u;

  (void) state;
  world_init (&w);
  a = new_on (&w, "host-a");
  b = new_on (&w, "host-b");
  activate (a, NULL, false);
  t = release (a);
  activate (a, NULL, false);
  check_how (a, "rollback");
  check_record (&w, RECORD_HELD, 2, "host-a");
  u = release (a);
  assert_false (record_same_id (u.release.nonce, t.release.nonce));
  refused (b, &t, "Overtaken");
  /* With its own ticket, too. */
  activate (a, &u, false);
  check_how (a, "ticket");
  handoff_free (a);
  handoff_free (b);
  world_destroy (&w);
}

/* A former source stays refused whatever state the new owner is in. */
static void
test_overtaken_for_ever (void **state)
{
  struct world w;
  struct handoff *a, *b;
  struct ticket t;

  (void) state;
  world_init (&w);
  a = new_on (&w, "host-a");
  b = new_on (&w, "host-b");
  activate (a, NULL, false);
  t = release (a);
  activate (b, &t, false);
  handoff_free (b);             /* its process ends: no lock any more */
  refused (a, NULL, "Overtaken");
  b = new_on (&w, "host-b");
  activate (b, NULL, false);
  check_how (b, "recovery");
  release (b);
  refused (a, NULL, "Overtaken");
  activate (a, NULL, true);
  check_how (a, "forced");
  handoff_free (a);
  handoff_free (b);
  world_destroy (&w);
}

/* As a host does to which our lock does not reach. */
static void
force_record (struct world *w)
{
  static uint8_t header[65536];
  struct io *io = simdisk_open (w->disk, IO_OPEN_WRITE, NULL);
  struct record r;

  assert_int_equal (io_pread (io, header, sizeof header, 0, NULL), 0);
  assert_int_equal (record_find (header, sizeof header, &r, NULL),
                    RECORD_VALID);
  r.epoch++;
  assert_int_equal (record_random (r.instance, NULL), 0);
  assert_int_equal (record_write (io, header, sizeof header, &r, IO_DSYNC,
                                  NULL), 0);
  io_close (io);
}

/* Once overtaken it writes nothing more, not even what an orderly end does. */
static void
test_overtaken_while_active (void **state)
{
  struct handoff_status s;
  struct handoff *a;
  struct world w;
  uint64_t before;

  (void) state;
  world_init (&w);
  a = new_on (&w, "host-a");
  activate (a, NULL, false);
  assert_int_equal (write_byte (a, 0x11, 0), 0);
  force_record (&w);
  before = simdisk_calls (w.disk, SIMDISK_CHANGES);
  assert_int_equal (handoff_inactivate (a, 0, NULL), 0);
  assert_int_equal (simdisk_calls (w.disk, SIMDISK_CHANGES), before);
  handoff_get_status (a, &s);
  assert_int_equal (s.state, HANDOFF_INACTIVE);
  refused (a, NULL, "Overtaken");
  handoff_free (a);
  world_destroy (&w);
}

static void
test_process_ends (void **state)
{
  struct handoff_status s;
  struct world w;
  struct handoff *a, *b, *plain;

  (void) state;
  world_init (&w);
  a = new_on (&w, "host-a");
  activate (a, NULL, false);
  assert_int_equal (write_byte (a, 0x33, 0), 0);
  handoff_free (a);
  b = new_on (&w, "host-b");
  refused (b, NULL, "HeldElsewhere");
  /* A server without control= respects what it does not keep. */
  plain = new_at (&w.opener.base, "host-b", false);
  refused (plain, NULL, "HeldElsewhere");
  check_record (&w, RECORD_HELD, 1, "host-a");
  a = new_on (&w, "host-a");
  activate (a, NULL, false);
  check_how (a, "recovery");
  assert_int_equal (read_byte (a, 0), 0x33);
  handoff_free (a);
  activate (b, NULL, true);
  handoff_get_status (b, &s);
  assert_int_equal (s.ownership.how, OWNERSHIP_FORCED);
  assert_string_equal (s.ownership.overridden, "HeldElsewhere");
  check_record (&w, RECORD_HELD, 3, "host-b");
  handoff_free (b);
  handoff_free (plain);
  world_destroy (&w);
}

/* The record is not the ticket's any more where its owner has crashed since, or
 * where force overrides what differs; the answer may be lost all the same. */
static void
test_asked_again (void **state)
{
  struct world w;
  struct handoff *a, *b;
  struct ticket t, other;

  (void) state;
  world_init (&w);
  a = new_on (&w, "host-a");
  b = new_on (&w, "host-b");
  activate (a, NULL, false);
  t = release (a);
  activate (b, &t, false);
  handoff_free (b);
  b = new_on (&w, "host-b");
  activate (b, &t, false);
  check_how (b, "recovery");
  activate (b, &t, false);
  check_record (&w, RECORD_HELD, 3, "host-b");
  other = release (b);
  refused (b, &t, "Overtaken");
  activate (b, &t, true);
  check_how (b, "forced");
  activate (b, &t, true);
  check_record (&w, RECORD_HELD, 4, "host-b");
  assert_int_equal (handoff_take_over (b, &other, false, NULL), -1);
  handoff_free (a);
  handoff_free (b);
  world_destroy (&w);
}

/* -- the backing chain ------------------------------------------------- */

static void
put_backing (struct simdisk *d, uint8_t byte)
{
  struct io *io = simdisk_open (d, IO_OPEN_WRITE, NULL);

  assert_int_equal (io_pwrite (io, &byte, 1, 0, IO_DSYNC, NULL), 0);
  io_close (io);
}

static void
test_backing (void **state)
{
  struct simdisk *base = simdisk_new (512);
  struct handoff *a, *b;
  struct ticket t;
  struct world w;

  (void) state;
  world_init_with (&w, make_disk (",backing_file=base,backing_fmt=raw -u"));
  simdisk_opener_put (&w.opener, "/base", base);
  put_backing (base, 1);
  a = new_on (&w, "host-a");
  b = new_on (&w, "host-b");
  activate (a, NULL, false);
  t = release (a);
  assert_true (t.has_backing);
  put_backing (base, 2);
  refused (b, &t, "BackingChanged");
  put_backing (base, 1);
  activate (b, &t, false);
  t = release (b);
  put_backing (base, 2);
  activate (a, &t, true);
  check_how (a, "forced");
  handoff_free (a);
  handoff_free (b);
  world_destroy (&w);
  simdisk_free (base);
}

/* -- programs that do not know ------------------------------------------ */

static void
put_bytes (struct world *w, uint64_t offset, const void *data, size_t len)
{
  struct io *io = simdisk_open (w->disk, IO_OPEN_WRITE, NULL);

  assert_int_equal (io_pwrite (io, data, len, offset, IO_DSYNC, NULL), 0);
  io_close (io);
}

static uint64_t
get_offset (struct world *w, uint64_t at)
{
  struct io *io = simdisk_open (w->disk, 0, NULL);
  uint8_t be[8];

  assert_int_equal (io_pread (io, be, sizeof be, at, NULL), 0);
  io_close (io);
  return load_be64 (be);
}

/* A byte that was 0, AT so far into the table whose offset is at HEADER. */
static void
check_changed (const char *options, uint64_t header, uint64_t at)
{
  struct handoff *a, *b;
  struct ticket t;
  struct world w;

  world_init_with (&w, make_disk (options));
  a = new_on (&w, "host-a");
  b = new_on (&w, "host-b");
  activate (a, NULL, false);
  assert_int_equal (write_byte (a, 0x11, 0), 0);
  t = release (a);
  at += get_offset (&w, header);
  put_bytes (&w, at, "\1", 1);
  refused (b, &t, "ChangedSinceRelease");
  /* As it was: the ticket is good again. */
  put_bytes (&w, at, "\0", 1);
  activate (b, &t, false);
  handoff_free (a);
  handoff_free (b);
  world_destroy (&w);
}

/* What QEMU does when it opens it for writing; and other changes. */
static void
test_changed (void **state)
{
  struct handoff *a, *b;
  struct ticket t;
  struct world w;

  (void) state;
  check_changed ("", 40, 7);                    /* L1 table */
  check_changed ("", 48, 15);                   /* refcount table */
  check_changed (",compat=0.10", 40, 7);
  world_init (&w);
  a = new_on (&w, "host-a");
  b = new_on (&w, "host-b");
  activate (a, NULL, false);
  t = release (a);
  put_bytes (&w, QCOW2_HDR_AUTOCLEAR, "\0\0\0\0\0\0\0\0", 8);
  refused (b, &t, "ChangedSinceRelease");
  activate (b, NULL, false);
  check_how (b, "start");
  check_record (&w, RECORD_HELD, 2, "host-b");
  handoff_free (a);
  handoff_free (b);
  world_destroy (&w);
}

/* A plain server that wrote is another program. */
static void
test_plain_server (void **state)
{
  struct handoff *a, *plain;
  struct ticket t;
  struct world w;
  bool has;

  (void) state;
  world_init (&w);
  plain = new_at (&w.opener.base, "host-a", false);
  activate (plain, NULL, false);
  assert_int_equal (write_byte (plain, 0x11, 0), 0);
  assert_int_equal (handoff_release (plain, 0, &has, &t, NULL), 0);
  assert_false (has);
  a = new_on (&w, "host-a");
  activate (a, NULL, false);
  check_how (a, "create");
  t = release (a);
  activate (plain, NULL, false);
  assert_int_equal (handoff_inactivate (plain, 0, NULL), 0);
  refused (a, &t, "ChangedSinceRelease");
  activate (a, NULL, false);
  check_how (a, "rollback");
  handoff_free (a);
  handoff_free (plain);
  world_destroy (&w);
}

static void
test_other_image (void **state)
{
  struct handoff *a, *b;
  struct world w, other;
  struct ticket t;

  (void) state;
  world_init (&w);
  world_init (&other);
  a = new_on (&w, "host-a");
  b = new_on (&other, "host-b");
  activate (a, NULL, false);
  t = release (a);
  refused (b, &t, "OtherImage");
  activate (b, NULL, false);
  release (b);
  refused (b, &t, "OtherImage");
  handoff_free (a);
  handoff_free (b);
  world_destroy (&w);
  world_destroy (&other);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_there_and_back),
    cmocka_unit_test (test_roll_back),
    cmocka_unit_test (test_overtaken_for_ever),
    cmocka_unit_test (test_overtaken_while_active),
    cmocka_unit_test (test_process_ends),
    cmocka_unit_test (test_asked_again),
    cmocka_unit_test (test_backing),
    cmocka_unit_test (test_changed),
    cmocka_unit_test (test_plain_server),
    cmocka_unit_test (test_other_image),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
