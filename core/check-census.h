/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How often each host cluster is referred to, counted in little memory.
 *
 * Clusters are counted in groups of 8192.  A group takes no memory until one
 * of its clusters is counted, then 2 bits for each, and 8, 16 or 64 where a
 * count does not fit.  With 64 KiB clusters that is 4 MiB for each TiB of
 * file, 16 MiB where clusters have more than 3 users (snapshots) and 32 MiB
 * where they have more than 255; with 2 MiB clusters a 32nd of it.
 *
 * No lock; one thread.
 */

#ifndef BATON_CHECK_CENSUS_H
#define BATON_CHECK_CENSUS_H

#include <stdint.h>

#include "error.h"

struct census;

int census_new (struct census **ret, struct error *err);
void census_free (struct census *s);

uint64_t census_get (const struct census *s, uint64_t cluster);
/* ENOMEM, after which nothing has changed. */
int census_set (struct census *s, uint64_t cluster, uint64_t count,
                struct error *err);

/* Of all groups, now: never shrinks. */
uint64_t census_bytes (const struct census *s);

#endif /* BATON_CHECK_CENSUS_H */
