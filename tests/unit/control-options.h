/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Negotiation by the raw NBD client of control-client.h, which see.
 */

#ifndef BATON_TEST_CONTROL_OPTIONS_H
#define BATON_TEST_CONTROL_OPTIONS_H

#include "control-client.h"
#include "control.h"

static inline void
client_option (int fd, uint32_t option, const void *data, uint32_t len)
{
  uint8_t head[16];

  store_be64 (head, NBD_OPTION_MAGIC);
  store_be32 (head + 8, option);
  store_be32 (head + 12, len);
  client_send (fd, head, sizeof head);
  if (data != NULL)
    client_send (fd, data, len);
}

/* The type of the next reply to OPTION; its payload in BUF. */
static inline uint32_t
client_option_reply (int fd, uint32_t option, uint8_t *buf, uint32_t *ret_len)
{
  uint8_t head[20];

  assert_true (client_recv (fd, head, sizeof head));
  assert_true (load_be64 (head) == NBD_OPTION_REPLY_MAGIC);
  assert_int_equal (load_be32 (head + 8), option);
  *ret_len = load_be32 (head + 16);
  assert_true (*ret_len <= BUF_BYTES);
  assert_true (client_recv (fd, buf, *ret_len));
  return load_be32 (head + 12);
}

/* The last reply's type; others are counted. */
static inline uint32_t
client_ask (int fd, uint32_t option, const void *data, uint32_t len,
            int *ret_others)
{
  static uint8_t buf[BUF_BYTES];
  uint32_t type, n;

  client_option (fd, option, data, len);
  *ret_others = -1;
  do {
    ++*ret_others;
    type = client_option_reply (fd, option, buf, &n);
  } while (type != NBD_REP_ACK && (type & 0x80000000u) == 0);
  return type;
}

/* Data of SET_META_CONTEXT for export NAME and one query. */
static inline uint32_t
client_meta (uint8_t *buf, const char *name, const char *query)
{
  uint32_t n = (uint32_t) strlen (name), q = (uint32_t) strlen (query);

  store_be32 (buf, n);
  memcpy (buf + 4, name, n);
  store_be32 (buf + 4 + n, 1);
  store_be32 (buf + 8 + n, q);
  memcpy (buf + 12 + n, query, q);
  return 12 + n + q;
}

/* Enter transmission; returns the transmission flags. */
static inline uint16_t
client_go (int fd)
{
  static uint8_t buf[BUF_BYTES];
  uint32_t len;
  uint16_t flags;

  client_option (fd, NBD_OPT_GO, "\0\0\0\0\0\0", 6);
  assert_int_equal (client_option_reply (fd, NBD_OPT_GO, buf, &len),
                    NBD_REP_INFO);
  assert_int_equal (len, 12);
  assert_true (load_be64 (buf + 2) == CONTROL_EXPORT_BYTES);
  flags = load_be16 (buf + 10);
  assert_int_equal (client_option_reply (fd, NBD_OPT_GO, buf, &len),
                    NBD_REP_ACK);
  return flags;
}

static inline void
client_negotiate (int fd, bool structured, bool context)
{
  uint8_t buf[256];
  uint32_t len = client_meta (buf, "", CONTROL_CONTEXT);
  int others;

  if (structured)
    assert_int_equal (client_ask (fd, NBD_OPT_STRUCTURED_REPLY, NULL, 0,
                                  &others), NBD_REP_ACK);
  if (context)
    assert_int_equal (client_ask (fd, NBD_OPT_SET_META_CONTEXT, buf, len,
                                  &others), NBD_REP_ACK);
}

/* In transmission, with or without structured replies and the context. */
static inline int
client_open (const char *path, bool structured, bool context)
{
  int fd = client_start (path);

  client_negotiate (fd, structured, context);
  client_go (fd);
  return fd;
}

/* A whole conversation after the greeting, up to and with a command. */
#define CONVERSATION_FLAGS_BYTES 4

static inline size_t
client_conversation (uint8_t buf[512])
{
  static const uint8_t bytes[] =
    "\0\0\0\3"
    "IHAVEOPT\0\0\0\x8\0\0\0\0"
    "IHAVEOPT\0\0\0\3\0\0\0\0"
    "IHAVEOPT\0\0\0\xa\0\0\0\x1b\0\0\0\0\0\0\0\1\0\0\0\xfx-baton:control"
    "IHAVEOPT\0\0\0\x6\0\0\0\x8\0\0\0\0\0\1\0\2"
    "IHAVEOPT\0\0\0\x7\0\0\0\6\0\0\0\0\0\0"
    "\x25\x60\x95\x13\0\0\0\0ccccCCCC\0\0\0\0\0\0\0\0\0\1\0\0"
    "\x25\x60\x95\x13\0\0\0\1ccccCCCC\0\0\0\0\0\0\0\0\0\0\0\x13"
    "{\"execute\":\"flush\"}";

  memcpy (buf, bytes, sizeof bytes - 1);
  return sizeof bytes - 1;
}

#endif /* BATON_TEST_CONTROL_OPTIONS_H */
