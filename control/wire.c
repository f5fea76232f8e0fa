/* SPDX-License-Identifier: BSD-3-Clause
 *
 * NBD messages: bytes <-> structs (wire.h).
 *
 * Guarantees: every byte from outside is read through the bounded cursor,
 * and a message is accepted only if it is exactly as long as its counts
 * say.  Pure, no locks.
 */

#include <config.h>

#include <errno.h>
#include <string.h>

#include "wire.h"

bool
wire_string_equal (const struct wire_string *s, const char *text)
{
  return s->len_bytes == strlen (text) &&
         memcmp (s->bytes, text, s->len_bytes) == 0;
}

/* -- handshake: from the client -------------------------------------- */

int
wire_get_option (const uint8_t data[WIRE_OPTION_BYTES],
                 struct wire_option *ret, struct error *err)
{
  struct cursor c;

  cursor_init (&c, data, WIRE_OPTION_BYTES);
  if (cursor_be64 (&c) != NBD_OPTION_MAGIC)
    return error_set (err, EPROTO, "option without the IHAVEOPT magic");
  ret->option = cursor_be32 (&c);
  ret->len_bytes = cursor_be32 (&c);
  return 0;
}

/* A 32 bit length and that many bytes; WHAT is for the message. */
static int
get_string (struct cursor *c, const char *what, struct wire_string *ret,
            struct error *err)
{
  uint32_t len = cursor_be32 (c);
  const uint8_t *bytes;

  /* "Where this document refers to a string ... the length of a string
   * ... MUST NOT exceed 4096 bytes". */
  if (!c->failed && len > NBD_MAX_STRING_BYTES)
    return error_set (err, EPROTO, "%s of %u bytes: at most %d are allowed",
                      what, (unsigned) len, NBD_MAX_STRING_BYTES);
  bytes = cursor_bytes (c, len);
  if (c->failed)
    return error_set (err, EPROTO, "%s reaches past the end of the option",
                      what);
  ret->bytes = (const char *) bytes;
  ret->len_bytes = len;
  return 0;
}

static void
note_info_request (struct wire_info_request *r, uint16_t info)
{
  switch (info) {
  case NBD_INFO_NAME: r->wants_name = true; break;
  case NBD_INFO_DESCRIPTION: r->wants_description = true; break;
  case NBD_INFO_BLOCK_SIZE: r->wants_block_size = true; break;
  default:
    /* "The server MUST ignore any information requests it does not
     * understand." */
    break;
  }
}

int
wire_get_info_request (const void *data, size_t len_bytes,
                       struct wire_info_request *ret, struct error *err)
{
  struct wire_info_request r = { .wants_name = false };
  struct cursor c;
  uint16_t nr, i;

  cursor_init (&c, data, len_bytes);
  /* "32 bits, length of name (unsigned); MUST be no larger than the
   * option data length - 6". */
  if (get_string (&c, "export name", &r.name, err) == -1)
    return -1;
  nr = cursor_be16 (&c);
  if (c.failed || cursor_left (&c) != (size_t) nr * 2)
    return error_set (err, EPROTO, "information requests do not fill the "
                      "option exactly");
  for (i = 0; i < nr; i++)
    note_info_request (&r, cursor_be16 (&c));
  *ret = r;
  return 0;
}

static int
check_query (const struct wire_string *query, struct error *err)
{
  /* "it MUST start with a namespace and a colon". */
  if (memchr (query->bytes, ':', query->len_bytes) == NULL)
    return error_set (err, EPROTO, "metadata context query without a "
                      "namespace and a colon");
  return 0;
}

int
wire_get_meta_request (const void *data, size_t len_bytes,
                       struct wire_meta_request *ret, struct error *err)
{
  struct wire_meta_request r;
  struct wire_string query;
  struct cursor c;
  uint32_t i;

  cursor_init (&c, data, len_bytes);
  if (get_string (&c, "export name", &r.name, err) == -1)
    return -1;
  r.nr_queries = cursor_be32 (&c);
  r.queries = c;
  /* A query takes four bytes at least, so the option's length bounds the
   * loop whatever the count says. */
  for (i = 0; i < r.nr_queries; i++)
    if (get_string (&c, "query", &query, err) == -1 ||
        check_query (&query, err) == -1)
      return -1;
  if (c.failed || cursor_left (&c) != 0)
    return error_set (err, EPROTO, "queries do not fill the option exactly");
  *ret = r;
  return 0;
}

bool
wire_next_query (struct wire_meta_request *m, struct wire_string *ret)
{
  if (m->nr_queries == 0)
    return false;
  m->nr_queries--;
  return get_string (&m->queries, "query", ret, NULL) == 0;
}

/* -- handshake: to the client ---------------------------------------- */

size_t
wire_put_greeting (uint8_t buf[WIRE_GREETING_BYTES], uint16_t flags)
{
  store_be64 (buf, NBD_INIT_MAGIC);
  store_be64 (buf + 8, NBD_OPTION_MAGIC);
  store_be16 (buf + 16, flags);
  return WIRE_GREETING_BYTES;
}

size_t
wire_put_option_reply (uint8_t buf[WIRE_OPTION_REPLY_BYTES], uint32_t option,
                       uint32_t type, uint32_t len_bytes)
{
  store_be64 (buf, NBD_OPTION_REPLY_MAGIC);
  store_be32 (buf + 8, option);
  store_be32 (buf + 12, type);
  store_be32 (buf + 16, len_bytes);
  return WIRE_OPTION_REPLY_BYTES;
}

size_t
wire_put_export (uint8_t buf[WIRE_EXPORT_BYTES], const struct wire_export *e)
{
  store_be64 (buf, e->size_bytes);
  store_be16 (buf + 8, e->flags);
  return WIRE_EXPORT_BYTES;
}

size_t
wire_put_info_export (uint8_t buf[WIRE_INFO_EXPORT_BYTES],
                      const struct wire_export *e)
{
  store_be16 (buf, NBD_INFO_EXPORT);
  wire_put_export (buf + 2, e);
  return WIRE_INFO_EXPORT_BYTES;
}

size_t
wire_put_info_block_size (uint8_t buf[WIRE_INFO_BLOCK_SIZE_BYTES],
                          const struct wire_block_size *b)
{
  store_be16 (buf, NBD_INFO_BLOCK_SIZE);
  store_be32 (buf + 2, b->minimum);
  store_be32 (buf + 6, b->preferred);
  store_be32 (buf + 10, b->maximum);
  return WIRE_INFO_BLOCK_SIZE_BYTES;
}

static size_t
put_text (uint8_t *buf, const char *text, size_t max_bytes)
{
  size_t len = strnlen (text, max_bytes);

  memcpy (buf, text, len);
  return len;
}

size_t
wire_put_info_string (uint8_t buf[WIRE_MAX_OPTION_PAYLOAD_BYTES],
                      uint16_t info, const char *text)
{
  store_be16 (buf, info);
  return 2 + put_text (buf + 2, text, NBD_MAX_STRING_BYTES);
}

size_t
wire_put_server (uint8_t buf[WIRE_MAX_OPTION_PAYLOAD_BYTES],
                 const char *description)
{
  store_be32 (buf, 0);
  return 4 + put_text (buf + 4, description, NBD_MAX_STRING_BYTES);
}

size_t
wire_put_meta_context (uint8_t buf[WIRE_MAX_OPTION_PAYLOAD_BYTES],
                       uint32_t id, const char *name)
{
  store_be32 (buf, id);
  return 4 + put_text (buf + 4, name, NBD_MAX_STRING_BYTES);
}

/* -- transmission ---------------------------------------------------- */

int
wire_get_request (const uint8_t data[WIRE_REQUEST_BYTES],
                  struct wire_request *ret, struct error *err)
{
  struct cursor c;

  cursor_init (&c, data, WIRE_REQUEST_BYTES);
  if (cursor_be32 (&c) != NBD_REQUEST_MAGIC)
    return error_set (err, EPROTO, "request with a wrong magic number");
  ret->flags = cursor_be16 (&c);
  ret->type = cursor_be16 (&c);
  ret->cookie = cursor_be64 (&c);
  ret->offset = cursor_be64 (&c);
  ret->len_bytes = cursor_be32 (&c);
  return 0;
}

size_t
wire_put_simple_reply (uint8_t buf[WIRE_SIMPLE_REPLY_BYTES], uint64_t cookie,
                       uint32_t error)
{
  store_be32 (buf, NBD_SIMPLE_REPLY_MAGIC);
  store_be32 (buf + 4, error);
  store_be64 (buf + 8, cookie);
  return WIRE_SIMPLE_REPLY_BYTES;
}

/* Our replies have one chunk each, so every chunk is the last. */
static void
put_chunk (uint8_t *buf, uint16_t type, uint64_t cookie, uint32_t len_bytes)
{
  store_be32 (buf, NBD_STRUCTURED_REPLY_MAGIC);
  store_be16 (buf + 4, NBD_REPLY_FLAG_DONE);
  store_be16 (buf + 6, type);
  store_be64 (buf + 8, cookie);
  store_be32 (buf + 16, len_bytes);
}

size_t
wire_put_none_chunk (uint8_t buf[WIRE_CHUNK_BYTES], uint64_t cookie)
{
  put_chunk (buf, NBD_REPLY_TYPE_NONE, cookie, 0);
  return WIRE_CHUNK_BYTES;
}

size_t
wire_put_data_chunk (uint8_t buf[WIRE_DATA_CHUNK_BYTES], uint64_t cookie,
                     uint64_t offset, uint32_t len_bytes)
{
  put_chunk (buf, NBD_REPLY_TYPE_OFFSET_DATA, cookie, 8 + len_bytes);
  store_be64 (buf + WIRE_CHUNK_BYTES, offset);
  return WIRE_DATA_CHUNK_BYTES;
}

size_t
wire_put_status_chunk (uint8_t buf[WIRE_STATUS_CHUNK_BYTES], uint64_t cookie,
                       uint32_t id, uint32_t len_bytes, uint32_t flags)
{
  uint8_t *payload = buf + WIRE_CHUNK_BYTES;

  put_chunk (buf, NBD_REPLY_TYPE_BLOCK_STATUS, cookie, 4 + 8);
  store_be32 (payload, id);
  store_be32 (payload + 4, len_bytes);
  store_be32 (payload + 8, flags);
  return WIRE_STATUS_CHUNK_BYTES;
}

size_t
wire_put_error_chunk (uint8_t buf[WIRE_ERROR_CHUNK_BYTES], uint64_t cookie,
                      uint32_t error, const char *text)
{
  uint8_t *payload = buf + WIRE_CHUNK_BYTES;
  size_t len = put_text (payload + 6, text, WIRE_MAX_ERROR_TEXT_BYTES);

  put_chunk (buf, NBD_REPLY_TYPE_ERROR, cookie, (uint32_t) (6 + len));
  store_be32 (payload, error);
  store_be16 (payload + 4, (uint16_t) len);
  return WIRE_CHUNK_BYTES + 6 + len;
}

uint32_t
wire_error (int errnum)
{
  switch (errnum) {
  case EPERM: case EROFS: return NBD_EPERM;
  case EIO: return NBD_EIO;
  case ENOMEM: return NBD_ENOMEM;
  /* "It also SHOULD map the EDQUOT and EFBIG errors to ENOSPC". */
  case ENOSPC: case EDQUOT: case EFBIG: return NBD_ENOSPC;
  case ENOTSUP: return NBD_ENOTSUP;
  case ESHUTDOWN: return NBD_ESHUTDOWN;
  default: return NBD_EINVAL;
  }
}
