/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SHA-256: see digest.h.  A failure in the middle is kept and makes the
 * result all zeros, which no content has.
 */

#include <config.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/crypto.h>

#include "cursor.h"
#include "digest.h"

struct digest {
  gnutls_hash_hd_t handle;
  bool failed;
};

int
digest_new (struct digest **ret, struct error *err)
{
  struct digest *d = calloc (1, sizeof *d);
  int r;

  if (!d)
    return error_set_errno (err, ENOMEM, "a digest");
  r = gnutls_hash_init (&d->handle, GNUTLS_DIG_SHA256);
  if (r < 0) {
    free (d);
    return error_set (err, EIO, "a digest: %s", gnutls_strerror (r));
  }
  *ret = d;
  return 0;
}

void
digest_add (struct digest *d, const void *data, size_t len)
{
  if (gnutls_hash (d->handle, data, len) < 0)
    d->failed = true;
}

void
digest_add_u64 (struct digest *d, uint64_t n)
{
  uint8_t be[8];

  store_be64 (be, n);
  digest_add (d, be, sizeof be);
}

int
digest_end (struct digest *d, uint8_t ret[DIGEST_BYTES], struct error *err)
{
  const bool failed = d->failed;
  uint8_t digest[DIGEST_BYTES];

  gnutls_hash_deinit (d->handle, digest);
  free (d);
  if (failed)
    return error_set (err, EIO, "a digest: GnuTLS failed");
  memcpy (ret, digest, sizeof digest);
  return 0;
}

void
digest_free (struct digest *d)
{
  gnutls_hash_deinit (d->handle, NULL);
  free (d);
}
