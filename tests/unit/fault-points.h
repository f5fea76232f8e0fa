/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One call, or two, fail while something is done to an image; and what must
 * hold then:
 *
 *   - the operation succeeded, or failed with a text;
 *   - what was acknowledged before reads back, and what it was to change is
 *     old or new;
 *   - a sync that failed has poisoned the image;
 *   - where it is not poisoned each host cluster is free, referred to, in the
 *     pool, in quarantine or stuck; the operation can be repeated, the image
 *     can be finished, and leaks what the allocator says is stuck: only what
 *     could not be read or zeroed on its way back;
 *   - where it is poisoned every change fails with that reason; opened afresh
 *     it reads back, and has leaks at most.
 *
 * Of some of the images QEMU must say the same.  One thread; what does not
 * hold fails the test.
 */

#ifndef BATON_TESTS_FAULT_POINTS_H
#define BATON_TESTS_FAULT_POINTS_H

#include <stdbool.h>
#include <stdint.h>

#include "image-world.h"

#define NR_SHAPES 11u
extern const struct world_shape fault_shapes[NR_SHAPES];

struct operation {
  const char *name;
  struct step before[2];        /* without faults */
  struct step steps[3];
};
#define NR_OPERATIONS 12u
extern const struct operation fault_operations[NR_OPERATIONS];

/* Calls for memory, beside SIMDISK_READ and the like. */
#define MEMORY (SIMDISK_ALL + 1)

struct fault {
  unsigned kinds;               /* SIMDISK_*, or MEMORY */
  int errnum;
  bool forever;
  bool torn;                    /* half of what was to be written is */
};
#define NR_FAULTS 16u
extern const struct fault fault_kinds[NR_FAULTS];

struct totals {
  uint64_t points;              /* all of their faults have struck */
  uint64_t failed;
  uint64_t poisoned;
  uint64_t leaky;
  unsigned qemu_each;           /* of so many images QEMU looks at one */
  uint64_t qemu_looks, qemu_checks;     /* by QEMU; of these by qemu-img */
};

struct point {
  struct world *w;              /* of the shape */
  const struct operation *op;
  struct {
    const struct fault *fault;
    uint64_t nth;               /* call of its kinds, counted from 1 */
    bool struck;
  } faults[2];
  unsigned nr_faults;
  struct totals *totals;

  /* Called where the faults have ended and nothing else has been done; R is
   * what came of it.  And after each step.  NULL: nothing. */
  void (*then) (struct point *p, int r);
  void (*stepped) (struct point *p, const struct step *s, int r);
  void *opaque;
  bool sync_failed;
};

/* Whether all of the faults have struck.  Where there are two, and it fails,
 * it is tried again before they end; where not both of them have struck
 * nothing is looked at. */
bool fault_point_run (struct point *p);
/* Each host cluster of the disk is counted at least as often as it is
 * referred to; *RET_LEAKS are counted more often.  Not told of snapshots. */
void fault_point_references (struct point *p, uint64_t *ret_leaks);

#endif /* BATON_TESTS_FAULT_POINTS_H */
