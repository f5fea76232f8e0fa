/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Compress clusters: see deflate.h.  The library's state is made once and
 * reset for each cluster.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include <zlib.h>
#ifdef HAVE_ZSTD
#include <zstd.h>
#include <zstd_errors.h>
#endif

#include "deflate.h"
#include "qcow2-format.h"

/* Rule 35: raw deflate, window 12. */
#define RAW_DEFLATE_WINDOW_BITS (-12)
#define MEMORY_LEVEL 9

struct deflater {
  uint8_t type;
  z_stream zlib;
#ifdef HAVE_ZSTD
  ZSTD_CCtx *zstd;
#endif
};

static int
no_memory (struct error *err)
{
  return error_set (err, ENOMEM, "no memory to compress a cluster");
}

#ifdef HAVE_ZSTD

static int
start_zstd (struct deflater *d, struct error *err)
{
  d->zstd = ZSTD_createCCtx ();
  return d->zstd ? 0 : no_memory (err);
}

static int
run_zstd (struct deflater *d, const void *in, size_t in_len, void *out,
          size_t out_len, size_t *ret_len, struct error *err)
{
  const size_t r = ZSTD_compress2 (d->zstd, out, out_len, in, in_len);

  *ret_len = ZSTD_isError (r) ? 0 : r;
  if (!ZSTD_isError (r) ||
      ZSTD_getErrorCode (r) == ZSTD_error_dstSize_tooSmall)
    return 0;
  return error_set (err, EIO, "zstd cannot compress a cluster: %s",
                    ZSTD_getErrorName (r));
}

static void
stop_zstd (struct deflater *d)
{
  ZSTD_freeCCtx (d->zstd);
}

#else /* !HAVE_ZSTD */

static int
start_zstd (struct deflater *d, struct error *err)
{
  (void) d;
  return error_set (err, ENOTSUP, "zstd was left out of this build");
}

static int
run_zstd (struct deflater *d, const void *in, size_t in_len, void *out,
          size_t out_len, size_t *ret_len, struct error *err)
{
  (void) in, (void) in_len, (void) out, (void) out_len, (void) ret_len;
  return start_zstd (d, err);
}

static void
stop_zstd (struct deflater *d)
{
  (void) d;
}

#endif /* !HAVE_ZSTD */

static int
start_zlib (struct deflater *d, struct error *err)
{
  if (deflateInit2 (&d->zlib, Z_DEFAULT_COMPRESSION, Z_DEFLATED,
                    RAW_DEFLATE_WINDOW_BITS, MEMORY_LEVEL,
                    Z_DEFAULT_STRATEGY) != Z_OK)
    return no_memory (err);
  return 0;
}

/* zlib counts in unsigned int; a cluster has at most 2 MiB. */
static int
run_zlib (struct deflater *d, const void *in, size_t in_len, void *out,
          size_t out_len, size_t *ret_len)
{
  z_stream *z = &d->zlib;

  deflateReset (z);
  z->next_in = (Bytef *) in;
  z->avail_in = (uInt) in_len;
  z->next_out = out;
  z->avail_out = (uInt) out_len;
  *ret_len = deflate (z, Z_FINISH) == Z_STREAM_END ? out_len - z->avail_out : 0;
  return 0;
}

int
deflater_new (uint8_t type, struct deflater **ret, struct error *err)
{
  struct deflater *d = calloc (1, sizeof *d);
  int r;

  if (!d)
    return no_memory (err);
  d->type = type;
  r = type == QCOW2_COMPRESSION_ZSTD ? start_zstd (d, err)
    : start_zlib (d, err);
  if (r == -1) {
    free (d);
    return -1;
  }
  *ret = d;
  return 0;
}

void
deflater_free (struct deflater *d)
{
  if (!d)
    return;
  if (d->type == QCOW2_COMPRESSION_ZSTD)
    stop_zstd (d);
  else
    deflateEnd (&d->zlib);
  free (d);
}

int
deflater_run (struct deflater *d, const void *in, size_t in_len, void *out,
              size_t out_len, size_t *ret_len, struct error *err)
{
  if (d->type == QCOW2_COMPRESSION_ZSTD)
    return run_zstd (d, in, in_len, out, out_len, ret_len, err);
  return run_zlib (d, in, in_len, out, out_len, ret_len);
}
