/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A disk in memory behind struct io: bytes that are borrowed and never
 * changed, and the pages that were written over them.
 *
 * For tests that look at very many images one after another: starting anew
 * costs what the last one has changed, not what the image holds.  There is
 * no crash, no fault, no lock: for these see simdisk.h.
 *
 * Reads behind the end yield zeros.  Writes that end behind MEMDISK_BYTES
 * fail, ENOSPC.  One thread at a time.  Out of memory aborts.
 */

#ifndef BATON_TESTS_MEMDISK_H
#define BATON_TESTS_MEMDISK_H

#include <stddef.h>
#include <stdint.h>

#include "io.h"

#define MEMDISK_PAGE_BYTES 4096u
#define MEMDISK_BYTES (UINT64_C (256) << 20)
#define MEMDISK_PAGES (MEMDISK_BYTES / MEMDISK_PAGE_BYTES)

struct memdisk {
  const uint8_t *base;          /* borrowed */
  uint64_t base_len;
  uint64_t size;
  uint64_t nr_changes;          /* writes, zeroes, truncations */
  uint64_t nr_syncs;
  uint32_t *used;               /* which pages there are, NR_USED of them */
  size_t nr_used;
  uint8_t **pages;              /* NULL: as in BASE */
};

void memdisk_init (struct memdisk *d);
void memdisk_destroy (struct memdisk *d);

/* D is LEN bytes at BASE from now on, and nothing has been counted. */
void memdisk_reset (struct memdisk *d, const void *base, uint64_t len);
/* Change bytes, or the size, without being counted. */
void memdisk_poke (struct memdisk *d, const void *data, size_t len,
                   uint64_t offset);
void memdisk_resize (struct memdisk *d, uint64_t size);
void memdisk_peek (const struct memdisk *d, void *buf, size_t len,
                   uint64_t offset);

/* An io on D, which must outlive it; several may be open.  FLAGS:
 * IO_OPEN_WRITE.  ID is its identity. */
struct io *memdisk_open (struct memdisk *d, unsigned flags, uint64_t id);

#endif /* BATON_TESTS_MEMDISK_H */
