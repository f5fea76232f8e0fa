/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Inflate one compressed cluster.
 *
 * The input is what an image says is compressed data, the output a buffer
 * of one cluster: neither library may write more than OUT_LEN, and "the
 * decompressed data is exactly one cluster" is checked here, not trusted.
 * On failure the buffer holds garbage.
 *
 * Every call makes and frees its own decoder: callers need no lock.
 */

#include <config.h>

#include <errno.h>
#include <limits.h>

#include <zlib.h>
#ifdef HAVE_ZSTD
#include <zstd.h>
#include <zstd_errors.h>
#endif

#include "compressed.h"
#include "qcow2-format.h"

/* "raw deflate, no header": negative window bits.  15 accepts every smaller
 * window too; the format's writers use 12. */
#define RAW_DEFLATE_WINDOW_BITS (-15)

/* A frame may ask for a window of up to 128 MiB, for a cluster of at most 2
 * MiB; compressors that know their input's size never ask for more than
 * that size.  What is allowed here is four times the largest cluster. */
#define ZSTD_WINDOW_LOG 23

static int
inflate_zlib (const void *in, size_t in_len, void *out, size_t out_len,
              struct error *err)
{
  z_stream strm = { .next_in = (Bytef *) in, .next_out = out };
  size_t done;
  int r;

  /* zlib counts in unsigned int. */
  if (in_len > UINT_MAX || out_len > UINT_MAX)
    return error_set (err, EIO, "compressed cluster of %zu bytes (%zu "
                      "inflated) is too large", in_len, out_len);
  strm.avail_in = (uInt) in_len;
  strm.avail_out = (uInt) out_len;
  if (inflateInit2 (&strm, RAW_DEFLATE_WINDOW_BITS) != Z_OK)
    return error_set (err, ENOMEM, "no memory to inflate a cluster");
  r = inflate (&strm, Z_FINISH);
  done = out_len - strm.avail_out;
  inflateEnd (&strm);

  /* Rule 35: Z_BUF_ERROR is fine if the output is full: the input is
   * padded, and may lack the end of its stream. */
  if (done == out_len && (r == Z_STREAM_END || r == Z_BUF_ERROR))
    return 0;
  if (r == Z_MEM_ERROR)
    return error_set (err, ENOMEM, "no memory to inflate a cluster");
  return error_set (err, EIO,
                    "zlib compressed cluster is damaged: %zu of %zu bytes "
                    "could be inflated from %zu (%s)",
                    done, out_len, in_len, zError (r));
}

#ifdef HAVE_ZSTD

static int
zstd_errno (size_t r)
{
  return ZSTD_getErrorCode (r) == ZSTD_error_memory_allocation ? ENOMEM : EIO;
}

/* Rule 35: loop over frames, stop when the output is full, fail on no
 * progress.  A frame that does not end there holds more than a cluster, or
 * lacks its end; QEMU does not take either. */
static int
decompress_frames (ZSTD_DCtx *dctx, ZSTD_inBuffer *in, ZSTD_outBuffer *out,
                   struct error *err)
{
  size_t r = 0;

  while (out->pos < out->size) {
    const size_t in_pos = in->pos, out_pos = out->pos;

    r = ZSTD_decompressStream (dctx, out, in);
    if (ZSTD_isError (r))
      return error_set (err, zstd_errno (r),
                        "zstd compressed cluster is damaged: %zu of %zu "
                        "bytes could be inflated from %zu (%s)",
                        out->pos, out->size, in->size, ZSTD_getErrorName (r));
    if (in->pos == in_pos && out->pos == out_pos)
      return error_set (err, EIO,
                        "zstd compressed cluster is too short: %zu of %zu "
                        "bytes could be inflated from %zu",
                        out->pos, out->size, in->size);
  }
  if (r > 0)
    return error_set (err, EIO, "zstd compressed cluster is damaged: its "
                      "frame does not end with its %zu bytes", out->size);
  return 0;
}

static int
inflate_zstd (const void *in, size_t in_len, void *out, size_t out_len,
              struct error *err)
{
  ZSTD_inBuffer input = { .src = in, .size = in_len };
  ZSTD_outBuffer output = { .dst = out, .size = out_len };
  ZSTD_DCtx *dctx = ZSTD_createDCtx ();
  int r;

  if (dctx == NULL)
    return error_set (err, ENOMEM, "no memory to inflate a cluster");
  ZSTD_DCtx_setParameter (dctx, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG);
  r = decompress_frames (dctx, &input, &output, err);
  ZSTD_freeDCtx (dctx);
  return r;
}

#else /* !HAVE_ZSTD */

static int
inflate_zstd (const void *in, size_t in_len, void *out, size_t out_len,
              struct error *err)
{
  (void) in, (void) in_len, (void) out, (void) out_len;
  return error_set (err, ENOTSUP, "zstd compressed cluster: zstd was left "
                    "out of this build");
}

#endif /* !HAVE_ZSTD */

int
compressed_inflate (uint8_t type, const void *in, size_t in_len,
                    void *out, size_t out_len, struct error *err)
{
  switch (type) {
  case QCOW2_COMPRESSION_ZLIB:
    return inflate_zlib (in, in_len, out, out_len, err);
  case QCOW2_COMPRESSION_ZSTD:
    return inflate_zstd (in, in_len, out, out_len, err);
  default:
    return error_set (err, ENOTSUP, "unknown compression type %d", type);
  }
}

bool
compressed_supported (uint8_t type)
{
#ifdef HAVE_ZSTD
  if (type == QCOW2_COMPRESSION_ZSTD)
    return true;
#endif
  return type == QCOW2_COMPRESSION_ZLIB;
}
