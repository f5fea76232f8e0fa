/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to image-*.c: changes in images with extended L2 entries.
 */

#ifndef BATON_IMAGE_SUBCLUSTER_H
#define BATON_IMAGE_SUBCLUSTER_H

#include "image-internal.h"

/* With the range lock on the clusters of [OFFSET, OFFSET + LEN), whose first
 * byte may not be written in place.  Write from there on, to where the
 * subclusters are or to new ones.  BUF NULL: zeros.  *RET_LEN: how much was
 * done, at least one byte. */
int image_write_subclusters (struct image *img, const void *buf, size_t len,
                             uint64_t offset, size_t *ret_len,
                             struct error *err);

/* Takes the range lock.  Make the subclusters of [FROM, TO), both multiples of
 * their size, read zeros by their bits; *RET_LEN: how much was done. */
int image_zero_subclusters (struct image *img, uint64_t from, uint64_t to,
                            unsigned flags, uint64_t *ret_len,
                            struct error *err);

/* Subclusters of guest CLUSTER that have a byte in [FROM, TO), of which there
 * is at least one: their bits. */
uint32_t image_subcluster_mask (const struct image *img, uint64_t cluster,
                                uint64_t from, uint64_t to);

#endif /* BATON_IMAGE_SUBCLUSTER_H */
