/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Writers of different bytes of the same blocks do not lose each other's
 * bytes, whatever is read, modified and written back for them.
 */

#include <config.h>

#include <pthread.h>
#include <sched.h>

#include "io-file-fixture.h"

enum { NR_THREADS = 8, NR_ROUNDS = 150, STRIDE = 100 };

struct scribbler {
  struct io *io;
  int nr;
};

static bool
zero_own (const struct scribbler *s)
{
  uint8_t buf[STRIDE];
  int i;

  if (io_zero (s->io, s->nr * STRIDE, STRIDE, IO_PUNCH, NULL) == -1)
    return false;
  sched_yield ();
  if (io_pread (s->io, buf, sizeof buf, s->nr * STRIDE, NULL) == -1)
    return false;
  for (i = 0; i < STRIDE; ++i)
    if (buf[i])
      return false;
  return true;
}

/* Thread N writes the bytes at N * STRIDE only, all in the same few blocks;
 * the odd ones zero them in between. */
static void *
scribble (void *arg)
{
  const struct scribbler *s = arg;
  uint8_t buf[STRIDE];
  int i;

  for (i = 0; i < NR_ROUNDS; ++i) {
    if (s->nr & 1 && !zero_own (s))
      return arg;
    memset (buf, s->nr * NR_ROUNDS + i, sizeof buf);
    if (io_pwrite (s->io, buf, sizeof buf, s->nr * STRIDE, 0, NULL) == -1)
      return arg;
    /* What is ours stays what we wrote. */
    if (io_pread (s->io, buf, sizeof buf, s->nr * STRIDE, NULL) == -1 ||
        buf[0] != (uint8_t) (s->nr * NR_ROUNDS + i) ||
        buf[STRIDE - 1] != buf[0])
      return arg;
  }
  return NULL;
}

/* And one that writes the whole block after them, aligned, again and again:
 * the scribbles' last edge is in it. */
static void *
overwrite (void *arg)
{
  struct scribbler *s = arg;
  struct io_file *f = (struct io_file *) s->io;
  uint8_t *block;
  int i;

  if (posix_memalign ((void **) &block, 4096, 4096))
    return arg;
  for (i = 0; i < NR_ROUNDS; ++i) {
    memset (block, i, 4096);
    if (io_pwrite (s->io, block, f->block_bytes, 8192, 0, NULL) == -1 ||
        io_pwrite (s->io, "#", 1, 8191, 0, NULL) == -1)
      break;
  }
  free (block);
  return i < NR_ROUNDS ? arg : NULL;
}

static void
check_threads (enum mode mode)
{
  struct io *io = fresh_io (mode, 16384);
  struct scribbler s[NR_THREADS + 1];
  pthread_t threads[NR_THREADS + 1];
  void *failed;
  int i;

  for (i = 0; i <= NR_THREADS; ++i) {
    s[i] = (struct scribbler) { io, i };
    assert_int_equal (pthread_create (&threads[i], NULL,
                                      i < NR_THREADS ? scribble : overwrite,
                                      &s[i]), 0);
  }
  for (i = 0; i <= NR_THREADS; ++i) {
    pthread_join (threads[i], &failed);
    if (failed)
      fail_msg ("thread %d lost a write", i);
  }
  for (i = 0; i < NR_THREADS; ++i)
    require_bytes (io, i * STRIDE, STRIDE, (uint8_t) ((i + 1) * NR_ROUNDS - 1));
  require_bytes (io, NR_THREADS * STRIDE, 8191 - NR_THREADS * STRIDE, 0xaa);
  require_bytes (io, 8191, 1, '#');
  io_close (io);
}

ALL_MODES (threads)

int
main (void)
{
  const struct CMUnitTest tests[] = {
    UNIT_ALL_MODES (threads),
  };

  return cmocka_run_group_tests (tests, make_dir, remove_dir);
}
