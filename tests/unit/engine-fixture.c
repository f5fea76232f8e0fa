/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The smallest image: see engine-fixture.h.  One thread; no locks.
 */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "checked.h"
#include "engine-fixture.h"
#include "header-builder.h"

#define MIB (UINT64_C (1) << 20)

static void
must (int r, const struct error *err)
{
  if (r == -1)
    fail_msg ("%s", err->text);
}

static void
write_at (struct engine *e, const void *buf, size_t len, uint64_t offset)
{
  struct error err = ERROR_INIT;

  must (io_pwrite (e->io, buf, len, offset, IO_DSYNC, &err), &err);
}

static void
write_image (struct engine *e, const struct engine_shape *s)
{
  const uint32_t version = s->version ? s->version : 3;
  const uint32_t bits = s->cluster_bits ? s->cluster_bits : 9;
  const uint32_t order = s->refcount_order || s->narrow
    ? s->refcount_order : 4;
  const uint64_t size = s->virtual_size ? s->virtual_size : MIB;
  const uint64_t l2_covers = UINT64_C (1) << (2 * bits - 3);
  const uint64_t cluster = UINT64_C (1) << bits;
  uint8_t *buf = calloc (1, max_u64 (BUILT_BYTES, cluster));
  uint64_t i;

  assert_non_null (buf);
  build_header (buf, version);
  poke (buf, (struct poke) { AT_CLUSTER_BITS, 4, bits });
  poke (buf, (struct poke) { AT_SIZE, 8, size });
  poke (buf, (struct poke) { AT_L1_SIZE, 4, div_round_up (size, l2_covers) });
  poke (buf, (struct poke) { AT_L1_OFFSET, 8, 3 * cluster });
  poke (buf, (struct poke) { AT_REFTABLE_OFFSET, 8, cluster });
  if (version == 3)
    poke (buf, (struct poke) { AT_REFCOUNT_ORDER, 4, order });
  write_at (e, buf, cluster, 0);
  memset (buf, 0, cluster);
  write_at (e, buf, cluster, 3 * cluster);
  store_be64 (buf, 2 * cluster);
  write_at (e, buf, cluster, cluster);
  memset (buf, 0, cluster);
  for (i = 0; i < FIRST_FREE_CLUSTER; ++i)
    refcount_set (buf, order, i, 1);
  write_at (e, buf, cluster, 2 * cluster);
  free (buf);
}

static void
load_header (struct engine *e)
{
  uint8_t *buf = malloc (BUILT_BYTES);
  struct error err = ERROR_INIT;

  assert_non_null (buf);
  must (io_pread (e->io, buf, BUILT_BYTES, 0, &err), &err);
  must (qcow2_header_parse (buf, BUILT_BYTES, &e->header, &err), &err);
  free (buf);
}

static void NO_TSA
load (struct engine *e, uint32_t nr_slots)
{
  struct allocator *a = &e->allocator;
  struct mapping *m = &e->mapping;
  struct error err = ERROR_INIT;
  uint32_t slice;
  uint64_t size;

  load_header (e);
  poison_init (&e->poison);
  slice = min_u64 (e->header.cluster_size, 4096);
  must (table_cache_new (e->io, (uint64_t) nr_slots * slice, slice, &e->cache,
                         &err), &err);
  must (metadata_map_new (&e->metadata, &err), &err);
  must (metadata_map_add (e->metadata, 0, 1, &err), &err);
  must (io_size (e->io, &size, &err), &err);
  a->io = a->refcounts.io = m->io = e->io;
  a->grace = &e->grace;
  a->punch = true;
  a->refcounts.header = m->header = &e->header;
  a->refcounts.cache = m->cache = e->cache;
  a->refcounts.metadata = m->metadata = e->metadata;
  a->refcounts.poison = m->poison = &e->poison;
  m->allocator = a;
  must (refcounts_load (&a->refcounts, size, &err), &err);
  must (allocator_init (a, size, &err), &err);
  must (mapping_load (m, size, true, &err), &err);
}

static void
open_disk (struct engine *e, struct simdisk *disk)
{
  struct error err = ERROR_INIT;

  *e = (struct engine) { .disk = disk };
  assert_non_null (disk);
  e->io = simdisk_open (disk, IO_OPEN_WRITE, &err);
  assert_non_null (e->io);
}

void
engine_new (struct engine *e, const struct engine_shape *shape)
{
  open_disk (e, shape->device_bytes
             ? simdisk_new_device (512, shape->device_bytes, 0xdd)
             : simdisk_new (512));
  write_image (e, shape);
  load (e, shape->nr_slots ? shape->nr_slots : 64);
}

void
engine_reopen (struct engine *e, struct engine *ret)
{
  open_disk (ret, simdisk_kill (e->disk));
  load (ret, 64);
}

void
engine_crash (struct engine *e, uint64_t seed, struct engine *ret)
{
  open_disk (ret, simdisk_crash (e->disk, seed));
  load (ret, 64);
}

void
engine_free (struct engine *e)
{
  mapping_destroy (&e->mapping);
  allocator_destroy (&e->allocator);
  metadata_map_free (e->metadata);
  table_cache_free (e->cache);
  poison_destroy (&e->poison);
  io_close (e->io);
  simdisk_free (e->disk);
}

uint64_t
engine_refcount_on_disk (struct engine *e, uint64_t cluster)
{
  const struct qcow2_header *h = &e->header;
  uint8_t *block = malloc (h->cluster_size);
  struct error err = ERROR_INIT;
  uint8_t raw[12];
  uint64_t n = 0, table;

  assert_non_null (block);
  must (io_pread (e->io, raw, 12, QCOW2_HDR_REFTABLE_OFFSET, &err), &err);
  table = load_be64 (raw);
  assert_true (cluster >> h->refblock_bits
               < load_be32 (raw + 8) * h->cluster_size / 8);
  must (io_pread (e->io, raw, 8, table + (cluster >> h->refblock_bits) * 8,
                  &err), &err);
  if (load_be64 (raw)) {
    must (io_pread (e->io, block, h->cluster_size, load_be64 (raw), &err),
          &err);
    n = refcount_get (block, h->refcount_order,
                      cluster & ((UINT64_C (1) << h->refblock_bits) - 1));
  }
  free (block);
  return n;
}

bool
engine_cluster_is_zero (struct engine *e, uint64_t cluster)
{
  const uint64_t size = e->header.cluster_size;
  uint8_t *buf = malloc (size);
  struct error err = ERROR_INIT;
  bool zero;

  assert_non_null (buf);
  must (io_pread (e->io, buf, size, cluster * size, &err), &err);
  zero = buf[0] == 0 && memcmp (buf, buf + 1, size - 1) == 0;
  free (buf);
  return zero;
}

void
engine_fill_cluster (struct engine *e, uint64_t cluster, uint8_t byte)
{
  const uint64_t size = e->header.cluster_size;
  uint8_t *buf = malloc (size);
  struct error err = ERROR_INIT;

  assert_non_null (buf);
  memset (buf, byte, size);
  must (io_pwrite (e->io, buf, size, cluster * size, 0, &err), &err);
  free (buf);
}

void
engine_sync (struct engine *e)
{
  struct error err = ERROR_INIT;

  allocator_before_sync (&e->allocator);
  must (io_sync (e->io, &err), &err);
  allocator_after_sync (&e->allocator);
  allocator_reclaim (&e->allocator);
}

int
engine_qemu_check (struct simdisk *disk)
{
  char path[] = "/tmp/baton-check-XXXXXX", command[128];
  const int fd = mkstemp (path);
  struct error err = ERROR_INIT;
  int status;

  assert_true (fd >= 0);
  close (fd);
  must (simdisk_save_file (disk, path, &err), &err);
  snprintf (command, sizeof command,
            "command -v qemu-img >/dev/null || exit 127; "
            "qemu-img check -q -f qcow2 %s >/dev/null 2>&1", path);
  status = system (command);
  unlink (path);
  assert_true (WIFEXITED (status));
  return WEXITSTATUS (status) == 127 ? -1 : WEXITSTATUS (status);
}
