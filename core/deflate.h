/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Compress clusters.  Bytes in, bytes out; the reverse of compressed.h.
 *
 * zlib: raw deflate, window 12 bits ("compressed data is written with a
 * window size of 4 KiB"), as QEMU writes it.  zstd: one frame.  Both at the
 * library's default level.
 *
 * A deflater is for one thread at a time, and for many clusters.
 */

#ifndef BATON_DEFLATE_H
#define BATON_DEFLATE_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"

struct deflater;

/* TYPE is QCOW2_COMPRESSION_*.  ENOMEM, or ENOTSUP where compressed_supported
 * says no. */
int deflater_new (uint8_t type, struct deflater **ret, struct error *err);
void deflater_free (struct deflater *d);

/* Compress IN; *RET_LEN is how many of the OUT_LEN bytes were needed, 0 where
 * the result does not fit there: then OUT holds garbage. */
int deflater_run (struct deflater *d, const void *in, size_t in_len,
                  void *out, size_t out_len, size_t *ret_len,
                  struct error *err);

#endif /* BATON_DEFLATE_H */
