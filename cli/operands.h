/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Operands that are pairs, SRC DST SRC DST..., of pass and migrate.
 */

#ifndef BATON_OPERANDS_H
#define BATON_OPERANDS_H

#include <stdbool.h>
#include <stddef.h>

#include "peer.h"
#include "subcommand.h"

/* One path may have several names. */
bool operands_same_path (const char *a, const char *b);

/* An even number, and none named twice; else it is said. */
bool operands_check_pairs (const char *subcommand, size_t nr,
                           char *const *operands);

/* ENDPOINTS by twos become SRCS and DSTS, which start as NULLs; no I/O yet.
 * -1: it is said why. */
int operands_connect (const struct options *options, size_t nr,
                      char *const *endpoints, struct peer **srcs,
                      struct peer **dsts);
void operands_disconnect (size_t nr_pairs, struct peer **srcs,
                          struct peer **dsts);

#endif /* BATON_OPERANDS_H */
