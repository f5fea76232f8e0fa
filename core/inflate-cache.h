/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The last few compressed clusters, inflated, so that small reads of
 * neighbouring data inflate a cluster once.
 *
 * Keyed by where the compressed data is, which is never written in place.
 * Before its host clusters are used for something else they are forgotten,
 * when all who may still read by an old pointer have ended (allocator.h,
 * "punched"): so an entry cannot go stale.
 * Thread-safe; reading and inflating happen outside the lock.
 */

#ifndef BATON_INFLATE_CACHE_H
#define BATON_INFLATE_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "io.h"
#include "qcow2-header.h"

struct inflate_cache;

/* IO and HEADER are borrowed. */
int inflate_cache_new (struct io *io, const struct qcow2_header *header,
                       struct inflate_cache **ret, struct error *err);
void inflate_cache_free (struct inflate_cache *c);

/* Copy LEN bytes from byte SKIP of the cluster whose compressed data are the
 * COMPRESSED_BYTES (at most) at HOST_OFFSET. */
int inflate_cache_read (struct inflate_cache *c, uint64_t host_offset,
                        uint32_t compressed_bytes, void *buf, size_t len,
                        size_t skip, struct error *err);

/* Forget all whose compressed data starts in [OFFSET, OFFSET + LEN).  Nobody
 * may be reading it. */
void inflate_cache_forget (struct inflate_cache *c, uint64_t offset,
                           uint64_t len);

#endif /* BATON_INFLATE_CACHE_H */
