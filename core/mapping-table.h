/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to the mapping: an L2 table that may be written to.
 */

#ifndef BATON_MAPPING_TABLE_H
#define BATON_MAPPING_TABLE_H

#include "mapping.h"

/* The offset of the L2 table of L1 entry INDEX, which is there and belongs
 * to the active L1 table alone (refcount 1) when this returns 0. */
int mapping_writable_table (struct mapping *m, uint64_t index,
                            uint64_t *ret_table, struct error *err)
  EXCLUDES (m->l1_lock);

#endif /* BATON_MAPPING_TABLE_H */
