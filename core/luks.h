/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From a passphrase to the master key of a LUKS header.
 *
 * That takes as long as whoever made the header wanted: two seconds per key
 * slot is usual.  So the result is worth keeping (keyring.h).  Key material is
 * read, nothing is written; what is secret on the way is wiped.  No locks.
 */

#ifndef BATON_LUKS_H
#define BATON_LUKS_H

#include <stdint.h>

#include "error.h"
#include "io.h"
#include "luks-header.h"
#include "secret.h"

/* Try the active slots of H, which lies at OFFSET in IO, in turn.  *RET_KEY:
 * h->key_bytes bytes, whose digest is the header's; the caller wipes it.
 * EACCES: the passphrase, LEN bytes at PASSPHRASE, opens none. */
int luks_unlock (const struct luks_header *h, struct io *io, uint64_t offset,
                 const uint8_t *passphrase, size_t len,
                 struct secret *ret_key, struct error *err);

/* Merge NR_STRIPES stripes of LEN bytes, all of MATERIAL, to the LEN bytes at
 * RET ("AFmerge"). */
int luks_merge (enum luks_hash hash, const uint8_t *material, size_t len,
                unsigned nr_stripes, uint8_t *ret, struct error *err);

#endif /* BATON_LUKS_H */
