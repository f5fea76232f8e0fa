/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A hand-over with ownership records in which something goes wrong: a failure
 * of every call, a write that fails half done, a power cut at every write.
 */

#include <config.h>

#include <errno.h>

#include "qcow2-format.h"
#include "record-world.h"

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

/* TORN: 0, or the seed of what of the write is done all the same. */
static bool
fail_activation (struct simdisk *pristine, uint64_t nth, uint64_t torn,
                 bool back)
{
  struct ticket t;
  struct pair p;
  bool struck;
  int r;

  pair_init (&p, pristine);
  t = release (p.a);
  if (torn)
    simdisk_fail_torn (p.w.disk, nth, EIO, torn, false);
  else
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
  while (fail_activation (pristine, nth, 0, false) &&
         fail_activation (pristine, nth, 0, true))
    nth++;
  print_message ("%llu calls\n", (unsigned long long) nth - 1);
  assert_true (nth > 10);
  simdisk_free (pristine);
}

static void
test_activation_torn (void **state)
{
  struct simdisk *pristine = make_disk ("");
  uint64_t nth = 1, torn;
  bool struck = true;

  (void) state;
  for (; struck; nth++)
    for (struck = false, torn = 1; torn <= 8; torn++)
      struck |= fail_activation (pristine, nth, torn, torn % 2);
  assert_true (nth > 2);
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

/* From the first failed write on, everything fails. */
static void
fail_on (void *opaque, const struct simdisk_event *e)
{
  if (e->phase == SIMDISK_END && e->errnum)
    simdisk_fail (opaque, SIMDISK_ALL, 1, EIO, true);
}

/* A write that fails may have reached the disk all the same; and the old
 * record cannot be put back. */
static bool
fail_inactivation_torn (struct simdisk *pristine, uint64_t nth, uint64_t seed)
{
  struct pair p;
  bool struck;

  pair_init (&p, pristine);
  simdisk_fail_torn (p.w.disk, nth, EIO, seed, false);
  simdisk_trace (p.w.disk, fail_on, p.w.disk);
  struck = handoff_inactivate (p.a, 0, NULL) == -1;
  simdisk_trace (p.w.disk, NULL, NULL);
  simdisk_fail (p.w.disk, 0, 1, 0, false);
  if (struck)
    check_still_active (&p);
  pair_destroy (&p);
  return struck;
}

static void
test_inactivation_torn (void **state)
{
  struct simdisk *pristine = make_disk ("");
  uint64_t nth = 1, seed;
  bool struck = true;

  (void) state;
  for (; struck; nth++)
    for (struck = false, seed = 1; seed <= 8; seed++)
      struck |= fail_inactivation_torn (pristine, nth, seed);
  assert_true (nth > 2);
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

  assert_int_equal (view_read_header (io, NULL, &v, NULL), 0);
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
  unsigned nr_records, nr_durable;
};

/* While the record is being written, and until it is durable, nobody else can
 * have the lock. */
static void
watch_lock (void *opaque, const struct simdisk_event *e)
{
  struct order *o = opaque;
  struct io *io;

  if (e->kind != SIMDISK_SYNC &&
      (e->kind != SIMDISK_WRITE || e->len_bytes != RECORD_BYTES))
    return;
  io = simdisk_open (o->disk, IO_OPEN_WRITE, NULL);
  assert_int_equal (io_lock (io, LOCK_WRITER, NULL), -1);
  io_close (io);
  o->nr_durable += e->flags & IO_DSYNC || e->kind == SIMDISK_SYNC;
  o->nr_records += e->kind == SIMDISK_WRITE;
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
  /* "Released" is begun, visible and durable: what A had allocated and flushed
   * left a pool, whose sync is the record's.  "Held" is durable by itself. */
  assert_int_equal (o.nr_records, 2 + 3);
  assert_int_equal (o.nr_durable, 2 + 3);
  pair_destroy (&p);
  simdisk_free (pristine);
}

/* An autoclear bit that has to go is a write, too. */
static void
note_first (void *opaque, const struct simdisk_event *e)
{
  uint64_t *first = opaque;

  if (e->kind == SIMDISK_WRITE && *first == 0)
    *first = e->len_bytes;
}

static void
test_record_first (void **state)
{
  struct simdisk *pristine = make_disk ("");
  const uint8_t unknown = 0x40;
  uint64_t first = 0;
  struct pair p;
  struct io *io;

  (void) state;
  pair_init (&p, pristine);
  release (p.a);
  io = simdisk_open (p.w.disk, IO_OPEN_WRITE, NULL);
  assert_int_equal (io_pwrite (io, &unknown, 1, QCOW2_HDR_AUTOCLEAR, 0, NULL),
                    0);
  io_close (io);
  simdisk_trace (p.w.disk, note_first, &first);
  activate (p.b, NULL, false);
  simdisk_trace (p.w.disk, NULL, NULL);
  assert_int_equal (first, RECORD_BYTES);
  pair_destroy (&p);
  simdisk_free (pristine);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_activation_fails),
    cmocka_unit_test (test_activation_torn),
    cmocka_unit_test (test_inactivation_fails),
    cmocka_unit_test (test_inactivation_torn),
    cmocka_unit_test (test_power_cuts),
    cmocka_unit_test (test_locked_while_writing),
    cmocka_unit_test (test_record_first),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
