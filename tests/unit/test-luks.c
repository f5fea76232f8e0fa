/* SPDX-License-Identifier: BSD-3-Clause
 *
 * LUKS headers: what is accepted, each refusal with its text, stripes against
 * vectors, passphrases, and when a keyring uses a key again.
 */

#include <config.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "header-builder.h"
#include "keyring.h"
#include "luks-builder.h"
#include "luks-header.h"
#include "luks.h"
#include "simdisk.h"

#define PLACE 65536u            /* of the header in the file */

static const struct luks_shape usual = {
  "xts-plain64", LUKS_SHA256, 64, 2, "open sesame"
};

static uint8_t area[LUKS_AREA_BYTES];
static uint8_t key[64];

static int
setup (void **state)
{
  (void) state;
  luks_fill (key, sizeof key, 1234);
  return 0;
}

/* -- headers ----------------------------------------------------------- */

/* A copy that ends where DATA ends, so that valgrind and ASan see more. */
static int
parse_exactly (const uint8_t *data, size_t len, uint64_t area_bytes,
               struct luks_header *ret, struct error *err)
{
  uint8_t *copy = malloc (len + !len);
  int r;

  assert_non_null (copy);
  memcpy (copy, data, len);
  r = luks_header_parse (copy, len, area_bytes, ret, err);
  free (copy);
  return r;
}

static void
test_accepted (void **state)
{
  static const struct luks_shape shapes[] = {
    { "xts-plain64", LUKS_SHA1, 32, 0, "x" },
    { "xts-plain", LUKS_SHA256, 64, 7, "x" },
    { "xts-plain64:sha256", LUKS_SHA512, 64, 3, "x" },
  };
  struct luks_header h;
  size_t i;

  (void) state;
  for (i = 0; i < sizeof shapes / sizeof shapes[0]; ++i) {
    struct error err = ERROR_INIT;

    luks_build (area, &shapes[i], key);
    if (parse_exactly (area, LUKS_HEADER_BYTES, LUKS_AREA_BYTES, &h,
                       &err) == -1)
      fail_msg ("%s: %s", shapes[i].mode, err.text);
    assert_int_equal (h.key_bytes, shapes[i].key_bytes);
    assert_int_equal (h.hash, shapes[i].hash);
    assert_int_equal (h.narrow, i == 1);
    assert_int_equal (h.nr_active, 1);
    assert_true (h.slots[shapes[i].slot].active);
    assert_int_equal (h.slots[7].offset, 4096 + 7 * LUKS_SLOT_BYTES);
    assert_int_equal (h.digest_iterations, LUKS_ITERATIONS);
  }
}

struct refusal {
  const char *text;
  int errnum;
  struct poke poke;
  const char *word;             /* instead: written at poke.offset */
  uint32_t area_bytes;          /* 0: LUKS_AREA_BYTES */
};

static const struct refusal refusals[] = {
  { "there is no LUKS header where", EINVAL, { 0, 1, 'X' }, NULL, 0 },
  { "LUKS version 2 is not supported, only version 1", ENOTSUP,
    { LUKS_AT_VERSION, 2, 2 }, NULL, 0 },
  { "name of the cipher is not text", EINVAL, { LUKS_AT_CIPHER, 1, 0x1b },
    NULL, 0 },
  { "name of the cipher's mode is not text", EINVAL, { LUKS_AT_MODE, 0, 0 },
    "00000000000000000000000000000000", 0 },
  { "name of the hash is not text", EINVAL, { LUKS_AT_HASH + 1, 1, 0xff },
    NULL, 0 },
  { "encrypted with serpent-xts-plain64 and a key of 512 bits", ENOTSUP,
    { LUKS_AT_CIPHER, 0, 0 }, "serpent", 0 },
  { "encrypted with twofish-xts-plain64 ", ENOTSUP, { LUKS_AT_CIPHER, 0, 0 },
    "twofish", 0 },
  { "encrypted with aes-cbc-essiv:sha256 ", ENOTSUP, { LUKS_AT_MODE, 0, 0 },
    "cbc-essiv:sha256", 0 },
  { "encrypted with aes-xts-plain65 ", ENOTSUP, { LUKS_AT_MODE, 0, 0 },
    "xts-plain65", 0 },
  { "encrypted with aes-xts-essiv:sha1 ", ENOTSUP, { LUKS_AT_MODE, 0, 0 },
    "xts-essiv:sha1", 0 },
  { "a key of 384 bits", ENOTSUP, { LUKS_AT_KEY_BYTES, 4, 48 }, NULL, 0 },
  { "a key of 0 bits", ENOTSUP, { LUKS_AT_KEY_BYTES, 4, 0 }, NULL, 0 },
  { "a key of 34359738360 bits", ENOTSUP,
    { LUKS_AT_KEY_BYTES, 4, UINT32_MAX }, NULL, 0 },
  { "uses the hash ripemd160", ENOTSUP, { LUKS_AT_HASH, 0, 0 }, "ripemd160",
    0 },
  { "the LUKS payload (at 3584) overlaps the header", EINVAL,
    { LUKS_AT_PAYLOAD, 4, 7 }, NULL, 0 },
  { "0 iterations for the digest", EINVAL,
    { LUKS_AT_DIGEST_ITERATIONS, 4, 0 }, NULL, 0 },
  { "key slot 5: its state is neither active nor inactive (0xdeae)", EINVAL,
    { LUKS_AT_SLOT (5), 4, 0xdeae }, NULL, 0 },
  { "key slot 2: 3999 stripes, there must be 4000", EINVAL,
    { LUKS_AT_SLOT (2) + LUKS_SLOT_STRIPES, 4, 3999 }, NULL, 0 },
  { "key slot 7: 4294967295 stripes", EINVAL,
    { LUKS_AT_SLOT (7) + LUKS_SLOT_STRIPES, 4, UINT32_MAX }, NULL, 0 },
  { "LUKS key slot 2: 0 iterations", EINVAL,
    { LUKS_AT_SLOT (2) + LUKS_SLOT_ITERATIONS, 4, 0 }, NULL, 0 },
  { "key slot 0: its key material overlaps the header", EINVAL,
    { LUKS_AT_SLOT (0) + LUKS_SLOT_OFFSET, 4, 1 }, NULL, 0 },
  { "key slot 1: its key material ends at 2199023511040,", EINVAL,
    { LUKS_AT_SLOT (1) + LUKS_SLOT_OFFSET, 4, UINT32_MAX }, NULL, 0 },
  { "or in the payload (at 262144)", EINVAL, { LUKS_AT_PAYLOAD, 4, 512 },
    NULL, 0 },
  { "behind the header's area (1048576 bytes)", EINVAL, { 0, 0, 0 }, NULL,
    1048576 },
  { "takes 4294968295 iterations, at most 100000000 are allowed", EFBIG,
    { LUKS_AT_SLOT (2) + LUKS_SLOT_ITERATIONS, 4, UINT32_MAX }, NULL, 0 },
  { "takes 4294968295 iterations", EFBIG,
    { LUKS_AT_DIGEST_ITERATIONS, 4, UINT32_MAX }, NULL, 0 },
};

static void
test_refused (void **state)
{
  size_t i;

  (void) state;
  for (i = 0; i < sizeof refusals / sizeof refusals[0]; ++i) {
    const struct refusal *t = &refusals[i];
    struct error err = ERROR_INIT;
    struct luks_header h, before;

    luks_build (area, &usual, key);
    poke (area, t->poke);
    if (t->word)
      memcpy (area + t->poke.offset, t->word, strlen (t->word) + 1);
    memset (&h, 0x5a, sizeof h);
    before = h;
    if (parse_exactly (area, LUKS_HEADER_BYTES,
                       t->area_bytes ? t->area_bytes : LUKS_AREA_BYTES, &h,
                       &err) != -1)
      fail_msg ("accepted: %s", t->text);
    if (!strstr (err.text, t->text) || err.errnum != t->errnum)
      fail_msg ("%s: %d, %s", t->text, err.errnum, err.text);
    assert_memory_equal (&h, &before, sizeof h);
  }
}

static void
test_cut_off (void **state)
{
  struct luks_header h;
  size_t len;

  (void) state;
  luks_build (area, &usual, key);
  for (len = 0; len < LUKS_HEADER_BYTES; ++len) {
    struct error err = ERROR_INIT;
    char text[64];

    assert_int_equal (parse_exactly (area, len, LUKS_AREA_BYTES, &h, &err),
                      -1);
    snprintf (text, sizeof text, "LUKS header is cut off: %zu bytes of 592",
              len);
    if (!strstr (err.text, text))
      fail_msg ("%zu: %s", len, err.text);
  }
}

/* -- stripes ----------------------------------------------------------- */

/* Three stripes of 64 bytes, byte I being 7 * I + 3; the results are those of
 * a few lines of Python with hashlib. */
static void
test_merge (void **state)
{
  static const char *const results[] = {
    "4eefd93dba5bf48a84fdd755fdb977138c7bb85219ec39331bf206fbd2b32c4f"
    "dae192a1a020ccd449b24bc79ae2921bea41f9e7dc9765ac75b9c99bef9df114",
    "39b73703cd5301a140379b46031727e20967f49dac6a4cb50349dc59e1278a26"
    "9a43c677b11fb79c2e3a15c7b157c3c310525b0fc03e34c8850b3b90fd54f07b",
    "b7aa2a81b6a48909b1950f36bc25c64681ce563bd7a511f2e134ab172563b6fb"
    "05819da3231795f099476c457d1e1e35261819abe2f5c871bf3108cf2707e2f9",
  };
  uint8_t material[3 * 64], merged[64];
  char hex[129];
  size_t i, hash;

  (void) state;
  for (i = 0; i < sizeof material; ++i)
    material[i] = 7 * i + 3;
  for (hash = 0; hash < 3; ++hash) {
    assert_int_equal (luks_merge ((enum luks_hash) hash, material, 64, 3,
                                  merged, NULL), 0);
    for (i = 0; i < 64; ++i)
      snprintf (hex + 2 * i, 3, "%02x", merged[i]);
    assert_string_equal (hex, results[hash]);
  }
}

/* -- passphrases ------------------------------------------------------- */

static struct io *
store (struct simdisk *d)
{
  struct error err = ERROR_INIT;
  struct io *io = simdisk_open (d, IO_OPEN_WRITE, &err);

  assert_non_null (io);
  assert_int_equal (io_pwrite (io, area, sizeof area, PLACE, 0, &err), 0);
  return io;
}

/* Whether PASSPHRASE opens what is in IO; the cipher must be that of KEY. */
static bool
opens (struct keyring *k, struct io *io, struct error *err)
{
  struct secret s = SECRET_INIT;
  struct sector_cipher *right, *found;
  uint8_t a[512] = "plain", b[512] = "plain";

  if (keyring_open (k, io, PLACE, LUKS_AREA_BYTES, &found, err) == -1)
    return false;
  assert_int_equal (secret_copy (key, load_be32 (area + LUKS_AT_KEY_BYTES),
                                 &s, NULL), 0);
  assert_int_equal (sector_cipher_new (&s, false, &right, NULL), 0);
  assert_int_equal (sector_cipher_encrypt (right, a, 512, 7, NULL), 0);
  assert_int_equal (sector_cipher_encrypt (found, b, 512, 7, NULL), 0);
  assert_memory_equal (a, b, 512);
  sector_cipher_free (right);
  sector_cipher_free (found);
  secret_wipe (&s);
  return true;
}

static bool
passphrase_opens (struct io *io, const char *passphrase, struct error *err)
{
  struct keyring *k;
  bool r;

  assert_int_equal (keyring_new (passphrase, strlen (passphrase), "FILE", &k,
                                 NULL), 0);
  r = opens (k, io, err);
  keyring_free (k);
  return r;
}

static void
test_passphrases (void **state)
{
  static const struct luks_shape shapes[] = {
    { "xts-plain64", LUKS_SHA1, 32, 0, "open sesame" },
    { "xts-plain64", LUKS_SHA256, 64, 2, "open sesame" },
    { "xts-plain64", LUKS_SHA512, 64, 7, "open sesame" },
    { "xts-plain64", LUKS_SHA256, 32, 1, "open sesame\n" },
  };
  size_t i;

  (void) state;
  for (i = 0; i < 4; ++i) {
    struct simdisk *d = simdisk_new (512);
    struct error err = ERROR_INIT;
    struct io *io;

    luks_build (area, &shapes[i], key);
    io = store (d);
    /* With a newline that nobody meant, too; but it is not made up. */
    assert_true (passphrase_opens (io, "open sesame\n", &err));
    assert_int_equal (passphrase_opens (io, "open sesame", &err), i != 3);
    assert_false (passphrase_opens (io, "open sesamf", &err));
    assert_int_equal (err.errnum, EPERM);
    assert_string_equal (err.class, "Passphrase");
    assert_non_null (strstr (err.text, "none of its 1 active key slots opens "
                             "with the passphrase in FILE"));
    assert_null (strstr (err.text, "sesam"));
    assert_false (passphrase_opens (io, "\n", &err));
    io_close (io);
    simdisk_free (d);
  }
}

static void
test_second_slot (void **state)
{
  struct luks_shape other = usual;
  struct simdisk *d = simdisk_new (512);
  struct error err = ERROR_INIT;
  struct io *io;

  (void) state;
  luks_build (area, &usual, key);
  other.slot = 6;
  other.passphrase = "another";
  luks_build_slot (area, &other, key);
  io = store (d);
  assert_true (passphrase_opens (io, "another", &err));
  assert_true (passphrase_opens (io, "open sesame", &err));
  assert_false (passphrase_opens (io, "third", &err));
  assert_non_null (strstr (err.text, "none of its 2 active"));
  io_close (io);
  simdisk_free (d);
}

static void
test_no_slot (void **state)
{
  struct simdisk *d = simdisk_new (512);
  struct error err = ERROR_INIT;
  struct io *io;

  (void) state;
  luks_build (area, &usual, key);
  store_be32 (area + LUKS_AT_SLOT (2), 0xdead);
  io = store (d);
  assert_false (passphrase_opens (io, "open sesame", &err));
  assert_non_null (strstr (err.text, "none of its key slots is active"));
  io_close (io);
  simdisk_free (d);
}

/* -- keyrings ---------------------------------------------------------- */

static void
test_kept (void **state)
{
  struct simdisk *d = simdisk_new (512);
  struct error err = ERROR_INIT;
  struct keyring *k;
  struct io *io;

  (void) state;
  luks_build (area, &usual, key);
  io = store (d);
  assert_int_equal (keyring_new ("open sesame", 11, "FILE", &k, NULL), 0);
  assert_true (opens (k, io, &err));
  assert_true (opens (k, io, &err));
  assert_int_equal (keyring_nr_unlocked (k), 1);

  /* Another master key under the same passphrase. */
  io_close (io);
  key[0] ^= 1;
  luks_build (area, &usual, key);
  io = store (d);
  assert_true (opens (k, io, &err));
  assert_int_equal (keyring_nr_unlocked (k), 2);

  /* The passphrase was taken away: the kept key must not open it. */
  store_be32 (area + LUKS_AT_SLOT (2), 0xdead);
  io_close (io);
  io = store (d);
  assert_false (opens (k, io, &err));
  assert_int_equal (err.errnum, EPERM);
  keyring_relock (k);
  keyring_free (k);
  io_close (io);
  simdisk_free (d);
}

static void
test_read_error (void **state)
{
  struct simdisk *d = simdisk_new (512);
  struct error err = ERROR_INIT;
  struct io *io;
  unsigned nth;

  (void) state;
  luks_build (area, &usual, key);
  io = store (d);
  for (nth = 1; nth <= 2; ++nth) {
    simdisk_fail (d, SIMDISK_READ, nth, EIO, false);
    assert_false (passphrase_opens (io, "open sesame", &err));
    assert_int_equal (err.errnum, EIO);
  }
  simdisk_fail (d, SIMDISK_READ, 3, EIO, false);
  assert_true (passphrase_opens (io, "open sesame", &err));
  io_close (io);
  simdisk_free (d);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_accepted),
    cmocka_unit_test (test_refused),
    cmocka_unit_test (test_cut_off),
    cmocka_unit_test (test_merge),
    cmocka_unit_test (test_passphrases),
    cmocka_unit_test (test_second_slot),
    cmocka_unit_test (test_no_slot),
    cmocka_unit_test (test_kept),
    cmocka_unit_test (test_read_error),
  };

  return cmocka_run_group_tests (tests, setup, NULL);
}
