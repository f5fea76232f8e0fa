/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Bitmaps: writing what has changed.  See bitmaps.h.
 *
 * A bitmap that is stored is marked in use, so it is overwritten where it is
 * and no order matters, but for references: what its table points to is
 * counted, durably, since it comes from the allocator.  Bits are only set, so
 * a cluster that the table has is never given back.  No lock.
 */

#include <config.h>

#include <endian.h>
#include <errno.h>

#include "bitmaps-internal.h"
#include "checked.h"
#include "cursor.h"

#define ALL_ONES UINT64_C (1)

struct storing {
  struct bitmaps *b;
  struct allocator *allocator;
  struct metadata_map *metadata;
};

static uint64_t
chunk_words (const struct bitmaps *b)
{
  return (UINT64_C (1) << b->chunk_bits) / WORD_BYTES;
}

static bool
is_changed (const struct bitmaps *b, const struct record *r, uint64_t word)
{
  return atomic_load_explicit (&r->changed[word * WORD_BYTES >> b->chunk_bits],
                               memory_order_relaxed);
}

/* The bits of [FIRST, END) that the disk has are all set. */
static bool
all_ones (const struct record *r, uint64_t first, uint64_t end)
{
  const uint64_t tail = r->nr_bits % BITS_PER_WORD;
  uint64_t word;

  for (word = first; word < end; ++word) {
    const bool cut = word == r->nr_words - 1 && tail != 0;
    const uint64_t mask = htole64 (cut ? (UINT64_C (1) << tail) - 1
                                       : UINT64_MAX);

    if ((atomic_load_explicit (&r->words[word], memory_order_relaxed) & mask)
        != mask)
      return false;
  }
  return true;
}

static void
set_entry (struct record *r, uint32_t entry, uint64_t raw)
{
  store_be64 (&r->table[entry], raw);
  if (r->first_stale == r->end_stale)
    r->first_stale = r->end_stale = entry;
  r->first_stale = min_u64 (r->first_stale, entry);
  r->end_stale = max_u64 (r->end_stale, entry + 1);
}

/* A cluster for ENTRY: clean, so zeros need not be written to it. */
static int
take_cluster (struct storing *s, struct record *r, uint32_t entry,
              uint64_t *ret_offset, struct error *err)
{
  struct extent e;

  if (allocator_take (s->allocator, 1, &e, err) == -1)
    return -1;
  if (metadata_map_add (s->metadata, e.first, 1, err) == -1) {
    allocator_put_back (s->allocator, e);
    return -1;
  }
  *ret_offset = e.first << s->b->h->cluster_bits;
  set_entry (r, entry, *ret_offset);
  return 0;
}

/* The changed chunks of the words [FIRST, END), which are at OFFSET. */
static int
write_words (struct bitmaps *b, struct record *r, uint64_t first,
             uint64_t end, uint64_t offset, struct error *err)
{
  const uint64_t step = chunk_words (b);
  uint64_t word;

  for (word = first; word < end; word += step) {
    if (is_changed (b, r, word) &&
        io_pwrite (b->io, (const void *) (r->words + word),
                   min_u64 (step, end - word) * WORD_BYTES,
                   offset + (word - first) * WORD_BYTES, 0, err) == -1)
      return -1;
  }
  return 0;
}

static int
store_entry (struct storing *s, struct record *r, uint32_t entry,
             uint64_t first, uint64_t end, struct error *err)
{
  /* No other bit is set: bitmaps_load has looked, and set_entry sets none. */
  uint64_t offset = load_be64 (&r->table[entry]) & QCOW2_ENTRY_OFFSET_MASK;

  if (offset == 0 && all_ones (r, first, end)) {
    set_entry (r, entry, ALL_ONES);
    return 0;
  }
  if (offset == 0 && take_cluster (s, r, entry, &offset, err) == -1)
    return -1;
  return write_words (s->b, r, first, end, offset, err);
}

static bool
any_changed (const struct bitmaps *b, const struct record *r, uint64_t first,
             uint64_t end)
{
  uint64_t word;

  for (word = first; word < end; word += chunk_words (b))
    if (is_changed (b, r, word))
      return true;
  return false;
}

static void
forget_changed (const struct bitmaps *b, struct record *r, uint64_t first,
                uint64_t end)
{
  uint64_t word;

  for (word = first; word < end; word += chunk_words (b))
    atomic_store_explicit (&r->changed[word * WORD_BYTES >> b->chunk_bits],
                           false, memory_order_relaxed);
}

static int
store_data (struct storing *s, struct record *r, struct error *err)
{
  uint32_t i;

  for (i = 0; i < r->nr_entries; ++i) {
    const uint64_t first = i * words_per_entry (s->b);
    const uint64_t end = min_u64 (first + words_per_entry (s->b),
                                  r->nr_words);

    if (!any_changed (s->b, r, first, end))
      continue;
    if (store_entry (s, r, i, first, end, err) == -1)
      return -1;
    forget_changed (s->b, r, first, end);
  }
  return 0;
}

static int
store_table (struct bitmaps *b, struct record *r, struct error *err)
{
  if (r->first_stale == r->end_stale)
    return 0;
  if (io_pwrite (b->io, r->table + r->first_stale,
                 (r->end_stale - r->first_stale) * sizeof *r->table,
                 r->table_offset + r->first_stale * sizeof *r->table, 0,
                 err) == -1)
    return -1;
  r->first_stale = r->end_stale = 0;
  return 0;
}

/* Also where the data could not be stored: so that what they took is in the
 * table, and does not leak. */
static int
store_one (struct storing *s, struct record *r, struct error *err)
{
  struct error mine = ERROR_INIT;

  if (store_data (s, r, err) == 0)
    return store_table (s->b, r, err);
  store_table (s->b, r, &mine);
  return -1;
}

uint32_t
bitmaps_store (struct bitmaps *b, struct allocator *a,
               struct metadata_map *m, struct error *ret_why)
{
  struct storing s = { b, a, m };
  uint32_t i, nr_lost = 0;

  for (i = 0; i < b->nr; ++i) {
    struct error why = ERROR_INIT;

    b->v[i].lost = store_one (&s, &b->v[i], &why) == -1;
    if (b->v[i].lost && nr_lost++ == 0)
      *ret_why = why;
  }
  return nr_lost;
}
