/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to mapping*.c: lookups in images with extended L2 entries.
 */

#ifndef BATON_MAPPING_SUBCLUSTER_H
#define BATON_MAPPING_SUBCLUSTER_H

#include "mapping.h"

/* mapping_lookup, where the L2 table exists. */
int mapping_lookup_subclusters (struct mapping *m, uint64_t offset,
                                uint64_t len, struct run *ret,
                                struct error *err);

#endif /* BATON_MAPPING_SUBCLUSTER_H */
