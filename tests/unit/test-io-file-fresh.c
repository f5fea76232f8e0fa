/* SPDX-License-Identifier: BSD-3-Clause
 *
 * io_check_cache of a file: what is cached and is not what the storage has is
 * never let pass, whatever the kernel tells of it; and what is fresh is.
 *
 * The system is that of cached-file.h.
 */

#include <config.h>

#include "cached-file.h"
#include "failing-calls.h"
#include "io-file-fixture.h"
#include "io-optional.h"

#define MIB (UINT64_C (1) << 20)
#define GIB (UINT64_C (1) << 30)
#define ALWAYS 99u

/* SIZE bytes of 0xaa, in both. */
static struct io *
begin (uint64_t size)
{
  char line[800];
  struct io *io;

  memset (&here, 0, sizeof here);
  here.to = size;
  here.nr_drops = ALWAYS;
  stored_fd = -1;
  io = fresh_io (BUFFERED, size);
  snprintf (stored_path, sizeof stored_path, "%s.stored", path);
  snprintf (line, sizeof line, "cp %s %s", path, stored_path);
  assert_int_equal (system (line), 0);
  memset (&calls, 0, sizeof calls);
  return io;
}

static void
end (struct io *io)
{
  io_close (io);
  assert_int_equal (unlink (stored_path), 0);
}

static void
change_stored (uint64_t offset)
{
  FILE *f = fopen (stored_path, "r+");

  assert_non_null (f);
  assert_int_equal (fseek (f, (long) offset, SEEK_SET), 0);
  assert_int_equal (fputc ('x', f), 'x');
  assert_int_equal (fclose (f), 0);
}

/* And counts anew. */
static void
require_fresh (struct io *io)
{
  struct error err = ERROR_INIT;

  memset (&calls, 0, sizeof calls);
  if (io_check_cache (io, &err) == -1)
    fail_msg ("%s", err.text);
  assert_int_equal (err.errnum, 0);
}

static void
require_stale (struct io *io, const char *why)
{
  struct error err = ERROR_INIT;
  char text[400];

  memset (&calls, 0, sizeof calls);
  snprintf (text, sizeof text, "this host has cached data of it that %s the "
            "storage has, and cannot drop them, perhaps because another "
            "program has the file mapped: end that program, unmount and mount "
            "the storage, or start the server with cache=none", why);
  assert_int_equal (io_check_cache (io, &err), -1);
  assert_int_equal (err.errnum, ESTALE);
  assert_string_equal (err.class, "StaleView");
  assert_string_equal (err.text, text);
  assert_int_equal (calls.drops, 3);
}

#define DIFFERS "are not what"
#define UNKNOWN "cannot be compared with what"

static void
test_nothing_is_cached (void **state)
{
  struct io *io = begin (5 * MIB + 1);

  (void) state;
  here.nr_drops = 1;
  change_stored (0);
  require_fresh (io);
  assert_int_equal (calls.drops, 1);
  assert_int_equal (calls.cachestat, 2);        /* with the question whether */
  assert_int_equal (calls.stored, 0);
  end (io);
  io = begin (0);
  require_fresh (io);
  assert_int_equal (calls.stored, 0);
  end (io);
}

/* Piece by piece, and no more than is cached. */
static void
test_what_is_cached_is_compared (void **state)
{
  struct io *io = begin (5 * MIB + 77);

  (void) state;
  require_fresh (io);
  assert_int_equal (calls.stored, 6);
  change_stored (5 * MIB + 76);
  require_stale (io, DIFFERS);
  here.to = 5 * MIB;
  require_fresh (io);
  assert_int_equal (calls.stored, 5);
  change_stored (2 * MIB);
  require_stale (io, DIFFERS);
  here.from = 3 * MIB - 1;
  here.to = 3 * MIB;
  require_stale (io, DIFFERS);
  here.from = 3 * MIB;
  here.to = 4 * MIB;
  require_fresh (io);
  assert_int_equal (calls.stored, 1);
  end (io);
}

/* What was dropped at last is no reason. */
static void
test_dropped_at_last (void **state)
{
  struct io *io = begin (4096);

  (void) state;
  change_stored (1);
  here.nr_drops = 3;
  require_fresh (io);
  assert_int_equal (calls.drops, 3);
  here.nr_drops = 4;
  require_stale (io, DIFFERS);
  end (io);
}

static void
test_nothing_to_compare_with (void **state)
{
  struct io *io = begin (4096);

  (void) state;
  here.no_direct = true;
  require_stale (io, UNKNOWN);
  here.nr_drops = 1;
  require_fresh (io);
  end (io);
}

static void
test_reads_fail (void **state)
{
  struct io *io = begin (4096);

  (void) state;
  here.stored_errno = EIO;
  require_stale (io, DIFFERS);
  here.stored_errno = 0;
  here.cached_errno = EIO;
  require_stale (io, DIFFERS);
  here.cached_errno = 0;
  require_fresh (io);
  end (io);
}

static void
test_reads_are_short (void **state)
{
  struct io *io = begin (100000);

  (void) state;
  here.interrupted = 3;
  here.at_most = 8192;
  require_fresh (io);
  assert_int_equal (here.interrupted, 0);
  assert_int_equal (calls.stored, 3 + 13);
  change_stored (99999);
  require_stale (io, DIFFERS);
  end (io);
}

/* "With zeros behind its end", whether that is in a block or between two. */
static void
test_storage_ends_early (void **state)
{
  static const uint64_t ends[] = { 0, 4096, 5000, 8192 };
  struct io *io = begin (20000);
  size_t i;

  (void) state;
  for (i = 0; i < 4; ++i) {
    assert_int_equal (io_zero (io, ends[3 - i], 20000, 0, NULL), 0);
    assert_int_equal (truncate (stored_path, (off_t) ends[3 - i]), 0);
    require_fresh (io);
    if (ends[3 - i] == 0)
      continue;
    assert_int_equal (truncate (stored_path, (off_t) ends[3 - i] - 1), 0);
    require_stale (io, DIFFERS);
  }
  end (io);
}

/* An older kernel. */
static void
test_without_cachestat (void **state)
{
  struct io *io = begin (3 * MIB);

  (void) state;
  here.no_cachestat = true;
  require_fresh (io);
  assert_int_equal (calls.cachestat, 1);
  assert_int_equal (calls.stored, 3);
  change_stored (MIB);
  require_stale (io, DIFFERS);
  here.nr_drops = 1;
  require_fresh (io);
  assert_int_equal (calls.stored, 0);
  /* What cannot be told is taken as cached. */
  here.no_mincore = true;
  require_stale (io, DIFFERS);
  here.no_cachestat = false;
  here.cachestat_ends = true;
  here.nr_drops = 0;
  require_stale (io, DIFFERS);
  end (io);
}

/* By windows, each of them; and not without end. */
static void
test_large_without_cachestat (void **state)
{
  struct io *io = begin (100);

  (void) state;
  here.no_cachestat = true;
  here.to = 16 * GIB;
  here.nr_mincore = 2;
  assert_int_equal (truncate (path, 300 * MIB), 0);
  require_fresh (io);
  /* Twice for all of it; the halves have nothing. */
  assert_int_equal (calls.mincore, 4);
  assert_int_equal (calls.stored, 0);
  here.nr_mincore = 1;
  require_fresh (io);
  assert_int_equal (calls.mincore, 3);
  here.to = 0;
  assert_int_equal (truncate (path, 17 * GIB), 0);
  require_fresh (io);
  assert_int_equal (calls.mincore, 64);
  end (io);
}

/* Without memory to look for it, it is compared; or it is said that nothing
 * could be looked at.  Nothing is let pass. */
static void
test_no_memory (void **state)
{
  struct io *io = begin (4096);
  struct error err;
  unsigned nth;
  int r;

  (void) state;
  here.no_cachestat = true;
  change_stored (1);
  for (nth = 1;; ++nth) {
    here.nr_drops = 1;
    calls.drops = calls.stored = 0;
    err = (struct error) ERROR_INIT;
    fail_call (nth);
    r = io_check_cache (io, &err);
    if (!fail_call_struck ())
      break;
    if (r == -1) {
      assert_int_equal (err.errnum, ENOMEM);
      assert_string_equal (err.text, "looking for what is cached: Cannot "
                           "allocate memory");
      assert_int_equal (calls.stored, 0);
      continue;
    }
    assert_int_equal (calls.stored, 1);
    assert_int_equal (calls.drops, 2);
  }
  assert_int_equal (r, 0);
  assert_int_equal (nth, 4);
  end (io);
}

/* cache=none caches nothing; and a size that cannot be had is told. */
static void
test_not_looked_at (void **state)
{
  struct io *io = begin (4096);
  struct io_file *f = (struct io_file *) io;
  struct error err = ERROR_INIT;

  (void) state;
  change_stored (1);
  f->direct = true;
  require_fresh (io);
  assert_int_equal (calls.drops + calls.cachestat, 0);
  f->direct = false;
  f->device = true;
  assert_int_equal (io_check_cache (io, &err), -1);
  assert_int_equal (err.errnum, ENOTTY);
  assert_string_equal (err.text, "asking for the device's size: Inappropriate "
                       "ioctl for device");
  f->device = false;
  require_stale (io, DIFFERS);
  end (io);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_nothing_is_cached),
    cmocka_unit_test (test_what_is_cached_is_compared),
    cmocka_unit_test (test_dropped_at_last),
    cmocka_unit_test (test_nothing_to_compare_with),
    cmocka_unit_test (test_reads_fail),
    cmocka_unit_test (test_reads_are_short),
    cmocka_unit_test (test_storage_ends_early),
    cmocka_unit_test (test_without_cachestat),
    cmocka_unit_test (test_large_without_cachestat),
    cmocka_unit_test (test_no_memory),
    cmocka_unit_test (test_not_looked_at),
  };

  return cmocka_run_group_tests (tests, make_dir, remove_dir);
}
