/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Memory for keys and passphrases: pages of their own, which are not swapped
 * out where the process may lock memory, are left out of core dumps, and are
 * wiped before they are given back.
 *
 * What a cipher makes of a key lives in the cipher's own memory; that is
 * wiped, but not locked.
 *
 * Owned by whoever holds the struct; zero-initialised it is empty.  No locks.
 */

#ifndef BATON_SECRET_H
#define BATON_SECRET_H

#include <stddef.h>
#include <stdint.h>

#include "error.h"

struct secret {
  uint8_t *bytes;               /* NULL: empty */
  size_t len;
};

#define SECRET_INIT { NULL, 0 }
#define CLEANUP_SECRET __attribute__ ((cleanup (secret_wipe)))

/* LEN bytes (at least one) of zeros.  ENOMEM. */
int secret_new (size_t len, struct secret *ret, struct error *err);
/* A copy of the LEN bytes (at least one) at BYTES. */
int secret_copy (const void *bytes, size_t len, struct secret *ret,
                 struct error *err);
/* Wipe, give back, leave it empty.  An empty one is accepted. */
void secret_wipe (struct secret *s);
/* Lock it again: a fork loses the locks of the child. */
void secret_relock (const struct secret *s);

#endif /* BATON_SECRET_H */
