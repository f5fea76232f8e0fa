/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Encryption, when memory runs out, when GnuTLS fails, or when two need a
 * cipher at once: what fails is told, nothing wrong is written, and afterwards
 * all goes on.  And keyrings that have too much to remember.
 *
 * This program has its own gnutls_cipher_encrypt2 and gnutls_cipher_decrypt2,
 * which the engine's library then calls.
 */

#include <config.h>

#include <dlfcn.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failing-calls.h"
#include "io-crypt.h"
#include "keyring.h"
#include "luks-builder.h"
#include "simdisk.h"

#define SECTOR CIPHER_SECTOR_BYTES

/* Before the NTH sector from now on, counted from 1: */
static struct {
  unsigned nth;
  int failure;                  /* of GnuTLS; 0: none */
  void (*also) (void);          /* done first; NULL: nothing */
} plan;

typedef int transform (gnutls_cipher_hd_t h, const void *in, size_t in_len,
                       void *out, size_t out_len);

static int
run (const char *name, gnutls_cipher_hd_t h, const void *in, size_t in_len,
     void *out, size_t out_len)
{
  transform *real;

  if (plan.nth > 0 && --plan.nth == 0) {
    if (plan.also)
      plan.also ();
    if (plan.failure)
      return plan.failure;
  }
  *(void **) &real = dlsym (RTLD_NEXT, name);
  return real (h, in, in_len, out, out_len);
}

int
gnutls_cipher_encrypt2 (gnutls_cipher_hd_t h, const void *in, size_t in_len,
                        void *out, size_t out_len)
{
  return run ("gnutls_cipher_encrypt2", h, in, in_len, out, out_len);
}

int
gnutls_cipher_decrypt2 (gnutls_cipher_hd_t h, const void *in, size_t in_len,
                        void *out, size_t out_len)
{
  return run ("gnutls_cipher_decrypt2", h, in, in_len, out, out_len);
}

static void
fail_sector (unsigned nth, int failure, void (*also) (void))
{
  plan.nth = nth;
  plan.failure = failure;
  plan.also = also;
}

static struct sector_cipher *
new_cipher (void)
{
  struct secret s = SECRET_INIT;
  struct error err = ERROR_INIT;
  struct sector_cipher *c;

  assert_int_equal (secret_new (64, &s, &err), 0);
  luks_fill (s.bytes, 64, 1);
  assert_int_equal (sector_cipher_new (&s, false, &c, &err), 0);
  secret_wipe (&s);
  return c;
}

/* -- ciphers ------------------------------------------------------------- */

static void
test_new (void **state)
{
  struct secret s = SECRET_INIT;
  struct sector_cipher *c = NULL;
  unsigned nth;

  (void) state;
  sector_cipher_free (NULL);
  assert_int_equal (secret_new (64, &s, NULL), 0);
  luks_fill (s.bytes, 64, 1);
  for (nth = 1;; ++nth) {
    struct error err = ERROR_INIT;
    int r;

    fail_call (nth);
    r = sector_cipher_new (&s, false, &c, &err);
    if (!fail_call_struck ()) {
      assert_int_equal (r, 0);
      break;
    }
    assert_int_equal (r, -1);
    assert_null (c);
    if (err.errnum == EIO)
      assert_string_equal (err.text, "AES-XTS in GnuTLS: Internal error in "
                           "memory allocation.");
    else
      assert_int_equal (err.errnum, ENOMEM);
  }
  /* Itself, its copy of the key, a handle, and what GnuTLS needs. */
  assert_int_equal (nth, 5);
  sector_cipher_free (c);
  secret_wipe (&s);
}

static void
test_fails (void **state)
{
  uint8_t buf[3 * SECTOR], plain[sizeof buf];
  struct sector_cipher *c = new_cipher ();
  struct error err = ERROR_INIT;

  (void) state;
  luks_fill (plain, sizeof plain, 7);
  memcpy (buf, plain, sizeof buf);
  fail_sector (2, GNUTLS_E_ENCRYPTION_FAILED, NULL);
  assert_int_equal (sector_cipher_encrypt (c, buf, sizeof buf, 5, &err), -1);
  assert_int_equal (err.errnum, EIO);
  assert_non_null (strstr (err.text, "AES-XTS in GnuTLS: "));
  /* The first one was; nothing behind the failure. */
  assert_memory_not_equal (buf, plain, SECTOR);
  assert_memory_equal (buf + SECTOR, plain + SECTOR, 2 * SECTOR);
  assert_int_equal (sector_cipher_decrypt (c, buf, SECTOR, 5, &err), 0);
  assert_memory_equal (buf, plain, sizeof buf);
  sector_cipher_free (c);
}

static struct sector_cipher *shared;
static uint8_t inner[SECTOR];
static int inner_result;

static void
encrypt_inner (void)
{
  inner_result = sector_cipher_encrypt (shared, inner, SECTOR, 9, NULL);
}

static void
fail_inner (void)
{
  fail_call (1);
  encrypt_inner ();
  assert_true (fail_call_struck ());
}

/* Each has its own tweak; who cannot get a handle does not touch a byte. */
static void
test_two_at_once (void **state)
{
  uint8_t outer[2 * SECTOR], wanted[2 * SECTOR], wanted_inner[SECTOR];

  (void) state;
  shared = new_cipher ();
  luks_fill (wanted, sizeof wanted, 3);
  luks_fill (wanted_inner, SECTOR, 4);
  memcpy (outer, wanted, sizeof outer);
  memcpy (inner, wanted_inner, SECTOR);
  fail_sector (2, 0, fail_inner);
  assert_int_equal (sector_cipher_encrypt (shared, outer, sizeof outer, 1,
                                           NULL), 0);
  assert_int_equal (inner_result, -1);
  assert_memory_equal (inner, wanted_inner, SECTOR);
  assert_int_equal (sector_cipher_decrypt (shared, outer, sizeof outer, 1,
                                           NULL), 0);
  assert_memory_equal (outer, wanted, sizeof outer);

  fail_sector (2, 0, encrypt_inner);
  assert_int_equal (sector_cipher_encrypt (shared, outer, sizeof outer, 1,
                                           NULL), 0);
  assert_int_equal (inner_result, 0);
  assert_int_equal (sector_cipher_encrypt (shared, wanted, sizeof wanted, 1,
                                           NULL), 0);
  assert_int_equal (sector_cipher_encrypt (shared, wanted_inner, SECTOR, 9,
                                           NULL), 0);
  assert_memory_equal (outer, wanted, sizeof outer);
  assert_memory_equal (inner, wanted_inner, SECTOR);
  sector_cipher_free (shared);
}

/* -- an encrypting io ------------------------------------------------------ */

static void
require_plain (struct io *io, const uint8_t *wanted, size_t len)
{
  uint8_t *buf = malloc (len);

  assert_non_null (buf);
  assert_int_equal (io_pread (io, buf, len, 0, NULL), 0);
  assert_memory_equal (buf, wanted, len);
  free (buf);
}

/* A write that fails before it gets to the file leaves that as it was. */
static void
test_io (void **state)
{
  struct simdisk *d = simdisk_new (512);
  struct io *below = simdisk_open (d, IO_OPEN_WRITE, NULL), *io;
  struct error err = ERROR_INIT;
  uint8_t data[4 * SECTOR];
  uint64_t sum;
  unsigned nth;

  (void) state;
  luks_fill (data, sizeof data, 8);
  assert_int_equal (io_crypt_new (below, new_cipher (), &io, &err), 0);
  assert_int_equal (io_pwrite (io, data, sizeof data, 0, 0, &err), 0);
  sum = simdisk_sum (d);
  for (nth = 1; nth <= 2; ++nth) {
    /* Of a part: decrypting, encrypting. */
    fail_sector (nth, GNUTLS_E_ENCRYPTION_FAILED, NULL);
    assert_int_equal (io_pwrite (io, "x", 1, 700, 0, &err), -1);
    assert_int_equal (err.errnum, EIO);
  }
  fail_sector (1, GNUTLS_E_ENCRYPTION_FAILED, NULL);
  assert_int_equal (io_pwrite (io, data + 1, SECTOR, 512, 0, &err), -1);
  fail_sector (1, GNUTLS_E_DECRYPTION_FAILED, NULL);
  assert_int_equal (io_pread (io, data, 10, 3, &err), -1);
  fail_call (1);
  assert_int_equal (io_pwrite (io, "x", 1, 700, 0, &err), -1);
  assert_true (fail_call_struck ());
  assert_int_equal (err.errnum, ENOMEM);
  assert_string_equal (err.text, "no memory to encrypt in");
  assert_true (sum == simdisk_sum (d));
  require_plain (io, data, sizeof data);
  io_close (io);
  io_close (below);
  simdisk_free (d);
}

/* -- keyrings -------------------------------------------------------------- */

#define NR_KEPT 32u
#define LUKS_AT_UUID 168

static bool
opens (struct keyring *k, struct io *io, struct error *err)
{
  struct sector_cipher *c;

  if (keyring_open (k, io, 0, LUKS_AREA_BYTES, &c, err) == -1)
    return false;
  sector_cipher_free (c);
  return true;
}

/* The header with another number in it, where nothing is kept. */
static void
set_number (struct io *io, uint8_t number)
{
  assert_int_equal (io_pwrite (io, &number, 1, LUKS_AT_UUID, 0, NULL),
                    0);
}

/* So many are remembered, and then the oldest is forgotten. */
static void
test_keyring (void **state)
{
  static const struct luks_shape shape = {
    "xts-plain64", LUKS_SHA256, 32, 2, "open sesame"
  };
  static uint8_t area[LUKS_AREA_BYTES], key[32];
  struct simdisk *d = simdisk_new (512);
  struct io *io = simdisk_open (d, IO_OPEN_WRITE, NULL);
  struct error err = ERROR_INIT;
  struct keyring *k;
  unsigned i;

  (void) state;
  keyring_relock (NULL);
  for (i = 1; i <= 3; ++i) {
    fail_call (i);
    assert_int_equal (keyring_new ("x", 1, "FILE", &k, &err), -1);
    assert_true (fail_call_struck ());
    assert_int_equal (err.errnum, ENOMEM);
    assert_string_equal (err.text, "no memory for a passphrase");
  }
  luks_fill (key, sizeof key, 1234);
  luks_build (area, &shape, key);
  assert_int_equal (io_pwrite (io, area, sizeof area, 0, 0, NULL), 0);
  assert_int_equal (keyring_new ("open sesame", 11, "FILE", &k, NULL), 0);
  for (i = 0; i < NR_KEPT + 3; ++i) {
    set_number (io, (uint8_t) i);
    if (!opens (k, io, &err))
      fail_msg ("%s", err.text);
  }
  assert_int_equal (keyring_nr_unlocked (k), NR_KEPT + 3);
  for (i = NR_KEPT + 2; i >= 3; --i) {
    set_number (io, (uint8_t) i);
    assert_true (opens (k, io, &err));
  }
  assert_int_equal (keyring_nr_unlocked (k), NR_KEPT + 3);
  set_number (io, 2);
  assert_true (opens (k, io, &err));
  assert_int_equal (keyring_nr_unlocked (k), NR_KEPT + 4);
  /* Whoever does not want to know why. */
  set_number (io, 99);
  simdisk_fail (d, SIMDISK_READ, 2, EIO, false);
  assert_false (opens (k, io, NULL));
  assert_int_equal (io_pwrite (io, "LUKX", 4, 0, 0, NULL), 0);
  assert_false (opens (k, io, &err));
  assert_int_equal (err.errnum, EINVAL);
  assert_int_equal (keyring_nr_unlocked (k), NR_KEPT + 4);
  keyring_free (k);
  io_close (io);
  simdisk_free (d);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_new),
    cmocka_unit_test (test_fails),
    cmocka_unit_test (test_two_at_once),
    cmocka_unit_test (test_io),
    cmocka_unit_test (test_keyring),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
