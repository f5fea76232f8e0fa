/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The ownership record: see record.h.  Whatever the bytes are, what was
 * decoded is in range and printable.  Pure; no lock.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include <zlib.h>

#include "cursor.h"
#include "record.h"

#define FORMAT_VERSION 1
#define AT_HOST 64
#define AT_CRC (RECORD_BYTES - 4)

static uint32_t
checksum (const uint8_t *data)
{
  return (uint32_t) crc32 (0, data, AT_CRC);
}

void
record_encode (const struct record *r, uint8_t ret_data[RECORD_BYTES])
{
  memset (ret_data, 0, RECORD_BYTES);
  store_be32 (ret_data, FORMAT_VERSION);
  store_be32 (ret_data + 4, r->state);
  store_be64 (ret_data + 8, r->epoch);
  memcpy (ret_data + 16, r->uuid, RECORD_ID_BYTES);
  memcpy (ret_data + 32, r->nonce, RECORD_ID_BYTES);
  memcpy (ret_data + 48, r->instance, RECORD_ID_BYTES);
  memcpy (ret_data + AT_HOST, r->host, strlen (r->host));
  store_be32 (ret_data + AT_CRC, checksum (ret_data));
}

static int
damaged (struct error *err, const char *what)
{
  return error_set_class (err, EINVAL, "RecordDamaged",
                          "its ownership record is not to be understood: %s",
                          what);
}

/* Of the HOST_BYTES at DATA; false where it is no name. */
static bool
decode_host (const uint8_t *data, char ret_host[RECORD_HOST_BYTES + 1])
{
  size_t i, len = 0;

  while (len < RECORD_HOST_BYTES && data[len] != 0)
    len++;
  for (i = 0; i < RECORD_HOST_BYTES; i++)
    if (i < len ? data[i] < 0x21 || data[i] > 0x7e : data[i] != 0)
      return false;
  memcpy (ret_host, data, len);
  ret_host[len] = '\0';
  return len > 0;
}

static int
check_bytes (const uint8_t *data, size_t len_bytes, struct error *err)
{
  if (len_bytes < 4)
    return damaged (err, "it is cut off");
  if (load_be32 (data) > FORMAT_VERSION)
    return damaged (err, "it was written by a newer version of Baton");
  if (load_be32 (data) != FORMAT_VERSION || len_bytes != RECORD_BYTES)
    return damaged (err, "its version or length is wrong");
  if (load_be32 (data + AT_CRC) != checksum (data))
    return damaged (err, "its checksum is wrong");
  return 0;
}

int
record_decode (const uint8_t *data, size_t len_bytes, struct record *ret,
               struct error *err)
{
  struct record r = { .epoch = 0 };

  if (check_bytes (data, len_bytes, err) == -1)
    return -1;
  r.state = load_be32 (data + 4);
  if (r.state != RECORD_HELD && r.state != RECORD_RELEASED)
    return damaged (err, "its state is unknown");
  r.epoch = load_be64 (data + 8);
  if (r.epoch == 0 || r.epoch > RECORD_MAX_EPOCH)
    return damaged (err, "its epoch is out of range");
  memcpy (r.uuid, data + 16, RECORD_ID_BYTES);
  memcpy (r.nonce, data + 32, RECORD_ID_BYTES);
  memcpy (r.instance, data + 48, RECORD_ID_BYTES);
  if (!decode_host (data + AT_HOST, r.host))
    return damaged (err, "its host has no proper name");
  *ret = r;
  return 0;
}

int
record_random (uint8_t ret_id[RECORD_ID_BYTES], struct error *err)
{
  if (getrandom (ret_id, RECORD_ID_BYTES, 0) != RECORD_ID_BYTES)
    return error_set_errno (err, errno, "asking for random numbers");
  return 0;
}

bool
record_same_id (const uint8_t a[RECORD_ID_BYTES],
                const uint8_t b[RECORD_ID_BYTES])
{
  return memcmp (a, b, RECORD_ID_BYTES) == 0;
}

void
record_id_text (const uint8_t id[RECORD_ID_BYTES],
                char ret_text[RECORD_ID_CHARS])
{
  size_t i;

  for (i = 0; i < RECORD_ID_BYTES; i++)
    snprintf (ret_text + 2 * i, 3, "%02x", id[i]);
}
