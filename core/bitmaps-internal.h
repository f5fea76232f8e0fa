/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to bitmaps*.c.
 */

#ifndef BATON_BITMAPS_INTERNAL_H
#define BATON_BITMAPS_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>

#include "bitmaps.h"

#define BITS_PER_WORD 64u
#define WORD_BYTES 8u
/* What is written as a whole: a cluster, or this part of a large one. */
#define MAX_CHUNK_BITS 12u

/* A bitmap that is recorded. */
struct record {
  uint64_t entry_offset;        /* of its directory entry, in the file */
  uint32_t flags;               /* as found */
  uint8_t granularity_bits;
  bool lost;                    /* could not be stored: stays in use */

  uint64_t nr_bits;
  uint64_t nr_words;
  _Atomic uint64_t *words;      /* little-endian, as in the file */
  _Atomic bool *changed;        /* one for each chunk of words */

  uint64_t table_offset;
  uint32_t nr_entries;          /* one for each cluster of words */
  uint64_t *table;              /* big-endian, as they shall be in the file */
  uint32_t first_stale;         /* [first_stale, end_stale) of the table are */
  uint32_t end_stale;           /* not in the file yet */
};

struct bitmaps {
  struct io *io;                /* borrowed, like the next */
  const struct qcow2_header *h;
  uint32_t chunk_bits;          /* log2 of bytes */
  uint64_t nr_bytes;            /* of all words */
  uint32_t nr;
  struct record *v;
};

/* How many words belong to one entry of a table. */
static inline uint64_t
words_per_entry (const struct bitmaps *b)
{
  return b->h->cluster_size / WORD_BYTES;
}

#endif /* BATON_BITMAPS_INTERNAL_H */
