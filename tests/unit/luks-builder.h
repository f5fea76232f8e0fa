/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Makes LUKS headers with one key slot, for tests that need one that opens
 * fast, or one that is wrong in a chosen place.
 *
 * That they are what QEMU makes is not shown here but by test-luks.sh.
 */

#ifndef BATON_TESTS_LUKS_BUILDER_H
#define BATON_TESTS_LUKS_BUILDER_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <gnutls/gnutls.h>
#include <gnutls/crypto.h>

#include "cursor.h"
#include "luks.h"
#include "sector-cipher.h"

/* Offsets in the header. */
enum {
  LUKS_AT_VERSION = 6, LUKS_AT_CIPHER = 8, LUKS_AT_MODE = 40,
  LUKS_AT_HASH = 72, LUKS_AT_PAYLOAD = 104, LUKS_AT_KEY_BYTES = 108,
  LUKS_AT_DIGEST = 112, LUKS_AT_DIGEST_SALT = 132,
  LUKS_AT_DIGEST_ITERATIONS = 164, LUKS_AT_SLOTS = 208,
};
#define LUKS_AT_SLOT(n) (LUKS_AT_SLOTS + 48 * (n))
#define LUKS_SLOT_STATE 0
#define LUKS_SLOT_ITERATIONS 4
#define LUKS_SLOT_SALT 8
#define LUKS_SLOT_OFFSET 40
#define LUKS_SLOT_STRIPES 44

#define LUKS_SLOT_BYTES 258048u         /* as QEMU spaces them */
#define LUKS_AREA_BYTES (4096u + 8 * LUKS_SLOT_BYTES)
#define LUKS_ITERATIONS 1000u

struct luks_shape {
  const char *mode;             /* "xts-plain64" */
  enum luks_hash hash;
  uint32_t key_bytes;
  unsigned slot;
  const char *passphrase;
};

static inline void
luks_pbkdf2 (enum luks_hash hash, const void *secret, size_t len,
             const uint8_t *salt, uint8_t *ret, size_t ret_len)
{
  static const gnutls_mac_algorithm_t macs[] = {
    GNUTLS_MAC_SHA1, GNUTLS_MAC_SHA256, GNUTLS_MAC_SHA512
  };
  const gnutls_datum_t s = { (void *) secret, (unsigned) len };
  const gnutls_datum_t t = { (void *) salt, LUKS_SALT_BYTES };

  assert_int_equal (gnutls_pbkdf2 (macs[hash], &s, &t, LUKS_ITERATIONS, ret,
                                   ret_len), 0);
}

static inline void
luks_fill (uint8_t *p, size_t len, uint32_t seed)
{
  size_t i;

  for (i = 0; i < len; ++i) {
    seed = seed * 1664525 + 1013904223;
    p[i] = seed >> 24;
  }
}

static inline void
luks_build_slot (uint8_t *area, const struct luks_shape *s,
                 const uint8_t *key)
{
  uint8_t *slot = area + LUKS_AT_SLOT (s->slot);
  uint8_t *stripes = area + 4096 + s->slot * LUKS_SLOT_BYTES;
  const size_t n = s->key_bytes, last = (LUKS_STRIPES - 1) * n;
  struct secret slot_key = SECRET_INIT;
  struct sector_cipher *c;
  uint8_t merged[64];
  size_t i;

  store_be32 (slot + LUKS_SLOT_STATE, 0x00ac71f3);
  store_be32 (slot + LUKS_SLOT_ITERATIONS, LUKS_ITERATIONS);
  luks_fill (slot + LUKS_SLOT_SALT, LUKS_SALT_BYTES, 11 + s->slot);
  luks_fill (stripes, last, 99);
  memset (stripes + last, 0, n);
  assert_int_equal (luks_merge (s->hash, stripes, n, LUKS_STRIPES, merged,
                                NULL), 0);
  for (i = 0; i < n; ++i)
    stripes[last + i] = merged[i] ^ key[i];
  assert_int_equal (secret_new (n, &slot_key, NULL), 0);
  luks_pbkdf2 (s->hash, s->passphrase, strlen (s->passphrase),
               slot + LUKS_SLOT_SALT, slot_key.bytes, n);
  assert_int_equal (sector_cipher_new (&slot_key, strcmp (s->mode,
                                                          "xts-plain") == 0,
                                       &c, NULL), 0);
  assert_int_equal (sector_cipher_encrypt (c, stripes, n * LUKS_STRIPES, 0,
                                           NULL), 0);
  sector_cipher_free (c);
  secret_wipe (&slot_key);
}

/* A header of LUKS_AREA_BYTES at AREA whose master key is KEY. */
static inline void
luks_build (uint8_t *area, const struct luks_shape *s, const uint8_t *key)
{
  static const char *const hashes[] = { "sha1", "sha256", "sha512" };
  unsigned i;

  memset (area, 0, LUKS_AREA_BYTES);
  memcpy (area, "LUKS\xba\xbe\0\1", 8);
  strcpy ((char *) area + LUKS_AT_CIPHER, "aes");
  strcpy ((char *) area + LUKS_AT_MODE, s->mode);
  strcpy ((char *) area + LUKS_AT_HASH, hashes[s->hash]);
  store_be32 (area + LUKS_AT_PAYLOAD, LUKS_AREA_BYTES / 512);
  store_be32 (area + LUKS_AT_KEY_BYTES, s->key_bytes);
  luks_fill (area + LUKS_AT_DIGEST_SALT, LUKS_SALT_BYTES, 5);
  store_be32 (area + LUKS_AT_DIGEST_ITERATIONS, LUKS_ITERATIONS);
  luks_pbkdf2 (s->hash, key, s->key_bytes, area + LUKS_AT_DIGEST_SALT,
               area + LUKS_AT_DIGEST, LUKS_DIGEST_BYTES);
  for (i = 0; i < LUKS_NR_SLOTS; ++i) {
    uint8_t *slot = area + LUKS_AT_SLOT (i);

    store_be32 (slot + LUKS_SLOT_STATE, 0x0000dead);
    store_be32 (slot + LUKS_SLOT_OFFSET, (4096 + i * LUKS_SLOT_BYTES) / 512);
    store_be32 (slot + LUKS_SLOT_STRIPES, LUKS_STRIPES);
  }
  luks_build_slot (area, s, key);
}

#endif /* BATON_TESTS_LUKS_BUILDER_H */
