/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The simulated disk: what syncs and durable writes cover, what a failed one
 * takes with it, and the hook that sees them.
 */

#include <config.h>

#include "simdisk-fixture.h"

static void
test_dsync_is_that_range_alone (void **state)
{
  struct io *io;
  struct simdisk *d = disk_with ("aaa", &io);

  (void) state;
  put (io, 'b', 0, S, 0);
  put (io, 'c', S, S, IO_DSYNC);
  require_states (d, "aca bca");
  /* The newest of a chain. */
  put (io, 'd', 0, S, IO_DSYNC);
  require_states (d, "dca");
  /* Length up to its end, and not up to what was written elsewhere. */
  put (io, 'e', 5 * S, S, 0);
  put (io, 'f', 3 * S, S, IO_DSYNC);
  require_states (d, "dcaf dcaf.. dcaf.e");
  done (d, io);
}

struct stop {
  struct simdisk *disk;
  struct io *io;
  unsigned kind;
  enum simdisk_phase phase;
  const char *states;           /* at that point */
  char write;                   /* a byte to `sector`, there */
  uint64_t sector;
  unsigned nr;
};

static void
stop_there (void *opaque, const struct simdisk_event *event)
{
  struct stop *s = opaque;

  if (event->kind != s->kind || event->phase != s->phase)
    return;
  s->nr++;
  assert_ptr_equal (event->disk, s->disk);
  require_states (s->disk, s->states);
  s->kind = 0;
  if (s->write)
    put (s->io, s->write, s->sector * S, S, 0);
}

/* "A sync covers only writes completed before it was issued." */
static void
test_sync_covers_what_was_before (void **state)
{
  struct io *io;
  struct simdisk *d = disk_with ("a", &io);
  struct stop s = { d, io, SIMDISK_SYNC, SIMDISK_BEGIN, "a b", 'c', 0,
                    0 };

  (void) state;
  put (io, 'b', 0, S, 0);
  simdisk_trace (d, stop_there, &s);
  assert_int_equal (io_sync (io, NULL), 0);
  simdisk_trace (d, NULL, NULL);
  assert_int_equal (s.nr, 1);
  require (d, "c");
  require_states (d, "b c");
  done (d, io);
}

static void
test_phases_of_dsync (void **state)
{
  static const struct {
    enum simdisk_phase phase;
    const char *states;
  } phases[] = {
    { SIMDISK_BEGIN, "aa" }, { SIMDISK_APPLIED, "aa ab ba bb" },
    { SIMDISK_END, "bb" },
  };
  size_t i;

  (void) state;
  for (i = 0; i < 3; ++i) {
    struct io *io;
    struct simdisk *d = disk_with ("aa", &io);
    struct stop s = { d, io, SIMDISK_WRITE, phases[i].phase,
                      phases[i].states, 0, 0, 0 };

    simdisk_trace (d, stop_there, &s);
    put (io, 'b', 0, 2 * S, IO_DSYNC);
    assert_int_equal (s.nr, 1);
    done (d, io);
  }
}

static void
record (void *opaque, const struct simdisk_event *e)
{
  static const char *const phases[] = { "begin", "applied", "end" };
  char *text = opaque;

  sprintf (text + strlen (text), "%u %s %d %d %u %d\n", e->kind,
           phases[e->phase], (int) e->offset, (int) e->len_bytes, e->flags,
           e->errnum);
}

static void
test_trace (void **state)
{
  char text[1000] = "";
  struct io *io;
  struct simdisk *d = disk_with ("aa", &io);

  (void) state;
  simdisk_trace (d, record, text);
  put (io, 'b', 10, 20, IO_DSYNC);
  assert_int_equal (io_zero (io, 30, 40, IO_PUNCH, NULL), 0);
  simdisk_fail (d, SIMDISK_SYNC, 1, EIO, false);
  assert_int_equal (io_sync (io, NULL), -1);
  letters (d);                  /* reads are not traced */
  assert_string_equal (text,
                       "2 begin 10 20 1 0\n2 applied 10 20 1 0\n"
                       "2 end 10 20 1 0\n"
                       "4 begin 30 40 2 0\n4 end 30 40 2 0\n"
                       "8 begin 0 0 0 0\n8 end 0 0 0 5\n");
  done (d, io);
}

static void
sync_fails (struct simdisk *d, struct io *io)
{
  struct error err = ERROR_INIT;

  simdisk_fail (d, SIMDISK_SYNC, 1, EIO, false);
  assert_int_equal (io_sync (io, &err), -1);
  assert_int_equal (err.errnum, EIO);
}

/* Readable now, gone after a crash, whatever a later sync says. */
static void
test_failed_sync (void **state)
{
  struct io *io, *cio;
  struct simdisk *d = disk_with ("aaa", &io), *c;

  (void) state;
  put (io, 'b', 0, S, 0);
  put (io, 'b', 3 * S, S, 0);
  assert_int_equal (io_zero (io, S, S, 0, NULL), 0);
  sync_fails (d, io);
  require (d, "b.ab");
  require_states (d, "aaa");
  assert_int_equal (io_sync (io, NULL), 0);
  require (d, "b.ab");
  require_states (d, "aaa");
  c = simdisk_kill (d);
  require (c, "b.ab");
  require_states (c, "aaa");
  cio = simdisk_open (c, IO_OPEN_WRITE, NULL);
  assert_int_equal (io_zero (cio, S, S, 0, NULL), 0);
  require_states (c, "a.a aaa");
  done (c, cio);
  /* What is written or zeroed again is written again; the file's length
   * with it. */
  assert_int_equal (io_zero (io, S, S, 0, NULL), 0);
  put (io, 'c', 3 * S, S, 0);
  require_states (d, "a.a a.a. a.ac aaa aaa. aaac");
  assert_int_equal (io_sync (io, NULL), 0);
  require_states (d, "a.ac");
  put (io, 'b', 0, S, IO_DSYNC);
  require_states (d, "b.ac");
  done (d, io);
}

static void
test_failed_sync_spares_later_writes (void **state)
{
  struct io *io;
  struct simdisk *d = disk_with ("a", &io);
  struct stop s = { d, io, SIMDISK_SYNC, SIMDISK_BEGIN, "a b", 'c', 0,
                    0 };

  (void) state;
  put (io, 'b', 0, S, 0);
  simdisk_trace (d, stop_there, &s);
  sync_fails (d, io);
  simdisk_trace (d, NULL, NULL);
  require_states (d, "a c");
  /* A length that both writes ask for is still asked for by the later. */
  put (io, 'd', S, S, 0);
  s = (struct stop) { d, io, SIMDISK_SYNC, SIMDISK_BEGIN, "a a. ad c c. cd",
                      'e', 1, 0 };
  simdisk_trace (d, stop_there, &s);
  sync_fails (d, io);
  simdisk_trace (d, NULL, NULL);
  require_states (d, "a a. ae");
  done (d, io);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_dsync_is_that_range_alone),
    cmocka_unit_test (test_sync_covers_what_was_before),
    cmocka_unit_test (test_phases_of_dsync),
    cmocka_unit_test (test_trace),
    cmocka_unit_test (test_failed_sync),
    cmocka_unit_test (test_failed_sync_spares_later_writes),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
