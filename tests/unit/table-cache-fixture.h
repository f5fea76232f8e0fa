/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A table cache over a simulated disk with a gate: slice I of the file holds
 * byte I everywhere.
 */

#ifndef BATON_TESTS_TABLE_CACHE_FIXTURE_H
#define BATON_TESTS_TABLE_CACHE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gate-io.h"
#include "simdisk.h"
#include "table-cache.h"

#define SLICE 512u
#define NR_SLICES 64u

struct fixture {
  struct simdisk *disk;
  struct io *io;
  struct gate_io gate;
  struct table_cache *cache;
};

static inline void
setup (struct fixture *f, uint64_t budget_bytes)
{
  uint8_t buf[SLICE];
  unsigned i;

  f->disk = simdisk_new (512);
  f->io = simdisk_open (f->disk, IO_OPEN_WRITE, NULL);
  for (i = 0; i < NR_SLICES; ++i) {
    memset (buf, i, SLICE);
    assert_int_equal (io_pwrite (f->io, buf, SLICE, i * SLICE, 0, NULL), 0);
  }
  gate_init (&f->gate, f->io);
  assert_int_equal (table_cache_new (&f->gate.base, budget_bytes, SLICE,
                                     &f->cache, NULL), 0);
}

static inline void
teardown (struct fixture *f)
{
  table_cache_free (f->cache);
  io_close (&f->gate.base);
  simdisk_free (f->disk);
}

static inline uint8_t
read_byte (struct fixture *f, uint64_t offset)
{
  struct error err = ERROR_INIT;
  uint8_t byte;

  if (table_cache_read (f->cache, &byte, 1, offset, &err) == -1)
    fail_msg ("%s", err.text);
  return byte;
}

static inline uint8_t
byte_in_file (struct fixture *f, uint64_t offset)
{
  uint8_t byte;

  assert_int_equal (io_pread (f->io, &byte, 1, offset, NULL), 0);
  return byte;
}

static inline uint64_t
nr_reads (struct fixture *f)
{
  return simdisk_calls (f->disk, SIMDISK_READ);
}

#endif /* BATON_TESTS_TABLE_CACHE_FIXTURE_H */
