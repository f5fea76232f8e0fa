/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Reference check: see reference-check.h.  No snapshots, no locks; memory is
 * three bytes for each cluster of the file.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "checked.h"
#include "cursor.h"
#include "qcow2-entry.h"
#include "qcow2-header.h"
#include "reference-check.h"

#define HEADER_BYTES 65536

struct checker {
  struct io *io;
  struct qcow2_header h;
  uint64_t file_size;
  uint64_t nr_clusters;         /* that are counted */
  uint16_t *references;
  bool *may_be_copied;          /* not only compressed data refer to it */
  bool drop_leaks;
};

static int
count (struct checker *c, uint64_t offset, uint64_t nr, const char *what,
       struct error *err)
{
  const uint64_t first = offset >> c->h.cluster_bits;
  uint64_t i;

  /* So says qemu-img check, too. */
  if (first + nr > c->nr_clusters ||
      (first + nr - 1) << c->h.cluster_bits >= c->file_size)
    return error_set (err, EIO, "%s at %" PRIu64 " is beyond the end of the "
                      "file (%" PRIu64 " bytes)", what, offset,
                      c->file_size);
  for (i = first; i < first + nr; ++i)
    c->references[i]++;
  return 0;
}

static int
refer (struct checker *c, uint64_t offset, uint64_t nr, const char *what,
       struct error *err)
{
  const uint64_t first = offset >> c->h.cluster_bits;
  uint64_t i;

  if (count (c, offset, nr, what, err) == -1)
    return -1;
  for (i = first; i < first + nr; ++i)
    c->may_be_copied[i] = true;
  return 0;
}

static int
refer_entry (struct checker *c, const uint8_t *be, struct error *err)
{
  const struct raw_entry raw = {
    load_be64 (be), has_subclusters (&c->h) ? load_be64 (be + 8) : 0,
  };
  struct l2_entry e;
  uint64_t last;

  if (raw_entry_decode (&c->h, &raw, &e, err) == -1)
    return -1;
  /* In a data file nothing is counted. */
  if (qcow2_has_data_file (&c->h))
    return 0;
  switch (e.type) {
  case CLUSTER_NORMAL:
  case CLUSTER_ZERO_ALLOCATED:
    return refer (c, e.host_offset, 1, "data", err);
  case CLUSTER_COMPRESSED:
    last = (e.host_offset + e.compressed_bytes - 1) >> c->h.cluster_bits;
    return count (c, e.host_offset,
                  last - (e.host_offset >> c->h.cluster_bits) + 1,
                  "compressed data", err);
  case CLUSTER_UNALLOCATED:
  case CLUSTER_ZERO_PLAIN:
    break;
  }
  return 0;
}

static int
refer_l2 (struct checker *c, uint64_t table, uint8_t *buf, struct error *err)
{
  const uint32_t bytes = c->h.l2_entry_bytes;
  uint64_t i;

  if (refer (c, table, 1, "an L2 table", err) == -1 ||
      io_pread (c->io, buf, c->h.cluster_size, table, err) == -1)
    return -1;
  for (i = 0; i < c->h.cluster_size / bytes; ++i)
    if (refer_entry (c, buf + i * bytes, err) == -1)
      return error_prefix (err, "L2 table at %" PRIu64 ", entry %" PRIu64,
                           table, i);
  return 0;
}

static int
refer_l1 (struct checker *c, struct error *err)
{
  const uint64_t bytes = (uint64_t) c->h.nr_l1_entries * 8;
  uint8_t *l1 = malloc (bytes), *buf = malloc (c->h.cluster_size);
  uint32_t i;
  int r;

  r = refer (c, c->h.l1_table_offset, div_round_up (bytes, c->h.cluster_size),
             "the L1 table", err);
  if (r == 0)
    r = io_pread (c->io, l1, bytes, c->h.l1_table_offset, err);
  for (i = 0; r == 0 && i < c->h.nr_l1_entries; ++i) {
    const uint64_t table = load_be64 (l1 + i * 8) & QCOW2_ENTRY_OFFSET_MASK;

    if (table)
      r = refer_l2 (c, table, buf, err);
  }
  free (l1);
  free (buf);
  return r;
}

/* How many entries there are up to the last that is not 0. */
static uint64_t
count_entries (const struct checker *c, const uint8_t *block)
{
  uint64_t bytes = c->h.cluster_size;

  while (bytes > 0 && block[bytes - 1] == 0)
    bytes--;
  return div_round_up (bytes * 8, UINT64_C (1) << c->h.refcount_order);
}

static int
compare_block (struct checker *c, uint64_t index, uint8_t *block,
               uint64_t *ret_leaks, struct error *err)
{
  const uint64_t per_block = UINT64_C (1) << c->h.refblock_bits;
  const uint64_t first = index * per_block;
  uint64_t i, nr;

  /* What is behind the file's end can have a count, and no reference. */
  nr = max_u64 (block ? count_entries (c, block) : 0,
                c->nr_clusters > first ? c->nr_clusters - first : 0);
  for (i = 0; i < min_u64 (nr, per_block); ++i) {
    const uint64_t cluster = first + i;
    const uint64_t wanted =
      cluster < c->nr_clusters ? c->references[cluster] : 0;
    const uint64_t n =
      block ? refcount_get (block, c->h.refcount_order, i) : 0;

    if (n < wanted)
      return error_set (err, EIO, "host cluster %" PRIu64 " has %" PRIu64
                        " references and refcount %" PRIu64, cluster, wanted,
                        n);
    *ret_leaks += n > wanted;
    if (c->drop_leaks && block && (wanted == 0 || !c->may_be_copied[cluster]))
      refcount_set (block, c->h.refcount_order, i, wanted);
  }
  return 0;
}

/* With REFER: count the table's and the blocks' own clusters.  Without:
 * compare what was counted. */
static int
walk_reftable (struct checker *c, bool referring, uint64_t *ret_leaks,
               struct error *err)
{
  const uint64_t bytes =
    (uint64_t) c->h.nr_reftable_clusters << c->h.cluster_bits;
  uint8_t *table = malloc (bytes), *block = malloc (c->h.cluster_size);
  uint64_t i;
  int r = io_pread (c->io, table, bytes, c->h.reftable_offset, err);

  if (r == 0 && referring)
    r = refer (c, c->h.reftable_offset, c->h.nr_reftable_clusters,
               "the refcount table", err);
  for (i = 0; r == 0 && i < bytes / 8; ++i) {
    const uint64_t offset =
      load_be64 (table + i * 8) & QCOW2_REFTABLE_OFFSET_MASK;

    if (offset && referring)
      r = refer (c, offset, 1, "a refcount block", err);
    if (offset && !referring)
      r = io_pread (c->io, block, c->h.cluster_size, offset, err);
    if (r == 0 && !referring)
      r = compare_block (c, i, offset ? block : NULL, ret_leaks, err);
    if (r == 0 && !referring && offset && c->drop_leaks)
      r = io_pwrite (c->io, block, c->h.cluster_size, offset, 0, err);
  }
  free (table);
  free (block);
  return r;
}

static int
check (struct checker *c, uint64_t *ret_leaks, struct error *err)
{
  uint8_t *buf = malloc (HEADER_BYTES);
  int r = io_size (c->io, &c->file_size, err);

  if (r == 0)
    r = io_pread (c->io, buf, min_u64 (c->file_size, HEADER_BYTES), 0, err);
  if (r == 0)
    r = qcow2_header_parse (buf, min_u64 (c->file_size, HEADER_BYTES), &c->h,
                            err);
  free (buf);
  if (r == -1)
    return -1;
  c->nr_clusters = div_round_up (c->file_size, c->h.cluster_size);
  c->references = calloc (c->nr_clusters, sizeof *c->references);
  c->may_be_copied = calloc (c->nr_clusters, sizeof *c->may_be_copied);
  if (refer (c, 0, 1, "the header", err) == -1 ||
      (c->h.crypto_bytes > 0 &&
       refer (c, c->h.crypto_offset,
              div_round_up (c->h.crypto_bytes, c->h.cluster_size),
              "the LUKS header", err) == -1) ||
      refer_l1 (c, err) == -1 ||
      walk_reftable (c, true, NULL, err) == -1)
    return -1;
  return walk_reftable (c, false, ret_leaks, err);
}

int
reference_check (struct io *io, uint64_t *ret_leaks, struct error *err)
{
  struct checker c = { .io = io };
  uint64_t leaks = 0;
  const int r = check (&c, &leaks, err);

  free (c.references);
  free (c.may_be_copied);
  if (r == 0)
    *ret_leaks = leaks;
  return r;
}

int
reference_drop_leaks (struct io *io, struct error *err)
{
  struct checker c = { .io = io, .drop_leaks = true };
  uint64_t leaks = 0;
  const int r = check (&c, &leaks, err);

  free (c.references);
  free (c.may_be_copied);
  return r;
}
