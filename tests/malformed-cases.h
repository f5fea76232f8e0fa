/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The malformed images: each is a small valid one (base-image.h) with some
 * bytes changed, or cut off.
 *
 *   field     each field of each structure x boundary values
 *   bit       each bit of the feature words, and of entries of tables
 *   overlap   each pointer leads to each other structure; and the same with
 *             the dirty bit, so that a repair meets them
 *   cut       the file ends at, in and behind each structure; at each byte of
 *             the header
 *   name      hostile names of backing files, data files, formats, features
 *             and snapshots
 *   packed    compressed data that are not what they should be
 */

#ifndef BATON_TESTS_MALFORMED_CASES_H
#define BATON_TESTS_MALFORMED_CASES_H

#include <stddef.h>
#include <stdint.h>

#include "base-image.h"

#define MALFORMED_NR_PATCHES 4
#define MALFORMED_PATCH_BYTES 2304

struct malformed {
  const struct base_image *base;
  char name[96];                /* BASE/KIND/WHAT=VALUE: no spaces */
  uint64_t size;                /* of the file */
  unsigned nr_patches;
  struct {
    uint64_t offset;
    size_t len;
    uint8_t data[MALFORMED_PATCH_BYTES];
  } patches[MALFORMED_NR_PATCHES];
};

/* M is FN's until it returns. */
typedef void malformed_fn (void *opaque, const struct malformed *m);

/* All images from those bases. */
void malformed_each (const struct base_image *bases, size_t nr_bases,
                     malformed_fn *fn, void *opaque);

#endif /* BATON_TESTS_MALFORMED_CASES_H */
