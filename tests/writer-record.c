/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Records and their journal (writer-record.h).  The journal's file is text:
 * a line per slot, "acked issued".
 */

#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "writer-record.h"

#define BLOCK_MAGIC UINT32_C (0x4241544e)

struct block {                  /* in host order: one machine reads it */
  uint32_t magic;
  uint32_t slot;
  uint32_t generation;
  uint32_t number;              /* of the block in its record */
  uint32_t fill[BLOCK_BYTES / 4 - 5];
  uint32_t crc;                 /* of all above */
};

_Static_assert (sizeof (struct block) == BLOCK_BYTES, "no padding");

static int
read_slots (struct journal *j, FILE *fp, const char *path)
{
  uint32_t i;

  for (i = 0; i < j->nr_slots; i++) {
    struct slot_state *s = &j->slots[i];

    if (fscanf (fp, "%" SCNu32 " %" SCNu32, &s->acked, &s->issued) != 2) {
      fprintf (stderr, "writer: %s: line %u is missing\n", path, i + 1);
      return -1;
    }
  }
  return 0;
}

int
journal_load (struct journal *j, const char *path, uint32_t record_bytes,
              uint32_t first, uint32_t nr_slots)
{
  FILE *fp;
  int r;

  *j = (struct journal) {
    .record_bytes = record_bytes, .first = first, .nr_slots = nr_slots,
    .slots = calloc (nr_slots, sizeof *j->slots),
  };
  if (!j->slots) {
    perror ("writer: calloc");
    return -1;
  }
  fp = fopen (path, "r");
  if (!fp)
    return 0;
  r = read_slots (j, fp, path);
  fclose (fp);
  return r;
}

int
journal_save (const struct journal *j, const char *path)
{
  FILE *fp = fopen (path, "w");
  uint32_t i;

  if (!fp) {
    perror (path);
    return -1;
  }
  for (i = 0; i < j->nr_slots; i++)
    fprintf (fp, "%" PRIu32 " %" PRIu32 "\n", j->slots[i].acked,
             j->slots[i].issued);
  if (fclose (fp) == EOF) {
    perror (path);
    return -1;
  }
  return 0;
}

void
journal_destroy (struct journal *j)
{
  free (j->slots);
  memset (j, 0, sizeof *j);
}

uint64_t
journal_offset (const struct journal *j, uint32_t i)
{
  return (uint64_t) j->record_bytes * (j->first + i);
}

static uint32_t
block_crc (const struct block *b)
{
  return (uint32_t) crc32 (0, (const void *) b, offsetof (struct block, crc));
}

void
record_fill (const struct journal *j, uint32_t i, uint32_t generation,
             uint8_t *ret_buf)
{
  struct block b = {
    .magic = BLOCK_MAGIC, .slot = j->first + i, .generation = generation,
  };
  size_t k;

  for (; b.number < j->record_bytes / BLOCK_BYTES; b.number++) {
    for (k = 0; k < sizeof b.fill / sizeof b.fill[0]; k++)
      b.fill[k] = (generation << 20) ^ (b.slot << 8) ^ (uint32_t) k;
    b.crc = block_crc (&b);
    memcpy (ret_buf + b.number * sizeof b, &b, sizeof b);
  }
}

/* Generation of one block, -1 where it is none of this place. */
static int64_t
block_generation (const struct block *b, uint32_t slot, uint32_t number)
{
  static const struct block zero;

  if (memcmp (b, &zero, sizeof zero) == 0)
    return 0;
  if (b->magic != BLOCK_MAGIC || b->slot != slot || b->number != number ||
      b->crc != block_crc (b))
    return -1;
  return b->generation;
}

bool
record_check (const struct journal *j, uint32_t i, const uint8_t *buf)
{
  const struct slot_state *s = &j->slots[i];
  struct block b;
  uint32_t n;

  for (n = 0; n < j->record_bytes / BLOCK_BYTES; n++) {
    int64_t generation;

    memcpy (&b, buf + n * sizeof b, sizeof b);
    generation = block_generation (&b, j->first + i, n);
    if (generation >= s->acked && generation <= s->issued)
      continue;
    fprintf (stderr, "writer: FAILED: slot %" PRIu32 " block %" PRIu32
             " at offset %" PRIu64 ": generation %" PRIi64 " (-1: garbage),"
             " acknowledged %" PRIu32 ", issued %" PRIu32
             "; the block says slot %" PRIu32 " block %" PRIu32
             " generation %" PRIu32 "\n",
             j->first + i, n, journal_offset (j, i) + n * sizeof b,
             generation, s->acked, s->issued, b.slot, b.number,
             b.generation);
    return false;
  }
  return true;
}
