/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Cursor: see cursor.h.
 *
 * Invariant: pos <= len_bytes.  So len_bytes - pos never wraps, and is what
 * a request is compared with.
 */

#include <config.h>

#include "cursor.h"

void
cursor_init (struct cursor *c, const void *data, size_t len_bytes)
{
  *c = (struct cursor) { .data = data, .len_bytes = len_bytes };
}

size_t
cursor_left (const struct cursor *c)
{
  return c->len_bytes - c->pos;
}

const uint8_t *
cursor_bytes (struct cursor *c, size_t len)
{
  const uint8_t *p;

  /* A cursor that failed stays failed: what comes after a field that was
   * cut off is not where the parser thinks it is. */
  if (c->failed || len > cursor_left (c)) {
    c->failed = true;
    return NULL;
  }
  p = c->data + c->pos;
  c->pos += len;
  return p;
}

uint8_t
cursor_u8 (struct cursor *c)
{
  const uint8_t *p = cursor_bytes (c, 1);

  return p ? *p : 0;
}

uint16_t
cursor_be16 (struct cursor *c)
{
  const uint8_t *p = cursor_bytes (c, 2);

  return p ? load_be16 (p) : 0;
}

uint32_t
cursor_be32 (struct cursor *c)
{
  const uint8_t *p = cursor_bytes (c, 4);

  return p ? load_be32 (p) : 0;
}

uint64_t
cursor_be64 (struct cursor *c)
{
  const uint8_t *p = cursor_bytes (c, 8);

  return p ? load_be64 (p) : 0;
}

void
cursor_skip (struct cursor *c, size_t len)
{
  cursor_bytes (c, len);
}

void
cursor_seek (struct cursor *c, size_t pos)
{
  if (pos > c->len_bytes)
    c->failed = true;
  else
    c->pos = pos;
}
