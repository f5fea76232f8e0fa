/* SPDX-License-Identifier: BSD-3-Clause
 *
 * LUKS: see luks.h.
 *
 *   passphrase --PBKDF2, the slot's salt--> slot key
 *   key material on the disk --slot key, AES-XTS--> stripes --merge--> key
 *   key --PBKDF2, the header's salt--> digest, which tells whether it is right
 */

#include <config.h>

#include <errno.h>
#include <string.h>

#include <gnutls/gnutls.h>
#include <gnutls/crypto.h>

#include "cursor.h"
#include "luks.h"
#include "sector-cipher.h"

#define MAX_HASH_BYTES 64

static const struct {
  gnutls_digest_algorithm_t digest;
  gnutls_mac_algorithm_t mac;
  size_t len;
} hashes[] = {
  [LUKS_SHA1] = { GNUTLS_DIG_SHA1, GNUTLS_MAC_SHA1, 20 },
  [LUKS_SHA256] = { GNUTLS_DIG_SHA256, GNUTLS_MAC_SHA256, 32 },
  [LUKS_SHA512] = { GNUTLS_DIG_SHA512, GNUTLS_MAC_SHA512, 64 },
};

static int
check_gnutls (int r, const char *what, struct error *err)
{
  if (r < 0)
    return error_set (err, EIO, "%s in GnuTLS: %s", what, gnutls_strerror (r));
  return 0;
}

static int
pbkdf2 (enum luks_hash hash, const uint8_t *secret, size_t secret_len,
        const uint8_t salt[LUKS_SALT_BYTES], uint32_t iterations,
        uint8_t *ret, size_t len, struct error *err)
{
  const gnutls_datum_t s = { (void *) secret, (unsigned) secret_len };
  const gnutls_datum_t t = { (void *) salt, LUKS_SALT_BYTES };

  return check_gnutls (gnutls_pbkdf2 (hashes[hash].mac, &s, &t, iterations,
                                      ret, len), "PBKDF2", err);
}

/* -- anti-forensic stripes --------------------------------------------- */

/* "H1": each piece as long as a digest, the last one perhaps shorter, becomes
 * the hash of its number (big-endian) and itself. */
static int
diffuse (enum luks_hash hash, uint8_t *block, size_t len, struct error *err)
{
  const size_t digest_len = hashes[hash].len;
  uint8_t in[4 + MAX_HASH_BYTES], out[MAX_HASH_BYTES];
  size_t pos, n;
  int r = 0;

  for (pos = 0; pos < len && r >= 0; pos += n) {
    n = len - pos < digest_len ? len - pos : digest_len;
    store_be32 (in, (uint32_t) (pos / digest_len));
    memcpy (in + 4, block + pos, n);
    r = gnutls_hash_fast (hashes[hash].digest, in, 4 + n, out);
    memcpy (block + pos, out, n);
  }
  gnutls_memset (in, 0, sizeof in);
  gnutls_memset (out, 0, sizeof out);
  return check_gnutls (r, "a hash", err);
}

static void
add_stripe (uint8_t *block, const uint8_t *stripe, size_t len)
{
  size_t i;

  for (i = 0; i < len; ++i)
    block[i] ^= stripe[i];
}

int
luks_merge (enum luks_hash hash, const uint8_t *material, size_t len,
            unsigned nr_stripes, uint8_t *ret, struct error *err)
{
  unsigned i;

  memset (ret, 0, len);
  for (i = 0; i + 1 < nr_stripes; ++i) {
    add_stripe (ret, material + i * len, len);
    if (diffuse (hash, ret, len, err) == -1)
      return -1;
  }
  add_stripe (ret, material + i * len, len);
  return 0;
}

/* -- slots ------------------------------------------------------------- */

/* The stripes of SLOT as plain text.  "The key material is encrypted as the
 * payload is", its sectors counted from its own start. */
static int
read_material (const struct luks_header *h, const struct luks_slot *slot,
               struct io *io, uint64_t offset, const struct secret *slot_key,
               struct secret *material, struct error *err)
{
  struct sector_cipher *c;
  int r;

  if (io_pread (io, material->bytes, material->len, offset + slot->offset,
                err) == -1 ||
      sector_cipher_new (slot_key, h->narrow, &c, err) == -1)
    return -1;
  r = sector_cipher_decrypt (c, material->bytes, material->len, 0, err);
  sector_cipher_free (c);
  return r;
}

/* 1: KEY is the master key.  0: it is not. */
static int
is_right (const struct luks_header *h, const struct secret *key,
          struct error *err)
{
  uint8_t digest[LUKS_DIGEST_BYTES];

  if (pbkdf2 (h->hash, key->bytes, key->len, h->digest_salt,
              h->digest_iterations, digest, sizeof digest, err) == -1)
    return -1;
  return gnutls_memcmp (digest, h->digest, sizeof digest) == 0;
}

/* As is_right. */
static int
try_slot (const struct luks_header *h, const struct luks_slot *slot,
          struct io *io, uint64_t offset, const uint8_t *passphrase,
          size_t len, struct secret *key, struct error *err)
{
  CLEANUP_SECRET struct secret slot_key = SECRET_INIT;
  CLEANUP_SECRET struct secret material = SECRET_INIT;

  if (secret_new (h->key_bytes, &slot_key, err) == -1 ||
      secret_new (h->key_bytes * LUKS_STRIPES, &material, err) == -1 ||
      pbkdf2 (h->hash, passphrase, len, slot->salt, slot->iterations,
              slot_key.bytes, slot_key.len, err) == -1 ||
      read_material (h, slot, io, offset, &slot_key, &material, err) == -1 ||
      luks_merge (h->hash, material.bytes, key->len, LUKS_STRIPES, key->bytes,
                  err) == -1)
    return -1;
  return is_right (h, key, err);
}

static int
try_slots (const struct luks_header *h, struct io *io, uint64_t offset,
           const uint8_t *passphrase, size_t len, struct secret *key,
           struct error *err)
{
  unsigned i;
  int r = 0;

  for (i = 0; i < LUKS_NR_SLOTS && r == 0; ++i)
    if (h->slots[i].active)
      r = try_slot (h, &h->slots[i], io, offset, passphrase, len, key, err);
  if (r == 0)
    return error_set (err, EACCES, "none of the %u active key slots opens",
                      h->nr_active);
  return r == 1 ? 0 : -1;
}

int
luks_unlock (const struct luks_header *h, struct io *io, uint64_t offset,
             const uint8_t *passphrase, size_t len, struct secret *ret_key,
             struct error *err)
{
  struct secret key = SECRET_INIT;

  if (secret_new (h->key_bytes, &key, err) == -1)
    return -1;
  if (try_slots (h, io, offset, passphrase, len, &key, err) == -1) {
    secret_wipe (&key);
    return -1;
  }
  *ret_key = key;
  return 0;
}
