/* SPDX-License-Identifier: BSD-3-Clause
 *
 * io-file keeps the contract of io.h, each rule in every mode.
 */

#include <config.h>

#include "checked.h"
#include "io-file-fixture.h"
#include "io-optional.h"
#include "random.h"

static void
check_end_of_file (enum mode mode)
{
  struct io *io = fresh_io (mode, 10000);

  require_bytes (io, 9990, 10, 0xaa);
  require_bytes (io, 10000, 5000, 0);
  require_bytes (io, 10001, 1, 0);
  require_bytes (io, 8192, 1808, 0xaa);
  require_bytes (io, UINT64_C (1) << 50, 8192, 0);
  assert_int_equal (size_of (io), 10000);
  /* And across it. */
  io_close (io);
  io = fresh_io (mode, 3);
  require_bytes (io, 3, 3 << 20, 0);
  io_close (io);
}

static void
check_overflow (enum mode mode)
{
  struct io *io = fresh_io (mode, 100);
  struct error err = ERROR_INIT;
  char c;

  assert_int_equal (io_pread (io, &c, 1, UINT64_MAX, &err), -1);
  assert_int_equal (io_pread (io, &c, 1, INT64_MAX, &err), -1);
  assert_int_equal (io_pwrite (io, &c, 1, UINT64_MAX, 0, &err), -1);
  assert_int_equal (io_zero (io, 1, UINT64_MAX, 0, &err), -1);
  assert_int_equal (err.errnum, EINVAL);
  io_prefetch (io, 1, UINT64_MAX);
  io_prefetch (io, 0, 100);
  io_close (io);
}

/* Vectors longer than what goes to the kernel at once, of odd lengths and
 * with empty elements, in a place that no block starts at. */
static void
check_vectors (enum mode mode)
{
  enum { NR = 301 };
  struct io *io = fresh_io (mode, 0);
  static uint8_t data[NR * NR], back[sizeof data];
  struct iovec iov[NR], copy[NR];
  size_t pos = 0;
  int i;

  for (i = 0; i < (int) sizeof data; ++i)
    data[i] = (uint8_t) (i * 31 >> 3);
  for (i = 0; i < NR; ++i) {
    iov[i].iov_base = data + pos;
    pos += iov[i].iov_len = (i * 7) % NR;
  }
  memcpy (copy, iov, sizeof iov);
  assert_int_equal (io_pwritev (io, iov, NR, 777, 0, NULL), 0);
  assert_memory_equal (copy, iov, sizeof iov);
  assert_int_equal (io_pread (io, back, pos, 777, NULL), 0);
  assert_memory_equal (back, data, pos);
  require_bytes (io, 0, 777, 0);
  assert_int_equal (io_pwritev (io, iov, 0, 1, 0, NULL), 0);
  assert_int_equal (io_pwrite (io, data, 0, 1, 0, NULL), 0);
  require_bytes (io, 0, 777, 0);
  io_close (io);
}

static void
check_dsync (enum mode mode)
{
  struct io *io = fresh_io (mode, 20000);

  assert_int_equal (io_pwrite (io, "abc", 3, 5000, IO_DSYNC, NULL), 0);
  require_bytes (io, 4000, 1000, 0xaa);
  require_bytes (io, 5000, 1, 'a');
  require_bytes (io, 5002, 1, 'c');
  require_bytes (io, 5003, 10000, 0xaa);
  assert_int_equal (io_sync (io, NULL), 0);
  io_close (io);
}

/* Every combination of aligned and odd edges: zero inside, not outside. */
static void
check_zero (enum mode mode, unsigned flags)
{
  static const uint64_t edges[] = { 0, 1, 511, 512, 4095, 4096, 4097, 70001,
                                    131072, 199999, 200000 };
  enum { NR = sizeof edges / sizeof edges[0], SIZE = 200000 };
  int i, j;

  for (i = 0; i < NR; ++i)
    for (j = i + 1; j < NR; ++j) {
      struct io *io = fresh_io (mode, SIZE);

      assert_int_equal (io_zero (io, edges[i], edges[j] - edges[i], flags,
                                 NULL), 0);
      require_bytes (io, 0, edges[i], 0xaa);
      require_bytes (io, edges[i], edges[j] - edges[i], 0);
      require_bytes (io, edges[j], SIZE - edges[j], 0xaa);
      /* O_DIRECT on a filesystem without zero ranges: io-file-zero.c. */
      assert_in_range (size_of (io), SIZE,
                       align_up (SIZE, ((struct io_file *) io)->block_bytes));
      io_close (io);
    }
}

static void
check_zeroing (enum mode mode)
{
  check_zero (mode, 0);
  check_zero (mode, IO_PUNCH);
}

/* "Never extends the file: the part beyond its end is left alone." */
static void
check_zero_beyond_end (enum mode mode)
{
  unsigned flags;

  for (flags = 0; flags <= IO_PUNCH; flags += IO_PUNCH) {
    struct io *io = fresh_io (mode, 8192);

    assert_int_equal (io_zero (io, 8192, 4096, flags, NULL), 0);
    assert_int_equal (io_zero (io, 1 << 20, 4096, flags, NULL), 0);
    assert_int_equal (size_of (io), 8192);
    assert_int_equal (io_zero (io, 4096, 1 << 20, flags, NULL), 0);
    assert_int_equal (io_zero (io, 0, 0, flags, NULL), 0);
    assert_int_equal (size_of (io), 8192);
    require_bytes (io, 0, 4096, 0xaa);
    require_bytes (io, 4096, 8192, 0);
    io_close (io);
  }
}

static void
test_punch_gives_space_back (void **state)
{
  struct io *io = fresh_io (BUFFERED, 1 << 20);
  struct stat st;

  (void) state;
  assert_int_equal (io_sync (io, NULL), 0);
  assert_int_equal (stat (path, &st), 0);
  assert_true (st.st_blocks >= 2048);
  assert_int_equal (io_zero (io, 0, 1 << 20, 0, NULL), 0);
  assert_int_equal (stat (path, &st), 0);
  assert_true (st.st_blocks >= 2048);
  assert_int_equal (io_zero (io, 0, 1 << 20, IO_PUNCH, NULL), 0);
  assert_int_equal (stat (path, &st), 0);
  assert_true (st.st_blocks < 100);
  io_close (io);
}

/* A filesystem that can neither: file_zero then writes.  Seen here by a
 * range that is smaller than what fallocate is told to take. */
static void
check_written_zeros (enum mode mode)
{
  struct io *io = fresh_io (mode, 3 << 20);
  struct io_file *f = (struct io_file *) io;

  f->zero_align = 1u << 30;
  assert_int_equal (io_zero (io, 1001, (2 << 20) + 17, IO_PUNCH, NULL), 0);
  require_bytes (io, 0, 1001, 0xaa);
  require_bytes (io, 1001, (2 << 20) + 17, 0);
  require_bytes (io, 1001 + (2 << 20) + 17, 5000, 0xaa);
  f->zero_align = 4096;
  assert_int_equal (io_zero (io, 2500001, 30000, 0, NULL), 0);
  require_bytes (io, 2490001, 10000, 0xaa);
  require_bytes (io, 2500001, 30000, 0);
  require_bytes (io, 2530001, 10000, 0xaa);
  io_close (io);
}

/* Random operations against an array. */
static void
check_random (enum mode mode)
{
  enum { SIZE = 300000, MAX = 20000 };
  static uint8_t model[SIZE + MAX], buf[MAX + 64], back[SIZE + MAX];
  struct random rnd = { mode + 11 };
  struct io *io = fresh_io (mode, SIZE);
  int i;

  memset (model, 0xaa, SIZE);
  memset (model + SIZE, 0, MAX);
  for (i = 0; i < 600; ++i) {
    const uint64_t grain = random_chance (&rnd, 1, 3) ? 4096 : 1;
    const uint64_t offset = random_below (&rnd, SIZE / grain) * grain;
    const size_t len = min_u64 (random_below (&rnd, MAX / grain) * grain,
                                SIZE - offset);
    uint8_t *p = buf + (random_chance (&rnd, 1, 2)
                        ? 0 : random_below (&rnd, 64));

    switch (random_below (&rnd, 4)) {
    case 0:
      memset (model + offset, 0, len);
      assert_int_equal (io_zero (io, offset, len, (i & 1) * IO_PUNCH, NULL),
                        0);
      break;
    case 1:
      assert_int_equal (io_pread (io, p, len, offset, NULL), 0);
      assert_memory_equal (p, model + offset, len);
      break;
    default:
      memset (p, i, len);
      memset (model + offset, i, len);
      assert_int_equal (io_pwrite (io, p, len, offset,
                                   random_chance (&rnd, 1, 20) * IO_DSYNC,
                                   NULL), 0);
    }
  }
  assert_int_equal (io_pread (io, back, sizeof back, 0, NULL), 0);
  assert_memory_equal (back, model, sizeof model);
  io_close (io);
}

static void
require_hole (struct io *io, uint64_t offset, uint64_t len, bool hole,
              uint64_t found)
{
  uint64_t n = 0;

  assert_int_equal (io_hole (io, offset, len, &n), hole);
  assert_int_equal (n, found);
}

/* Data, a hole in the middle, data, a hole to the end. */
static void
check_holes (enum mode mode)
{
  enum { KIB = 1024, PIECE = 256 * KIB };
  struct io *io = fresh_io (mode, 3 * PIECE);

  assert_int_equal (truncate (path, 4 * PIECE), 0);
  assert_int_equal (io_zero (io, PIECE, PIECE, IO_PUNCH, NULL), 0);
  require_hole (io, 0, 4 * PIECE, false, PIECE);
  require_hole (io, 0, 1, false, 1);
  require_hole (io, PIECE - 1, 2, false, 1);
  require_hole (io, PIECE, 4 * PIECE, true, PIECE);
  require_hole (io, PIECE + 777, 99, true, 99);
  require_hole (io, 2 * PIECE, 4 * PIECE, false, PIECE);
  require_hole (io, 3 * PIECE, 9 * PIECE, true, 9 * PIECE);
  require_hole (io, 5 * PIECE, 1, true, 1);
  io_close (io);
}

ALL_MODES (end_of_file)
ALL_MODES (holes)
ALL_MODES (overflow)
ALL_MODES (vectors)
ALL_MODES (dsync)
ALL_MODES (zeroing)
ALL_MODES (zero_beyond_end)
ALL_MODES (written_zeros)
ALL_MODES (random)

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_punch_gives_space_back),
    UNIT_ALL_MODES (end_of_file),
    UNIT_ALL_MODES (holes),
    UNIT_ALL_MODES (overflow),
    UNIT_ALL_MODES (vectors),
    UNIT_ALL_MODES (dsync),
    UNIT_ALL_MODES (zeroing),
    UNIT_ALL_MODES (zero_beyond_end),
    UNIT_ALL_MODES (written_zeros),
    UNIT_ALL_MODES (random),
  };

  return cmocka_run_group_tests (tests, make_dir, remove_dir);
}
