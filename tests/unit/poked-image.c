/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An image with numbers changed: see poked-image.h.
 */

#include <config.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "cursor.h"
#include "poked-image.h"
#include "qcow2-entry.h"
#include "qcow2-format.h"

#define CRYPTO_EXT 0x0537be77

static uint64_t
get (struct io *io, uint64_t offset, uint32_t width)
{
  uint8_t be[8] = { 0 };

  assert_int_equal (io_pread (io, be + 8 - width, width, offset, NULL), 0);
  return load_be64 (be);
}

static void
put (struct io *io, uint64_t offset, uint32_t width, uint64_t value)
{
  uint8_t be[8];

  store_be64 (be, value);
  assert_int_equal (io_pwrite (io, be + 8 - width, width, offset, IO_DSYNC,
                               NULL), 0);
}

static uint64_t
extension (struct io *io, uint32_t type)
{
  uint64_t at = get (io, 100, 4);

  while (get (io, at, 4) != type) {
    assert_int_not_equal (get (io, at, 4), 0);
    at += 8 + ((get (io, at + 4, 4) + 7) & ~UINT64_C (7));
  }
  return at + 8;
}

static uint64_t
find (struct io *io, enum place place)
{
  switch (place) {
  case L1_TABLE:
    return get (io, 40, 8);
  case L2_TABLE:
    return get (io, find (io, L1_TABLE), 8) & QCOW2_ENTRY_OFFSET_MASK;
  case REFCOUNT_TABLE:
    return get (io, 48, 8);
  case REFCOUNT_BLOCK:
    return get (io, find (io, REFCOUNT_TABLE), 8);
  case SNAPSHOT_TABLE:
    return get (io, 64, 8);
  case SNAPSHOT_L1:
    return get (io, find (io, SNAPSHOT_TABLE), 8);
  case BITMAPS_EXTENSION:
    return extension (io, QCOW2_EXT_BITMAPS);
  case BITMAP_DIRECTORY:
    return get (io, extension (io, QCOW2_EXT_BITMAPS) + 16, 8);
  case BITMAP_TABLE:
    return get (io, find (io, BITMAP_DIRECTORY), 8);
  case BITMAP_REFCOUNT:
    return find (io, REFCOUNT_BLOCK) +
      2 * (find (io, BITMAP_TABLE) >> get (io, 20, 4));
  case CRYPTO_EXTENSION:
    return extension (io, CRYPTO_EXT);
  default:
    return 0;
  }
}

static struct simdisk *
load (const char *create)
{
  char dir[] = "/tmp/baton-poked-XXXXXX", line[1024];
  struct error err = ERROR_INIT;
  struct simdisk *d;

  assert_non_null (mkdtemp (dir));
  snprintf (line, sizeof line, "cd %s && { %s; } >/dev/null", dir, create);
  if (system (line) != 0)
    fail_msg ("%s", create);
  snprintf (line, sizeof line, "%s/t.qcow2", dir);
  d = simdisk_load_file (line, 512, &err);
  if (!d)
    fail_msg ("%s", err.text);
  snprintf (line, sizeof line, "rm -r %s", dir);
  assert_int_equal (system (line), 0);
  return d;
}

struct simdisk *
poked_image (const char *create, const struct change *changes)
{
  struct simdisk *d = load (create);
  struct io *io = simdisk_open (d, IO_OPEN_WRITE, NULL);
  unsigned i;

  assert_non_null (io);
  for (i = 0; i < MAX_CHANGES && changes[i].place != NOWHERE; ++i) {
    const struct change *c = &changes[i];
    const uint64_t at = find (io, c->place) + c->at;

    put (io, at, c->width, c->kind == FLIP ? get (io, at, c->width) ^ c->value
                                           : c->value);
  }
  io_close (io);
  return d;
}
