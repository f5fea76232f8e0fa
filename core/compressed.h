/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Inflate one compressed cluster.  Pure: bytes in, bytes out.
 *
 * zlib: raw deflate, window 12..15 bits; Z_BUF_ERROR is accepted when the
 * output is full.  zstd: one or more frames; stops when the output is full,
 * fails on no progress; garbage after the end is ignored (the input is
 * padded to a sector).  Exactly OUT_LEN bytes must come out: less is EIO.
 * Section: "Compressed Clusters Descriptor".
 */

#ifndef BATON_COMPRESSED_H
#define BATON_COMPRESSED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

/* TYPE is QCOW2_COMPRESSION_*.  EIO on bad data, ENOTSUP for zstd when it
 * was left out at configure time. */
int compressed_inflate (uint8_t type, const void *in, size_t in_len,
                        void *out, size_t out_len, struct error *err);

/* Whether this build can inflate TYPE. */
bool compressed_supported (uint8_t type);

#endif /* BATON_COMPRESSED_H */
