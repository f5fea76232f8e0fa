/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The life of a handoff in which one call for memory, or one of the disk,
 * fails: for each such call of each step, for several kinds of images.  The
 * step says so, and can be done again; and at the end the data and the record
 * are as if nothing had been.
 */

#include <config.h>

#include <errno.h>

#include "check.h"
#include "failing-calls.h"
#include "poked-image.h"
#include "record-world.h"

#define NEW_IMAGE "qemu-img create -q -f qcow2 -o cluster_size=4k"
#define BITMAPPED \
  NEW_IMAGE " t.qcow2 1M; qemu-img bitmap --add -g 512 t.qcow2 b0; " \
  "qemu-io -f qcow2 -c 'write 64k 4k' t.qcow2; " \
  "qemu-img bitmap --add t.qcow2 b1"
#define SNAPSHOT \
  NEW_IMAGE " t.qcow2 1M; qemu-io -f qcow2 -c 'write -P 0 0 4k' t.qcow2; " \
  "qemu-img snapshot -c one t.qcow2"

static const struct change none[1] = { { .place = NOWHERE } };

static const struct kind {
  const char *name, *create;
  bool plain;                   /* no record is kept */
  bool stale;
  const char *snapshot;         /* then it is only read */
  const char *data_file;        /* given by the user */
  bool thorough;                /* failures for ever, too */
  unsigned least;               /* failures for memory that were told */
} kinds[] = {
  { "bitmaps", BITMAPPED, .thorough = true, .least = 60 },
  { "plain", NEW_IMAGE " t.qcow2 1M", .plain = true, .least = 40 },
  { "large header", "qemu-img create -q -f qcow2 -o cluster_size=128k t.qcow2 "
    "1M", .least = 40 },
  { "backed by other files", "qemu-img create -q -f qcow2 base 1M; " NEW_IMAGE
    ",data_file=data -b base -F qcow2 t.qcow2", .thorough = true, .least = 60 },
  { "data file given", NEW_IMAGE ",data_file=data t.qcow2 1M",
    .data_file = "/data", .least = 60 },
  { "stale", NEW_IMAGE " t.qcow2 1M", .stale = true, .least = 40 },
  { "snapshot", SNAPSHOT, .snapshot = "one", .least = 20 },
};
#define NR_KINDS (sizeof kinds / sizeof kinds[0])

enum step {
  NEW, READ, INVALIDATE, ACTIVATE, WRITE, FLUSH, RELEASE, TAKE_BACK, NR_STEPS
};

struct life {
  const struct kind *kind;
  struct world w;
  struct simdisk *data, *base;
  struct handoff *h;
  bool has_ticket;
  struct ticket ticket;         /* of its own release */
};

static void
begin (struct life *l, const struct kind *k, struct simdisk *pristine,
       struct simdisk *base)
{
  *l = (struct life) { .kind = k, .data = simdisk_new (512) };
  world_init_with (&l->w, simdisk_kill (pristine));
  l->base = simdisk_kill (base);
  simdisk_opener_put (&l->w.opener, "/data", l->data);
  simdisk_opener_put (&l->w.opener, "/base", l->base);
}

static void
end (struct life *l)
{
  handoff_free (l->h);
  world_destroy (&l->w);
  simdisk_free (l->data);
  simdisk_free (l->base);
}

static int
new_handoff (struct life *l, struct error *err)
{
  const struct handoff_config config = {
    .path = PATH, .host = "host-a", .recorded = !l->kind->plain,
    .read_only = l->kind->snapshot, .stale_for_tests = l->kind->stale,
    .options = {
      .opener = &l->w.opener.base, .backing = BACKING_ON,
      .data_file = BACKING_ON, .snapshot = l->kind->snapshot,
      .data_file_path = l->kind->data_file,
    },
  };

  return handoff_new (&config, &l->h, err);
}

static int
read_inactive (struct life *l, struct error *err)
{
  uint8_t buf[512] = { 0xff };

  if (handoff_read_inactive (l->h, buf, sizeof buf, 0, err) == -1)
    return -1;
  assert_int_equal (buf[0], 0);
  return 0;
}

static int
write_one (struct life *l, struct error *err)
{
  struct image *img;
  uint8_t buf[512];
  int r;

  if (l->kind->snapshot)
    return 0;
  assert_int_equal (handoff_admit (l->h, REQUEST_WRITE, &img, err), ADMITTED);
  memset (buf, 0x22, sizeof buf);
  r = image_write (img, buf, sizeof buf, 4096, 0, err);
  handoff_leave (l->h);
  return r;
}

static int
do_step (struct life *l, enum step step, struct error *err)
{
  switch (step) {
  case NEW: return new_handoff (l, err);
  case READ: return read_inactive (l, err);
  case INVALIDATE: return handoff_invalidate (l->h, err);
  case ACTIVATE: return handoff_take_over (l->h, NULL, false, err);
  case WRITE: return write_one (l, err);
  case FLUSH: return handoff_flush (l->h, err);
  case RELEASE: return handoff_release (l->h, 0, &l->has_ticket, &l->ticket,
                                        err);
  default: return handoff_take_over (l->h, l->has_ticket ? &l->ticket : NULL,
                                     false, err);
  }
}

#define LEAST_OF_DISK 8

enum fault {
  MEMORY_ONCE, MEMORY_FOR_EVER, DISK_ONCE, DISK_FOR_EVER, NR_FAULTS
};

static const struct {
  const char *name;
  int errnum;
} faults[NR_FAULTS] = {
  { "no memory", ENOMEM }, { "no memory any more", ENOMEM },
  { "an error of the disk", EIO }, { "a broken disk", EIO },
};

static void
arm (struct life *l, enum fault fault, unsigned nth)
{
  if (fault == MEMORY_ONCE)
    fail_call (nth);
  else if (fault == MEMORY_FOR_EVER)
    fail_calls_from (nth);
  else
    simdisk_fail (l->w.disk, SIMDISK_ALL, nth, EIO, fault == DISK_FOR_EVER);
}

static bool
disarm (struct life *l)
{
  const bool memory = fail_call_struck ();
  const bool disk = simdisk_fault_struck (l->w.disk);

  fail_call (0);
  simdisk_fail (l->w.disk, 0, 1, 0, false);
  return memory || disk;
}

/* What the fault has cost may be a leak, and nothing else. */
static void
check_left (struct life *l)
{
  const struct check_options options = { .repair = CHECK_REPAIR_NONE };
  const bool recorded = !l->kind->plain && !l->kind->snapshot;
  struct io *io = simdisk_open (l->w.disk, 0, NULL);
  struct error err = ERROR_INIT;
  struct handoff_status status;
  struct check_result r;

  assert_int_equal (l->has_ticket, recorded);
  handoff_get_status (l->h, &status);
  if (recorded) {
    /* An activation that failed has left a record that nobody held. */
    assert_in_range (status.ownership.record.epoch, 2, 3);
    check_record (&l->w, RECORD_HELD, status.ownership.record.epoch, "host-a");
  }
  if (!l->kind->snapshot)
    assert_int_equal (read_byte (l->h, 4096), 0x22);
  assert_int_equal (read_byte (l->h, 0), 0);
  if (handoff_inactivate (l->h, 0, &err) == -1)
    fail_msg ("%s: %s", l->kind->name, err.text);
  if (check_image (io, &options, &r, &err) == -1)
    fail_msg ("%s: %s", l->kind->name, err.text);
  assert_int_equal (r.corruptions + r.check_errors, 0);
  io_close (io);
}

/* Where GnuTLS has no memory it is EIO. */
static bool
is_told (enum fault fault, const struct error *err)
{
  return err->errnum == faults[fault].errnum ? err->text[0] != '\0'
    : fault < DISK_ONCE &&
      (strstr (err->text, "a digest: Internal error in memory allocation") ||
       strstr (err->text, "a digest: GnuTLS failed"));
}

/* A life in which the NTH call of step FAULTY fails; whether there was one. */
static bool
fail_nth (struct life *l, enum step faulty, enum fault fault, unsigned nth,
          unsigned *nr_told)
{
  bool struck = false;
  unsigned step;

  for (step = NEW; step < NR_STEPS; ++step) {
    struct error err = ERROR_INIT, again = ERROR_INIT;
    int r;

    if (step == faulty)
      arm (l, fault, nth);
    r = do_step (l, step, &err);
    if (step == faulty)
      struck = disarm (l);
    if (r == 0)
      continue;
    if (!struck || !is_told (fault, &err))
      fail_msg ("%s: step %u: %s, call %u of step %u, and said is: %s (%d)",
                l->kind->name, step, faults[fault].name, nth, faulty,
                err.text, err.errnum);
    ++*nr_told;
    if (do_step (l, step, &again) == -1)
      fail_msg ("%s: step %u, %s; again: %s", l->kind->name, step, err.text,
                again.text);
  }
  check_left (l);
  return struck;
}

/* What a write or a flush that fails means: test-image-faults.c; a release,
 * and a record that cannot be put back: test-handoff-record-faults.c. */
static bool
is_tested_here (enum step step, enum fault fault)
{
  return fault < DISK_ONCE || step < ACTIVATE ||
    (fault == DISK_ONCE && (step == ACTIVATE || step == TAKE_BACK));
}

static void
fail_each (const struct kind *k, enum fault fault, struct simdisk *pristine,
           struct simdisk *base)
{
  unsigned nr_told = 0, nr = 0, step, nth;
  bool struck;

  for (step = NEW; step < NR_STEPS; ++step)
    for (nth = 1, struck = is_tested_here (step, fault); struck; nth += one_of (4)) {
      struct life l;

      begin (&l, k, pristine, base);
      struck = fail_nth (&l, step, fault, nth, &nr_told);
      nr += struck;
      end (&l);
    }
  print_message ("%s: %s %u times, told %u times\n", k->name,
                 faults[fault].name, nr, nr_told);
  assert_true (nr_told * one_of (6) >=
               (fault < DISK_ONCE ? k->least : LEAST_OF_DISK));
}

static struct simdisk *
make_base (void)
{
  return poked_image ("qemu-img create -q -f qcow2 -o cluster_size=4k t.qcow2 "
                      "1M", none);
}

static void
test_each_call (void **state)
{
  struct simdisk *base = make_base ();
  unsigned fault;
  size_t i;

  (void) state;
  for (i = 0; i < NR_KINDS; ++i) {
    struct simdisk *pristine = poked_image (kinds[i].create, none);

    for (fault = 0; fault < NR_FAULTS; ++fault)
      if (kinds[i].thorough || fault == MEMORY_ONCE || fault == DISK_ONCE)
        fail_each (&kinds[i], fault, pristine, base);
    simdisk_free (pristine);
  }
  simdisk_free (base);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_each_call),
  };

  if (system ("command -v qemu-img >/dev/null && command -v qemu-io "
              ">/dev/null") != 0)
    return 77;
  return cmocka_run_group_tests (tests, NULL, NULL);
}
