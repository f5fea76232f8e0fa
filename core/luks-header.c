/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Parsing a LUKS header: see luks-header.h.  Pure; no lock.
 */

#include <config.h>

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cursor.h"
#include "luks-header.h"

#define NAME_BYTES 32
#define UUID_BYTES 40
#define SECTOR_BYTES UINT64_C (512)
/* QEMU: the payload begins no earlier than the first key slot may. */
#define MIN_PAYLOAD_OFFSET UINT64_C (4096)

#define SLOT_DISABLED UINT32_C (0x0000dead)
#define SLOT_ENABLED UINT32_C (0x00ac71f3)

static const uint8_t magic[6] = { 'L', 'U', 'K', 'S', 0xba, 0xbe };

struct parse {
  struct cursor c;
  uint64_t area_bytes;
  uint64_t payload_offset;      /* bytes */
  char cipher[NAME_BYTES];
  char mode[NAME_BYTES];
  char hash[NAME_BYTES];
  struct luks_header h;
};

static int
read_magic (struct parse *p, struct error *err)
{
  const uint8_t *found = cursor_bytes (&p->c, sizeof magic);
  const uint16_t version = cursor_be16 (&p->c);

  if (p->c.len_bytes < LUKS_HEADER_BYTES)
    return error_set (err, EINVAL, "LUKS header is cut off: %zu bytes of %u",
                      p->c.len_bytes, LUKS_HEADER_BYTES);
  if (memcmp (found, magic, sizeof magic) != 0)
    return error_set (err, EINVAL, "there is no LUKS header where the image "
                      "says that it is");
  if (version != 1)
    return error_set (err, ENOTSUP, "LUKS version %u is not supported, only "
                      "version 1 (the one that QEMU makes)", version);
  return 0;
}

/* Text that may be shown: printable, and ended by a NUL. */
static int
read_name (struct parse *p, const char *what, char ret[NAME_BYTES],
           struct error *err)
{
  const uint8_t *name = cursor_bytes (&p->c, NAME_BYTES);
  size_t i;

  for (i = 0; i < NAME_BYTES && name[i]; ++i)
    if (!isgraph (name[i]))
      break;
  if (i == NAME_BYTES || name[i] != '\0')
    return error_set (err, EINVAL, "LUKS header: the name of the %s is not "
                      "text", what);
  memcpy (ret, name, i + 1);
  return 0;
}

static int
read_fields (struct parse *p, struct error *err)
{
  struct luks_header *h = &p->h;

  if (read_magic (p, err) == -1 ||
      read_name (p, "cipher", p->cipher, err) == -1 ||
      read_name (p, "cipher's mode", p->mode, err) == -1 ||
      read_name (p, "hash", p->hash, err) == -1)
    return -1;
  p->payload_offset = cursor_be32 (&p->c) * SECTOR_BYTES;
  h->key_bytes = cursor_be32 (&p->c);
  memcpy (h->digest, cursor_bytes (&p->c, LUKS_DIGEST_BYTES),
          LUKS_DIGEST_BYTES);
  memcpy (h->digest_salt, cursor_bytes (&p->c, LUKS_SALT_BYTES),
          LUKS_SALT_BYTES);
  h->digest_iterations = cursor_be32 (&p->c);
  cursor_skip (&p->c, UUID_BYTES);
  return 0;
}

/* The part of a mode behind "-": "plain64", whatever hash may follow, which
 * only other generators use. */
static bool
is_iv (const char *iv, const char *name)
{
  const size_t len = strlen (name);

  return strncmp (iv, name, len) == 0 && (iv[len] == '\0' || iv[len] == ':');
}

static int
check_cipher (struct parse *p, struct error *err)
{
  const bool xts = strncmp (p->mode, "xts-", 4) == 0;
  const uint32_t n = p->h.key_bytes;

  if (strcmp (p->cipher, "aes") != 0 || !xts || (n != 32 && n != 64) ||
      !(is_iv (p->mode + 4, "plain64") || is_iv (p->mode + 4, "plain")))
    return error_set (err, ENOTSUP, "the image is encrypted with %s-%s and a "
                      "key of %" PRIu64 " bits; only aes-xts-plain64 and "
                      "aes-xts-plain with 256 or 512 bits (AES-128, AES-256) "
                      "are supported: convert it with qemu-img convert",
                      p->cipher, p->mode, n * UINT64_C (8));
  p->h.narrow = is_iv (p->mode + 4, "plain");
  return 0;
}

static int
check_hash (struct parse *p, struct error *err)
{
  static const char *const names[] = { "sha1", "sha256", "sha512" };
  unsigned i;

  for (i = 0; i < sizeof names / sizeof names[0]; ++i)
    if (strcmp (p->hash, names[i]) == 0) {
      p->h.hash = (enum luks_hash) i;
      return 0;
    }
  return error_set (err, ENOTSUP, "the image's LUKS header uses the hash %s; "
                    "only sha1, sha256 and sha512 are supported: convert it "
                    "with qemu-img convert", p->hash);
}

/* The product is at most 256000: nothing can wrap. */
static int
check_material (const struct parse *p, unsigned nr, uint64_t offset,
                struct error *err)
{
  const uint64_t end = offset + p->h.key_bytes * (uint64_t) LUKS_STRIPES;

  if (offset < LUKS_HEADER_BYTES)
    return error_set (err, EINVAL, "LUKS key slot %u: its key material "
                      "overlaps the header", nr);
  if (end > p->payload_offset || end > p->area_bytes)
    return error_set (err, EINVAL, "LUKS key slot %u: its key material ends "
                      "at %" PRIu64 ", behind the header's area (%" PRIu64
                      " bytes) or in the payload (at %" PRIu64 ")", nr, end,
                      p->area_bytes, p->payload_offset);
  return 0;
}

static int
read_slot (struct parse *p, unsigned nr, struct error *err)
{
  struct luks_slot *slot = &p->h.slots[nr];
  const uint32_t state = cursor_be32 (&p->c);
  uint32_t stripes;

  slot->iterations = cursor_be32 (&p->c);
  memcpy (slot->salt, cursor_bytes (&p->c, LUKS_SALT_BYTES), LUKS_SALT_BYTES);
  slot->offset = cursor_be32 (&p->c) * SECTOR_BYTES;
  stripes = cursor_be32 (&p->c);
  slot->active = state == SLOT_ENABLED;
  p->h.nr_active += slot->active;
  if (state != SLOT_ENABLED && state != SLOT_DISABLED)
    return error_set (err, EINVAL, "LUKS key slot %u: its state is neither "
                      "active nor inactive (0x%" PRIx32 ")", nr, state);
  if (stripes != LUKS_STRIPES)
    return error_set (err, EINVAL, "LUKS key slot %u: %" PRIu32 " stripes, "
                      "there must be %u", nr, stripes, LUKS_STRIPES);
  if (slot->active && slot->iterations == 0)
    return error_set (err, EINVAL, "LUKS key slot %u: 0 iterations", nr);
  return check_material (p, nr, slot->offset, err);
}

static int
read_slots (struct parse *p, struct error *err)
{
  unsigned i;

  for (i = 0; i < LUKS_NR_SLOTS; ++i)
    if (read_slot (p, i, err) == -1)
      return -1;
  return 0;
}

/* Nine numbers of 32 bits: the sum cannot wrap. */
static int
check_work (const struct luks_header *h, struct error *err)
{
  uint64_t sum = 0;
  unsigned i;

  for (i = 0; i < LUKS_NR_SLOTS; ++i)
    if (h->slots[i].active)
      sum += (uint64_t) h->slots[i].iterations + h->digest_iterations;
  if (sum > LUKS_MAX_ITERATIONS)
    return error_set (err, EFBIG, "trying the active LUKS key slots takes "
                      "%" PRIu64 " iterations, at most %" PRIu64
                      " are allowed", sum, LUKS_MAX_ITERATIONS);
  return 0;
}

static int
check (struct parse *p, struct error *err)
{
  if (check_cipher (p, err) == -1 ||
      check_hash (p, err) == -1)
    return -1;
  if (p->payload_offset < MIN_PAYLOAD_OFFSET)
    return error_set (err, EINVAL, "the LUKS payload (at %" PRIu64 ") "
                      "overlaps the header", p->payload_offset);
  if (p->h.digest_iterations == 0)
    return error_set (err, EINVAL, "LUKS header: 0 iterations for the digest");
  return 0;
}

int
luks_header_parse (const void *data, size_t len, uint64_t area_bytes,
                   struct luks_header *ret, struct error *err)
{
  struct parse p = { .area_bytes = area_bytes };

  cursor_init (&p.c, data, len);
  if (read_fields (&p, err) == -1 ||
      check (&p, err) == -1 ||
      read_slots (&p, err) == -1 ||
      check_work (&p.h, err) == -1)
    return -1;
  *ret = p.h;
  return 0;
}
