/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The fake image: see fake-image.h.
 *
 * Closed images are kept in `graves` until fake_reset, so that a request on
 * one of them is found out and not undefined.  `lock` guards the log and the
 * graves; what is in `fake` is atomic.
 */

#include <config.h>

#include <endian.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fake-image.h"

struct fake fake;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char call_log[1024];

struct fake_io {
  struct io base;
  bool locked;
};

struct image {
  struct image *next_grave;
  struct io *io;
  uint64_t size;
  uint8_t content;              /* what image_open saw */
  _Atomic bool started;
  _Atomic bool finished;
  _Atomic bool closed;
  _Atomic int nr_users;
  struct qcow2_header header;
};

static struct image *graves;

static const char *const names[FAKE_NR_CALLS] = {
  [FAKE_OPEN_RO] = "open-ro", [FAKE_OPEN_RW] = "open-rw",
  [FAKE_LOCK] = "lock", [FAKE_UNLOCK] = "unlock",
  [FAKE_CLOSE_IO] = "close-io",
  [FAKE_IMAGE_OPEN] = "image-open", [FAKE_IMAGE_CLOSE] = "image-close",
  [FAKE_START] = "start", [FAKE_FLUSH] = "flush", [FAKE_FINISH] = "finish",
};

static void
require (bool ok, const char *what)
{
  if (ok)
    return;
  fprintf (stderr, "fake-image: %s\n", what);
  abort ();
}

static void
log_call (enum fake_call call)
{
  size_t len;

  if (!names[call])
    return;
  pthread_mutex_lock (&lock);
  len = strlen (call_log);
  snprintf (call_log + len, sizeof call_log - len, "%s%s", len ? " " : "",
            names[call]);
  pthread_mutex_unlock (&lock);
}

/* Count, log, and fail if told to. */
static int
called (enum fake_call call, struct error *err)
{
  const int errnum = fake.fail[call];

  fake.nr_calls[call]++;
  log_call (call);
  return errnum ? error_set (err, errnum, "fake failure") : 0;
}

static void
nap (void)
{
  const struct timespec ts = { 0, 200000 };

  nanosleep (&ts, NULL);
}

const char *
fake_log (void)
{
  return call_log;
}

void
fake_log_clear (void)
{
  pthread_mutex_lock (&lock);
  call_log[0] = '\0';
  pthread_mutex_unlock (&lock);
}

/* -- the file -------------------------------------------------------- */

static void
make_header (uint8_t out[QCOW2_V2_HEADER_BYTES])
{
  const uint32_t magic = htobe32 (fake.magic), version = htobe32 (2);
  const uint32_t cluster_bits = htobe32 (16), one = htobe32 (1);
  const uint64_t size = htobe64 (fake.virtual_size);
  const uint64_t l1_offset = htobe64 (0x30000), reftable = htobe64 (0x10000);

  memset (out, 0, QCOW2_V2_HEADER_BYTES);
  memcpy (out, &magic, 4);
  memcpy (out + 4, &version, 4);
  memcpy (out + 20, &cluster_bits, 4);
  memcpy (out + 24, &size, 8);
  memcpy (out + 36, &one, 4);
  memcpy (out + 40, &l1_offset, 8);
  memcpy (out + 48, &reftable, 8);
  memcpy (out + 56, &one, 4);
}

static int
fake_io_pread (struct io *io, void *buf, size_t len, uint64_t offset,
               struct error *err)
{
  uint8_t header[QCOW2_V2_HEADER_BYTES];

  (void) io; (void) err;
  require (offset == 0, "only the header is read past the image");
  make_header (header);
  memset (buf, 0, len);
  memcpy (buf, header, len < sizeof header ? len : sizeof header);
  return 0;
}

static int
fake_io_size (struct io *io, uint64_t *ret_size, struct error *err)
{
  (void) io; (void) err;
  *ret_size = 262144;
  return 0;
}

static int
fake_io_lock (struct io *io, enum lock_mode mode, struct error *err)
{
  struct fake_io *f = (struct fake_io *) io;

  require (mode == (io->read_only ? LOCK_READER : LOCK_WRITER), "lock mode");
  if (called (FAKE_LOCK, err) == -1) {
    if (err)
      err->class = "LockHeld";
    return -1;
  }
  f->locked = true;
  fake.nr_locks++;
  return 0;
}

static void
drop_lock (struct fake_io *f)
{
  if (f->locked)
    fake.nr_locks--;
  f->locked = false;
}

static void
fake_io_unlock (struct io *io)
{
  called (FAKE_UNLOCK, NULL);
  drop_lock ((struct fake_io *) io);
}

static void
fake_io_close (struct io *io)
{
  called (FAKE_CLOSE_IO, NULL);
  drop_lock ((struct fake_io *) io);
  fake.nr_open_ios--;
  free (io);
}

static bool
fake_io_has_lock (const struct io *io)
{
  return ((const struct fake_io *) io)->locked;
}

static const struct io_ops fake_io_ops = {
  .pread = fake_io_pread,
  .size = fake_io_size,
  .lock = fake_io_lock,
  .unlock = fake_io_unlock,
  .close = fake_io_close,
  .has_lock = fake_io_has_lock,
};

static int
fake_open (struct io_opener *opener, const char *name, unsigned flags,
           struct io **ret, struct error *err)
{
  const bool writable = flags & IO_OPEN_WRITE;
  struct fake_io *f;

  (void) opener; (void) name;
  if (called (writable ? FAKE_OPEN_RW : FAKE_OPEN_RO, err) == -1)
    return -1;
  f = calloc (1, sizeof *f);
  require (f != NULL, "out of memory");
  f->base.ops = &fake_io_ops;
  f->base.read_only = !writable;
  fake.nr_open_ios++;
  *ret = &f->base;
  return 0;
}

/* -- the image ------------------------------------------------------- */

int
image_open (struct io *io, const char *name, bool for_writing,
            const struct image_options *options, struct image **ret,
            struct error *err)
{
  struct image *img;

  (void) name; (void) options;
  require (for_writing == !io->read_only, "opened for the wrong purpose");
  if (called (FAKE_IMAGE_OPEN, err) == -1)
    return -1;
  img = calloc (1, sizeof *img);
  require (img != NULL, "out of memory");
  img->io = io;
  img->size = fake.virtual_size;
  img->content = fake.content;
  fake.nr_open_images++;
  *ret = img;
  return 0;
}

int
image_start_writing (struct image *img, struct error *err)
{
  require (!img->closed && !img->started, "started in the wrong state");
  require (((struct fake_io *) img->io)->locked, "written without a lock");
  while (fake.block_start)
    nap ();
  if (called (FAKE_START, err) == -1)
    return -1;
  img->started = true;
  return 0;
}

static void
enter (struct image *img, bool changes)
{
  img->nr_users++;
  require (!img->closed, "a request on a closed image");
  require (!img->finished, "a request on a finished image");
  require (!changes || img->started, "a change of an image not started");
}

static void
leave (struct image *img)
{
  require (!img->closed, "closed under a request");
  require (!img->finished, "finished under a request");
  img->nr_users--;
}

int
image_read (struct image *img, void *buf, size_t len, uint64_t offset,
            struct error *err)
{
  int r;

  (void) offset;
  enter (img, false);
  fake.nr_reading++;
  while (fake.block_reads)
    nap ();
  r = called (FAKE_READ, err);
  memset (buf, img->content, len);
  fake.nr_reading--;
  leave (img);
  return r;
}

int
image_write (struct image *img, const void *buf, size_t len, uint64_t offset,
             unsigned flags, struct error *err)
{
  int r;

  (void) buf; (void) len; (void) offset; (void) flags;
  enter (img, true);
  r = called (FAKE_WRITE, err);
  leave (img);
  return r;
}

int
image_flush (struct image *img, struct error *err)
{
  int r;

  enter (img, true);
  r = called (FAKE_FLUSH, err);
  leave (img);
  return r;
}

int
image_finish (struct image *img, struct error *err)
{
  require (img->started && !img->closed, "finished in the wrong state");
  require (img->nr_users == 0, "finished with a request in flight");
  require (((struct fake_io *) img->io)->locked, "unlocked before the flush");
  if (called (FAKE_FINISH, err) == -1)
    return -1;
  img->finished = true;
  return 0;
}

static void
close_files (struct image *img)
{
  require (!img->closed, "closed twice");
  require (img->nr_users == 0, "closed with a request in flight");
  img->closed = true;
  called (FAKE_IMAGE_CLOSE, NULL);
  io_close (img->io);
  fake.nr_open_images--;
}

void
image_give_up (struct image *img)
{
  io_unlock (img->io);
  close_files (img);
}

void
image_close (struct image *img)
{
  if (!img)
    return;
  if (!img->closed)
    close_files (img);
  pthread_mutex_lock (&lock);
  img->next_grave = graves;
  graves = img;
  pthread_mutex_unlock (&lock);
}

uint64_t
image_size (const struct image *img)
{
  return img->size;
}

const struct qcow2_header *
image_header (const struct image *img)
{
  return &img->header;
}

struct io *
image_io (struct image *img)
{
  require (!img->closed, "the io of a closed image");
  return img->io;
}

/* It has no data file. */
struct io *
image_data_file (struct image *img)
{
  (void) img;
  return NULL;
}

int
image_data_identity (const char *name, const struct qcow2_header *header,
                     const struct image_options *options,
                     uint64_t ret_identity[2], struct error *err)
{
  (void) name; (void) header; (void) options; (void) err;
  ret_identity[0] = ret_identity[1] = 0;
  return 0;
}

const struct image_notices *
image_get_notices (const struct image *img)
{
  static const struct image_notices none;

  require (!img->closed, "notices of a closed image");
  return &none;
}

void
image_get_stats (struct image *img, struct image_stats *ret)
{
  require (!img->closed, "figures of a closed image");
  memset (ret, 0, sizeof *ret);
  ret->cache_hits = 42;
  ret->poisoned = fake.poisoned;
}

/* -- the world ------------------------------------------------------- */

static void
bury (void)
{
  while (graves) {
    struct image *img = graves;

    graves = img->next_grave;
    free (img);
  }
}

void
fake_reset (void)
{
  size_t i;

  require (fake.nr_open_images == 0, "an image was left open");
  require (fake.nr_open_ios == 0, "a file was left open");
  bury ();
  fake_log_clear ();
  fake.opener.open = fake_open;
  fake.virtual_size = 1 << 20;
  fake.magic = QCOW2_MAGIC;
  fake.content = 'A';
  fake.poisoned = fake.block_reads = fake.block_start = false;
  for (i = 0; i < FAKE_NR_CALLS; ++i) {
    fake.fail[i] = 0;
    fake.nr_calls[i] = 0;
  }
}
