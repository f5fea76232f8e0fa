/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An io before another one, whose calls can be held up: so that a test can
 * look at what other threads do meanwhile.
 *
 * gate_close (g, GATE_READ): from now on reads wait, each before it does
 * anything, until gate_open.  gate_await waits until N calls are waiting.
 * GATE_READ_OUT holds reads up after the bytes were read.
 */

#ifndef BATON_TESTS_GATE_IO_H
#define BATON_TESTS_GATE_IO_H

#include "io.h"
#include "mutex.h"

#define GATE_READ 1u
#define GATE_WRITE 2u
#define GATE_SYNC 4u
#define GATE_READ_OUT 8u

struct gate_io {
  struct io base;
  struct io *below;             /* borrowed */
  struct mutex lock;            /* guards the rest */
  struct cond changed;
  unsigned closed;
  unsigned nr_waiting;
};

static inline void
gate_pass (struct io *io, unsigned kind) NO_TSA
{
  struct gate_io *g = (struct gate_io *) io;

  mutex_lock (&g->lock);
  while (g->closed & kind) {
    g->nr_waiting++;
    cond_broadcast (&g->changed);
    cond_wait (&g->changed, &g->lock);
    g->nr_waiting--;
  }
  mutex_unlock (&g->lock);
}

static inline int
gate_pread (struct io *io, void *buf, size_t len, uint64_t offset,
            struct error *err)
{
  int r;

  gate_pass (io, GATE_READ);
  r = io_pread (((struct gate_io *) io)->below, buf, len, offset, err);
  gate_pass (io, GATE_READ_OUT);
  return r;
}

static inline int
gate_pwritev (struct io *io, const struct iovec *iov, int nr_iov,
              uint64_t offset, unsigned flags, struct error *err)
{
  gate_pass (io, GATE_WRITE);
  return io_pwritev (((struct gate_io *) io)->below, iov, nr_iov, offset,
                     flags, err);
}

static inline int
gate_zero (struct io *io, uint64_t offset, uint64_t len, unsigned flags,
           struct error *err)
{
  return io_zero (((struct gate_io *) io)->below, offset, len, flags, err);
}

static inline int
gate_sync (struct io *io, struct error *err)
{
  gate_pass (io, GATE_SYNC);
  return io_sync (((struct gate_io *) io)->below, err);
}

static inline int
gate_size (struct io *io, uint64_t *ret_size, struct error *err)
{
  return io_size (((struct gate_io *) io)->below, ret_size, err);
}

static inline void
gate_close_io (struct io *io)
{
  io_close (((struct gate_io *) io)->below);
}

static const struct io_ops gate_ops = {
  .pread = gate_pread, .pwritev = gate_pwritev, .zero = gate_zero,
  .sync = gate_sync, .size = gate_size, .close = gate_close_io,
};

/* Closing &G->base closes BELOW; G is the caller's. */
static inline void
gate_init (struct gate_io *g, struct io *below) NO_TSA
{
  *g = (struct gate_io) { .base = *below, .below = below };
  g->base.ops = &gate_ops;
  mutex_init (&g->lock);
  cond_init (&g->changed);
}

static inline void
gate_close (struct gate_io *g, unsigned kinds)
{
  mutex_lock (&g->lock);
  g->closed |= kinds;
  mutex_unlock (&g->lock);
}

static inline void
gate_open (struct gate_io *g)
{
  mutex_lock (&g->lock);
  g->closed = 0;
  cond_broadcast (&g->changed);
  mutex_unlock (&g->lock);
}

static inline unsigned
gate_waiting (struct gate_io *g)
{
  unsigned nr;

  mutex_lock (&g->lock);
  nr = g->nr_waiting;
  mutex_unlock (&g->lock);
  return nr;
}

static inline void
gate_await (struct gate_io *g, unsigned nr) NO_TSA
{
  mutex_lock (&g->lock);
  while (g->nr_waiting < nr)
    cond_wait (&g->changed, &g->lock);
  mutex_unlock (&g->lock);
}

#endif /* BATON_TESTS_GATE_IO_H */
