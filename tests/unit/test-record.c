/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The ownership record as bytes: what is written reads back, and nothing
 * else is taken for a record.  Which of two in one header counts.
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
#include <zlib.h>

#include "cursor.h"
#include "qcow2-format.h"
#include "random.h"
#include "record.h"
#include "record-place.h"

static const struct record sample = {
  .state = RECORD_RELEASED, .epoch = 0x0102030405060708,
  .uuid = "uuid-of-an-image", .nonce = "nonce-of-release",
  .instance = "process-instance", .host = "host-a.example",
};

static bool
same (const struct record *a, const struct record *b)
{
  return a->state == b->state && a->epoch == b->epoch &&
    record_same_id (a->uuid, b->uuid) && record_same_id (a->nonce, b->nonce) &&
    record_same_id (a->instance, b->instance) &&
    strcmp (a->host, b->host) == 0;
}

static void
check_refused (const uint8_t *data, size_t len, const char *text)
{
  struct record r = sample;
  struct error err = ERROR_INIT;

  assert_int_equal (record_decode (data, len, &r, &err), -1);
  assert_int_equal (err.errnum, EINVAL);
  assert_string_equal (err.class, "RecordDamaged");
  if (!strstr (err.text, text))
    fail_msg ("\"%s\" is not in \"%s\"", text, err.text);
  assert_true (same (&r, &sample));
}

/* So that only what it is about is wrong. */
static void
sign (uint8_t *data)
{
  store_be32 (data + RECORD_BYTES - 4,
              (uint32_t) crc32 (0, data, RECORD_BYTES - 4));
}

static void
test_round_trip (void **state)
{
  uint8_t data[RECORD_BYTES];
  struct record r = sample, back;

  (void) state;
  record_encode (&r, data);
  assert_int_equal (record_decode (data, sizeof data, &back, NULL), 0);
  assert_true (same (&r, &back));
  /* The longest name, and the extreme epochs. */
  memset (r.host, 'x', RECORD_HOST_BYTES);
  r.host[RECORD_HOST_BYTES] = '\0';
  r.epoch = RECORD_MAX_EPOCH;
  r.state = RECORD_HELD;
  record_encode (&r, data);
  assert_int_equal (record_decode (data, sizeof data, &back, NULL), 0);
  assert_true (same (&r, &back));
}

/* As record.h draws it: another implementation must be able to read it. */
static void
test_layout (void **state)
{
  uint8_t data[RECORD_BYTES];

  (void) state;
  record_encode (&sample, data);
  assert_int_equal (load_be32 (data), 1);
  assert_int_equal (load_be32 (data + 4), 2);
  assert_int_equal (load_be64 (data + 8), 0x0102030405060708);
  assert_memory_equal (data + 16, "uuid-of-an-image", 16);
  assert_memory_equal (data + 32, "nonce-of-release", 16);
  assert_memory_equal (data + 48, "process-instance", 16);
  assert_memory_equal (data + 64, "host-a.example\0", 15);
  assert_int_equal (load_be32 (data + 132), crc32 (0, data, 132));
}

static void
test_every_bit_counts (void **state)
{
  uint8_t data[RECORD_BYTES];
  size_t bit;

  (void) state;
  record_encode (&sample, data);
  for (bit = 0; bit < 8 * sizeof data; bit++) {
    data[bit / 8] ^= (uint8_t) (1 << bit % 8);
    check_refused (data, sizeof data, bit / 8 >= 8
                   ? "its checksum is wrong" : "");
    data[bit / 8] ^= (uint8_t) (1 << bit % 8);
  }
}

static void
test_lengths (void **state)
{
  uint8_t data[RECORD_BYTES + 8] = { 0 };
  size_t len;

  (void) state;
  record_encode (&sample, data);
  for (len = 0; len <= sizeof data; len++)
    if (len != RECORD_BYTES)
      check_refused (data, len, len < 4
                     ? "its ownership record is not to be understood: it is "
                       "cut off"
                     : "its version or length is wrong");
}

static void
refuse_changed (size_t at, uint8_t byte, const char *text)
{
  uint8_t data[RECORD_BYTES];

  record_encode (&sample, data);
  data[at] = byte;
  sign (data);
  check_refused (data, sizeof data, text);
}

/* With a checksum that is right. */
static void
test_values (void **state)
{
  uint8_t data[RECORD_BYTES];

  (void) state;
  refuse_changed (3, 2, "it was written by a newer version of Baton");
  refuse_changed (3, 0, "its version or length is wrong");
  refuse_changed (7, 0, "its state is unknown");
  refuse_changed (7, 3, "state");
  refuse_changed (8, 0xff, "its epoch is out of range");
  refuse_changed (64, 0, "its host has no proper name");
  refuse_changed (65, ' ', "name");
  refuse_changed (65, 0x7f, "name");
  refuse_changed (65, 0xc3, "name");
  /* Something behind the end of the name. */
  refuse_changed (127, 'x', "name");
  record_encode (&sample, data);
  memset (data + 8, 0, 8);
  sign (data);
  check_refused (data, sizeof data, "epoch");
}

static void
test_random_bytes (void **state)
{
  struct random seed = { 1 };
  uint8_t data[RECORD_BYTES];
  struct record r;
  unsigned i;
  size_t j;

  (void) state;
  for (i = 0; i < 20000; i++) {
    record_encode (&sample, data);
    for (j = 0; j < 3; j++)
      data[random_next (&seed) % (RECORD_BYTES - 4)] =
        (uint8_t) random_next (&seed);
    sign (data);
    if (record_decode (data, sizeof data, &r, NULL) == -1)
      continue;
    /* What was taken is in range, and is the same when written again. */
    assert_in_range (r.epoch, 1, RECORD_MAX_EPOCH);
    assert_in_range (strlen (r.host), 1, RECORD_HOST_BYTES);
  }
}

static void
test_ids (void **state)
{
  uint8_t a[RECORD_ID_BYTES], b[RECORD_ID_BYTES];
  char text[RECORD_ID_CHARS];

  (void) state;
  assert_int_equal (record_random (a, NULL), 0);
  assert_int_equal (record_random (b, NULL), 0);
  assert_false (record_same_id (a, b));
  record_id_text ((const uint8_t *) "\x00\x01\xfe\xff" "abcdefghijkl", text);
  assert_string_equal (text, "0001feff6162636465666768696a6b6c");
}

/* A header with these two records; a bit of DAMAGED for each that is. */
static enum record_found
find_of_two (uint64_t first, uint64_t second, unsigned damaged,
             struct record *ret)
{
  struct record r = sample;
  uint8_t *header = calloc (1, 4096);
  enum record_found found;
  unsigned i;

  assert_non_null (header);
  store_be32 (header + 4, 3);
  store_be32 (header + 100, 104);
  for (i = 0; i < 2; i++) {
    uint8_t *e = header + 104 + i * RECORD_EXTENSION_BYTES;

    r.epoch = i ? second : first;
    store_be32 (e, QCOW2_EXT_BATON_RECORD);
    store_be32 (e + 4, RECORD_BYTES);
    record_encode (&r, e + 8);
    e[8 + 20] ^= damaged >> i & 1;
  }
  found = record_find (header, 4096, ret, NULL);
  free (header);
  return found;
}

/* The newer one that can be read counts, wherever it is. */
static void
test_two_records (void **state)
{
  struct record r;

  (void) state;
  assert_int_equal (find_of_two (5, 6, 0, &r), RECORD_VALID);
  assert_int_equal (r.epoch, 6);
  assert_int_equal (find_of_two (6, 5, 0, &r), RECORD_VALID);
  assert_int_equal (r.epoch, 6);
  assert_int_equal (find_of_two (5, 6, 2, &r), RECORD_VALID);
  assert_int_equal (r.epoch, 5);
  assert_int_equal (find_of_two (6, 5, 1, &r), RECORD_VALID);
  assert_int_equal (r.epoch, 5);
  assert_int_equal (find_of_two (6, 5, 3, &r), RECORD_DAMAGED);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_round_trip),
    cmocka_unit_test (test_layout),
    cmocka_unit_test (test_every_bit_counts),
    cmocka_unit_test (test_lengths),
    cmocka_unit_test (test_values),
    cmocka_unit_test (test_random_bytes),
    cmocka_unit_test (test_ids),
    cmocka_unit_test (test_two_records),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
