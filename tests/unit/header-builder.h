/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Build qcow2 headers for tests: a plain valid one, then pokes at fields.
 */

#ifndef BATON_TESTS_HEADER_BUILDER_H
#define BATON_TESTS_HEADER_BUILDER_H

#include <stdint.h>
#include <string.h>

#include "cursor.h"
#include "qcow2-format.h"

/* Where each field is, by the specification; written down here a second
 * time on purpose, not shared with the parser. */
enum {
  AT_MAGIC = 0, AT_VERSION = 4, AT_BACKING_OFFSET = 8, AT_BACKING_LEN = 16,
  AT_CLUSTER_BITS = 20, AT_SIZE = 24, AT_CRYPT = 32, AT_L1_SIZE = 36,
  AT_L1_OFFSET = 40, AT_REFTABLE_OFFSET = 48, AT_REFTABLE_CLUSTERS = 56,
  AT_NR_SNAPSHOTS = 60, AT_SNAPSHOTS_OFFSET = 64, AT_INCOMPAT = 72,
  AT_COMPAT = 80, AT_AUTOCLEAR = 88, AT_REFCOUNT_ORDER = 96,
  AT_HEADER_LENGTH = 100, AT_COMPRESSION = 104,
};

/* Bytes of the built header: one cluster of the default size. */
#define BUILT_BYTES 65536

struct poke {
  uint32_t offset;
  uint32_t width;               /* bytes: 1, 2, 4 or 8; 0 ends a list */
  uint64_t value;
};

static inline void
poke (uint8_t *buf, struct poke p)
{
  switch (p.width) {
  case 1: buf[p.offset] = (uint8_t) p.value; break;
  case 2: store_be16 (buf + p.offset, (uint16_t) p.value); break;
  case 4: store_be32 (buf + p.offset, (uint32_t) p.value); break;
  case 8: store_be64 (buf + p.offset, p.value); break;
  }
}

/* A valid header at BUF, which has BUILT_BYTES: 64 KiB clusters, 1 GiB
 * (2 L1 entries), 16-bit refcounts, no backing file, no extension. */
static inline void
build_header (uint8_t *buf, uint32_t version)
{
  const struct poke fields[] = {
    { AT_MAGIC, 4, QCOW2_MAGIC }, { AT_VERSION, 4, version },
    { AT_CLUSTER_BITS, 4, 16 }, { AT_SIZE, 8, UINT64_C (1) << 30 },
    { AT_L1_SIZE, 4, 2 }, { AT_L1_OFFSET, 8, 0x30000 },
    { AT_REFTABLE_OFFSET, 8, 0x10000 }, { AT_REFTABLE_CLUSTERS, 4, 1 },
  };
  size_t i;

  memset (buf, 0, BUILT_BYTES);
  for (i = 0; i < sizeof fields / sizeof fields[0]; i++)
    poke (buf, fields[i]);
  if (version == 2)
    return;
  poke (buf, (struct poke) { AT_REFCOUNT_ORDER, 4, 4 });
  poke (buf, (struct poke) { AT_HEADER_LENGTH, 4, 112 });
}

/* Put an extension at BUF + AT; returns where the next one goes. */
static inline size_t
build_extension (uint8_t *buf, size_t at, uint32_t type,
                 const void *data, uint32_t len)
{
  store_be32 (buf + at, type);
  store_be32 (buf + at + 4, len);
  memcpy (buf + at + 8, data, len);
  return at + 8 + ((len + 7) & ~UINT32_C (7));
}

/* Fill entry INDEX of the feature name table that starts at TABLE. */
static inline void
build_feature (uint8_t *table, size_t index, uint8_t type, uint8_t bit,
               const char *name)
{
  uint8_t *entry = table + index * 48;
  size_t len = strlen (name);

  memset (entry, 0, 48);
  entry[0] = type;
  entry[1] = bit;
  memcpy (entry + 2, name, len < 46 ? len : 46);
}

#endif /* BATON_TESTS_HEADER_BUILDER_H */
