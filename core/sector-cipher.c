/* SPDX-License-Identifier: BSD-3-Clause
 *
 * AES-XTS over sectors: see sector-cipher.h.
 *
 * A handle of GnuTLS holds the tweak of the sector it is at, so it is one
 * thread's at a time.  There are as many as there were calls at once.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/gnutls.h>
#include <gnutls/crypto.h>

#include "cursor.h"
#include "mutex.h"
#include "sector-cipher.h"

#define TWEAK_BYTES 16

struct handle {
  gnutls_cipher_hd_t cipher;
  struct handle *next;
};

struct sector_cipher {
  struct secret key;            /* these three never change */
  gnutls_cipher_algorithm_t algorithm;
  bool narrow;
  struct mutex lock;
  struct handle *idle GUARDED_BY (lock);
};

typedef int (*transform_fn) (gnutls_cipher_hd_t handle, const void *in,
                             size_t in_len, void *out, size_t out_len);

static struct handle *
new_handle (const struct sector_cipher *c, struct error *err)
{
  uint8_t tweak[TWEAK_BYTES] = { 0 };
  const gnutls_datum_t key = { c->key.bytes, (unsigned) c->key.len };
  const gnutls_datum_t iv = { tweak, sizeof tweak };
  struct handle *h = calloc (1, sizeof *h);
  int r;

  if (!h) {
    error_set (err, ENOMEM, "no memory for a cipher");
    return NULL;
  }
  r = gnutls_cipher_init (&h->cipher, c->algorithm, &key, &iv);
  if (r < 0) {
    error_set (err, EIO, "AES-XTS in GnuTLS: %s", gnutls_strerror (r));
    free (h);
    return NULL;
  }
  return h;
}

static void
free_handle (struct handle *h)
{
  gnutls_cipher_deinit (h->cipher);
  free (h);
}

static struct handle *
take_handle (struct sector_cipher *c, struct error *err)
{
  struct handle *h;

  mutex_lock (&c->lock);
  h = c->idle;
  if (h)
    c->idle = h->next;
  mutex_unlock (&c->lock);
  return h ? h : new_handle (c, err);
}

static void
put_handle (struct sector_cipher *c, struct handle *h)
{
  mutex_lock (&c->lock);
  h->next = c->idle;
  c->idle = h;
  mutex_unlock (&c->lock);
}

int
sector_cipher_new (const struct secret *key, bool narrow,
                   struct sector_cipher **ret, struct error *err)
{
  struct sector_cipher *c = calloc (1, sizeof *c);
  struct handle *h;

  if (!c)
    return error_set (err, ENOMEM, "no memory for a cipher");
  mutex_init (&c->lock);
  c->algorithm = key->len == 64 ? GNUTLS_CIPHER_AES_256_XTS
                                : GNUTLS_CIPHER_AES_128_XTS;
  c->narrow = narrow;
  /* The first handle tells at once whether GnuTLS takes this key. */
  if (secret_copy (key->bytes, key->len, &c->key, err) == -1 ||
      !(h = new_handle (c, err))) {
    sector_cipher_free (c);
    return -1;
  }
  put_handle (c, h);
  *ret = c;
  return 0;
}

void
sector_cipher_free (struct sector_cipher *c) NO_TSA
{
  struct handle *h, *next;

  if (!c)
    return;
  for (h = c->idle; h; h = next) {
    next = h->next;
    free_handle (h);
  }
  secret_wipe (&c->key);
  mutex_destroy (&c->lock);
  free (c);
}

/* "plain64: the sector number as 64 bits, little-endian, padded with zeros";
 * "plain" has 32 bits of it. */
static void
set_tweak (const struct sector_cipher *c, struct handle *h, uint64_t sector)
{
  const uint64_t le = htole64 (c->narrow ? (uint32_t) sector : sector);
  uint8_t tweak[TWEAK_BYTES] = { 0 };

  memcpy (tweak, &le, sizeof le);
  gnutls_cipher_set_iv (h->cipher, tweak, sizeof tweak);
}

static int
transform (struct sector_cipher *c, transform_fn fn, uint8_t *p, size_t len,
           uint64_t sector, struct error *err)
{
  struct handle *h = take_handle (c, err);
  int r = 0;

  if (!h)
    return -1;
  for (; len > 0 && r >= 0; len -= CIPHER_SECTOR_BYTES) {
    set_tweak (c, h, sector++);
    r = fn (h->cipher, p, CIPHER_SECTOR_BYTES, p, CIPHER_SECTOR_BYTES);
    p += CIPHER_SECTOR_BYTES;
  }
  put_handle (c, h);
  if (r < 0)
    return error_set (err, EIO, "AES-XTS in GnuTLS: %s", gnutls_strerror (r));
  return 0;
}

int
sector_cipher_encrypt (struct sector_cipher *c, void *buf, size_t len,
                       uint64_t sector, struct error *err)
{
  return transform (c, gnutls_cipher_encrypt2, buf, len, sector, err);
}

int
sector_cipher_decrypt (struct sector_cipher *c, void *buf, size_t len,
                       uint64_t sector, struct error *err)
{
  return transform (c, gnutls_cipher_decrypt2, buf, len, sector, err);
}
