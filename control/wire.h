/* SPDX-License-Identifier: BSD-3-Clause
 *
 * NBD messages: bytes <-> structs, and nothing else.
 *
 * Pure: no I/O, no allocation, no state, no locks; any thread.
 *
 * wire_get_*: parse what came from outside.  0, or -1 with ERR (EPROTO),
 *   whose text may be shown to the client; *RET is then untouched.
 *   Strings in a result borrow DATA and are not NUL-terminated.
 * wire_put_*: fill BUF, whose size the prototype states, and return the
 *   number of bytes put.  Strings must be within NBD_MAX_STRING_BYTES.
 *
 * Specification: NBD's doc/proto.md.
 */

#ifndef BATON_WIRE_H
#define BATON_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cursor.h"
#include "error.h"
#include "nbd-protocol.h"

struct wire_string {
  const char *bytes;
  size_t len_bytes;
};

bool wire_string_equal (const struct wire_string *s, const char *text);

/* -- handshake: from the client -------------------------------------- */

#define WIRE_CLIENT_FLAGS_BYTES 4
#define WIRE_OPTION_BYTES 16

struct wire_option {
  uint32_t option;
  uint32_t len_bytes;           /* of the data that follow: any value */
};

int wire_get_option (const uint8_t data[WIRE_OPTION_BYTES],
                     struct wire_option *ret, struct error *err);

/* Data of NBD_OPT_INFO and NBD_OPT_GO. */
struct wire_info_request {
  struct wire_string name;
  bool wants_name;
  bool wants_description;
  bool wants_block_size;        /* unknown requests are ignored */
};

int wire_get_info_request (const void *data, size_t len_bytes,
                           struct wire_info_request *ret, struct error *err);

/* Data of NBD_OPT_LIST_META_CONTEXT and NBD_OPT_SET_META_CONTEXT. */
struct wire_meta_request {
  struct wire_string name;
  uint32_t nr_queries;          /* not yet taken by wire_next_query */
  struct cursor queries;        /* checked: each is there, with a colon */
};

int wire_get_meta_request (const void *data, size_t len_bytes,
                           struct wire_meta_request *ret, struct error *err);
/* The next query, or false where there are no more. */
bool wire_next_query (struct wire_meta_request *m, struct wire_string *ret);

/* -- handshake: to the client ---------------------------------------- */

#define WIRE_GREETING_BYTES 18
#define WIRE_OPTION_REPLY_BYTES 20
#define WIRE_EXPORT_BYTES (8 + 2)               /* after EXPORT_NAME */
#define WIRE_INFO_EXPORT_BYTES (2 + 8 + 2)
#define WIRE_INFO_BLOCK_SIZE_BYTES (2 + 4 + 4 + 4)
/* The largest payload of an option reply. */
#define WIRE_MAX_OPTION_PAYLOAD_BYTES (4 + NBD_MAX_STRING_BYTES)

struct wire_export {
  uint64_t size_bytes;
  uint16_t flags;               /* transmission flags */
};

struct wire_block_size {
  uint32_t minimum, preferred, maximum;         /* bytes */
};

size_t wire_put_greeting (uint8_t buf[WIRE_GREETING_BYTES], uint16_t flags);
size_t wire_put_option_reply (uint8_t buf[WIRE_OPTION_REPLY_BYTES],
                              uint32_t option, uint32_t type,
                              uint32_t len_bytes);
size_t wire_put_export (uint8_t buf[WIRE_EXPORT_BYTES],
                        const struct wire_export *e);
size_t wire_put_info_export (uint8_t buf[WIRE_INFO_EXPORT_BYTES],
                             const struct wire_export *e);
size_t wire_put_info_block_size (uint8_t buf[WIRE_INFO_BLOCK_SIZE_BYTES],
                                 const struct wire_block_size *b);
/* NBD_INFO_NAME or NBD_INFO_DESCRIPTION. */
size_t wire_put_info_string (uint8_t buf[WIRE_MAX_OPTION_PAYLOAD_BYTES],
                             uint16_t info, const char *text);
/* An export with an empty name, so that the rest is its description. */
size_t wire_put_server (uint8_t buf[WIRE_MAX_OPTION_PAYLOAD_BYTES],
                        const char *description);
size_t wire_put_meta_context (uint8_t buf[WIRE_MAX_OPTION_PAYLOAD_BYTES],
                              uint32_t id, const char *name);

/* -- transmission ---------------------------------------------------- */

#define WIRE_REQUEST_BYTES 28
#define WIRE_SIMPLE_REPLY_BYTES 16
#define WIRE_CHUNK_BYTES 20
#define WIRE_DATA_CHUNK_BYTES (WIRE_CHUNK_BYTES + 8)
#define WIRE_STATUS_CHUNK_BYTES (WIRE_CHUNK_BYTES + 4 + 8)
#define WIRE_MAX_ERROR_TEXT_BYTES 1024
#define WIRE_ERROR_CHUNK_BYTES \
  (WIRE_CHUNK_BYTES + 4 + 2 + WIRE_MAX_ERROR_TEXT_BYTES)

struct wire_request {
  uint16_t flags;
  uint16_t type;
  uint64_t cookie;
  uint64_t offset;
  uint32_t len_bytes;
};

int wire_get_request (const uint8_t data[WIRE_REQUEST_BYTES],
                      struct wire_request *ret, struct error *err);

/* ERROR: an NBD_E* value or 0. */
size_t wire_put_simple_reply (uint8_t buf[WIRE_SIMPLE_REPLY_BYTES],
                              uint64_t cookie, uint32_t error);
/* The one and last chunk of a reply that has no payload. */
size_t wire_put_none_chunk (uint8_t buf[WIRE_CHUNK_BYTES], uint64_t cookie);
/* The head of the one and last chunk; LEN_BYTES (>= 1) of data follow. */
size_t wire_put_data_chunk (uint8_t buf[WIRE_DATA_CHUNK_BYTES],
                            uint64_t cookie, uint64_t offset,
                            uint32_t len_bytes);
/* One extent.  ID: the metadata context's. */
size_t wire_put_status_chunk (uint8_t buf[WIRE_STATUS_CHUNK_BYTES],
                              uint64_t cookie, uint32_t id,
                              uint32_t len_bytes, uint32_t flags);
/* TEXT is cut off at WIRE_MAX_ERROR_TEXT_BYTES. */
size_t wire_put_error_chunk (uint8_t buf[WIRE_ERROR_CHUNK_BYTES],
                             uint64_t cookie, uint32_t error,
                             const char *text);

/* The NBD_E* value that tells about ERRNUM (not 0). */
uint32_t wire_error (int errnum);

#endif /* BATON_WIRE_H */
