/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An image with persistent dirty bitmaps on the simulated disk, and what must
 * be true of them; they are read byte by byte with no code of the engine but
 * io_pread.  Each function fails the test where something is not.
 *
 * Bitmaps "one" and "two" are enabled and empty at first; "frozen" has bits and
 * is disabled.  The disk is looked at through two windows, sectors 0 to
 * NEAR_SECTORS - 1 and the rest, so that with small clusters there are several
 * entries in a bitmap's table.
 */

#ifndef BATON_TESTS_BITMAPS_WORLD_H
#define BATON_TESTS_BITMAPS_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "image.h"
#include "simdisk.h"

#define SECTOR 512u
#define NEAR_SECTORS 128u
#define NR_SECTORS 384u

struct shape {
  const char *name, *options;   /* of qemu-img create */
  unsigned granularity[2];      /* of "one" and "two", log2 */
};
#define NR_SHAPES 3u
extern const struct shape shapes[NR_SHAPES];

struct test {
  const struct shape *shape;
  struct simdisk *disk;         /* the caller's */
  uint64_t seed, random;
  bool checking;
  bool acknowledged;            /* some write since the start, and no end */
  bool lost;                    /* by an earlier life */
  bool asked[NR_SECTORS];       /* what was to change since they began */
  uint64_t nr_valid, nr_in_use; /* bitmaps that were looked at */
};

void test_init (struct test *t, const struct shape *shape,
                struct simdisk *disk, uint64_t seed);

/* Data everywhere in the windows. */
struct simdisk *make_image (const struct shape *shape);
struct image *open_image (struct simdisk *d, bool writing);
/* The guest's byte where SECTOR begins. */
uint64_t offset_of (unsigned sector);

/* LEFT, by a kill or a power cut: each enabled bitmap is in use, or it has all
 * that has changed; the disabled one is as it was. */
void check_left (struct test *t, struct simdisk *left, bool killed);
/* After an orderly end, called WHEN: they are valid, and have exactly what was
 * asked for, unless they were lost before. */
void check_ended (struct test *t, const char *when);

#endif /* BATON_TESTS_BITMAPS_WORLD_H */
