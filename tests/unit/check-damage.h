/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Damage an image at random in ways that a repair takes away, and leave writes
 * of a process that was killed in the page cache.
 */

#ifndef BATON_TESTS_CHECK_DAMAGE_H
#define BATON_TESTS_CHECK_DAMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "io.h"
#include "qcow2-header.h"

#define DAMAGE_NONE UINT64_MAX

struct damage {
  struct qcow2_header h;        /* of the image; the user fills it in */
  uint64_t disk_bytes;
  uint64_t random;
  /* What was done: */
  uint64_t vanishing;           /* guest offset of a cluster that may read
                                 * zeros, or DAMAGE_NONE */
  bool only_high;               /* nothing is counted too low */
  bool only_true;               /* COPIED is nowhere that it must not be */
};

void damage_init (struct damage *d, uint64_t seed);
uint64_t damage_random (struct damage *d);
/* The image in IO, of a disk of DISK_BYTES; sets its dirty bit, too. */
void damage_image (struct damage *d, struct io *io, uint64_t disk_bytes);
/* No refcount block, and the dirty bit; all of it durable. */
void damage_table (struct damage *d, struct io *io);

#endif /* BATON_TESTS_CHECK_DAMAGE_H */
