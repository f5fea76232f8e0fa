/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The last few compressed clusters, inflated, so that small reads of
 * neighbouring data inflate a cluster once.
 *
 * Keyed by where the compressed data is.  Baton never writes compressed data
 * in place, so within the life of an image object an entry cannot go stale.
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

#endif /* BATON_INFLATE_CACHE_H */
