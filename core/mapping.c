/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Mapping: looking entries up and writing them.  Making L2 tables is in
 * mapping-table.c.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "checked.h"
#include "cursor.h"
#include "mapping-subcluster.h"
#include "mapping-table.h"

/* A lookup reads this many entries at a time. */
#define LOOKUP_ENTRIES 32

static uint64_t
l1_index (const struct mapping *m, uint64_t cluster)
{
  return cluster >> m->header->l2_bits;
}

static uint64_t
entry_offset (const struct mapping *m, uint64_t table, uint64_t cluster)
{
  const uint64_t mask = (UINT64_C (1) << m->header->l2_bits) - 1;

  return table + (cluster & mask) * m->header->l2_entry_bytes;
}

uint64_t
mapping_in_slice (const struct mapping *m, uint64_t cluster, uint64_t nr)
{
  const uint64_t per_slice = table_cache_slice_bytes (m->cache)
    / m->header->l2_entry_bytes;

  return min_u64 (nr, per_slice - cluster % per_slice);
}

uint32_t
mapping_batch (const struct mapping *m, uint64_t cluster, uint64_t nr)
{
  return mapping_in_slice (m, cluster, min_u64 (nr, MAPPING_MAX_BATCH));
}

bool
mapping_has_table (const struct mapping *m, uint64_t cluster)
{
  return atomic_load (&m->l1[l1_index (m, cluster)]) != 0;
}

uint64_t
mapping_next_table (const struct mapping *m, uint64_t cluster)
{
  return (l1_index (m, cluster) + 1) << m->header->l2_bits;
}

static struct raw_entry
decode_words (const uint64_t *be, uint32_t words)
{
  return (struct raw_entry) {
    .entry = be64toh (be[0]),
    .bitmap = words == 2 ? be64toh (be[1]) : 0,
  };
}

static void
encode_words (uint64_t *be, uint32_t words, const struct raw_entry *raw)
{
  be[0] = htobe64 (raw->entry);
  if (words == 2)
    be[1] = htobe64 (raw->bitmap);
}

int
mapping_get (struct mapping *m, uint64_t cluster, uint32_t nr,
             struct raw_entry *ret_raw, struct error *err)
{
  const uint32_t words = m->header->l2_entry_bytes / 8;
  const uint64_t l1 = atomic_load (&m->l1[l1_index (m, cluster)]);
  /* At the end of what is returned: each is read before its place is written. */
  uint64_t *be = (uint64_t *) ret_raw + (2 - words) * nr;
  uint64_t table;
  bool copied;
  uint32_t i;

  if (l1_entry_decode (m->header, l1, &table, &copied, err) == -1)
    return error_prefix (err, "L1 entry %" PRIu64, l1_index (m, cluster));
  if (table == 0) {
    for (i = 0; i < nr; ++i)
      ret_raw[i] = (struct raw_entry) { 0, 0 };
    return 0;
  }
  if (table_cache_read (m->cache, be, nr * words * sizeof *be,
                        entry_offset (m, table, cluster), err) == -1)
    return -1;
  for (i = 0; i < nr; ++i)
    ret_raw[i] = decode_words (be + i * words, words);
  return 0;
}

int
mapping_set (struct mapping *m, uint64_t cluster, uint32_t nr,
             const struct raw_entry *raw, struct error *err)
{
  const uint32_t words = m->header->l2_entry_bytes / 8;
  uint64_t be[2 * MAPPING_MAX_BATCH];
  uint64_t table;
  uint32_t i;

  if (mapping_writable_table (m, l1_index (m, cluster), &table, err) == -1)
    return -1;
  /* Brings the slice in: where that fails nothing is in doubt, and nothing
   * need be poisoned. */
  if (table_cache_read (m->cache, be, nr * words * sizeof *be,
                        entry_offset (m, table, cluster), err) == -1)
    return -1;
  for (i = 0; i < nr; ++i)
    encode_words (be + i * words, words, &raw[i]);
  if (table_cache_write (m->cache, be, nr * words * sizeof *be,
                         entry_offset (m, table, cluster), 0, err) == -1)
    return poison_set (m->poison, err);
  return 0;
}

/* Rule 38: "host cluster offset must equal the guest offset" in an external
 * data file; what is elsewhere is another guest cluster's. */
static int
check_place (const struct mapping *m, const struct l2_entry *entry,
             uint64_t cluster, struct error *err)
{
  const uint64_t offset = cluster << m->header->cluster_bits;

  if (!qcow2_has_data_file (m->header) || entry->host_offset == offset ||
      (entry->type != CLUSTER_NORMAL && entry->type != CLUSTER_ZERO_ALLOCATED))
    return 0;
  return error_set (err, EIO, "its place in the external data file is %"
                    PRIu64 ", and not the same: the image is damaged, check "
                    "it with qemu-img check", entry->host_offset);
}

int
mapping_decode (const struct mapping *m, const struct raw_entry *raw,
                uint64_t cluster, struct l2_entry *ret, struct error *err)
{
  if (l2_entry_decode (m->header, raw->entry, ret, err) == -1 ||
      check_place (m, ret, cluster, err) == -1)
    return error_prefix (err, "guest offset %" PRIu64,
                         cluster << m->header->cluster_bits);
  return 0;
}

/* Whether NEXT, INDEX clusters after FIRST, continues its run. */
static bool
continues (const struct mapping *m, const struct l2_entry *first,
           const struct l2_entry *next, uint32_t index)
{
  if (next->type != first->type || next->copied != first->copied)
    return false;
  switch (first->type) {
  case CLUSTER_NORMAL:
    return next->host_offset == first->host_offset
      + ((uint64_t) index << m->header->cluster_bits);
  case CLUSTER_COMPRESSED:
    return false;
  case CLUSTER_UNALLOCATED:
  case CLUSTER_ZERO_PLAIN:
  case CLUSTER_ZERO_ALLOCATED:
    return true;
  }
  return false;
}

/* How many of the NR raw entries, INDEX clusters after FIRST, which is
 * guest cluster CLUSTER's, continue its run.  An entry that cannot be decoded
 * ends it: it is reported when a run starts there. */
static uint32_t
count_run (const struct mapping *m, uint64_t cluster,
           const struct l2_entry *first, const struct raw_entry *raw,
           uint32_t nr, uint32_t index)
{
  struct l2_entry next;
  uint32_t i;

  for (i = 0; i < nr; ++i)
    if (mapping_decode (m, &raw[i], cluster + index + i, &next, NULL) == -1 ||
        (index + i > 0 && !continues (m, first, &next, index + i)))
      break;
  return i;
}

static void
run_without_table (const struct mapping *m, uint64_t offset, uint64_t len,
                   struct run *ret)
{
  const uint32_t bits = m->header->cluster_bits;
  const uint64_t end = mapping_next_table (m, offset >> bits) << bits;

  *ret = (struct run) {
    .type = CLUSTER_UNALLOCATED, .len = min_u64 (len, end - offset),
  };
}

int
mapping_lookup (struct mapping *m, uint64_t offset, uint64_t len,
                struct run *ret, struct error *err)
{
  const uint32_t bits = m->header->cluster_bits;
  const uint64_t cluster = offset >> bits;
  const uint64_t in_cluster = offset & (m->header->cluster_size - 1);
  const uint64_t nr_wanted = ((in_cluster + len - 1) >> bits) + 1;
  const uint32_t left = mapping_in_slice (m, cluster, nr_wanted);
  struct raw_entry raw[LOOKUP_ENTRIES];
  struct l2_entry first;
  uint32_t total = 0, nr, same;

  if (!mapping_has_table (m, cluster)) {
    run_without_table (m, offset, len, ret);
    return 0;
  }
  if (has_subclusters (m->header))
    return mapping_lookup_subclusters (m, offset, len, ret, err);
  do {
    nr = min_u64 (left - total, LOOKUP_ENTRIES);
    if (mapping_get (m, cluster + total, nr, raw, err) == -1 ||
        (total == 0 &&
         mapping_decode (m, &raw[0], cluster, &first, err) == -1))
      return -1;
    same = count_run (m, cluster, &first, raw, nr, total);
    total += same;
  } while (same == nr && total < left);

  *ret = (struct run) {
    .type = first.type,
    .copied = first.copied,
    .len = min_u64 (len, ((uint64_t) total << bits) - in_cluster),
    .host_offset = first.host_offset,
    .compressed_bytes = first.compressed_bytes,
  };
  if (first.type == CLUSTER_NORMAL)
    ret->host_offset += in_cluster;
  return 0;
}

static int
check_table (const struct mapping *m, uint64_t index, uint64_t raw,
             uint64_t file_size, struct error *err)
{
  uint64_t table;
  bool copied;

  if (l1_entry_decode (m->header, raw, &table, &copied, err) == -1)
    return error_prefix (err, "L1 entry %" PRIu64, index);
  if (table == 0)
    return 0;
  if (table >= file_size)
    return error_set (err, EIO, "L2 table %" PRIu64 " is at offset %" PRIu64
                      ", beyond the end of the file (%" PRIu64 " bytes): the "
                      "file is truncated, restore it from a copy", index,
                      table, file_size);
  return metadata_map_claim (m->metadata, table >> m->header->cluster_bits, 1,
                             "an L2 table", err);
}

/* From what was read into m->l1.  Returns how many are not 0. */
static uint32_t
decode_entries (struct mapping *m)
{
  const uint32_t nr = m->header->nr_l1_entries;
  uint32_t i, nr_tables = 0;

  for (i = 0; i < nr; ++i) {
    const uint64_t entry = load_be64 ((const uint8_t *) &m->l1[i]);

    atomic_init (&m->l1[i], entry);
    nr_tables += entry != 0;
  }
  return nr_tables;
}

static int
claim_tables (struct mapping *m, uint64_t file_size, struct error *err)
{
  const struct qcow2_header *h = m->header;
  uint32_t i;

  if (metadata_map_claim (m->metadata, h->l1_table_offset >> h->cluster_bits,
                          div_round_up (h->nr_l1_entries * UINT64_C (8),
                                        h->cluster_size),
                          "the L1 table", err) == -1)
    return -1;
  for (i = 0; i < h->nr_l1_entries; ++i)
    if (m->l1[i] && check_table (m, i, m->l1[i], file_size, err) == -1)
      return -1;
  return 0;
}

static int
load_entries (struct mapping *m, uint64_t file_size, bool with_tables,
              struct error *err)
{
  const uint32_t nr_tables = decode_entries (m);

  if (!with_tables)
    return 0;
  if (metadata_map_reserve (m->metadata, nr_tables, err) == -1)
    return -1;
  return claim_tables (m, file_size, err);
}

int
mapping_load (struct mapping *m, uint64_t file_size, bool with_tables,
              struct error *err)
{
  const struct qcow2_header *h = m->header;
  const uint64_t bytes = (uint64_t) h->nr_l1_entries * 8;

  mutex_init (&m->l1_lock);
  if (bytes == 0)
    return 0;
  if (h->l1_table_offset + bytes > file_size)
    return error_set (err, EIO, "the L1 table ends at offset %" PRIu64
                      " but the file has %" PRIu64 " bytes: it is truncated, "
                      "restore it from a copy", h->l1_table_offset + bytes,
                      file_size);
  m->l1 = malloc (bytes);
  if (!m->l1)
    return error_set (err, ENOMEM, "no memory for the L1 table");
  if (io_pread (m->io, m->l1, bytes, h->l1_table_offset, err) == -1)
    return -1;
  return load_entries (m, file_size, with_tables, err);
}

void
mapping_destroy (struct mapping *m)
{
  free (m->l1);
  m->l1 = NULL;
  mutex_destroy (&m->l1_lock);
}
