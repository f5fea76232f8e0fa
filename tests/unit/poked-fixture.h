/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An image of poked-image.h, and perhaps another file, open or not.
 */

#ifndef BATON_TESTS_POKED_FIXTURE_H
#define BATON_TESTS_POKED_FIXTURE_H

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "image.h"
#include "poked-image.h"

#define K UINT64_C (1024)
#define DISK_BYTES (256 * K)

#define CREATE "qemu-img create -q -f qcow2 "
/* 1 in the first 64 KiB but for the fifth cluster, zeros. */
#define PLAIN CREATE "-o cluster_size=4k t.qcow2 256k; " \
  "qemu-io -f qcow2 -c 'write -P 1 0 64k' -c 'write -z 16k 4k' t.qcow2"

static const struct change none[MAX_CHANGES] = { { NOWHERE, 0, 0, 0, SET } };

struct fixture {
  struct simdisk *disk, *base;  /* BASE: what the test names so */
  struct simdisk_opener opener;
  struct image_options options;
  struct image *img;            /* or NULL */
};

static inline void
must (int r, const struct error *err)
{
  if (r == -1)
    fail_msg ("%s", err->text);
}

/* The call failed so. */
static inline void
require (int r, const struct error *err, int errnum, const char *text)
{
  if (r != -1 || err->errnum != errnum || !strstr (err->text, text))
    fail_msg ("%d, \"%s\" (%d), and not \"%s\"", r, err->text, err->errnum,
              text);
}

static inline void
init (struct fixture *f, const char *create, const struct change *changes)
{
  *f = (struct fixture) { .disk = poked_image (create, changes) };
  simdisk_opener_init (&f->opener);
  f->options = (struct image_options) {
    .opener = &f->opener.base, .backing = BACKING_ON,
    .data_file = BACKING_ON, .metadata_cache_bytes = 1,
  };
}

static inline void
close_image (struct fixture *f)
{
  image_close (f->img);
  f->img = NULL;
}

static inline void
destroy (struct fixture *f)
{
  close_image (f);
  simdisk_opener_destroy (&f->opener);
  simdisk_free (f->disk);
  simdisk_free (f->base);
}

/* Whatever was open is closed first.  Writing is not started. */
static inline int
try_open (struct fixture *f, bool for_writing, struct error *err)
{
  struct io *io = simdisk_open (f->disk, for_writing ? IO_OPEN_WRITE : 0, err);

  close_image (f);
  if (image_open (io, "t.qcow2", for_writing, &f->options, &f->img, err) == 0)
    return 0;
  io_close (io);
  return -1;
}

static inline void
open_reading (struct fixture *f)
{
  struct error err = ERROR_INIT;

  must (try_open (f, false, &err), &err);
}

static inline void
open_writing (struct fixture *f)
{
  struct error err = ERROR_INIT;

  must (try_open (f, true, &err), &err);
  must (image_start_writing (f->img, &err), &err);
}

static inline void
require_bytes (struct fixture *f, uint8_t byte, uint64_t len, uint64_t offset)
{
  static uint8_t buf[DISK_BYTES];
  struct error err = ERROR_INIT;
  uint64_t i;

  must (image_read (f->img, buf, len, offset, &err), &err);
  for (i = 0; i < len; ++i)
    if (buf[i] != byte)
      fail_msg ("offset %" PRIu64 ": %02x, not %02x", offset + i, buf[i],
                byte);
}

#endif /* BATON_TESTS_POKED_FIXTURE_H */
