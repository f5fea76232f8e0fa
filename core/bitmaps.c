/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Bitmaps: recording, and the marks in the directory.  See bitmaps.h.
 *
 * No lock: bits are only ever set, one word at a time.  Who reads them has
 * waited for all requests, by means that order memory.
 */

#include <config.h>

#include <endian.h>
#include <stdlib.h>

#include "bitmaps-internal.h"
#include "cursor.h"

/* In a directory entry, which is 8-byte aligned: no sector is torn. */
#define FLAGS_AT 12u

void
bitmaps_free (struct bitmaps *b)
{
  uint32_t i;

  if (!b)
    return;
  for (i = 0; i < b->nr; ++i) {
    free (b->v[i].words);
    free (b->v[i].changed);
    free (b->v[i].table);
  }
  free (b->v);
  free (b);
}

/* -- recording --------------------------------------------------------- */

/* Most writes find their bits set: then nothing is written, and processors
 * do not fight for the memory. */
static void
set_word (const struct bitmaps *b, struct record *r, uint64_t word,
          uint64_t mask)
{
  mask = htole64 (mask);
  if ((atomic_load_explicit (&r->words[word], memory_order_relaxed) & mask)
      == mask)
    return;
  atomic_fetch_or_explicit (&r->words[word], mask, memory_order_relaxed);
  atomic_store_explicit (&r->changed[word * WORD_BYTES >> b->chunk_bits],
                         true, memory_order_relaxed);
}

static void
set_bits (const struct bitmaps *b, struct record *r, uint64_t first,
          uint64_t last)
{
  uint64_t word;

  for (word = first / BITS_PER_WORD; word <= last / BITS_PER_WORD; ++word) {
    uint64_t mask = UINT64_MAX;

    if (word == first / BITS_PER_WORD)
      mask <<= first % BITS_PER_WORD;
    if (word == last / BITS_PER_WORD)
      mask &= UINT64_MAX >> (BITS_PER_WORD - 1 - last % BITS_PER_WORD);
    set_word (b, r, word, mask);
  }
}

void
bitmaps_set (struct bitmaps *b, uint64_t offset, uint64_t len)
{
  uint32_t i;

  for (i = 0; i < b->nr; ++i) {
    const uint8_t bits = b->v[i].granularity_bits;

    set_bits (b, &b->v[i], offset >> bits, (offset + len - 1) >> bits);
  }
}

/* -- marks ------------------------------------------------------------- */

static int
mark (struct bitmaps *b, const struct record *r, uint32_t flags,
      struct error *err)
{
  uint8_t be[4];

  store_be32 (be, flags);
  return io_pwrite (b->io, be, sizeof be, r->entry_offset + FLAGS_AT, 0, err);
}

/* Rule 53: "set in_use on disk before the first write". */
int
bitmaps_begin (struct bitmaps *b, struct error *err)
{
  uint32_t i;

  for (i = 0; i < b->nr; ++i)
    if (mark (b, &b->v[i], b->v[i].flags | BITMAP_IN_USE, err) == -1)
      return error_prefix (err, "marking a dirty bitmap as in use");
  return io_sync (b->io, err);
}

int
bitmaps_end (struct bitmaps *b, struct error *err)
{
  uint32_t i;

  for (i = 0; i < b->nr; ++i)
    if (!b->v[i].lost && mark (b, &b->v[i], b->v[i].flags, err) == -1)
      return error_prefix (err, "marking a dirty bitmap as valid");
  return 0;
}
