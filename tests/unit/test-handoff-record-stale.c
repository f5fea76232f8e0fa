/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A hand-over to a host whose cache is stale: the cache is dropped, or the
 * image is refused and nothing written.
 */

#include <config.h>

#include <errno.h>

#include "record-world.h"

/* Whoever opens through this sees the file as SEEN is, until the cache is
 * dropped often enough; past the cache, as it is. */
struct stale_opener {
  struct io_opener base;
  struct simdisk *seen, *real;
  struct simdisk *data;         /* of the image, in "/d"; NULL: it has none */
  unsigned nr_drops;
  unsigned drops_needed;        /* 0: no cache at all */
  /* Else the tables are as they should be, and only guest data is stale. */
  bool data_only;
  bool pinned;                  /* it cannot be dropped */
  bool dropped;
};

struct stale_io {
  struct io base;
  struct io *io;
  struct stale_opener *o;
  bool past;
};

static struct stale_io *
stale_io (struct io *io)
{
  return (struct stale_io *) io;
}

/* The cache has OLD where NEW is on the storage. */
#define OLD 0x11
#define NEW 0x77

static int
pread_stale_data (struct stale_io *s, void *buf, size_t len, uint64_t offset,
                  struct error *err)
{
  const int r = io_pread (s->io, buf, len, offset, err);

  if (r == 0 && !s->o->dropped && len > 0 && *(uint8_t *) buf == NEW)
    memset (buf, OLD, len);
  return r;
}

static int
stale_pread (struct io *io, void *buf, size_t len, uint64_t offset,
             struct error *err)
{
  struct stale_io *s = stale_io (io);
  struct io *seen;
  int r;

  if (s->o->data_only && !s->past)
    return pread_stale_data (s, buf, len, offset, err);
  if (s->past || s->o->nr_drops >= s->o->drops_needed)
    return io_pread (s->io, buf, len, offset, err);
  seen = simdisk_open (s->o->seen, 0, err);
  r = io_pread (seen, buf, len, offset, err);
  io_close (seen);
  return r;
}

static int
stale_pwritev (struct io *io, const struct iovec *iov, int nr_iov,
               uint64_t offset, unsigned flags, struct error *err)
{
  return io_pwritev (stale_io (io)->io, iov, nr_iov, offset, flags, err);
}

static int
stale_zero (struct io *io, uint64_t offset, uint64_t len, unsigned flags,
            struct error *err)
{
  return io_zero (stale_io (io)->io, offset, len, flags, err);
}

static int
stale_sync (struct io *io, struct error *err)
{
  return io_sync (stale_io (io)->io, err);
}

static int
stale_size (struct io *io, uint64_t *ret, struct error *err)
{
  return io_size (stale_io (io)->io, ret, err);
}

static void
stale_prefetch (struct io *io, uint64_t offset, uint64_t len)
{
  (void) io;
  (void) offset;
  (void) len;
}

static int
stale_lock (struct io *io, enum lock_mode mode, struct error *err)
{
  return io_lock (stale_io (io)->io, mode, err);
}

static void
stale_unlock (struct io *io)
{
  io_unlock (stale_io (io)->io);
}

static void
stale_close (struct io *io)
{
  io_close (stale_io (io)->io);
  free (io);
}

static void
stale_drop (struct io *io)
{
  stale_io (io)->o->nr_drops++;
}

static int
stale_check (struct io *io, struct error *err)
{
  struct stale_opener *o = stale_io (io)->o;

  if (o->pinned)
    return error_set_class (err, ESTALE, "StaleView", "it is pinned");
  o->dropped = true;
  return 0;
}

static int
stale_open (struct io_opener *base, const char *name, unsigned flags,
            struct io **ret, struct error *err)
{
  static const struct io_ops ops = {
    .pread = stale_pread, .pwritev = stale_pwritev, .zero = stale_zero,
    .sync = stale_sync, .size = stale_size, .prefetch = stale_prefetch,
    .lock = stale_lock, .unlock = stale_unlock, .close = stale_close,
    .drop_cache = stale_drop, .check_cache = stale_check,
  };
  struct stale_io *s = calloc (1, sizeof *s);
  bool is_data;

  assert_non_null (s);
  s->o = (struct stale_opener *) base;
  is_data = s->o->data && strcmp (name, "/d") == 0;
  s->past = flags & IO_OPEN_PAST_CACHE;
  s->io = simdisk_open (is_data ? s->o->data : s->o->real,
                        flags & IO_OPEN_WRITE, err);
  s->base = *s->io;
  s->base.ops = &ops;
  s->base.may_be_stale = s->o->data_only && !s->past &&
    (is_data || !s->o->data);
  *ret = &s->base;
  return 0;
}

/* With no drop that helps: refused, and nothing was written. */
static void
check_stale (unsigned drops_needed, bool with_ticket, bool good)
{
  struct stale_opener o = {
    .base = { stale_open }, .drops_needed = drops_needed,
  };
  struct handoff *a, *b;
  struct ticket t;
  struct world w;

  world_init (&w);
  a = new_on (&w, "host-a");
  activate (a, NULL, false);
  release (a);
  o.seen = simdisk_kill (w.disk);
  o.real = w.disk;
  activate (a, NULL, false);
  assert_int_equal (write_byte (a, 0x77, 0), 0);
  t = release (a);
  b = new_at (&o.base, "host-b", true);
  if (!good) {
    const uint64_t before = simdisk_calls (w.disk, SIMDISK_CHANGES);

    refused_saying (b, with_ticket ? &t : NULL, "StaleView",
                    " that this host has cached is not the one on the "
                    "storage, and the cache cannot be dropped; unmount");
    assert_int_equal (simdisk_calls (w.disk, SIMDISK_CHANGES), before);
    assert_int_equal (handoff_take_over (b, &t, true, NULL), -1);
    o.drops_needed = 0;         /* whatever it was: try again */
  }
  activate (b, with_ticket ? &t : NULL, false);
  assert_int_equal (read_byte (b, 0), 0x77);
  check_record (&w, RECORD_HELD, 3, "host-b");
  handoff_free (a);
  handoff_free (b);
  simdisk_free (o.seen);
  world_destroy (&w);
}

static void
test_stale_view (void **state)
{
  int with_ticket;

  (void) state;
  for (with_ticket = 0; with_ticket <= 1; with_ticket++) {
    check_stale (1, with_ticket, true);
    check_stale (1000, with_ticket, false);
  }
}

/* Of an image's data file, which is named. */
static void
test_stale_data_file (void **state)
{
  struct stale_opener o = {
    .base = { stale_open }, .data_only = true, .pinned = true,
    .data = simdisk_new (512),
  };
  struct handoff *b;
  struct world w;

  (void) state;
  world_init_with (&w, make_disk (",data_file=d"));
  o.real = w.disk;
  b = new_at (&o.base, "host-b", true);
  refused_saying (b, NULL, "StaleView", "its data file: it is pinned");
  o.pinned = false;
  activate (b, NULL, false);
  handoff_free (b);
  simdisk_free (o.data);
  world_destroy (&w);
}

/* No digest tells of the guest's data. */
static void
test_stale_data (void **state)
{
  struct stale_opener o = {
    .base = { stale_open }, .data_only = true, .pinned = true,
  };
  struct handoff *a, *b;
  struct ticket t;
  struct world w;
  uint64_t before;

  (void) state;
  world_init (&w);
  o.real = w.disk;
  a = new_on (&w, "host-a");
  activate (a, NULL, false);
  assert_int_equal (write_byte (a, NEW, 0), 0);
  t = release (a);
  b = new_at (&o.base, "host-b", true);
  before = simdisk_calls (w.disk, SIMDISK_CHANGES);
  refused (b, &t, "StaleView");
  assert_int_equal (simdisk_calls (w.disk, SIMDISK_CHANGES), before);
  o.pinned = false;
  activate (b, &t, false);
  assert_int_equal (read_byte (b, 0), NEW);
  handoff_free (a);
  handoff_free (b);
  world_destroy (&w);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_stale_view),
    cmocka_unit_test (test_stale_data),
    cmocka_unit_test (test_stale_data_file),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
