/* SPDX-License-Identifier: BSD-3-Clause
 *
 * nbdkit's data callbacks.  See nbdkit-plugin(3) for their contracts.  All of
 * nbdkit's worker threads call them at once.
 */

#ifndef BATON_DATA_H
#define BATON_DATA_H

#include <stdint.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

int data_pread (void *handle, void *buf, uint32_t count, uint64_t offset,
                uint32_t flags);
int data_pwrite (void *handle, const void *buf, uint32_t count,
                 uint64_t offset, uint32_t flags);
int data_zero (void *handle, uint32_t count, uint64_t offset, uint32_t flags);
int data_trim (void *handle, uint32_t count, uint64_t offset, uint32_t flags);
int data_flush (void *handle, uint32_t flags);
int data_extents (void *handle, uint32_t count, uint64_t offset,
                  uint32_t flags, struct nbdkit_extents *extents);
int data_cache (void *handle, uint32_t count, uint64_t offset,
                uint32_t flags);

#endif /* BATON_DATA_H */
