/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Requests of the raw NBD client of control-client.h, which see.  The
 * cookie of every request is COOKIE.
 */

#ifndef BATON_TEST_CONTROL_REQUESTS_H
#define BATON_TEST_CONTROL_REQUESTS_H

#include <jansson.h>

#include "control-options.h"

#define COOKIE UINT64_C (0x0123456789abcdef)

static inline void
client_request_flags (int fd, uint16_t flags, uint16_t type, uint64_t offset,
                      uint32_t len)
{
  uint8_t buf[28];

  store_be32 (buf, NBD_REQUEST_MAGIC);
  store_be16 (buf + 4, flags);
  store_be16 (buf + 6, type);
  store_be64 (buf + 8, COOKIE);
  store_be64 (buf + 16, offset);
  store_be32 (buf + 24, len);
  client_send (fd, buf, sizeof buf);
}

static inline void
client_request (int fd, uint16_t type, uint64_t offset, uint32_t len)
{
  client_request_flags (fd, 0, type, offset, len);
}

/* The error of a chunk whose head up to the cookie has been read. */
static inline uint32_t
client_chunk (int fd, const uint8_t *head, uint8_t *buf, uint32_t *ret_len)
{
  uint8_t len[4];
  uint16_t type = load_be16 (head + 6);

  assert_int_equal (load_be16 (head + 4), NBD_REPLY_FLAG_DONE);
  assert_true (client_recv (fd, len, sizeof len));
  *ret_len = load_be32 (len);
  assert_true (*ret_len <= BUF_BYTES);
  assert_true (client_recv (fd, buf, *ret_len));
  if (type != NBD_REPLY_TYPE_ERROR)
    return 0;
  assert_int_equal (load_be16 (buf + 4), *ret_len - 6);
  assert_int_not_equal (load_be32 (buf), 0);
  return load_be32 (buf);
}

/* The error of a reply; the payload of its chunk, if it has one, in BUF.
 * The data after a simple reply are left to be read. */
static inline uint32_t
client_result (int fd, uint8_t *buf, uint32_t *ret_len)
{
  uint8_t head[16];

  *ret_len = 0;
  assert_true (client_recv (fd, head, sizeof head));
  assert_true (load_be64 (head + 8) == COOKIE);
  if (load_be32 (head) == NBD_SIMPLE_REPLY_MAGIC)
    return load_be32 (head + 4);
  assert_int_equal (load_be32 (head), NBD_STRUCTURED_REPLY_MAGIC);
  return client_chunk (fd, head, buf, ret_len);
}

static inline uint32_t
client_error (int fd)
{
  static uint8_t buf[BUF_BYTES];
  uint32_t len;

  return client_result (fd, buf, &len);
}

/* READ with structured replies; the data are at the result, until the next
 * call. */
static inline const uint8_t *
client_read (int fd, uint64_t offset, uint32_t len)
{
  static uint8_t buf[BUF_BYTES];
  uint32_t got;

  client_request (fd, NBD_CMD_READ, offset, len);
  assert_int_equal (client_result (fd, buf, &got), 0);
  assert_int_equal (got, len + 8);
  assert_true (load_be64 (buf) == offset);
  return buf + 8;
}

static inline json_t *
client_document (int fd)
{
  const char *text = (const char *) client_read (fd, 0, 65536);
  json_t *doc;

  assert_int_equal (text[65535], 0);
  doc = json_loads (text, 0, NULL);
  assert_non_null (doc);
  return doc;
}

static inline json_t *
client_reply (int fd)
{
  json_t *doc = client_document (fd);
  json_t *reply = json_incref (json_object_get (doc, "reply"));

  json_decref (doc);
  return reply;
}

static inline void
client_write (int fd, uint64_t offset, const void *data, uint32_t len)
{
  client_request (fd, NBD_CMD_WRITE, offset, len);
  client_send (fd, data, len);
}

static inline uint32_t
client_command (int fd, const char *json)
{
  client_write (fd, 0, json, (uint32_t) strlen (json));
  return client_error (fd);
}

/* A member of the reply's error, "" where there is none. */
static inline void
client_assert_refusal (int fd, const char *class, const char *errno_name,
                       const char *text)
{
  json_t *reply = client_reply (fd);
  json_t *error = json_object_get (reply, "error");

  assert_non_null (error);
  assert_string_equal (json_string_value (json_object_get (error, "class")),
                       class);
  assert_string_equal (json_string_value (json_object_get (error, "errno")),
                       errno_name);
  assert_non_null (strstr (json_string_value (json_object_get (error,
                                                               "desc")),
                           text));
  json_decref (reply);
}

#endif /* BATON_TEST_CONTROL_REQUESTS_H */
