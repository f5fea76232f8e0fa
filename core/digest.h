/* SPDX-License-Identifier: BSD-3-Clause
 *
 * SHA-256, by GnuTLS.  One digest is for one thread; no lock.
 */

#ifndef BATON_DIGEST_H
#define BATON_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"

#define DIGEST_BYTES 32

struct digest;

/* ENOMEM, or EIO where GnuTLS cannot. */
int digest_new (struct digest **ret, struct error *err);
void digest_add (struct digest *d, const void *data, size_t len);
void digest_add_u64 (struct digest *d, uint64_t n);
/* Frees D.  EIO: GnuTLS failed, now or at an earlier call. */
int digest_end (struct digest *d, uint8_t ret[DIGEST_BYTES],
                struct error *err);
/* The same, for nothing. */
void digest_free (struct digest *d);

#endif /* BATON_DIGEST_H */
