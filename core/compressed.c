/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Inflate compressed clusters: see compressed.h.
 *
 * The input is what an image says is compressed data, the output a buffer
 * of one cluster: no library may write more than OUT_LEN, and "the
 * decompressed data is exactly one cluster" is checked here, not trusted.
 */

#include <config.h>

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include <zlib.h>
#ifdef HAVE_LIBDEFLATE
#include <libdeflate.h>
#endif
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

/* What an inflater keeps from one cluster to the next.  Without such a window
 * it is about 160 KiB. */
#define ZSTD_KEPT_BYTES (1u << 20)

struct inflater {
  uint8_t type;
#ifdef HAVE_LIBDEFLATE
  struct libdeflate_decompressor *fast; /* zlib alone */
#endif
#ifdef HAVE_ZSTD
  ZSTD_DCtx *zstd;              /* NULL: none yet */
#endif
};

static int
no_memory (struct error *err)
{
  return error_set (err, ENOMEM, "no memory to inflate a cluster");
}

/* -- zlib ------------------------------------------------------------ */

#ifdef HAVE_LIBDEFLATE

static int
start_zlib (struct inflater *d, struct error *err)
{
  d->fast = libdeflate_alloc_decompressor ();
  return d->fast ? 0 : no_memory (err);
}

static void
stop_zlib (struct inflater *d)
{
  libdeflate_free_decompressor (d->fast);
}

/* Whether IN is a stream with an end, and exactly OUT_LEN bytes.  False says
 * nothing but that zlib must look. */
static bool
inflate_fast (struct inflater *d, const void *in, size_t in_len, void *out,
              size_t out_len)
{
  size_t in_done, out_done;

  return libdeflate_deflate_decompress_ex (d->fast, in, in_len, out, out_len,
                                           &in_done, &out_done)
    == LIBDEFLATE_SUCCESS && out_done == out_len;
}

#else /* !HAVE_LIBDEFLATE */

static int
start_zlib (struct inflater *d, struct error *err)
{
  (void) d, (void) err;
  return 0;
}

static void
stop_zlib (struct inflater *d)
{
  (void) d;
}

static bool
inflate_fast (struct inflater *d, const void *in, size_t in_len, void *out,
              size_t out_len)
{
  (void) d, (void) in, (void) in_len, (void) out, (void) out_len;
  return false;
}

#endif /* !HAVE_LIBDEFLATE */

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
    return no_memory (err);
  r = inflate (&strm, Z_FINISH);
  done = out_len - strm.avail_out;
  inflateEnd (&strm);

  /* Rule 35: Z_BUF_ERROR is fine if the output is full: the input is
   * padded, and may lack the end of its stream. */
  if (done == out_len && (r == Z_STREAM_END || r == Z_BUF_ERROR))
    return 0;
  if (r == Z_MEM_ERROR)
    return no_memory (err);
  return error_set (err, EIO,
                    "zlib compressed cluster is damaged: %zu of %zu bytes "
                    "could be inflated from %zu (%s)",
                    done, out_len, in_len, zError (r));
}

/* -- zstd ------------------------------------------------------------ */

#ifdef HAVE_ZSTD

/* Made where it is used first, and again where it was not kept. */
static int
start_zstd (struct inflater *d, struct error *err)
{
  (void) d, (void) err;
  return 0;
}

static int
make_decoder (struct inflater *d, struct error *err)
{
  d->zstd = ZSTD_createDCtx ();
  if (!d->zstd)
    return no_memory (err);
  ZSTD_DCtx_setParameter (d->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG);
  return 0;
}

static void
stop_zstd (struct inflater *d)
{
  ZSTD_freeDCtx (d->zstd);
  d->zstd = NULL;
}

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
inflate_zstd (struct inflater *d, const void *in, size_t in_len, void *out,
              size_t out_len, struct error *err)
{
  ZSTD_inBuffer input = { .src = in, .size = in_len };
  ZSTD_outBuffer output = { .dst = out, .size = out_len };
  int r;

  if (!d->zstd && make_decoder (d, err) == -1)
    return -1;
  /* The last cluster's frame may have been left in the middle. */
  ZSTD_DCtx_reset (d->zstd, ZSTD_reset_session_only);
  r = decompress_frames (d->zstd, &input, &output, err);
  if (ZSTD_sizeof_DCtx (d->zstd) > ZSTD_KEPT_BYTES)
    stop_zstd (d);
  return r;
}

#else /* !HAVE_ZSTD */

static int
start_zstd (struct inflater *d, struct error *err)
{
  (void) d;
  return error_set (err, ENOTSUP, "zstd compressed cluster: zstd was left "
                    "out of this build");
}

static void
stop_zstd (struct inflater *d)
{
  (void) d;
}

static int
inflate_zstd (struct inflater *d, const void *in, size_t in_len, void *out,
              size_t out_len, struct error *err)
{
  (void) in, (void) in_len, (void) out, (void) out_len;
  return start_zstd (d, err);
}

#endif /* !HAVE_ZSTD */

/* -- either ---------------------------------------------------------- */

static int
start (struct inflater *d, struct error *err)
{
  switch (d->type) {
  case QCOW2_COMPRESSION_ZLIB:
    return start_zlib (d, err);
  case QCOW2_COMPRESSION_ZSTD:
    return start_zstd (d, err);
  default:
    return error_set (err, ENOTSUP, "unknown compression type %d", d->type);
  }
}

int
inflater_new (uint8_t type, struct inflater **ret, struct error *err)
{
  struct inflater *d = calloc (1, sizeof *d);

  if (!d)
    return no_memory (err);
  d->type = type;
  if (start (d, err) == -1) {
    free (d);
    return -1;
  }
  *ret = d;
  return 0;
}

void
inflater_free (struct inflater *d)
{
  if (!d)
    return;
  if (d->type == QCOW2_COMPRESSION_ZSTD)
    stop_zstd (d);
  else
    stop_zlib (d);
  free (d);
}

int
inflater_run (struct inflater *d, const void *in, size_t in_len,
              void *out, size_t out_len, struct error *err)
{
  if (d->type == QCOW2_COMPRESSION_ZSTD)
    return inflate_zstd (d, in, in_len, out, out_len, err);
  if (inflate_fast (d, in, in_len, out, out_len))
    return 0;
  return inflate_zlib (in, in_len, out, out_len, err);
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
