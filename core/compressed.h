/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Inflate compressed clusters.  Bytes in, bytes out; the reverse of deflate.h.
 *
 * zlib: raw deflate, window 12..15 bits; Z_BUF_ERROR is accepted when the
 * output is full.  zstd: one or more frames; stops when the output is full,
 * fails on no progress; garbage after the end is ignored (the input is
 * padded to a sector).  Exactly OUT_LEN bytes must come out: less is EIO.
 * Section: "Compressed Clusters Descriptor".
 *
 * Where the build has libdeflate, what it takes for good raw deflate is; what
 * it does not is judged by zlib, so that what zlib (and QEMU) takes is good in
 * every build, and errors have the same text.  libdeflate takes more: codes
 * that "will never actually occur" (RFC 1951, 3.2.5 and 3.2.6).  Data that are
 * damaged just so are read as something else, as most damaged data are in a
 * format that has no checksum.
 *
 * An inflater is for one thread at a time, and for many clusters: its memory
 * costs more than a cluster does, with zstd.
 */

#ifndef BATON_COMPRESSED_H
#define BATON_COMPRESSED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

struct inflater;

/* TYPE is QCOW2_COMPRESSION_*.  ENOMEM, ENOTSUP for zstd when it was left out
 * at configure time. */
int inflater_new (uint8_t type, struct inflater **ret, struct error *err);
void inflater_free (struct inflater *d);

/* EIO on bad data; then OUT holds garbage, and the inflater is as good as
 * before. */
int inflater_run (struct inflater *d, const void *in, size_t in_len,
                  void *out, size_t out_len, struct error *err);

/* Whether this build can inflate TYPE. */
bool compressed_supported (uint8_t type);

#endif /* BATON_COMPRESSED_H */
