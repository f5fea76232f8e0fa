/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Random damage to valid headers: the parser never reads outside its bytes
 * (the sanitizer watches), and what it accepts keeps the guarantees.
 *
 * The seed is fixed; BATON_SEED=N replays another one.
 */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>

#include "header-cases.h"

#define NR_ROUNDS 200000
#define RANDOM_BYTES 1024

static uint64_t
next_random (uint64_t *state)
{
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

/* Values near which parsers go wrong, shifted to any magnitude. */
static uint64_t
nasty_value (uint64_t *seed)
{
  const uint64_t r = next_random (seed);
  const uint64_t power = UINT64_C (1) << (r >> 8) % 64;

  switch (r % 6) {
  case 0: return power;
  case 1: return power - 1;
  case 2: return power + 1;
  case 3: return UINT64_MAX - power;
  case 4: return r >> 32;
  default: return (r >> 16) % 32;
  }
}

/* Half of all damage hits the start of a field, with the field's width. */
static void
damage (uint8_t *buf, uint64_t *seed)
{
  static const struct poke fields[] = {
    { AT_VERSION, 4, 0 }, { AT_BACKING_OFFSET, 8, 0 },
    { AT_BACKING_LEN, 4, 0 }, { AT_CLUSTER_BITS, 4, 0 },
    { AT_SIZE, 8, 0 }, { AT_CRYPT, 4, 0 }, { AT_L1_SIZE, 4, 0 },
    { AT_L1_OFFSET, 8, 0 }, { AT_REFTABLE_OFFSET, 8, 0 },
    { AT_REFTABLE_CLUSTERS, 4, 0 }, { AT_NR_SNAPSHOTS, 4, 0 },
    { AT_SNAPSHOTS_OFFSET, 8, 0 }, { AT_INCOMPAT, 8, 0 },
    { AT_COMPAT, 8, 0 }, { AT_AUTOCLEAR, 8, 0 },
    { AT_REFCOUNT_ORDER, 4, 0 }, { AT_HEADER_LENGTH, 4, 0 },
    { AT_COMPRESSION, 1, 0 }, { 112, 4, 0 }, { 116, 4, 0 },
  };
  uint64_t r = next_random (seed);
  struct poke p = fields[(r >> 8) % (sizeof fields / sizeof fields[0])];

  if (r & 1)
    p = (struct poke) { (uint32_t) ((r >> 32) % RANDOM_BYTES), 1, 0 };
  p.value = nasty_value (seed);
  poke (buf, p);
}

/* A header with everything in it. */
static void
build_base (uint8_t *buf, uint32_t version)
{
  uint8_t table[3 * 48];
  size_t at = version == 2 ? 72 : 112;
  unsigned i;

  build_header (buf, version);
  for (i = 0; i < 3; i++)
    build_feature (table, i, 0, (uint8_t) (i + 4), "a feature's name");
  at = build_extension (buf, at, QCOW2_EXT_BACKING_FORMAT, "qcow2", 5);
  at = build_extension (buf, at, QCOW2_EXT_FEATURE_NAMES, table,
                        sizeof table);
  build_extension (buf, at, QCOW2_EXT_BITMAPS, "bitmaps", 7);
  memcpy (buf + 500, "backing.qcow2", 13);
  poke (buf, (struct poke) { AT_BACKING_OFFSET, 8, 500 });
  poke (buf, (struct poke) { AT_BACKING_LEN, 4, 13 });
}

static void
one_round (const uint8_t *base, uint64_t *seed, unsigned *nr_accepted)
{
  uint64_t nr_damages = 1 + next_random (seed) % 4;
  size_t len = RANDOM_BYTES;
  uint8_t buf[RANDOM_BYTES];
  struct error err = ERROR_INIT;
  struct qcow2_header h;

  memcpy (buf, base, RANDOM_BYTES);
  while (nr_damages-- > 0)
    damage (buf, seed);
  if (next_random (seed) % 8 == 0)
    len = next_random (seed) % (RANDOM_BYTES + 1);
  if (parse_exactly (buf, len, &h, &err) == 0) {
    check_guarantees (&h);
    (*nr_accepted)++;
    return;
  }
  assert_int_not_equal (err.errnum, 0);
  assert_true (err.text[0] != '\0');
}

static void
test_random (void **state)
{
  static uint8_t base[2][BUILT_BYTES];
  const char *from = getenv ("BATON_SEED");
  uint64_t seed = from ? strtoull (from, NULL, 0) | 1 : 20231;
  unsigned i, nr_accepted = 0;

  (void) state;
  printf ("BATON_SEED=%" PRIu64 "\n", seed);
  build_base (base[0], 2);
  build_base (base[1], 3);
  for (i = 0; i < NR_ROUNDS; i++)
    one_round (base[i % 2], &seed, &nr_accepted);
  printf ("%u of %d headers accepted\n", nr_accepted, NR_ROUNDS);
  /* Else the damage is such that nothing is tested. */
  assert_in_range (nr_accepted, NR_ROUNDS / 20, NR_ROUNDS / 20 * 19);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_random),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
