/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to image-*.c: writing compressed clusters (compress=on).
 */

#ifndef BATON_IMAGE_PACK_H
#define BATON_IMAGE_PACK_H

#include "image-internal.h"

/* ENOTSUP where compress=on is asked for and cannot be. */
int image_check_compress (const struct image *img, struct error *err);
/* Whether what is written to RUN at guest OFFSET is to be compressed.  RUN is
 * cut off where that changes. */
bool image_is_packed (struct image *img, struct run *run, uint64_t offset);
/* Write such a RUN, or a part of it, compressed.  *RET_LEN: how much, bytes. */
int image_write_packed (struct image *img, const struct run *run,
                        const void *buf, uint64_t offset, size_t *ret_len,
                        struct error *err);

#endif /* BATON_IMAGE_PACK_H */
