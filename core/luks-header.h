/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The header of LUKS version 1, parsed once at the border into host byte
 * order.  In a qcow2 image it lies in clusters of its own, to which a header
 * extension points; its offsets count from its start.
 *
 * Pure: bytes in, struct out.  Guarantees of a header that luks_header_parse
 * accepted:
 *
 *   - the cipher is AES-XTS with plain64 or plain, key_bytes is 32 or 64, the
 *     hash one of enum luks_hash: the rest is refused by name;
 *   - every slot has LUKS_STRIPES stripes, and its key material lies behind
 *     the header and ends within the area and before the payload;
 *   - iteration counts are at least 1, and those of the active slots and the
 *     digests together at most LUKS_MAX_ITERATIONS: a header cannot keep us
 *     busy for ever.
 *
 * Specification: "LUKS On-Disk Format Specification", version 1.2.
 */

#ifndef BATON_LUKS_HEADER_H
#define BATON_LUKS_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

#define LUKS_HEADER_BYTES 592u
#define LUKS_NR_SLOTS 8u
#define LUKS_STRIPES 4000u
#define LUKS_SALT_BYTES 32u
#define LUKS_DIGEST_BYTES 20u
/* Our own limit: half a minute or two of work where it is reached. */
#define LUKS_MAX_ITERATIONS UINT64_C (100000000)

enum luks_hash { LUKS_SHA1, LUKS_SHA256, LUKS_SHA512 };

struct luks_slot {
  bool active;
  uint32_t iterations;
  uint8_t salt[LUKS_SALT_BYTES];
  uint64_t offset;              /* of the key material, bytes from the
                                 * header's start */
};

struct luks_header {
  uint32_t key_bytes;           /* of the master key: 32 or 64 */
  bool narrow;                  /* "plain" rather than "plain64" */
  enum luks_hash hash;
  uint8_t digest[LUKS_DIGEST_BYTES];    /* of the master key */
  uint8_t digest_salt[LUKS_SALT_BYTES];
  uint32_t digest_iterations;
  struct luks_slot slots[LUKS_NR_SLOTS];
  unsigned nr_active;
};

/* DATA: the first LEN bytes (LUKS_HEADER_BYTES suffice) of an area of
 * AREA_BYTES.  EINVAL malformed, ENOTSUP well-formed and not served, EFBIG
 * over a limit.  *RET is untouched on failure. */
int luks_header_parse (const void *data, size_t len, uint64_t area_bytes,
                       struct luks_header *ret, struct error *err);

#endif /* BATON_LUKS_HEADER_H */
