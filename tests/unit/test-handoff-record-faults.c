/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A hand-over with ownership records in which something goes wrong: caches
 * that are stale, a failure of every call, a power cut at every write.
 */

#include <config.h>

#include <errno.h>

#include "record-world.h"

/* -- caches ------------------------------------------------------------ */

/* Whoever opens through this sees the file as SEEN is, until the cache is
 * dropped often enough; past the cache, as it is. */
struct stale_opener {
  struct io_opener base;
  struct simdisk *seen, *real;
  unsigned nr_drops;
  unsigned drops_needed;        /* 0: no cache at all */
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

static int
stale_pread (struct io *io, void *buf, size_t len, uint64_t offset,
             struct error *err)
{
  struct stale_io *s = stale_io (io);
  struct io *seen;
  int r;

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
stale_open (struct io_opener *base, const char *name, unsigned flags,
            struct io **ret, struct error *err)
{
  static const struct io_ops ops = {
    .pread = stale_pread, .pwritev = stale_pwritev, .zero = stale_zero,
    .sync = stale_sync, .size = stale_size, .prefetch = stale_prefetch,
    .lock = stale_lock, .unlock = stale_unlock, .close = stale_close,
    .drop_cache = stale_drop,
  };
  struct stale_io *s = calloc (1, sizeof *s);

  (void) name;
  assert_non_null (s);
  s->o = (struct stale_opener *) base;
  s->past = flags & IO_OPEN_PAST_CACHE;
  s->io = simdisk_open (s->o->real, flags & IO_OPEN_WRITE, err);
  s->base = *s->io;
  s->base.ops = &ops;
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

    refused (b, with_ticket ? &t : NULL, "StaleView");
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

/* -- every call fails ---------------------------------------------------- */

struct pair {
  struct world w;
  struct handoff *a, *b;
};

/* A is active and has acknowledged and flushed 0x11. */
static void
pair_init (struct pair *p, struct simdisk *pristine)
{
  world_init_with (&p->w, simdisk_kill (pristine));
  p->a = new_on (&p->w, "host-a");
  p->b = new_on (&p->w, "host-b");
  activate (p->a, NULL, false);
  assert_int_equal (write_byte (p->a, 0x11, 0), 0);
  assert_int_equal (handoff_flush (p->a, NULL), 0);
}

static void
pair_destroy (struct pair *p)
{
  handoff_free (p->a);
  handoff_free (p->b);
  world_destroy (&p->w);
}

static enum handoff_state
state_of (struct handoff *h)
{
  struct handoff_status s;

  handoff_get_status (h, &s);
  return s.state;
}

/* As before: the ticket is good still, and so is the way back. */
static void
check_after_failure (struct pair *p, const struct ticket *t, bool back)
{
  assert_int_equal (state_of (p->b), HANDOFF_INACTIVE);
  if (back)
    activate (p->a, NULL, false);
  else
    activate (p->b, t, false);
  assert_int_equal (read_byte (back ? p->a : p->b, 0), 0x11);
}

static bool
fail_activation (struct simdisk *pristine, uint64_t nth, bool back)
{
  struct ticket t;
  struct pair p;
  bool struck;
  int r;

  pair_init (&p, pristine);
  t = release (p.a);
  simdisk_fail (p.w.disk, SIMDISK_ALL, nth, EIO, false);
  r = handoff_take_over (p.b, &t, false, NULL);
  struck = simdisk_fault_struck (p.w.disk);
  simdisk_fail (p.w.disk, 0, 1, 0, false);
  if (r == -1)
    check_after_failure (&p, &t, back);
  pair_destroy (&p);
  return struck;
}

static void
test_activation_fails (void **state)
{
  struct simdisk *pristine = make_disk ("");
  uint64_t nth = 1;

  (void) state;
  while (fail_activation (pristine, nth, false) &&
         fail_activation (pristine, nth, true))
    nth++;
  print_message ("%llu calls\n", (unsigned long long) nth - 1);
  assert_true (nth > 10);
  simdisk_free (pristine);
}

/* Still active, by the record as well, and nothing is lost; or poisoned, so
 * that it acknowledges nothing that a successor might not see. */
static void
check_still_active (struct pair *p)
{
  struct ticket t;

  assert_int_equal (state_of (p->a), HANDOFF_ACTIVE);
  if (write_byte (p->a, 0x22, 4096) == -1)
    return;
  check_record (&p->w, RECORD_HELD, 1, "host-a");
  t = release (p->a);
  activate (p->b, &t, false);
  assert_int_equal (read_byte (p->b, 0), 0x11);
  assert_int_equal (read_byte (p->b, 4096), 0x22);
}

static bool
fail_inactivation (struct simdisk *pristine, uint64_t nth, bool forever,
                   uint64_t *nr_alive)
{
  struct pair p;
  bool struck;
  int r;

  pair_init (&p, pristine);
  simdisk_fail (p.w.disk, SIMDISK_ALL, nth, EIO, forever);
  r = handoff_inactivate (p.a, 0, NULL);
  struck = simdisk_fault_struck (p.w.disk);
  simdisk_fail (p.w.disk, 0, 1, 0, false);
  if (r == 0)
    check_record (&p.w, RECORD_RELEASED, 1, "host-a");
  else {
    check_still_active (&p);
    *nr_alive += state_of (p.b) == HANDOFF_ACTIVE;
  }
  pair_destroy (&p);
  return struck;
}

static void
test_inactivation_fails (void **state)
{
  struct simdisk *pristine = make_disk ("");
  uint64_t nth = 1, nr_alive = 0;

  (void) state;
  while (fail_inactivation (pristine, nth, false, &nr_alive) &&
         fail_inactivation (pristine, nth, true, &nr_alive))
    nth++;
  print_message ("%llu calls, %llu times alive\n",
                 (unsigned long long) nth - 1, (unsigned long long) nr_alive);
  assert_true (nth > 5);
  assert_true (nr_alive > 0);
  simdisk_free (pristine);
}

/* -- power cuts -------------------------------------------------------- */

/* Whoever the record names can start again, without force, and has it all. */
static void
check_left (struct simdisk *left)
{
  struct world w;
  struct handoff *h;
  struct io *io = simdisk_open (left, 0, NULL);
  struct view v;

  assert_int_equal (view_read_header (io, &v, NULL), 0);
  io_close (io);
  world_init_with (&w, left);
  h = new_on (&w, v.found == RECORD_VALID ? v.record.host : "host-a");
  activate (h, NULL, false);
  assert_int_equal (read_byte (h, 0), 0x11);
  handoff_free (h);
  view_clear (&v);
  world_destroy (&w);
}

static void
cut_power (void *opaque, const struct simdisk_event *e)
{
  uint64_t seed;

  (void) opaque;
  for (seed = 1; seed <= 8; seed++)
    check_left (simdisk_crash (e->disk, seed));
}

/* Of every crash: what was promised is durable. */
static void
check_durable (struct world *w, enum record_state state, uint64_t epoch,
               const char *host)
{
  uint64_t seed;

  for (seed = 1; seed <= 16; seed++) {
    struct world left = { .disk = simdisk_crash (w->disk, seed) };

    check_record (&left, state, epoch, host);
    simdisk_free (left.disk);
  }
}

static void
test_power_cuts (void **state)
{
  struct simdisk *pristine = make_disk ("");
  struct ticket t;
  struct pair p;

  (void) state;
  pair_init (&p, pristine);
  check_durable (&p.w, RECORD_HELD, 1, "host-a");
  simdisk_trace (p.w.disk, cut_power, NULL);
  t = release (p.a);
  check_durable (&p.w, RECORD_RELEASED, 1, "host-a");
  activate (p.b, &t, false);
  check_durable (&p.w, RECORD_HELD, 2, "host-b");
  release (p.b);
  simdisk_trace (p.w.disk, NULL, NULL);
  pair_destroy (&p);
  simdisk_free (pristine);
}

/* -- the order ----------------------------------------------------------- */

struct order {
  struct simdisk *disk;
  unsigned nr_records;
};

/* While the record is being written nobody else can have the lock. */
static void
watch_lock (void *opaque, const struct simdisk_event *e)
{
  struct order *o = opaque;
  struct io *io;

  if (e->kind != SIMDISK_WRITE || e->len_bytes != RECORD_BYTES)
    return;
  io = simdisk_open (o->disk, IO_OPEN_WRITE, NULL);
  assert_int_equal (io_lock (io, LOCK_WRITER, NULL), -1);
  io_close (io);
  assert_true (e->flags & IO_DSYNC);
  o->nr_records++;
}

static void
test_locked_while_writing (void **state)
{
  struct simdisk *pristine = make_disk ("");
  struct ticket t;
  struct order o;
  struct pair p;

  (void) state;
  pair_init (&p, pristine);
  o = (struct order) { .disk = p.w.disk };
  simdisk_trace (p.w.disk, watch_lock, &o);
  t = release (p.a);
  activate (p.b, &t, false);
  simdisk_trace (p.w.disk, NULL, NULL);
  /* Each is begun, visible and durable. */
  assert_int_equal (o.nr_records, 2 * 3);
  pair_destroy (&p);
  simdisk_free (pristine);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_stale_view),
    cmocka_unit_test (test_activation_fails),
    cmocka_unit_test (test_inactivation_fails),
    cmocka_unit_test (test_power_cuts),
    cmocka_unit_test (test_locked_while_writing),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
