/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Grace periods: when has every request that might still touch a freed host
 * cluster ended?
 *
 * A request looks a mapping up and then reads or writes the host cluster
 * without a lock.  So a cluster whose last pointer is gone may be touched by
 * any request that began before, and must not be punched or handed out again
 * until those have ended.
 *
 * Requests are counted by the parity of the epoch in which they began.  The
 * epoch moves on only when the parity that it is moving to counts nobody.  So
 * when the epoch is E + 2, nobody who began in E or earlier is left.
 *
 * enter and leave: any thread, no lock.  advance: one thread at a time.
 */

#ifndef BATON_GRACE_H
#define BATON_GRACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct grace {
  _Atomic uint64_t epoch;
  _Atomic uint64_t nr_active[2];
};

/* A request begins; give the result to grace_leave. */
static inline unsigned
grace_enter (struct grace *g)
{
  for (;;) {
    const uint64_t epoch = atomic_load (&g->epoch);

    atomic_fetch_add (&g->nr_active[epoch & 1], 1);
    /* Between the load and the add the epoch may have moved on, and with it
     * the promise that nobody joins the old one. */
    if (atomic_load (&g->epoch) == epoch)
      return epoch & 1;
    atomic_fetch_sub (&g->nr_active[epoch & 1], 1);
  }
}

static inline void
grace_leave (struct grace *g, unsigned parity)
{
  atomic_fetch_sub (&g->nr_active[parity], 1);
}

static inline uint64_t
grace_now (struct grace *g)
{
  return atomic_load (&g->epoch);
}

/* Move on by up to two epochs, as far as running requests allow. */
static inline void
grace_advance (struct grace *g)
{
  unsigned i;

  for (i = 0; i < 2; ++i) {
    const uint64_t epoch = atomic_load (&g->epoch);

    if (atomic_load (&g->nr_active[(epoch + 1) & 1]) != 0)
      return;
    atomic_store (&g->epoch, epoch + 1);
  }
}

/* Whether all who may have seen what was unlinked in EPOCH have left. */
static inline bool
grace_passed (struct grace *g, uint64_t epoch)
{
  return atomic_load (&g->epoch) >= epoch + 2;
}

#endif /* BATON_GRACE_H */
