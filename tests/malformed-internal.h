/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Between the files that make malformed images.
 */

#ifndef BATON_TESTS_MALFORMED_INTERNAL_H
#define BATON_TESTS_MALFORMED_INTERNAL_H

#include "malformed-cases.h"

struct maker {
  malformed_fn *fn;
  void *opaque;
  struct malformed m;           /* being made */
};

/* Begin with an undamaged image of that base. */
void malformed_begin (struct maker *k, const struct base_image *b,
                      const char *fmt, ...)
  __attribute__ ((format (printf, 3, 4)));
void malformed_patch (struct maker *k, uint64_t offset, const void *data,
                      size_t len);
void malformed_patch_number (struct maker *k, uint64_t offset, unsigned width,
                             uint64_t value);
void malformed_emit (struct maker *k);

/* malformed-names.c */
void malformed_names (struct maker *k, const struct base_image *b);

#endif /* BATON_TESTS_MALFORMED_INTERNAL_H */
