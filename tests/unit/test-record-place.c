/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where the ownership record goes, in headers of every shape that there is,
 * with the power failing before and in the middle of every write: whatever
 * is left of it is the same image to every program, and has the old record
 * or the new one.
 */

#include <config.h>

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

#include "place-fixture.h"

#define NAME_64 "a-name-that-is-exactly-sixty-four-characters-long-in-every-way-0"
#define NAME_320 NAME_64 NAME_64 NAME_64 NAME_64 NAME_64

static const struct shape shapes[] = {
  { "64 KiB clusters", "-o cluster_size=64k x 1M", false },
  { "512 bytes", "-o cluster_size=512 x 64k", false },
  { "1 KiB", "-o cluster_size=1k x 64k", false },
  { "2 MiB", "-o cluster_size=2M x 1M", false },
  { "version 2", "-o compat=0.10,cluster_size=4k x 1M", false },
  { "version 2, 512 bytes", "-o compat=0.10,cluster_size=512 x 64k", false },
  { "short backing name", "-o cluster_size=64k -u -F raw -b base x 1M",
    false },
  { "backing, 1 KiB", "-o cluster_size=1k -u -F raw -b base x 64k", false },
  { "backing, version 2", "-o compat=0.10,cluster_size=4k -u -F raw -b base "
    "x 1M", false },
  { "long backing name", "-o cluster_size=4k -u -F raw -b " NAME_320
    " x 1M", false },
  { "long name, 1 KiB", "-o cluster_size=1k -u -F raw -b " NAME_320
    " x 64k", false },
  { "long name, 512 bytes", "-o cluster_size=512 -u -F raw -b " NAME_320
    " x 64k", true },
  { "data file", "-o cluster_size=4k,data_file=d,data_file_raw=on x 1M",
    false },
};

/* -- power cuts ------------------------------------------------------ */

struct cut {
  struct view before;
  uint64_t old_epoch;           /* 0: there was no record */
  uint64_t new_epoch;
  uint64_t nr_looks;
  unsigned nr_writes;
};

/* What a crash may leave. */
static void
check_left (const struct cut *c, struct simdisk *d)
{
  const char *what;
  struct view v;

  look (d, &v);
  what = view_digest_difference (&v.digests, &c->before.digests);
  if (what)
    fail_msg ("the %s differs after a power cut", what);
  assert_int_equal (v.intact, c->before.intact);
  if (c->old_epoch == 0 && v.found == RECORD_ABSENT) {
    view_clear (&v);
    return;
  }
  assert_int_equal (v.found, RECORD_VALID);
  if (v.record.epoch != c->old_epoch)
    assert_int_equal (v.record.epoch, c->new_epoch);
  view_clear (&v);
}

static void
cut_power (void *opaque, const struct simdisk_event *e)
{
  struct cut *c = opaque;
  uint64_t n, i;

  c->nr_writes += e->phase == SIMDISK_BEGIN;
  if (e->phase == SIMDISK_END)
    return;
  n = simdisk_nr_states (e->disk);
  assert_true (n <= 64);
  for (i = 0; i < n; i++) {
    struct simdisk *left = simdisk_crash_state (e->disk, i);

    check_left (c, left);
    simdisk_free (left);
    c->nr_looks++;
  }
}

static bool
in_one_sector (const struct view *v)
{
  uint8_t data[RECORD_BYTES];
  size_t i;

  record_encode (&v->record, data);
  for (i = 0; i + RECORD_BYTES <= v->cluster_size; i += 8)
    if (memcmp (v->header + i, data, RECORD_BYTES) == 0)
      return i >= 8 &&
        (i - 8) / RECORD_SECTOR_BYTES ==
        (i + RECORD_BYTES - 1) / RECORD_SECTOR_BYTES;
  return false;
}

/* Write EPOCH with the power failing at every point; durable at the end. */
static void
write_watched (struct simdisk *d, uint64_t old_epoch, uint64_t epoch,
               unsigned max_writes)
{
  const struct record r = record_of (epoch);
  struct cut c = { .old_epoch = old_epoch, .new_epoch = epoch };
  struct error err = ERROR_INIT;
  struct view after;

  look (d, &c.before);
  simdisk_trace (d, cut_power, &c);
  if (write_record (d, &r, &err) == -1)
    fail_msg ("%s", err.text);
  simdisk_trace (d, NULL, NULL);
  assert_true (c.nr_writes <= max_writes);
  assert_true (c.nr_looks >= c.nr_writes);
  assert_int_equal (simdisk_nr_states (d), 1);
  look (d, &after);
  assert_int_equal (after.found, RECORD_VALID);
  assert_int_equal (after.record.epoch, epoch);
  assert_true (in_one_sector (&after));
  assert_null (view_digest_difference (&after.digests, &c.before.digests));
  view_clear (&after);
  view_clear (&c.before);
}

static void
refuse (struct simdisk *d)
{
  const struct record r = record_of (1);
  struct error err = ERROR_INIT;
  struct view v;

  assert_int_equal (write_record (d, &r, &err), -1);
  assert_int_equal (err.errnum, ENOSPC);
  assert_string_equal (err.class, "NoRoom");
  if (!strstr (err.text, "there is no room for an ownership record in its "
               "header: the backing file's name fills it; clusters of"))
    fail_msg ("%s", err.text);
  assert_int_equal (simdisk_calls (d, SIMDISK_CHANGES), 0);
  look (d, &v);
  assert_int_equal (v.found, RECORD_ABSENT);
  view_clear (&v);
}

static void
test_every_shape (void **state)
{
  size_t i;

  (void) state;
  for (i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
    struct simdisk *d = make (&shapes[i]);

    print_message ("%s\n", shapes[i].name);
    if (shapes[i].no_room)
      refuse (d);
    else {
      write_watched (d, 0, 1, 4);
      write_watched (d, 1, 2, 1);
      write_watched (d, 2, 3, 1);
    }
    simdisk_free (d);
  }
}

/* -- where another program put it ------------------------------------- */

static void
test_moved (void **state)
{
  static const struct shape shape = { "", "-o cluster_size=4k x 1M", false };
  struct simdisk *pristine = make (&shape);
  uint32_t shift;
  int behind;

  (void) state;
  for (behind = 0; behind <= 1; behind++)
    for (shift = 0; shift <= 1024; shift += 8) {
      struct simdisk *d = simdisk_kill (pristine);

      rewrite_header (d, shift, 7, behind ? 0x12345678 : 0, 40);
      write_watched (d, 7, 8, 4);
      write_watched (d, 8, 9, 1);
      simdisk_free (d);
    }
  simdisk_free (pristine);
}

/* Room for it, or too little, is before the end of the extensions. */
static void
test_moved_before_padding (void **state)
{
  static const struct shape shape = { "", "-o cluster_size=4k x 1M", false };
  struct simdisk *pristine = make (&shape);
  uint32_t shift, bytes;

  (void) state;
  for (shift = 264; shift <= 504; shift += 48)
    for (bytes = 0; bytes <= 320; bytes += 8) {
      struct simdisk *d = simdisk_kill (pristine);

      rewrite_header (d, shift, 7, QCOW2_EXT_BATON_PADDING, bytes);
      write_watched (d, 7, 8, 4);
      write_watched (d, 8, 9, 1);
      simdisk_free (d);
    }
  simdisk_free (pristine);
}

/* -- errors ----------------------------------------------------------- */

static uint64_t
epoch_found (struct simdisk *d)
{
  struct view v;
  uint64_t epoch;

  look (d, &v);
  epoch = v.found == RECORD_VALID ? v.record.epoch : 0;
  view_clear (&v);
  return epoch;
}

/* After each write that fails, the next try succeeds.  Returns how many
 * writes epoch 8 takes. */
static uint64_t
each_write_fails (struct simdisk *pristine)
{
  const uint64_t old_epoch = epoch_found (pristine);
  const struct record r = record_of (8);
  uint64_t nth;

  for (nth = 1;; nth++) {
    struct simdisk *d = simdisk_kill (pristine);
    struct error err = ERROR_INIT;
    uint64_t epoch;
    bool struck;
    int ret;

    simdisk_fail (d, SIMDISK_WRITE, nth, EIO, false);
    ret = write_record (d, &r, &err);
    struck = simdisk_fault_struck (d);
    simdisk_fail (d, 0, 1, 0, false);
    assert_int_equal (ret, struck ? -1 : 0);
    if (struck && !strstr (err.text, "writing the ownership record: "))
      fail_msg ("%s", err.text);
    epoch = epoch_found (d);
    assert_true (epoch == 8 || (struck && epoch == old_epoch));
    write_watched (d, epoch, 9, 4);
    simdisk_free (d);
    if (!struck)
      return nth - 1;
  }
}

static void
test_each_write_fails (void **state)
{
  static const struct shape shape = { "", "-o cluster_size=4k x 1M", false };
  struct simdisk *pristine = make (&shapes[9]);

  (void) state;
  assert_string_equal (shapes[9].name, "long backing name");
  assert_true (each_write_fails (pristine) >= 3);
  simdisk_free (pristine);
  /* With an older record, before something else, that becomes padding. */
  pristine = make (&shape);
  rewrite_header (pristine, 304, 7, 0x12345678, 40);
  assert_int_equal (each_write_fails (pristine), 3);
  simdisk_free (pristine);
}

static void
put_bytes (struct simdisk *d, uint64_t offset, const void *data, size_t len)
{
  struct io *io = open_disk (d);

  assert_int_equal (io_pwrite (io, data, len, offset, IO_DSYNC, NULL), 0);
  io_close (io);
}

/* It is said, and made good by the next write. */
static void
test_damaged (void **state)
{
  static const struct shape shape = { "", "-o cluster_size=4k x 1M", false };
  struct simdisk *d = make (&shape);
  struct view v;

  (void) state;
  rewrite_header (d, 64, 3, 0, 0);
  put_bytes (d, 104 + 8 + 64 + 8 + 20, "\xff", 1);
  look (d, &v);
  assert_int_equal (v.found, RECORD_DAMAGED);
  assert_string_equal (v.why.class, "RecordDamaged");
  view_clear (&v);
  assert_int_equal (write_record (d, &(struct record) {
    .state = RECORD_HELD, .epoch = 1, .host = "h" }, NULL), 0);
  look (d, &v);
  assert_int_equal (v.found, RECORD_VALID);
  assert_int_equal (v.record.epoch, 1);
  view_clear (&v);
  simdisk_free (d);
}

/* A header of LENGTH bytes, then one extension of BYTES. */
static void
refuse_header (uint32_t cluster, uint32_t length, uint32_t bytes,
               const char *text)
{
  static const struct shape plain[] = {
    { "", "-o cluster_size=512 x 64k", false },
    { "", "-o cluster_size=4k x 1M", false },
  };
  struct simdisk *d = make (&plain[cluster == 4096]);
  struct error err = ERROR_INIT;
  uint8_t words[12];

  store_be32 (words, length);
  store_be32 (words + 4, 0x12345678);
  store_be32 (words + 8, bytes);
  put_bytes (d, 100, words, 4);
  put_bytes (d, length, words + 4, 8);
  assert_int_equal (write_record (d, &(struct record) { .host = "h" }, &err),
                    -1);
  assert_string_equal (err.class, "NoRoom");
  if (!strstr (err.text, text))
    fail_msg ("\"%s\" is not in \"%s\"", text, err.text);
  simdisk_free (d);
}

static void
test_no_room (void **state)
{
  (void) state;
  refuse_header (4096, 109, 0, "its length is no multiple of 8 bytes");
  refuse_header (4096, 112, 4096 - 120, "it has no end marker");
  refuse_header (512, 112, 512 - 128, "its clusters are too small");
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_every_shape),
    cmocka_unit_test (test_moved),
    cmocka_unit_test (test_moved_before_padding),
    cmocka_unit_test (test_each_write_fails),
    cmocka_unit_test (test_damaged),
    cmocka_unit_test (test_no_room),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
