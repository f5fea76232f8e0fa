/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Bitmaps: reading.  See bitmaps.h.  No lock.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bitmaps-internal.h"
#include "checked.h"
#include "cursor.h"

#define MAX_NAME_SHOWN 64

static int
no_memory (struct error *err)
{
  return error_set (err, ENOMEM, "no memory for the dirty bitmaps");
}

/* Like QEMU, which refuses to load one of another length. */
static int
check_size (const struct bitmaps *b, const struct record *r,
            struct error *err)
{
  const uint64_t wanted = div_round_up (r->nr_words, words_per_entry (b));

  if (r->nr_entries != wanted)
    return error_set (err, EINVAL, "its table has %" PRIu32 " entries, a disk "
                      "of this size needs %" PRIu64, r->nr_entries, wanted);
  if (r->nr_words > (BITMAPS_MAX_BYTES - b->nr_bytes) / WORD_BYTES)
    return error_set (err, EFBIG, "the enabled ones have more than %" PRIu64
                      " MiB of bits", BITMAPS_MAX_BYTES >> 20);
  return 0;
}

static int
allocate (const struct bitmaps *b, struct record *r, struct error *err)
{
  const uint64_t nr_chunks = (r->nr_words * WORD_BYTES >> b->chunk_bits) + 1;

  r->words = calloc (r->nr_words, sizeof *r->words);
  r->changed = calloc (nr_chunks, sizeof *r->changed);
  r->table = calloc (r->nr_entries, sizeof *r->table);
  return r->words && r->changed && r->table ? 0 : no_memory (err);
}

/* The words of one entry of the table: "offset 0 with bit 0 = all ones". */
static int
load_entry (const struct bitmaps *b, struct record *r, uint32_t entry,
            struct error *err)
{
  const uint64_t first = entry * words_per_entry (b);
  const uint64_t nr = min_u64 (words_per_entry (b), r->nr_words - first);
  const uint64_t raw = load_be64 (&r->table[entry]);
  uint64_t offset;

  if (!bitmap_table_entry_decode (b->h, raw, &offset))
    return error_set (err, EINVAL, "entry %" PRIu32 " of its table is "
                      "damaged", entry);
  if (offset != 0)
    return io_pread (b->io, (void *) (r->words + first), nr * WORD_BYTES,
                     offset, err);
  if (raw & 1)
    memset ((void *) (r->words + first), 0xff, nr * WORD_BYTES);
  return 0;
}

static int
load_bits (const struct bitmaps *b, struct record *r, struct error *err)
{
  uint32_t i;

  if (check_size (b, r, err) == -1 || allocate (b, r, err) == -1 ||
      io_pread (b->io, r->table, r->nr_entries * sizeof *r->table,
                r->table_offset, err) == -1)
    return -1;
  for (i = 0; i < r->nr_entries; ++i)
    if (load_entry (b, r, i, err) == -1)
      return -1;
  return 0;
}

static int
load_one (void *opaque, const struct bitmap *bitmap, struct error *err)
{
  struct bitmaps *b = opaque;
  struct record *v, *r;

  if ((bitmap->flags & (BITMAP_IN_USE | BITMAP_AUTO)) != BITMAP_AUTO)
    return 0;
  v = realloc (b->v, (b->nr + 1) * sizeof *v);
  if (!v)
    return no_memory (err);
  b->v = v;
  r = &b->v[b->nr++];
  *r = (struct record) {
    .entry_offset = bitmap->entry_offset,
    .flags = bitmap->flags,
    .granularity_bits = bitmap->granularity_bits,
    .table_offset = bitmap->table_offset,
    .nr_entries = bitmap->nr_table_entries,
  };
  r->nr_bits = div_round_up (b->h->virtual_size,
                             UINT64_C (1) << r->granularity_bits);
  r->nr_words = div_round_up (r->nr_bits, BITS_PER_WORD);
  if (load_bits (b, r, err) == -1)
    return error_prefix (err, "bitmap %.*s",
                         (int) min_u64 (bitmap->name_len, MAX_NAME_SHOWN),
                         bitmap->name);
  b->nr_bytes += r->nr_words * WORD_BYTES;
  return 0;
}

int
bitmaps_load (struct io *io, const struct qcow2_header *h,
              const struct qcow2_areas *a, struct bitmaps **ret,
              struct error *err)
{
  struct bitmaps *b = calloc (1, sizeof *b);

  if (!b)
    return no_memory (err);
  b->io = io;
  b->h = h;
  b->chunk_bits = min_u64 (h->cluster_bits, MAX_CHUNK_BITS);
  if (bitmap_directory_walk (io, h, a, load_one, b, err) == -1) {
    bitmaps_free (b);
    return -1;
  }
  if (b->nr == 0) {
    bitmaps_free (b);
    b = NULL;
  }
  *ret = b;
  return 0;
}
