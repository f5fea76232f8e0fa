/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The ownership record: who has the image, in the image (docs/HANDOVER.md).
 *
 * It is the data of a header extension of our own, RECORD_BYTES long, all
 * integers big-endian:
 *
 *     0  version, 1               4  state: 1 held, 2 released
 *     8  epoch                   16  uuid of the image, 16 bytes
 *    32  nonce, 16 bytes         48  instance: the owner's process, 16 bytes
 *    64  host of the owner: 64 bytes, padded with NULs
 *   128  zero, 4 bytes          132  CRC-32 of the 132 bytes before it
 *
 * The uuid is made when the record is, and stays; the epoch grows by one
 * with each activation; the nonce is new each time it is released.
 *
 * Pure; no lock.  Where it is in the header: record-place.h.
 */

#ifndef BATON_RECORD_H
#define BATON_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

#define RECORD_BYTES 136
#define RECORD_HOST_BYTES 64
#define RECORD_ID_BYTES 16
/* So that it fits into a JSON integer, and one more does. */
#define RECORD_MAX_EPOCH (INT64_MAX - 1)

enum record_state { RECORD_HELD = 1, RECORD_RELEASED = 2 };

struct record {
  enum record_state state;
  uint64_t epoch;                       /* 1 to RECORD_MAX_EPOCH */
  uint8_t uuid[RECORD_ID_BYTES];
  uint8_t nonce[RECORD_ID_BYTES];
  uint8_t instance[RECORD_ID_BYTES];
  char host[RECORD_HOST_BYTES + 1];     /* printable ASCII */
};

void record_encode (const struct record *r, uint8_t ret_data[RECORD_BYTES]);

/* EINVAL, "RecordDamaged", saying what is wrong; *RET is then untouched. */
int record_decode (const uint8_t *data, size_t len_bytes, struct record *ret,
                   struct error *err);

/* Random bytes for uuid, nonce and instance. */
int record_random (uint8_t ret_id[RECORD_ID_BYTES], struct error *err);

bool record_same_id (const uint8_t a[RECORD_ID_BYTES],
                     const uint8_t b[RECORD_ID_BYTES]);

/* 32 hexadecimal digits and a NUL. */
#define RECORD_ID_CHARS (2 * RECORD_ID_BYTES + 1)
void record_id_text (const uint8_t id[RECORD_ID_BYTES],
                     char ret_text[RECORD_ID_CHARS]);

#endif /* BATON_RECORD_H */
