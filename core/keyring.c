/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Keyring: see keyring.h.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "keyring.h"
#include "luks.h"
#include "mutex.h"

/* A chain with more encrypted files than this opens some of them again. */
#define MAX_KEYS 32u

struct known {
  uint8_t header[LUKS_HEADER_BYTES];    /* which it opens */
  struct secret key;
  struct known *next;
};

struct keyring {
  char *name;                   /* these two never change */
  struct secret passphrase;
  struct mutex lock;
  struct known *known GUARDED_BY (lock);        /* the latest first */
  uint64_t nr_unlocked GUARDED_BY (lock);
};

int
keyring_new (const void *passphrase, size_t len, const char *name,
             struct keyring **ret, struct error *err)
{
  struct keyring *k = calloc (1, sizeof *k);

  if (!k)
    return error_set (err, ENOMEM, "no memory for a passphrase");
  mutex_init (&k->lock);
  k->name = strdup (name);
  if (!k->name || secret_copy (passphrase, len, &k->passphrase, err) == -1) {
    keyring_free (k);
    return error_set (err, ENOMEM, "no memory for a passphrase");
  }
  *ret = k;
  return 0;
}

static void
free_known (struct known *known)
{
  secret_wipe (&known->key);
  free (known);
}

void
keyring_free (struct keyring *k) NO_TSA
{
  struct known *known, *next;

  if (!k)
    return;
  for (known = k->known; known; known = next) {
    next = known->next;
    free_known (known);
  }
  secret_wipe (&k->passphrase);
  mutex_destroy (&k->lock);
  free (k->name);
  free (k);
}

/* Forget all but the first MAX_KEYS. */
static void
trim_locked (struct keyring *k) REQUIRES (k->lock)
{
  struct known **p = &k->known, *known;
  unsigned i;

  for (i = 0; i < MAX_KEYS && *p; ++i)
    p = &(*p)->next;
  while ((known = *p)) {
    *p = known->next;
    free_known (known);
  }
}

static const struct secret *
find_locked (struct keyring *k, const uint8_t *raw) REQUIRES (k->lock)
{
  const struct known *known;

  for (known = k->known; known; known = known->next)
    if (memcmp (known->header, raw, LUKS_HEADER_BYTES) == 0)
      return &known->key;
  return NULL;
}

static int
wrong_passphrase (const struct keyring *k, const struct luks_header *h,
                  struct error *err)
{
  if (h->nr_active == 0)
    return error_set_class (err, EPERM, "Passphrase", "the image is encrypted "
                            "and none of its key slots is active: no "
                            "passphrase opens it");
  return error_set_class (err, EPERM, "Passphrase", "the image is encrypted, "
                          "and none of its %u active key slots opens with the "
                          "passphrase in %s", h->nr_active, k->name);
}

/* QEMU takes the bytes of a file as they are, editors and `echo` end them with
 * a newline that nobody means: both are tried. */
static int
unlock (const struct keyring *k, const struct luks_header *h, struct io *io,
        uint64_t offset, struct secret *ret, struct error *err)
{
  const struct secret *p = &k->passphrase;
  struct error e = ERROR_INIT;
  int r = luks_unlock (h, io, offset, p->bytes, p->len, ret, &e);

  if (r == -1 && e.errnum == EACCES && p->len > 1 &&
      p->bytes[p->len - 1] == '\n')
    r = luks_unlock (h, io, offset, p->bytes, p->len - 1, ret, &e);
  if (r == -1 && e.errnum == EACCES)
    return wrong_passphrase (k, h, err);
  if (r == -1 && err)
    *err = e;
  return r;
}

/* Takes nothing over on failure. */
static int
learn_locked (struct keyring *k, const struct luks_header *h,
              const uint8_t *raw, struct io *io, uint64_t offset,
              struct error *err) REQUIRES (k->lock)
{
  struct known *known = calloc (1, sizeof *known);

  if (!known)
    return error_set (err, ENOMEM, "no memory for a key");
  if (unlock (k, h, io, offset, &known->key, err) == -1) {
    free (known);
    return -1;
  }
  memcpy (known->header, raw, LUKS_HEADER_BYTES);
  known->next = k->known;
  k->known = known;
  k->nr_unlocked++;
  trim_locked (k);
  return 0;
}

static int
open_locked (struct keyring *k, const struct luks_header *h,
             const uint8_t *raw, struct io *io, uint64_t offset,
             struct sector_cipher **ret, struct error *err) REQUIRES (k->lock)
{
  if (!find_locked (k, raw) &&
      learn_locked (k, h, raw, io, offset, err) == -1)
    return -1;
  return sector_cipher_new (find_locked (k, raw), h->narrow, ret, err);
}

int
keyring_open (struct keyring *k, struct io *io, uint64_t offset,
              uint64_t area_bytes, struct sector_cipher **ret,
              struct error *err)
{
  uint8_t raw[LUKS_HEADER_BYTES];
  struct luks_header h;
  int r;

  if (io_pread (io, raw, sizeof raw, offset, err) == -1 ||
      luks_header_parse (raw, sizeof raw, area_bytes, &h, err) == -1)
    return -1;
  mutex_lock (&k->lock);
  r = open_locked (k, &h, raw, io, offset, ret, err);
  mutex_unlock (&k->lock);
  return r;
}

void
keyring_relock (struct keyring *k)
{
  const struct known *known;

  if (!k)
    return;
  mutex_lock (&k->lock);
  secret_relock (&k->passphrase);
  for (known = k->known; known; known = known->next)
    secret_relock (&known->key);
  mutex_unlock (&k->lock);
}

uint64_t
keyring_nr_unlocked (struct keyring *k)
{
  uint64_t n;

  mutex_lock (&k->lock);
  n = k->nr_unlocked;
  mutex_unlock (&k->lock);
  return n;
}
