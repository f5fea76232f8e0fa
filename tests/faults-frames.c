/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The lengths of NBD's messages (faults-frames.h).
 */

#include <config.h>

#include "faults-frames.h"

#define GREETING_BYTES 18
#define CLIENT_FLAGS_BYTES 4
#define OPTION_BYTES 16
#define OPTION_REPLY_BYTES 20
#define REQUEST_BYTES 28
#define SIMPLE_REPLY_BYTES 16
#define CHUNK_BYTES 20

#define CHUNK_MAGIC 0x668e33efu
#define CMD_WRITE 1
#define OPT_GO 7
#define REP_ACK 1

static uint32_t
be32 (const uint8_t *p)
{
  return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16 |
    (uint32_t) p[2] << 8 | p[3];
}

/* A head of HEAD bytes, the length of what follows in its last four. */
static size_t
with_payload (size_t head, const uint8_t *buf, size_t len)
{
  return len < head ? 0 : head + be32 (buf + head - 4);
}

size_t
frames_to_server (const struct frames *f, const uint8_t *buf, size_t len)
{
  if (!f->has_flags)
    return CLIENT_FLAGS_BYTES;
  if (!f->transmission)
    return with_payload (OPTION_BYTES, buf, len);
  if (len < REQUEST_BYTES)
    return 0;
  return frames_is_write (f, buf) ? with_payload (REQUEST_BYTES, buf, len)
                                  : REQUEST_BYTES;
}

size_t
frames_to_client (const struct frames *f, const uint8_t *buf, size_t len)
{
  if (!f->greeted)
    return GREETING_BYTES;
  if (!f->transmission)
    return with_payload (OPTION_REPLY_BYTES, buf, len);
  if (len < 4)
    return 0;
  return be32 (buf) == CHUNK_MAGIC ? with_payload (CHUNK_BYTES, buf, len)
                                   : SIMPLE_REPLY_BYTES;
}

void
frames_passed (struct frames *f, bool to_server, const uint8_t *buf)
{
  if (to_server)
    f->has_flags = true;
  else if (!f->greeted)
    f->greeted = true;
  else if (!f->transmission)
    f->transmission = be32 (buf + 8) == OPT_GO && be32 (buf + 12) == REP_ACK;
}

bool
frames_is_write (const struct frames *f, const uint8_t *buf)
{
  return f->transmission && buf[6] == 0 && buf[7] == CMD_WRITE;
}
