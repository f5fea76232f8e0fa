/* SPDX-License-Identifier: BSD-3-Clause
 *
 * AES-XTS over 512-byte sectors, as dm-crypt and QEMU do it: each sector by
 * itself, its tweak the sector's number, little-endian.
 *
 * Where the number counts from is the caller's business: in a qcow2 image it
 * is the sector in the file that holds the data, within a LUKS key slot the
 * sector of the key material.
 *
 * Thread-safe: a call borrows one of GnuTLS's handles from a pool for as long
 * as it takes; `lock` guards the pool alone and is held for nothing else.
 */

#ifndef BATON_SECTOR_CIPHER_H
#define BATON_SECTOR_CIPHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "secret.h"

#define CIPHER_SECTOR_BYTES 512u

struct sector_cipher;

/* KEY, which is copied, has 32 bytes (AES-128) or 64 (AES-256).  NARROW: the
 * tweak has the lower 32 bits of the number only ("plain" in LUKS; else
 * "plain64"). */
int sector_cipher_new (const struct secret *key, bool narrow,
                       struct sector_cipher **ret, struct error *err);
/* While no call runs.  NULL is accepted. */
void sector_cipher_free (struct sector_cipher *c);

/* In place: LEN bytes, a multiple of the sector, from sector number SECTOR
 * on.  EIO: GnuTLS refused. */
int sector_cipher_encrypt (struct sector_cipher *c, void *buf, size_t len,
                           uint64_t sector, struct error *err);
int sector_cipher_decrypt (struct sector_cipher *c, void *buf, size_t len,
                           uint64_t sector, struct error *err);

#endif /* BATON_SECTOR_CIPHER_H */
