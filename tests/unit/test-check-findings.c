/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Each kind of damage that baton check finds, and in which words it tells of
 * it; and what it cannot repair.  Numbers: tests/test-check.sh.
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

#include <cmocka.h>

#include "check.h"
#include "poked-image.h"

#define CREATE(options) \
  "qemu-img create -q -f qcow2 -o cluster_size=4k" options " t.qcow2 256k; " \
  "qemu-io -f qcow2 -c 'write 0 200k' t.qcow2"
#define PLAIN CREATE ("")
#define COMPRESSED PLAIN "; qemu-io -f qcow2 -c 'write -c 200k 4k' t.qcow2"
#define EXTENDED \
  "qemu-img create -q -f qcow2 -o cluster_size=16k,extended_l2=on t.qcow2 1M;" \
  " qemu-io -f qcow2 -c 'write 0 200k' t.qcow2"
#define ZEROS EXTENDED "; qemu-io -f qcow2 -c 'write -z 512k 32k' t.qcow2"
#define SNAPSHOT PLAIN "; qemu-img snapshot -c one t.qcow2"
#define BITMAP PLAIN "; qemu-img bitmap --add t.qcow2 b0"

#define COPIED (UINT64_C (1) << 63)
#define RESERVED (UINT64_C (1) << 57)
#define FAR (UINT64_C (1) << 40)
#define LAST UINT64_C (0xfffffffffffff000)
#define COMPRESSED_BIT (UINT64_C (1) << 62)
#define DIRTY 1
#define INCOMPAT 72
#define DATA_FILE 4

struct finding {
  const char *create;
  struct change changes[MAX_CHANGES];
  enum check_repair repair;
  const char *text;             /* with which a line begins */
};

static const struct finding findings[] = {
  { PLAIN, { { REFCOUNT_TABLE, 0, 8, 1, FLIP } }, CHECK_REPAIR_NONE,
    "ERROR refcount block 0 has reserved bits set" },
  { PLAIN, { { REFCOUNT_TABLE, 0, 8, 512, FLIP } }, CHECK_REPAIR_NONE,
    "ERROR refcount block 0 is not cluster aligned; refcount table entry "
    "corrupted" },
  { PLAIN, { { REFCOUNT_TABLE, 0, 8, FAR, SET } }, CHECK_REPAIR_NONE,
    "ERROR refcount block 0 is outside image" },
  { PLAIN, { { REFCOUNT_TABLE, 0, 8, 4096, SET } }, CHECK_REPAIR_NONE,
    "ERROR refcount block 0 refcount=2" },
  { PLAIN, { { L1_TABLE, 0, 8, RESERVED, FLIP } }, CHECK_REPAIR_NONE,
    "ERROR found L1 entry with reserved bits set: " },
  { PLAIN, { { L1_TABLE, 0, 8, 512, FLIP } }, CHECK_REPAIR_NONE,
    "ERROR l2_offset=" },
  { PLAIN, { { L2_TABLE, 8, 8, RESERVED, FLIP } }, CHECK_REPAIR_NONE,
    "ERROR found l2 entry with reserved bits set: " },
  { PLAIN, { { L2_TABLE, 8, 8, 512, FLIP } }, CHECK_REPAIR_NONE,
    "ERROR offset=" },
  { PLAIN, { { L2_TABLE, 8, 8, FAR | COPIED, SET } }, CHECK_REPAIR_NONE,
    "ERROR: counting reference for region exceeding the end of the file by one "
    "cluster or more: offset 0x10000000000 size 0x1000" },
  { CREATE (",refcount_bits=1"), { { L2_TABLE, 8, 8, 4096, SET } },
    CHECK_REPAIR_NONE, "ERROR: overflow cluster offset=0x1000: more references "
    "than a refcount of 1 bits can count; convert the image" },
  { COMPRESSED, { { L2_TABLE, 400, 8, COPIED, FLIP } }, CHECK_REPAIR_NONE,
    "ERROR: coffset=0x" },
  { COMPRESSED, { { L2_TABLE, 400, 8, COPIED, FLIP } }, CHECK_REPAIR_ALL,
    "Repairing OFLAG_COPIED compressed cluster: entry=c" },
  { COMPRESSED, { { HEADER, INCOMPAT, 8, DATA_FILE, FLIP } },
    CHECK_REPAIR_NONE, "ERROR compressed cluster with data file, entry=0x4" },
  { EXTENDED "; qemu-io -f qcow2 -c 'write -c 256k 16k' t.qcow2",
    { { L2_TABLE, 264, 8, 1, SET } }, CHECK_REPAIR_NONE,
    "ERROR compressed cluster with non-zero subcluster allocation bitmap, "
    "entry=0x4" },
  { EXTENDED, { { L2_TABLE, 8, 8, UINT64_MAX, SET } }, CHECK_REPAIR_NONE,
    "ERROR offset=" },
  { EXTENDED, { { L2_TABLE, 0, 8, 0, SET } }, CHECK_REPAIR_NONE,
    "ERROR: Unallocated cluster has non-zero subcluster allocation map" },
  { PLAIN, { { L1_TABLE, 0, 8, FAR | COPIED, SET } }, CHECK_REPAIR_NONE,
    "ERROR: counting reference for region exceeding the end of the file by one "
    "cluster or more: offset 0x10000000000 size 0x1000" },
  { SNAPSHOT, { { SNAPSHOT_TABLE, 0, 8, LAST, SET },
                { SNAPSHOT_TABLE, 8, 4, 512, SET } }, CHECK_REPAIR_NONE,
    "ERROR: counting reference for region exceeding the end of the file by one "
    "cluster or more: offset 0xfffffffffffff000 size 0x1000" },
  { SNAPSHOT, { { SNAPSHOT_TABLE, 0, 8, 512, FLIP } }, CHECK_REPAIR_NONE,
    "ERROR snapshot 1 l1_offset=0x" },
  { SNAPSHOT, { { SNAPSHOT_TABLE, 8, 4, 0x7fffffff, SET } }, CHECK_REPAIR_NONE,
    "ERROR snapshot 1 l1_size=2147483647: L1 table is too large; snapshot "
    "table entry corrupted" },
  { BITMAP, { { BITMAP_TABLE, 0, 8, RESERVED, SET } }, CHECK_REPAIR_NONE,
    "ERROR bitmap b0: table entry 0 is corrupted" },
  { PLAIN, { { REFCOUNT_TABLE, 0, 8, FAR, SET } }, CHECK_REPAIR_ALL,
    "Rebuilding refcount structure" },
  { PLAIN, { { REFCOUNT_TABLE, 0, 8, 1, FLIP } }, CHECK_REPAIR_ALL,
    "Rebuilding refcount structure" },
  /* The whole of the table is behind the end. */
  { PLAIN, { { HEADER, 48, 8, 1 << 24, SET } }, CHECK_REPAIR_ALL,
    "Rebuilding refcount structure" },
  /* Cluster 3 is the L1 table: a guest's cluster, too, it is not repaired. */
  { PLAIN, { { L1_TABLE, 0, 8, COPIED, FLIP },
             { L2_TABLE, 8, 8, 0x3000, SET } }, CHECK_REPAIR_ALL,
    "ERROR OFLAG_COPIED L2 table: entry=" },
};

/* How lines that begin like others go on. */
static const char *const ends[] = {
  ": Table is not cluster aligned; L1 entry corrupted",
  ": cluster is not properly aligned; L2 entry corrupted",
  ": copied flag must never be set for compressed clusters",
  ": Allocated cluster has corrupted subcluster allocation bitmap",
  ": L1 table is not cluster aligned; snapshot table entry corrupted",
};

struct search {
  const char *text;
  bool found;
  bool ends[sizeof ends / sizeof ends[0]];
  char first[512];
};

static bool
is_end (const char *line, const char *end)
{
  const size_t n = strlen (line), m = strlen (end);

  return n >= m && strcmp (line + n - m, end) == 0;
}

static void
look_at (void *opaque, const char *line)
{
  struct search *s = opaque;
  size_t i;

  if (s->first[0] == '\0')
    snprintf (s->first, sizeof s->first, "%s", line);
  if (strncmp (line, s->text, strlen (s->text)) != 0)
    return;
  s->found = true;
  for (i = 0; i < sizeof ends / sizeof ends[0]; ++i)
    s->ends[i] = s->ends[i] || is_end (line, ends[i]);
}

static int
check_into (struct simdisk *d, enum check_repair repair, struct search *s,
            struct check_result *ret, struct error *err)
{
  const struct check_options options = {
    .repair = repair, .finding = look_at, .opaque = s,
  };
  struct io *io = simdisk_open (d, IO_OPEN_WRITE, NULL);
  const int r = check_image (io, &options, ret, err);

  io_close (io);
  return r;
}

static int
check (struct simdisk *d, enum check_repair repair, struct search *s,
       struct error *err)
{
  struct check_result result;

  return check_into (d, repair, s, &result, err);
}

static void
test_each_finding (void **state)
{
  struct search s = { .found = false };
  size_t i;

  (void) state;
  for (i = 0; i < sizeof findings / sizeof findings[0]; ++i) {
    const struct finding *f = &findings[i];
    struct simdisk *d = poked_image (f->create, f->changes);
    struct error err = ERROR_INIT;

    s.text = f->text;
    s.found = false;
    s.first[0] = '\0';
    check (d, f->repair, &s, &err);
    if (!s.found)
      fail_msg ("%s: not told, but %s (%s)", f->text, s.first, err.text);
    simdisk_free (d);
  }
  for (i = 0; i < sizeof ends / sizeof ends[0]; ++i)
    if (!s.ends[i])
      fail_msg ("%s: not told", ends[i]);
}

/* -- what is left --------------------------------------------------------- */

/* After a repair of everything. */
struct left {
  const char *create;
  struct change changes[MAX_CHANGES];
  unsigned corruptions;         /* that are left; MANY: some */
  unsigned fixed;
  bool dirty;                   /* the bit is there still */
  uint64_t kept, kept_bytes;    /* of the file: not written to */
};
#define MANY 1000

static const struct left lefts[] = {
  { ZEROS, { { HEADER, INCOMPAT, 8, 16 | DIRTY, SET } }, 0, 0, false, 0, 0 },
  /* Clusters of a data file, of which the first is at offset 0. */
  { "qemu-img create -q -f qcow2 -o cluster_size=4k,data_file=d t.qcow2 256k; "
    "qemu-io -f qcow2 -c 'write 0 200k' -c 'write -z 208k 4k' t.qcow2",
    { { L2_TABLE, 8, 8, COPIED, FLIP },
      { HEADER, INCOMPAT, 8, DATA_FILE | DIRTY, SET } }, 0, 1, false, 0, 0 },
  /* A file of more clusters than its refcount table has room for. */
  { "qemu-img create -q -f qcow2 -o cluster_size=512 t.qcow2 256k; "
    "qemu-io -f qcow2 -c 'write 0 200k' t.qcow2; truncate -s 9M t.qcow2",
    { { HEADER, INCOMPAT, 8, DIRTY, SET } }, 0, 0, false, 0, 0 },
  /* Reserved bits stay, and so does the dirty bit. */
  { PLAIN, { { L2_TABLE, 8, 8, RESERVED, FLIP },
             { HEADER, INCOMPAT, 8, DIRTY, SET } }, 1, 0, true, 0, 4096 },
  /* A table that is a guest's cluster, too, is not written to, though COPIED
   * of a compressed cluster is wrong there. */
  { COMPRESSED, { { L2_TABLE, 400, 8, COPIED, FLIP },
                  { L2_TABLE, 8, 8, 0x4000, SET },
                  { HEADER, INCOMPAT, 8, DIRTY, SET } }, 1, 2, true,
    0x4000, 4096 },
  /* Nor is one that is not aligned. */
  { PLAIN, { { L1_TABLE, 0, 8, 512, FLIP },
             { HEADER, INCOMPAT, 8, DIRTY, SET } }, MANY, 0, true,
    0x4200, 4096 },
  /* Nor the header, where an L1 entry leads there. */
  { PLAIN, { { L1_TABLE, 0, 8, COPIED, SET },
             { HEADER, 88, 8, COPIED | COMPRESSED_BIT, SET },
             { HEADER, INCOMPAT, 8, DIRTY, SET } }, MANY, 3, true, 0, 4096 },
};

static bool
is_dirty (struct simdisk *d)
{
  struct io *io = simdisk_open (d, 0, NULL);
  uint8_t be[8];

  assert_int_equal (io_pread (io, be, sizeof be, INCOMPAT, NULL), 0);
  io_close (io);
  return be[7] & DIRTY;
}

static void
read_kept (struct simdisk *d, const struct left *l, uint8_t *ret)
{
  struct io *io = simdisk_open (d, 0, NULL);

  assert_int_equal (io_pread (io, ret, l->kept_bytes, l->kept, NULL), 0);
  io_close (io);
}

static void
check_rest (const struct left *l, struct simdisk *d)
{
  struct search s = { .text = "ERROR" };
  struct error err = ERROR_INIT;
  uint8_t before[4096], after[4096];
  struct check_result r;

  read_kept (d, l, before);
  if (check_into (d, CHECK_REPAIR_ALL, &s, &r, &err) == -1)
    fail_msg ("%s", err.text);
  if (l->corruptions == MANY)
    assert_true (r.corruptions > 0);
  else
    assert_int_equal (r.corruptions, l->corruptions);
  assert_int_equal (r.corruptions_fixed, l->fixed);
  assert_int_equal (r.check_errors, 0);
  assert_int_equal (is_dirty (d), l->dirty);
  read_kept (d, l, after);
  assert_memory_equal (after, before, l->kept_bytes);
}

static void
test_each_rest (void **state)
{
  size_t i;

  (void) state;
  for (i = 0; i < sizeof lefts / sizeof lefts[0]; ++i) {
    struct simdisk *d = poked_image (lefts[i].create, lefts[i].changes);

    check_rest (&lefts[i], d);
    simdisk_free (d);
  }
}

/* -- what cannot be done ------------------------------------------------ */

static void
cannot (struct simdisk *d, enum check_repair repair, int errnum,
        const char *text)
{
  struct search s = { .text = "ERROR" };
  struct error err = ERROR_INIT;
  const uint64_t before = simdisk_sum (d);

  assert_int_equal (check (d, repair, &s, &err), -1);
  assert_true (simdisk_sum (d) == before);
  if (err.errnum != errnum || !strstr (err.text, text))
    fail_msg ("\"%s\" is not in \"%s\" (%d)", text, err.text, err.errnum);
  simdisk_free (d);
}

static void
refused (struct simdisk *d, int errnum, const char *text)
{
  cannot (d, CHECK_REPAIR_ALL, errnum, text);
}

static void
test_refused (void **state)
{
  static const struct change changes[][MAX_CHANGES] = {
    { { HEADER, 0, 4, 0x4c554b53, SET } }, { { HEADER, 4, 4, 9, SET } },
    { { REFCOUNT_TABLE, 0, 8, FAR, SET } },
  };

  (void) state;
  refused (poked_image (PLAIN, changes[0]), ENOTSUP,
           "not a qcow2 image, and only those can be checked");
  refused (poked_image (PLAIN, changes[1]), ENOTSUP, "version 9");
  cannot (poked_image (PLAIN, changes[2]), CHECK_REPAIR_LEAKS, EIO,
          "the refcount table is damaged, and leaks cannot be told from it; "
          "repair all, which makes a new one");
}

/* A byte behind as many clusters as can be compared. */
static void
test_too_many (void **state)
{
  static const struct change none[MAX_CHANGES] = { { NOWHERE, 0, 0, 0, SET } };
  struct simdisk *d = poked_image (
    "qemu-img create -q -f qcow2 -o cluster_size=512 t.qcow2 256k", none);
  struct io *io = simdisk_open (d, IO_OPEN_WRITE, NULL);

  (void) state;
  assert_int_equal (io_pwrite (io, "x", 1, FAR - 512, IO_DSYNC, NULL), 0);
  io_close (io);
  refused (d, EFBIG, "the file has 2147483648 clusters, at most 2147483647 can "
           "be checked");
}

/* Its tables, and the refcount table that is to be made, have no place. */
static void
test_full_device (void **state)
{
  static const struct change changes[MAX_CHANGES] = {
    { REFCOUNT_TABLE, 0, 8, FAR, SET },
  };
  struct simdisk *file = poked_image (
    "qemu-img create -q -f qcow2 -o cluster_size=512 t.qcow2 256k; "
    "qemu-io -f qcow2 -c 'write 0 256k' t.qcow2", changes);
  struct io *from = simdisk_open (file, 0, NULL), *to;
  struct simdisk *device;
  uint64_t size;
  uint8_t *buf;

  (void) state;
  assert_int_equal (io_size (from, &size, NULL), 0);
  size &= ~UINT64_C (511);
  buf = malloc (size);
  assert_non_null (buf);
  device = simdisk_new_device (512, size, 0);
  to = simdisk_open (device, IO_OPEN_WRITE, NULL);
  assert_int_equal (io_pread (from, buf, size, 0, NULL), 0);
  assert_int_equal (io_pwrite (to, buf, size, 0, IO_DSYNC, NULL), 0);
  io_close (from);
  io_close (to);
  free (buf);
  simdisk_free (file);
  refused (device, ENOSPC,
           " adjacent clusters are free on this device for a new refcount "
           "table");
}

/* A snapshot's L1 table begins where one could believe it, and is long. */
static void
test_truncated (void **state)
{
  static const struct change changes[MAX_CHANGES] = {
    { REFCOUNT_TABLE, 0, 8, FAR, SET },
    { SNAPSHOT_TABLE, 0, 8, UINT64_C (64) << 20, SET },
    { SNAPSHOT_TABLE, 8, 4, 4 << 20, SET },
  };

  (void) state;
  refused (poked_image (SNAPSHOT, changes), EIO,
           "a new refcount table would be put where something should be that "
           "is behind the end of the file: the image is truncated");
}

/* Which table could not be read is told. */
static void
test_read_errors (void **state)
{
  static const struct change none[MAX_CHANGES] = { { NOWHERE, 0, 0, 0, SET } };
  struct simdisk *d = poked_image (PLAIN, none);
  bool l1 = false, l2 = false, struck;
  uint64_t nth = 0;

  (void) state;
  do {
    struct search s = { .text = "ERROR" };
    struct error err = ERROR_INIT;

    simdisk_fail (d, SIMDISK_READ, ++nth, EIO, false);
    check (d, CHECK_REPAIR_NONE, &s, &err);
    struck = simdisk_fault_struck (d);
    l1 |= strncmp (err.text, "L1 table at 0x", 14) == 0;
    l2 |= strncmp (err.text, "L2 table at 0x", 14) == 0;
  } while (struck);
  assert_true (l1);
  assert_true (l2);
  simdisk_free (d);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_each_finding),
    cmocka_unit_test (test_each_rest),
    cmocka_unit_test (test_refused),
    cmocka_unit_test (test_too_many),
    cmocka_unit_test (test_full_device),
    cmocka_unit_test (test_truncated),
    cmocka_unit_test (test_read_errors),
  };

  if (system ("command -v qemu-img >/dev/null && command -v qemu-io "
              ">/dev/null") != 0)
    return 77;
  return cmocka_run_group_tests (tests, NULL, NULL);
}
