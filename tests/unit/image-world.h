/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Images on simulated disks with a known content, and requests to them that
 * keep a model of what must read back.
 *
 * Places are in sixteenths of a unit, which is one cluster or, where clusters
 * are small, eight.  The disk is looked at through two windows: units 0 to 7,
 * and two units at FAR, which another L2 table maps.  At first
 *
 *   units 0, 1, 3   data
 *   unit 2          was data, then zeroed
 *   the others      untouched: zeros, or what the backing file has
 */

#ifndef BATON_TESTS_IMAGE_WORLD_H
#define BATON_TESTS_IMAGE_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "image.h"
#include "qemu-look.h"
#include "simdisk.h"

#define NEAR_UNITS 8u
#define FAR_UNITS 2u
#define NR_UNITS (NEAR_UNITS + FAR_UNITS)
/* In sixteenths. */
#define UNITS(n) ((n) * 16u)
#define FAR UNITS (NEAR_UNITS)

struct world_shape {
  const char *name;
  const char *create;           /* options of qemu-img create, and the size */
  uint64_t unit_bytes;
  uint64_t far_offset;
  uint64_t file_bytes;          /* grown to this before the test; 0: not */
  uint64_t device_bytes;        /* 0: a file */
  bool backed;
  bool compress;                /* compress=on, after that content */
  bool snapshot;                /* taken after the content was written */
};

enum what { NOTHING, WRITE, ZERO, FLUSH, FINISH };

struct step {
  enum what what;
  uint32_t from, nr;            /* sixteenths of a unit */
  unsigned flags;               /* IMAGE_* */
};

struct world {
  const struct world_shape *shape;
  struct simdisk *pristine;
  struct simdisk *base;         /* of the backing file, or NULL */
  uint8_t *first;               /* content of the windows in PRISTINE */

  struct simdisk_opener opener;
  struct simdisk *disk;         /* a copy of PRISTINE */
  struct image *img;            /* open on DISK, or NULL */
  uint8_t *old, *new;           /* what must read back, before and after the
                                 * last step; or a mixture if that failed */
  struct qemu_look qemu;
};

/* Makes PRISTINE; fails the test where that fails. */
void world_init (struct world *w, const struct world_shape *shape);
void world_destroy (struct world *w);

/* A fresh copy of PRISTINE, and its content is the model. */
void world_restart (struct world *w);
/* Open the image on the disk as it is, for writing. */
void world_open (struct world *w);
void world_close (struct world *w);

/* Do S, whose data depend on SALT; the model follows. */
int world_step (struct world *w, const struct step *s, uint8_t salt,
                struct error *err);
/* Both windows' content, of world_bytes: as the image has it. */
uint64_t world_bytes (const struct world *w);
void world_read (struct world *w, uint8_t *buf, const char *when);
/* What was begun is now acknowledged. */
void world_settle (struct world *w);
/* Fails the test unless each byte is as in the model: the new one, or where
 * MIXED the old one or the new one. */
void world_compare (struct world *w, bool mixed, const char *when);

/* What QEMU says of the disk; CHECK: a qemu-img check of its own does. */
enum verdict world_qemu_look (struct world *w, bool check);

#endif /* BATON_TESTS_IMAGE_WORLD_H */
