/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The same by stopping qemu-nbd and starting it again.
 */

#ifndef BATON_BENCH_QEMU_NBD_H
#define BATON_BENCH_QEMU_NBD_H

#include <stdint.h>

#include "bench.h"

/* The microseconds from the last answer of one qemu-nbd to the first of the
 * next, after DIRTY_US of random writes (0: none). */
uint64_t qemu_nbd_restart (const struct programs *p, const char *image,
                           uint64_t size_bytes, uint64_t dirty_us);

#endif /* BATON_BENCH_QEMU_NBD_H */
