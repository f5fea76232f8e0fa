/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Requests as they are rarely made, and to images that are damaged where
 * opening does not look: what is refused, with its text, and that the image
 * then is as it was; what is done all the same.
 */

#include <config.h>

#include <errno.h>

#include "cursor.h"
#include "poked-fixture.h"
#include "qcow2-entry.h"
#include "random.h"

#define EXTENDED CREATE "-o extended_l2=on,cluster_size=16k t.qcow2 256k;" \
  " qemu-io -f qcow2 -c 'write -P 1 0 64k' -c 'write -P 2 -c 240k 16k' " \
  "-c 'write -P 3 64k 1k' t.qcow2"

/* Words of L2 entry INDEX, in the table of L1 entry 0. */
static void
set_entry (struct simdisk *d, uint64_t index, uint32_t bytes, uint64_t entry,
           uint64_t bitmap)
{
  struct io *io = simdisk_open (d, IO_OPEN_WRITE, NULL);
  uint8_t be[16];
  uint64_t table;

  assert_int_equal (io_pread (io, be, 8, 40, NULL), 0);
  assert_int_equal (io_pread (io, be, 8, load_be64 (be), NULL), 0);
  table = load_be64 (be) & QCOW2_ENTRY_OFFSET_MASK;
  store_be64 (be, entry);
  store_be64 (be + 8, bitmap);
  assert_int_equal (io_pwrite (io, be, bytes, table + index * bytes, IO_DSYNC,
                               NULL), 0);
  io_close (io);
}

static uint64_t
l1_offset (struct fixture *f)
{
  return image_header (f->img)->l1_table_offset;
}

/* -- ranges ------------------------------------------------------------- */

static int
no_extent (void *opaque, uint64_t offset, uint64_t len, unsigned type,
           struct error *err)
{
  (void) opaque, (void) offset, (void) len, (void) type;
  return error_set (err, EIO, "called");
}

static void
test_ranges (void **state)
{
  static const uint64_t ranges[][2] = {
    { 1, DISK_BYTES }, { 2, DISK_BYTES - 1 }, { DISK_BYTES + 1, 0 },
    { 2, UINT64_MAX }, { UINT64_MAX, 2 },
  };
  struct fixture f;
  uint64_t sum;
  size_t i;

  (void) state;
  init (&f, PLAIN, none);
  open_writing (&f);
  sum = simdisk_sum (f.disk);
  for (i = 0; i < sizeof ranges / sizeof ranges[0]; ++i) {
    const uint64_t len = ranges[i][0], offset = ranges[i][1];
    struct error err = ERROR_INIT;
    char text[128];

    snprintf (text, sizeof text, "%" PRIu64 " bytes at %" PRIu64 " are beyond "
              "the end of the disk (262144 bytes)", len, offset);
    require (image_read (f.img, NULL, len, offset, &err), &err, EINVAL, text);
    require (image_write (f.img, NULL, len, offset, 0, &err), &err, EINVAL,
             text);
    require (image_zero (f.img, len, offset, 0, &err), &err, EINVAL, text);
    require (image_extents (f.img, len, offset, no_extent, NULL, &err), &err,
             EINVAL, text);
    image_prefetch (f.img, len, offset);
    assert_int_equal (image_zero (f.img, len, offset, 0, NULL), -1);
    assert_int_equal (image_write (f.img, NULL, len, offset, 0, NULL), -1);
  }
  assert_true (sum == simdisk_sum (f.disk));
  destroy (&f);
}

/* -- read-ahead ----------------------------------------------------------- */

static struct { unsigned nr; uint64_t offset, len; } ahead;

static void
note_prefetch (struct io *io, uint64_t offset, uint64_t len)
{
  (void) io;
  ahead.nr++;
  ahead.offset = offset;
  ahead.len += len;
}

/* Of what is in the file, and nothing else. */
static void
test_prefetch (void **state)
{
  struct fixture f;
  struct io_ops ops;

  (void) state;
  init (&f, PLAIN, none);
  open_writing (&f);
  ops = *image_io (f.img)->ops;
  ops.prefetch = note_prefetch;
  image_io (f.img)->ops = &ops;
  image_prefetch (f.img, 100 * K, 64 * K);
  image_prefetch (f.img, 4 * K, 16 * K);
  image_prefetch (f.img, 1, DISK_BYTES);
  assert_int_equal (ahead.nr, 0);
  image_prefetch (f.img, DISK_BYTES, 0);
  assert_int_equal (ahead.nr, 2);
  assert_int_equal (ahead.len, 60 * K);
  set_entry (f.disk, 1, 8, QCOW2_ENTRY_COPIED | 512, 0);
  open_reading (&f);
  image_io (f.img)->ops = &ops;
  memset (&ahead, 0, sizeof ahead);
  image_prefetch (f.img, DISK_BYTES - 100, 100);
  assert_int_equal (ahead.nr, 1);
  assert_int_equal (ahead.len, 4 * K - 100);
  destroy (&f);
}

/* -- damage ------------------------------------------------------------- */

struct damage {
  const char *create;
  uint32_t entry_bytes;
  uint64_t entry, bitmap;
  const char *text;
};

#define ALL UINT64_C (0xffffffff)

/* Entry 1, which no run may go over, and where none begins. */
static void
test_damaged_entries (void **state)
{
  static const struct damage damages[] = {
    { PLAIN, 8, QCOW2_ENTRY_COPIED | 512, 0, "" },
    { EXTENDED, 16, QCOW2_ENTRY_COPIED | 512, ALL, "" },
    { EXTENDED, 16, 0, 1, "subclusters are allocated but the cluster is" },
    { EXTENDED, 16, QCOW2_ENTRY_COPIED | 0x10000, ALL << 32 | 1,
      "a subcluster is allocated and reads zeros" },
  };
  static uint8_t buf[DISK_BYTES];
  size_t i;

  (void) state;
  for (i = 0; i < sizeof damages / sizeof damages[0]; ++i) {
    const struct damage *d = &damages[i];
    const uint64_t size = d->entry_bytes == 8 ? 4 * K : 16 * K;
    struct error err = ERROR_INIT;
    struct fixture f;
    uint64_t sum;
    char text[64];

    init (&f, d->create, none);
    set_entry (f.disk, 1, d->entry_bytes, d->entry, d->bitmap);
    open_writing (&f);
    sum = simdisk_sum (f.disk);
    snprintf (text, sizeof text, "guest offset %" PRIu64 ": L2 entry 0x",
              size);
    require (image_read (f.img, buf, 1, size, &err), &err, EIO, text);
    require (image_read (f.img, buf, 1, size, &err), &err, EIO, d->text);
    require (image_read (f.img, buf, DISK_BYTES, 0, &err), &err, EIO, text);
    require (image_extents (f.img, 1, size, no_extent, NULL, &err), &err, EIO,
             text);
    require (image_write (f.img, buf, 1, size, 0, &err), &err, EIO, text);
    require (image_write (f.img, buf, size, size, 0, &err), &err, EIO, text);
    require (image_zero (f.img, 1, size, 0, &err), &err, EIO, text);
    require (image_zero (f.img, size, size, 0, &err), &err, EIO, text);
    require (image_trim (f.img, size, size, 0, &err), &err, EIO, text);
    require (image_zero (f.img, 512, size + 512, IMAGE_FAST, &err), &err,
             ENOTSUP, "this range cannot be zeroed faster");
    assert_true (sum == simdisk_sum (f.disk));
    require_bytes (&f, 1, size, 0);
    must (image_write (f.img, buf, size, 0, 0, &err), &err);
    must (image_finish (f.img, &err), &err);
    destroy (&f);
  }
}

/* An entry that leads to a table: guest data is not written there, and the
 * table is never freed. */
static void
overlap (const char *create, uint32_t entry_bytes, uint64_t flags,
         uint64_t bitmap)
{
  const uint64_t size = entry_bytes == 8 ? 4 * K : 16 * K;
  uint8_t buf[16 * K], l1[8], found[8];
  struct error err = ERROR_INIT;
  struct fixture f;
  char text[128];

  memset (buf, 9, sizeof buf);
  init (&f, create, none);
  open_reading (&f);
  snprintf (text, sizeof text, "refused to write guest data at host offset %"
            PRIu64, l1_offset (&f));
  set_entry (f.disk, 0, entry_bytes, l1_offset (&f) | flags, bitmap);
  open_writing (&f);
  must (io_pread (image_io (f.img), l1, 8, l1_offset (&f), &err), &err);
  if (flags & QCOW2_ENTRY_COPIED) {
    require (image_write (f.img, buf, 7, 0, 0, &err), &err, EIO, text);
    require (image_write (f.img, buf, 1, size - 1, 0, &err), &err, EIO,
             "refused to write guest data at host offset ");
    require (image_zero (f.img, 7, 0, 0, &err), &err, EIO, text);
  }
  else
    must (image_write (f.img, buf, size, 0, 0, &err), &err);
  if (!(flags & QCOW2_ENTRY_COPIED) || entry_bytes == 16)
    must (image_trim (f.img, size / 2, size / 2, 0, &err), &err);
  must (io_pread (image_io (f.img), found, 8, l1_offset (&f), &err), &err);
  assert_memory_equal (l1, found, 8);
  must (image_trim (f.img, size, 0, 0, &err), &err);
  require_bytes (&f, 0, size, 0);
  require_bytes (&f, 1, size, size);
  must (image_write (f.img, buf, size, 0, 0, &err), &err);
  must (image_finish (f.img, &err), &err);
  open_writing (&f);
  require_bytes (&f, 9, size, 0);
  require_bytes (&f, 1, size, size);
  destroy (&f);
}

static void
test_overlap (void **state)
{
  (void) state;
  overlap (PLAIN, 8, 0, 0);
  overlap (PLAIN, 8, QCOW2_ENTRY_COPIED, 0);
  overlap (EXTENDED, 16, QCOW2_ENTRY_COPIED, ALL);
  overlap (EXTENDED, 16, QCOW2_ENTRY_COPIED, 0xffff);
  overlap (EXTENDED, 16, 0, ALL);
}

/* -- zeroing fast ------------------------------------------------------- */

static void
require_fast (struct fixture *f, uint64_t len, uint64_t offset, bool fast)
{
  struct error err = ERROR_INIT;
  const int r = image_zero (f->img, len, offset, IMAGE_FAST, &err);

  if (!fast)
    require (r, &err, ENOTSUP, "this range cannot be zeroed faster than by "
             "writing zeros");
  else {
    must (r, &err);
    require_bytes (f, 0, len, offset);
  }
}

/* By entries and bits alone. */
static void
test_fast (void **state)
{
  struct error err = ERROR_INIT;
  struct fixture f;

  (void) state;
  init (&f, EXTENDED, none);
  open_writing (&f);
  require_fast (&f, 0, 100, true);
  require_fast (&f, 512, 1024, true);
  require_fast (&f, 512, 1025, false);
  require_fast (&f, 513, 1024, false);
  require_fast (&f, 16 * K, 16 * K, true);
  /* Of the compressed cluster all or nothing. */
  require_fast (&f, 512, 240 * K, false);
  require_fast (&f, 20 * K, 230 * K, false);
  require_fast (&f, 15 * K, 241 * K, false);
  require_fast (&f, 16 * K, 240 * K, true);
  require_fast (&f, 512, DISK_BYTES - 512, true);
  must (image_trim (f.img, 512, 48 * K, IMAGE_FAST, &err), &err);
  require_bytes (&f, 0, 512, 48 * K);
  destroy (&f);
  init (&f, CREATE "-o cluster_size=4k t.qcow2 250k", none);
  open_writing (&f);
  require_fast (&f, 10 * K, 240 * K, true);
  require_fast (&f, 9 * K, 240 * K, false);
  destroy (&f);
  init (&f, CREATE "-o cluster_size=4k,data_file=data,data_file_raw=on "
        "t.qcow2 256k", none);
  f.base = simdisk_new (512);
  simdisk_opener_put (&f.opener, "data", f.base);
  open_writing (&f);
  require_fast (&f, 4 * K, 4 * K, false);
  require_fast (&f, 0, 4 * K, false);
  destroy (&f);
}

/* -- what is shared ------------------------------------------------------- */

/* What a snapshot has, too, is not punched. */
static void
test_shared_subclusters (void **state)
{
  struct error err = ERROR_INIT;
  struct fixture f;

  (void) state;
  init (&f, EXTENDED "; qemu-img snapshot -c one t.qcow2", none);
  open_writing (&f);
  must (image_trim (f.img, 1 * K, 4 * K, 0, &err), &err);
  require_bytes (&f, 0, 1 * K, 4 * K);
  require_bytes (&f, 1, 11 * K, 5 * K);
  must (image_finish (f.img, &err), &err);
  f.options.snapshot = "one";
  open_reading (&f);
  require_bytes (&f, 1, 64 * K, 0);
  destroy (&f);
}

/* -- a backing file that cannot be read for once -------------------------- */

static void
zero_once_unknown (const char *options)
{
  struct error err = ERROR_INIT;
  struct fixture f;
  char line[400];

  snprintf (line, sizeof line, CREATE "%s base 192k; qemu-io -f qcow2 -c "
            "'write 0 4k' base; " CREATE "%s -b base -F qcow2 t.qcow2 256k",
            options, options);
  init (&f, line, none);
  strcat (line, "; mv base t.qcow2");
  f.base = poked_image (line, none);
  simdisk_opener_put (&f.opener, "base", f.base);
  open_writing (&f);
  simdisk_fail (f.base, SIMDISK_READ, 1, EIO, true);
  require (image_zero (f.img, 100, 64 * K + 10, 0, &err), &err, EIO, "");
  /* Not known to read zeros, so it is written; and then it is known. */
  simdisk_fail (f.base, SIMDISK_READ, 1, EIO, false);
  must (image_zero (f.img, 100, 64 * K + 10, 0, &err), &err);
  assert_true (simdisk_fault_struck (f.base));
  require_bytes (&f, 0, 16 * K, 64 * K);
  must (image_finish (f.img, &err), &err);
  destroy (&f);
}

static void
test_unknown_backing (void **state)
{
  (void) state;
  zero_once_unknown ("-o cluster_size=4k");
  zero_once_unknown ("-o extended_l2=on,cluster_size=16k");
}

/* -- compress=on where the disk ends within its last cluster ---------------- */

/* Data that shrink, and data that take more than a cluster, zeros behind the
 * end included. */
static void
test_short_last_cluster (void **state)
{
  enum { AT = 2048 * 1024, SHORT = AT - 512 };
  static uint8_t data[SHORT], back[SHORT];
  struct error err = ERROR_INIT;
  struct random r = { 3 };
  struct fixture f;
  unsigned i, j;

  (void) state;
  for (i = 0; i < 2; ++i) {
    init (&f, CREATE "-o cluster_size=2M t.qcow2 4193792", none);
    f.options.compress = true;
    open_writing (&f);
    assert_int_equal (image_size (f.img), AT + SHORT);
    for (j = 0; j < SHORT; ++j)
      data[j] = i == 0 ? 7 : random_below (&r, 256);
    must (image_write (f.img, data, SHORT, AT, 0, &err), &err);
    must (image_finish (f.img, &err), &err);
    open_reading (&f);
    must (image_read (f.img, back, SHORT, AT, &err), &err);
    assert_memory_equal (data, back, SHORT);
    must (image_read (f.img, back, 512, AT - 512, &err), &err);
    assert_int_equal (back[511], 0);
    destroy (&f);
  }
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_ranges),
    cmocka_unit_test (test_prefetch),
    cmocka_unit_test (test_damaged_entries),
    cmocka_unit_test (test_overlap),
    cmocka_unit_test (test_fast),
    cmocka_unit_test (test_shared_subclusters),
    cmocka_unit_test (test_unknown_backing),
    cmocka_unit_test (test_short_last_cluster),
  };

  if (system ("command -v qemu-img >/dev/null && command -v qemu-io "
              ">/dev/null") != 0)
    return 77;
  return cmocka_run_group_tests (tests, NULL, NULL);
}
