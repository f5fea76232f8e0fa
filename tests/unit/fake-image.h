/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An image that is none: the functions of image.h and an io_opener, for the
 * tests of what stands above the engine.
 *
 * It counts and logs calls, fails those it is told to, keeps reads waiting,
 * and checks the life that image.h prescribes: no request runs on an image
 * that is closed, being finished or not started, and none is in flight when
 * it is closed.  A breach aborts the program.
 *
 * Link this before the engine's library.  One world, `fake`, for the whole
 * program: fake_reset starts it afresh.  Thread-safe where the engine is.
 */

#ifndef BATON_FAKE_IMAGE_H
#define BATON_FAKE_IMAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image.h"
#include "io.h"

enum fake_call {
  FAKE_OPEN_RO,                 /* of the file */
  FAKE_OPEN_RW,
  FAKE_LOCK,
  FAKE_UNLOCK,
  FAKE_CLOSE_IO,
  FAKE_IMAGE_OPEN,
  FAKE_START,
  FAKE_READ,
  FAKE_WRITE,
  FAKE_FLUSH,
  FAKE_FINISH,
  FAKE_IMAGE_CLOSE,
  FAKE_NR_CALLS,
};

struct fake {
  struct io_opener opener;
  /* What the next image will say. */
  _Atomic uint64_t virtual_size;
  _Atomic uint32_t magic;               /* of the header */
  _Atomic bool poisoned;
  /* An errno per call: it fails until this is 0 again. */
  _Atomic int fail[FAKE_NR_CALLS];
  _Atomic unsigned nr_calls[FAKE_NR_CALLS];
  _Atomic int nr_open_ios;
  _Atomic int nr_open_images;
  _Atomic int nr_locks;                 /* held now */
  _Atomic unsigned nr_reading;          /* inside image_read */
  _Atomic bool block_reads;             /* image_read waits while this is set */
  _Atomic bool block_start;             /* image_start_writing likewise */
  /* The guest's disk: every byte reads as `content` at image_open. */
  _Atomic uint8_t content;
};

extern struct fake fake;

/* Everything back to its beginning.  Nothing may be open. */
void fake_reset (void);

/* The calls since the last fake_reset or fake_log_clear, as "open-rw lock
 * image-open start"; calls of requests are not logged.  Valid until the next
 * call. */
const char *fake_log (void);
void fake_log_clear (void);

#endif /* BATON_FAKE_IMAGE_H */
