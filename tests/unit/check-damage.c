/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Random damage: see check-damage.h.
 */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "check-damage.h"
#include "cursor.h"
#include "qcow2-entry.h"

void
damage_init (struct damage *d, uint64_t seed)
{
  *d = (struct damage) {
    .random = seed * UINT64_C (0x9e3779b97f4a7c15) + 1,
    .vanishing = DAMAGE_NONE, .only_high = true, .only_true = true,
  };
}

uint64_t
damage_random (struct damage *d)
{
  d->random ^= d->random << 13;
  d->random ^= d->random >> 7;
  d->random ^= d->random << 17;
  return d->random >> 11;
}

static uint64_t
get (struct io *io, uint64_t offset)
{
  uint8_t be[8];

  assert_int_equal (io_pread (io, be, 8, offset, NULL), 0);
  return load_be64 (be);
}

static void
put (struct io *io, uint64_t offset, uint64_t value, unsigned flags)
{
  uint8_t be[8];

  store_be64 (be, value);
  assert_int_equal (io_pwrite (io, be, 8, offset, flags, NULL), 0);
}

static uint64_t
file_clusters (struct damage *d, struct io *io)
{
  uint64_t size;

  assert_int_equal (io_size (io, &size, NULL), 0);
  return size >> d->h.cluster_bits;
}

/* Add DELTA to the refcount of CLUSTER, not below 0. */
static void
recount (struct damage *d, struct io *io, uint64_t cluster, int delta,
         unsigned flags)
{
  const uint64_t per_block = UINT64_C (1) << d->h.refblock_bits;
  const uint64_t block =
    get (io, d->h.reftable_offset + cluster / per_block * 8);
  uint8_t *buf = malloc (d->h.cluster_size);
  uint64_t n, at;

  assert_non_null (buf);
  if (block != 0) {
    assert_int_equal (io_pread (io, buf, d->h.cluster_size, block, NULL), 0);
    n = refcount_get (buf, d->h.refcount_order, cluster % per_block);
    if (n > 0 || delta > 0)
      refcount_set (buf, d->h.refcount_order, cluster % per_block, n + delta);
    at = ((cluster % per_block) << d->h.refcount_order) / 8 & ~UINT64_C (511);
    assert_int_equal (io_pwrite (io, buf + at, 512, block + at, flags, NULL),
                      0);
  }
  free (buf);
}

/* The place of the entry of a guest cluster that has data, and which. */
static uint64_t
some_entry (struct damage *d, struct io *io, uint64_t *ret_guest)
{
  for (;;) {
    const uint64_t guest = damage_random (d) % (d->disk_bytes >> d->h.cluster_bits);
    const uint64_t table =
      get (io, d->h.l1_table_offset + (guest >> d->h.l2_bits) * 8) &
      QCOW2_ENTRY_OFFSET_MASK;
    const uint64_t at =
      table + (guest & ((UINT64_C (1) << d->h.l2_bits) - 1)) * 8;

    if (table == 0 || !(get (io, at) & QCOW2_ENTRY_OFFSET_MASK) ||
        (get (io, at) & QCOW2_ENTRY_COMPRESSED))
      continue;
    *ret_guest = guest << d->h.cluster_bits;
    return at;
  }
}

static void
damage_once (struct damage *d, struct io *io)
{
  uint64_t guest, entry = some_entry (d, io, &guest);
  const uint64_t cluster =
    (get (io, entry) & QCOW2_ENTRY_OFFSET_MASK) >> d->h.cluster_bits;

  switch (damage_random (d) % 6) {
  case 0:                       /* counted too high, and COPIED says so */
    recount (d, io, cluster, 1, IO_DSYNC);
    put (io, entry, get (io, entry) & ~QCOW2_ENTRY_COPIED, IO_DSYNC);
    break;
  case 1:
    recount (d, io, damage_random (d) % file_clusters (d, io), 1, IO_DSYNC);
    d->only_true = false;
    break;
  case 2:
    recount (d, io, cluster, -1, IO_DSYNC);
    d->only_high = d->only_true = false;
    break;
  case 3:
    put (io, entry, get (io, entry) ^ QCOW2_ENTRY_COPIED, IO_DSYNC);
    d->only_true = false;
    break;
  case 4:                       /* no refcount block */
    put (io, d->h.reftable_offset, 0, IO_DSYNC);
    d->only_high = d->only_true = false;
    break;
  case 5:                       /* a leak at the end */
    put (io, file_clusters (d, io) << d->h.cluster_bits, 0, IO_DSYNC);
    recount (d, io, file_clusters (d, io), 1, IO_DSYNC);
    break;
  }
}

/* What a process did before it was killed: QEMU with lazy refcounts has
 * pointed to a cluster and counted it, or a pointer is gone. */
static void
leave_pending (struct damage *d, struct io *io)
{
  uint64_t guest, entry = some_entry (d, io, &guest);
  const uint64_t cluster =
    (get (io, entry) & QCOW2_ENTRY_OFFSET_MASK) >> d->h.cluster_bits;

  switch (damage_random (d) % 3) {
  case 0:
    put (io, entry, 0, 0);
    d->vanishing = guest;
    break;
  case 1:
    recount (d, io, cluster, -1, IO_DSYNC);
    recount (d, io, cluster, 1, 0);
    d->only_high = d->only_true = false;
    break;
  case 2:
    break;
  }
}

void
damage_image (struct damage *d, struct io *io, uint64_t disk_bytes)
{
  const unsigned nr = damage_random (d) % 4;
  unsigned i;

  d->disk_bytes = disk_bytes;
  for (i = 0; i < nr; ++i)
    damage_once (d, io);
  put (io, QCOW2_HDR_INCOMPAT, QCOW2_INCOMPAT_DIRTY, IO_DSYNC);
  leave_pending (d, io);
}

void
damage_table (struct damage *d, struct io *io)
{
  put (io, d->h.reftable_offset, 0, IO_DSYNC);
  put (io, QCOW2_HDR_INCOMPAT, QCOW2_INCOMPAT_DIRTY, IO_DSYNC);
}
