/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Mapping: new L2 tables, and copies of those shared with a snapshot.
 *
 * m->l1_lock is held while a table is made, across its metadata writes:
 * that happens once per L2 table, and all who need the same table wait for
 * it anyway.  No guest data is read or written under it.
 *
 * Order (docs/DURABILITY.md, R2): a new table is an empty cluster from the
 * pool, which reads zeros, durably: an empty table.  So its L1 entry can be
 * written at once (after zeros, only to have the space for what follows).  A
 * copy of a shared table is durable before its L1 entry.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "cleanup.h"
#include "cursor.h"
#include "mapping-table.h"

static int
write_l1_entry (struct mapping *m, uint64_t index, uint64_t raw,
                struct error *err)
{
  uint8_t be[8];

  store_be64 (be, raw);
  if (io_pwrite (m->io, be, sizeof be,
                 m->header->l1_table_offset + index * 8, 0, err) == -1)
    return poison_set (m->poison, err);
  atomic_store (&m->l1[index], raw);
  return 0;
}

/* Copy the table at OLD to NEW, durably. */
static int
copy_table (struct mapping *m, uint64_t old, uint64_t new, struct error *err)
{
  const uint64_t bytes = m->header->cluster_size;
  CLEANUP_FREE void *buf = malloc (bytes);

  if (!buf)
    return error_set (err, ENOMEM, "no memory to copy an L2 table");
  if (io_pread (m->io, buf, bytes, old, err) == -1)
    return -1;
  return io_pwrite (m->io, buf, bytes, new, IO_DSYNC, err);
}

/* What a table's entries are written to must have its place on the host's
 * disk: ENOSPC in the middle of a change would be a failure of metadata. */
static int
write_empty_table (struct mapping *m, uint64_t table, struct error *err)
{
  const uint64_t bytes = m->header->cluster_size;
  CLEANUP_FREE void *zeros = calloc (1, bytes);

  if (!zeros)
    return error_set (err, ENOMEM, "no memory for a new L2 table");
  return io_pwrite (m->io, zeros, bytes, table, 0, err);
}

static void
abandon (struct mapping *m, struct extent e)
{
  metadata_map_remove (m->metadata, e.first, e.nr_clusters);
  allocator_release (m->allocator, e);
}

/* Make the table for L1 entry INDEX; OLD is the shared one, or 0. */
static int
make_table_locked (struct mapping *m, uint64_t index, uint64_t old,
                   uint64_t *ret_table, struct error *err)
  REQUIRES (m->l1_lock)
{
  const uint32_t bits = m->header->cluster_bits;
  struct extent e;
  uint64_t table;

  if (allocator_take (m->allocator, 1, &e, err) == -1)
    return -1;
  table = e.first << bits;
  if (metadata_map_add (m->metadata, e.first, 1, err) == -1) {
    allocator_put_back (m->allocator, e);
    return -1;
  }
  if ((old ? copy_table (m, old, table, err)
       : write_empty_table (m, table, err)) == -1) {
    abandon (m, e);
    return -1;
  }
  if (write_l1_entry (m, index, table | QCOW2_ENTRY_COPIED, err) == -1)
    return -1;
  if (old)
    allocator_release (m->allocator, (struct extent) { old >> bits, 1 });
  *ret_table = table;
  return 0;
}

static int
writable_table_locked (struct mapping *m, uint64_t index,
                       uint64_t *ret_table, struct error *err)
  REQUIRES (m->l1_lock)
{
  uint64_t table;
  bool copied;

  /* Somebody else may have made it while this thread waited. */
  if (l1_entry_decode (m->header, atomic_load (&m->l1[index]), &table,
                       &copied, err) == -1)
    return error_prefix (err, "L1 entry %" PRIu64, index);
  if (table && copied) {
    *ret_table = table;
    return 0;
  }
  return make_table_locked (m, index, table, ret_table, err);
}

int
mapping_writable_table (struct mapping *m, uint64_t index,
                        uint64_t *ret_table, struct error *err)
{
  uint64_t table;
  bool copied;
  int r;

  if (l1_entry_decode (m->header, atomic_load (&m->l1[index]), &table,
                       &copied, err) == 0 && table && copied) {
    *ret_table = table;
    return 0;
  }
  mutex_lock (&m->l1_lock);
  r = writable_table_locked (m, index, ret_table, err);
  mutex_unlock (&m->l1_lock);
  return r;
}
