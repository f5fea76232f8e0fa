/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An image made by qemu-img with a few numbers in it changed, on a simulated
 * disk.
 */

#ifndef BATON_TESTS_POKED_IMAGE_H
#define BATON_TESTS_POKED_IMAGE_H

#include <stdint.h>

#include "simdisk.h"

/* What a change is relative to. */
enum place {
  NOWHERE,                      /* ends a list of changes */
  HEADER,
  L1_TABLE,
  L2_TABLE,                     /* the one of L1 entry 0 */
  REFCOUNT_TABLE,
  REFCOUNT_BLOCK,               /* the one of entry 0 */
  SNAPSHOT_TABLE,
  SNAPSHOT_L1,                  /* of the first snapshot */
  BITMAP_DIRECTORY,
  BITMAP_TABLE,                 /* of the first bitmap */
  BITMAP_REFCOUNT,              /* of the cluster of that table; 16 bits */
  BITMAPS_EXTENSION,            /* its data */
  CRYPTO_EXTENSION,
};

enum change_kind { SET, FLIP };

#define MAX_CHANGES 3

struct change {
  enum place place;
  uint32_t at;                  /* bytes behind it */
  uint32_t width;               /* bytes: 2, 4 or 8 */
  uint64_t value;
  enum change_kind kind;
};

/* What the shell commands CREATE leave as t.qcow2, with CHANGES, which is
 * MAX_CHANGES long or ends with NOWHERE. */
struct simdisk *poked_image (const char *create, const struct change *changes);

#endif /* BATON_TESTS_POKED_IMAGE_H */
