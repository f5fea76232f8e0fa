/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Numbers of the NBD protocol, as far as the control endpoint uses them.
 *
 * From the specification (the NBD project's doc/proto.md), sections
 * "Values" and "Message flow"; all of them travel big-endian.  Constants
 * only: how messages are laid out is in wire.h.
 */

#ifndef BATON_NBD_PROTOCOL_H
#define BATON_NBD_PROTOCOL_H

#include <stdint.h>

/* "Strings ... MUST be no longer than 4096 bytes" unless said otherwise. */
#define NBD_MAX_STRING_BYTES 4096

/* Handshake. */
#define NBD_INIT_MAGIC UINT64_C (0x4e42444d41474943)    /* "NBDMAGIC" */
#define NBD_OPTION_MAGIC UINT64_C (0x49484156454f5054)  /* "IHAVEOPT" */
#define NBD_OPTION_REPLY_MAGIC UINT64_C (0x0003e889045565a9)

#define NBD_FLAG_FIXED_NEWSTYLE 0x0001u         /* server's and client's */
#define NBD_FLAG_NO_ZEROES 0x0002u
#define NBD_EXPORT_NAME_ZEROES 124

enum nbd_option {
  NBD_OPT_EXPORT_NAME = 1,
  NBD_OPT_ABORT = 2,
  NBD_OPT_LIST = 3,
  NBD_OPT_STARTTLS = 5,
  NBD_OPT_INFO = 6,
  NBD_OPT_GO = 7,
  NBD_OPT_STRUCTURED_REPLY = 8,
  NBD_OPT_LIST_META_CONTEXT = 9,
  NBD_OPT_SET_META_CONTEXT = 10,
};

#define NBD_REP_ACK 1u
#define NBD_REP_SERVER 2u
#define NBD_REP_INFO 3u
#define NBD_REP_META_CONTEXT 4u
#define NBD_REP_ERR_UNSUP 0x80000001u
#define NBD_REP_ERR_POLICY 0x80000002u
#define NBD_REP_ERR_INVALID 0x80000003u
#define NBD_REP_ERR_TLS_REQD 0x80000005u
#define NBD_REP_ERR_UNKNOWN 0x80000006u
#define NBD_REP_ERR_TOO_BIG 0x80000009u

#define NBD_INFO_EXPORT 0u
#define NBD_INFO_NAME 1u
#define NBD_INFO_DESCRIPTION 2u
#define NBD_INFO_BLOCK_SIZE 3u

/* Transmission flags. */
#define NBD_FLAG_HAS_FLAGS 0x0001u
#define NBD_FLAG_READ_ONLY 0x0002u
#define NBD_FLAG_SEND_DF 0x0080u

/* Transmission. */
#define NBD_REQUEST_MAGIC 0x25609513u
#define NBD_SIMPLE_REPLY_MAGIC 0x67446698u
#define NBD_STRUCTURED_REPLY_MAGIC 0x668e33efu

enum nbd_command {
  NBD_CMD_READ = 0,
  NBD_CMD_WRITE = 1,
  NBD_CMD_DISC = 2,
  NBD_CMD_FLUSH = 3,
  NBD_CMD_TRIM = 4,
  NBD_CMD_CACHE = 5,
  NBD_CMD_WRITE_ZEROES = 6,
  NBD_CMD_BLOCK_STATUS = 7,
};

#define NBD_CMD_FLAG_DF 0x0004u
#define NBD_CMD_FLAG_REQ_ONE 0x0008u

#define NBD_REPLY_FLAG_DONE 0x0001u
#define NBD_REPLY_TYPE_NONE 0u
#define NBD_REPLY_TYPE_OFFSET_DATA 1u
#define NBD_REPLY_TYPE_BLOCK_STATUS 5u
#define NBD_REPLY_TYPE_ERROR 0x8001u

/* Error values on the wire, whatever this platform's errno are. */
#define NBD_EPERM 1u
#define NBD_EIO 5u
#define NBD_ENOMEM 12u
#define NBD_EINVAL 22u
#define NBD_ENOSPC 28u
#define NBD_ENOTSUP 95u
#define NBD_ESHUTDOWN 108u

#endif /* BATON_NBD_PROTOCOL_H */
