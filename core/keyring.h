/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A passphrase, and the master keys that it has opened.
 *
 * Opening a LUKS header takes seconds by design, and a hand-over has none to
 * spare.  So a server opens it while inactive and keeps the key.  A kept key
 * is used again only for a header that is, byte for byte, the one it was
 * opened from: the header has the digest that the key was held against, so
 * the key is right; and a passphrase that was changed or taken away changes
 * the header, so that it is asked for anew.
 *
 * One passphrase is for all files of a chain; each may have a key of its own.
 *
 * Thread-safe.  `lock` guards the keys; it is held while a header is opened,
 * across reading and computing, so that who comes second finds the key.
 */

#ifndef BATON_KEYRING_H
#define BATON_KEYRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "io.h"
#include "sector-cipher.h"

struct keyring;

/* The bytes, LEN of them, are copied; NAME (in messages: where they come from)
 * too. */
int keyring_new (const void *passphrase, size_t len, const char *name,
                 struct keyring **ret, struct error *err);
/* NULL is accepted. */
void keyring_free (struct keyring *k);

/* The cipher for the guest data of the image in IO whose LUKS header is at
 * OFFSET, in an area of AREA_BYTES.  EPERM, class "Passphrase": it is the
 * wrong one.  Else as luks_header_parse, luks_unlock. */
int keyring_open (struct keyring *k, struct io *io, uint64_t offset,
                  uint64_t area_bytes, struct sector_cipher **ret,
                  struct error *err);

/* After a fork, in the child: see secret_relock. */
void keyring_relock (struct keyring *k);

/* How often a header was opened the slow way, for tests. */
uint64_t keyring_nr_unlocked (struct keyring *k);

#endif /* BATON_KEYRING_H */
