/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The set of host clusters that hold metadata, asked before guest data is
 * written: "no data write may touch header, L1, L2, refcount table, refcount
 * blocks".  A damaged or hostile image cannot make a guest overwrite them.
 *
 * Constant time per question; memory is 11 to 22 bytes for each metadata
 * cluster.  Keys are host cluster numbers.  Thread-safe.
 */

#ifndef BATON_METADATA_MAP_H
#define BATON_METADATA_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"

struct metadata_map;

int metadata_map_new (struct metadata_map **ret, struct error *err);
void metadata_map_free (struct metadata_map *m);
/* Room for about NR clusters, up to 64 Ki of them, at once and not by and by:
 * an activation waits for the memory that it touches. */
int metadata_map_reserve (struct metadata_map *m, uint64_t nr,
                          struct error *err);

/* Adding what is there already does nothing.  Fails with ENOMEM only.
 * "claim" fails with EIO where a cluster is there already: two structures of
 * the image overlap.  WHAT names the new one.  Where it fails it has taken
 * none. */
int metadata_map_claim (struct metadata_map *m, uint64_t first_cluster,
                        uint64_t nr_clusters, const char *what,
                        struct error *err);
int metadata_map_add (struct metadata_map *m, uint64_t first_cluster,
                      uint64_t nr_clusters, struct error *err);
void metadata_map_remove (struct metadata_map *m, uint64_t first_cluster,
                          uint64_t nr_clusters);
bool metadata_map_touches (struct metadata_map *m, uint64_t first_cluster,
                           uint64_t nr_clusters);

#endif /* BATON_METADATA_MAP_H */
