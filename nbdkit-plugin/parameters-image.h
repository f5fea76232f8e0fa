/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The parameters that say how the image is served: for parameters.c, whose
 * rows these are.  Each takes a value; -1 after nbdkit_error.
 */

#ifndef BATON_PARAMETERS_IMAGE_H
#define BATON_PARAMETERS_IMAGE_H

#include "parameters.h"

int set_cache (struct parameters *p, const char *value);
int set_metadata_cache (struct parameters *p, const char *value);
int set_backing (struct parameters *p, const char *value);
int set_data_file (struct parameters *p, const char *value);
int set_discard (struct parameters *p, const char *value);
int set_passphrase_file (struct parameters *p, const char *value);
int set_compress (struct parameters *p, const char *value);
int set_snapshot (struct parameters *p, const char *value);
int set_allow_corrupt (struct parameters *p, const char *value);

/* The index of VALUE in CHOICES (ended by NULL), or -1 after nbdkit_error. */
int parameters_choose (const char *name, const char *value,
                       const char *const *choices);

#define CHOOSE(name, value, ...) \
  parameters_choose (name, value, (const char *const []) { __VA_ARGS__, NULL })

#endif /* BATON_PARAMETERS_IMAGE_H */
