/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Numbered, checksummed records at fixed places of a disk, and the journal
 * of what was promised about each.
 *
 * A record is a row of 512-byte blocks and every block tells its slot, its
 * number in the record and its generation, so that a block that is old,
 * torn, foreign or misplaced is told from a good one.  Pure but for the
 * journal's file.
 */

#ifndef BATON_TESTS_WRITER_RECORD_H
#define BATON_TESTS_WRITER_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLOCK_BYTES 512u

/* Generations of one slot.  0: never written, reads zeros. */
struct slot_state {
  uint32_t acked;               /* the last one that a server acknowledged */
  uint32_t issued;              /* the last one that was sent: >= acked */
};

struct journal {
  uint32_t record_bytes;        /* multiple of BLOCK_BYTES */
  uint32_t first;               /* number of slots[0] */
  uint32_t nr_slots;
  struct slot_state *slots;     /* owned */
};

/* Slots FIRST .. FIRST + NR_SLOTS - 1, as PATH says; all fresh where there
 * is no such file.  -1 after a message to stderr. */
int journal_load (struct journal *j, const char *path, uint32_t record_bytes,
                  uint32_t first, uint32_t nr_slots);
int journal_save (const struct journal *j, const char *path);
void journal_destroy (struct journal *j);

/* Guest offset of slots[I]. */
uint64_t journal_offset (const struct journal *j, uint32_t i);

/* The record of generation GENERATION of slots[I]: record_bytes bytes. */
void record_fill (const struct journal *j, uint32_t i, uint32_t generation,
                  uint8_t *ret_buf);
/* True if every block of BUF is of a generation from acked to issued.
 * Otherwise false after a message to stderr. */
bool record_check (const struct journal *j, uint32_t i, const uint8_t *buf);

#endif /* BATON_TESTS_WRITER_RECORD_H */
