/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A bounded cursor over bytes that came from outside, and big-endian
 * loads and stores for arrays whose bounds are already known.
 *
 * Reading past the end sets `failed`, returns zeros and never touches
 * memory outside; so a parser reads a whole structure and asks once.
 * The cursor borrows DATA, which must outlive it.  No locks.
 */

#ifndef BATON_CURSOR_H
#define BATON_CURSOR_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cursor {
  const uint8_t *data;
  size_t len_bytes;
  size_t pos;           /* <= len_bytes */
  bool failed;
};

void cursor_init (struct cursor *c, const void *data, size_t len_bytes);
size_t cursor_left (const struct cursor *c);
uint8_t cursor_u8 (struct cursor *c);
uint16_t cursor_be16 (struct cursor *c);
uint32_t cursor_be32 (struct cursor *c);
uint64_t cursor_be64 (struct cursor *c);
/* Borrow the next LEN bytes; NULL (and failed) where there are fewer. */
const uint8_t *cursor_bytes (struct cursor *c, size_t len);
void cursor_skip (struct cursor *c, size_t len);
/* Move to absolute position POS. */
void cursor_seek (struct cursor *c, size_t pos);

static inline uint16_t
load_be16 (const void *p)
{
  uint16_t v;

  memcpy (&v, p, sizeof v);
  return be16toh (v);
}

static inline uint32_t
load_be32 (const void *p)
{
  uint32_t v;

  memcpy (&v, p, sizeof v);
  return be32toh (v);
}

static inline uint64_t
load_be64 (const void *p)
{
  uint64_t v;

  memcpy (&v, p, sizeof v);
  return be64toh (v);
}

static inline void
store_be16 (void *p, uint16_t v)
{
  v = htobe16 (v);
  memcpy (p, &v, sizeof v);
}

static inline void
store_be32 (void *p, uint32_t v)
{
  v = htobe32 (v);
  memcpy (p, &v, sizeof v);
}

static inline void
store_be64 (void *p, uint64_t v)
{
  v = htobe64 (v);
  memcpy (p, &v, sizeof v);
}

#endif /* BATON_CURSOR_H */
