/* SPDX-License-Identifier: BSD-3-Clause
 *
 * For the test of where the ownership record goes: images, what is in their
 * headers, and headers as other programs write them.
 */

#ifndef BATON_TESTS_PLACE_FIXTURE_H
#define BATON_TESTS_PLACE_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cursor.h"
#include "qcow2-format.h"
#include "record-place.h"
#include "simdisk.h"
#include "view.h"

struct shape {
  const char *name;
  const char *create;           /* options and size for qemu-img create */
  bool no_room;
};

static inline struct simdisk *
make (const struct shape *shape)
{
  char dir[] = "/tmp/baton-place-XXXXXX", line[1024], path[64];
  struct error err = ERROR_INIT;
  struct simdisk *d;

  assert_non_null (mkdtemp (dir));
  snprintf (line, sizeof line, "cd %s && qemu-img create -q -f qcow2 %s", dir,
            shape->create);
  assert_int_equal (system (line), 0);
  snprintf (path, sizeof path, "%s/x", dir);
  d = simdisk_load_file (path, 512, &err);
  if (!d)
    fail_msg ("%s", err.text);
  snprintf (line, sizeof line, "rm -f %s/x %s/d", dir, dir);
  assert_int_equal (system (line), 0);
  rmdir (dir);
  return d;
}

static inline struct io *
open_disk (struct simdisk *d)
{
  struct io *io = simdisk_open (d, IO_OPEN_WRITE, NULL);

  assert_non_null (io);
  return io;
}

static inline void
look (struct simdisk *d, struct view *ret)
{
  struct error err = ERROR_INIT;
  struct io *io = open_disk (d);

  if (view_read (io, NULL, ret, &err) == -1)
    fail_msg ("%s", err.text);
  io_close (io);
}

static inline int
write_record (struct simdisk *d, const struct record *r, struct error *err)
{
  struct io *io = open_disk (d);
  struct view v;
  int ret;

  assert_int_equal (view_read_header (io, NULL, &v, NULL), 0);
  ret = record_write (io, v.header, v.cluster_size, r, IO_DSYNC, err);
  view_clear (&v);
  io_close (io);
  return ret;
}

static inline struct record
record_of (uint64_t epoch)
{
  struct record r = {
    .state = RECORD_HELD, .epoch = epoch, .uuid = "uuid-of-an-image",
    .host = "host-a",
  };

  memset (r.nonce, (int) epoch, sizeof r.nonce);
  return r;
}

/* As QEMU does when it writes the header: all extensions one after the
 * other, ours among them, with something of SHIFT bytes before it, and BEHIND
 * it something of 40 bytes, or padding of ours. */
static inline void
rewrite_header (struct simdisk *d, uint32_t shift, uint64_t epoch,
                uint32_t behind, uint32_t behind_bytes)
{
  const struct record r = record_of (epoch);
  uint8_t h[4096] = { 0 };
  struct io *io = open_disk (d);
  size_t at;

  assert_int_equal (io_pread (io, h, sizeof h, 0, NULL), 0);
  at = load_be32 (h + 100);
  memset (h + at, 0, sizeof h - at);
  store_be32 (h + at, 0x6803f857);      /* feature names, any bytes */
  store_be32 (h + at + 4, shift);
  memset (h + at + 8, 0x5a, shift);
  at += 8 + shift;
  store_be32 (h + at, QCOW2_EXT_BATON_RECORD);
  store_be32 (h + at + 4, RECORD_BYTES);
  record_encode (&r, h + at + 8);
  at += 8 + RECORD_BYTES;
  if (behind) {
    store_be32 (h + at, behind);
    store_be32 (h + at + 4, behind_bytes);
    memset (h + at + 8, 0xa5, behind_bytes);
  }
  assert_int_equal (io_pwrite (io, h, sizeof h, 0, IO_DSYNC, NULL), 0);
  io_close (io);
}

#endif /* BATON_TESTS_PLACE_FIXTURE_H */
