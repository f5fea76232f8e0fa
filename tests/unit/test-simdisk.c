/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The simulated disk: which contents may be left by a crash, all of them and
 * no others.
 */

#include <config.h>

#include "simdisk-fixture.h"

static void
test_each_sector_by_itself (void **state)
{
  struct io *io;
  struct simdisk *d = disk_with ("aaa", &io);

  (void) state;
  require_states (d, "aaa");
  put (io, 'b', 0, 2 * S, 0);
  require (d, "bba");
  require_states (d, "aaa aba baa bba");
  put (io, 'c', 2 * S, S, 0);
  require_states (d, "aaa aac aba abc baa bac bba bbc");
  assert_int_equal (io_sync (io, NULL), 0);
  require_states (d, "bbc");
  done (d, io);
}

/* Seeds reach every state of a torn write, not only all or nothing. */
static void
test_seeds_tear (void **state)
{
  struct io *io;
  struct simdisk *d = disk_with ("aaa", &io);
  unsigned seen = 0, seed, i;

  (void) state;
  put (io, 'b', 0, 3 * S, 0);
  for (seed = 0; seed < 300; ++seed) {
    struct simdisk *c = simdisk_crash (d, seed);
    const char *text = letters (c);
    unsigned bits = 0;

    for (i = 0; i < 3; ++i)
      bits |= (text[i] == 'b') << i;
    seen |= 1u << bits;
    simdisk_free (c);
  }
  assert_int_equal (seen, 0xff);
  done (d, io);
}

static void
test_chain_of_versions (void **state)
{
  struct io *io;
  struct simdisk *d = disk_with ("a", &io);

  (void) state;
  put (io, 'b', 0, S, 0);
  put (io, 'c', 0, S, 0);
  put (io, 'd', 0, S, 0);
  require (d, "d");
  require_states (d, "a b c d");
  done (d, io);
}

static void
test_part_of_a_sector (void **state)
{
  struct io *io;
  struct simdisk *d = disk_with ("aa", &io);
  struct simdisk *c;

  (void) state;
  put (io, 'b', S - 1, 2, 0);
  require_states (d, "?? ?a a? aa");
  put (io, 'b', 0, S - 1, 0);
  /* The second write is on top of the first, in the page cache. */
  require_states (d, "?? ?a a? aa b? ba");
  c = simdisk_kill (d);
  require (c, "b?");
  simdisk_free (c);
  done (d, io);
}

static void
test_zero_is_pending (void **state)
{
  struct io *io;
  struct simdisk *d = disk_with ("aaaa", &io);

  (void) state;
  assert_int_equal (io_zero (io, S, 2 * S, IO_PUNCH, NULL), 0);
  require (d, "a..a");
  require_states (d, "a..a a.aa aa.a aaaa");
  assert_int_equal (io_sync (io, NULL), 0);
  require_states (d, "a..a");
  /* Zeroing zeros changes nothing that could be lost. */
  assert_int_equal (io_zero (io, S, 2 * S, 0, NULL), 0);
  require_states (d, "a..a");
  /* Edges in the middle of sectors; within one; up to the end. */
  assert_int_equal (io_zero (io, S - 1, 3 * S, 0, NULL), 0);
  require (d, "?..?");
  assert_int_equal (io_zero (io, 1, S - 1, 0, NULL), 0);
  assert_int_equal (io_zero (io, 3 * S, 100 * S, 0, NULL), 0);
  require (d, "?...");
  assert_int_equal (io_zero (io, 0, 1, 0, NULL), 0);
  require (d, "....");
  done (d, io);
}

static void
test_growth (void **state)
{
  struct io *io;
  struct simdisk *d = disk_with ("a", &io);

  (void) state;
  put (io, 'b', S, S, 0);
  /* Old length; new length without and with the data. */
  require_states (d, "a a. ab");
  put (io, 'c', 3 * S, S, 0);
  require_states (d, "a a. a... a..c ab ab.. ab.c");
  assert_int_equal (io_zero (io, 4 * S, S, IO_PUNCH, NULL), 0);
  require (d, "ab.c");
  assert_int_equal (io_sync (io, NULL), 0);
  require_states (d, "ab.c");
  done (d, io);
}

/* What was behind the end does not come back. */
static void
test_lost_end_reads_zeros (void **state)
{
  struct simdisk *d = simdisk_new (S), *c;
  struct io *io = simdisk_open (d, IO_OPEN_WRITE, NULL);
  uint64_t i;

  (void) state;
  put (io, 'a', 0, 100, IO_DSYNC);
  put (io, 'b', 100, 2 * S, 0);
  for (i = 0; i < simdisk_nr_states (d); ++i) {
    struct io *cio;
    uint64_t size;
    char buf[S];

    c = simdisk_crash_state (d, i);
    cio = simdisk_open (c, IO_OPEN_WRITE, NULL);
    assert_int_equal (io_size (cio, &size, NULL), 0);
    assert_true (size >= 100);
    if (size == 100) {
      put (cio, 'x', 2 * S, 1, 0);
      assert_int_equal (io_pread (cio, buf, S, 0, NULL), 0);
      assert_int_equal (buf[99], 'a');
      assert_int_equal (buf[100], 0);
      assert_int_equal (io_pread (cio, buf, S, S, NULL), 0);
      assert_int_equal (buf[0], 0);
    }
    done (c, cio);
  }
  done (d, io);
}

static void
test_kill_keeps_pending (void **state)
{
  struct io *io;
  struct simdisk *d = disk_with ("aa", &io), *c;
  struct io *cio;

  (void) state;
  put (io, 'b', 0, 3 * S, 0);
  put (io, 'c', 0, S, 0);
  assert_int_equal (io_lock (io, LOCK_WRITER, NULL), 0);
  c = simdisk_kill (d);
  done (d, io);
  require (c, "cbb");
  assert_true (simdisk_nr_states (c) == 2 * 3 * 2 * 2);
  cio = simdisk_open (c, IO_OPEN_WRITE, NULL);
  assert_int_equal (io_lock (cio, LOCK_WRITER, NULL), 0);
  put (cio, 'd', S, S, 0);
  assert_true (simdisk_nr_states (c) == 2 * 3 * 3 * 2);
  assert_int_equal (io_sync (cio, NULL), 0);
  require_states (c, "cdb");
  done (c, cio);
}

/* A crashed disk is its own: neither changes the other. */
static void
test_disks_are_apart (void **state)
{
  struct io *io, *cio;
  struct simdisk *d = disk_with ("aaa", &io), *c = simdisk_crash (d, 1);

  (void) state;
  cio = simdisk_open (c, IO_OPEN_WRITE, NULL);
  put (cio, 'c', S, S, IO_DSYNC);
  put (io, 'd', 2 * S, S, IO_DSYNC);
  require (d, "aad");
  require (c, "aca");
  done (d, io);
  require (c, "aca");
  done (c, cio);
}

static void
test_device (void **state)
{
  struct simdisk *d = simdisk_new_device (S, 4 * S, 'z');
  struct io *io = simdisk_open (d, IO_OPEN_WRITE, NULL);
  struct error err = ERROR_INIT;
  char c = 'x';

  (void) state;
  assert_true (io->fixed_size);
  assert_false (io->fresh_reads_zero);
  require (d, "zzzz");
  put (io, 'a', S, S, 0);
  assert_int_equal (io_zero (io, 2 * S, S, IO_PUNCH, NULL), 0);
  require (d, "za.z");
  require_states (d, "za.z zazz zz.z zzzz");
  assert_int_equal (io_pwrite (io, &c, 1, 4 * S, 0, &err), -1);
  assert_int_equal (err.errnum, ENOSPC);
  assert_int_equal (io_pread (io, &c, 1, 4 * S, NULL), 0);
  assert_int_equal (c, 0);
  assert_int_equal (io_zero (io, 3 * S, 9 * S, 0, NULL), 0);
  assert_int_equal (io_sync (io, NULL), 0);
  require_states (d, "za..");
  done (d, io);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_each_sector_by_itself),
    cmocka_unit_test (test_seeds_tear),
    cmocka_unit_test (test_chain_of_versions),
    cmocka_unit_test (test_part_of_a_sector),
    cmocka_unit_test (test_zero_is_pending),
    cmocka_unit_test (test_growth),
    cmocka_unit_test (test_lost_end_reads_zeros),
    cmocka_unit_test (test_kill_keeps_pending),
    cmocka_unit_test (test_disks_are_apart),
    cmocka_unit_test (test_device),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
