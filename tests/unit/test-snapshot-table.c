/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The snapshot table: every field that is used, every limit from both sides,
 * every refusal with its errno and text.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "checked.h"
#include "simdisk.h"
#include "snapshot-table.h"

#define TABLE UINT64_C (65536)
#define DISK (UINT64_C (1) << 30)

static const struct qcow2_header header = {
  .version = 3, .cluster_bits = 16, .cluster_size = 65536, .l2_bits = 13,
  .virtual_size = DISK, .nr_snapshots = 1, .snapshots_offset = TABLE,
};

struct entry {
  uint64_t l1_offset, disk_size;
  uint32_t nr_l1, extra;
  const char *id, *name;
};

/* Returns its length. */
static size_t
put_entry (uint8_t *p, const struct entry *e)
{
  const size_t id = strlen (e->id), name = strlen (e->name);

  memset (p, 0, 40 + e->extra);
  store_be64 (p, e->l1_offset);
  store_be32 (p + 8, e->nr_l1);
  store_be16 (p + 12, id);
  store_be16 (p + 14, name);
  store_be32 (p + 36, e->extra);
  if (e->extra >= 16)
    store_be64 (p + 48, e->disk_size);
  memcpy (p + 40 + e->extra, e->id, id);
  memcpy (p + 40 + e->extra + id, e->name, name);
  return 40 + e->extra + id + name;
}

static void
refused (int r, const struct error *err, int errnum, const char *text)
{
  assert_int_equal (r, -1);
  assert_int_equal (err->errnum, errnum);
  if (!strstr (err->text, text))
    fail_msg ("\"%s\" has no \"%s\"", err->text, text);
}

static void
test_decode (void **state)
{
  const struct entry e = { 0x30000, 4096 + 100, 7, 24, "12", "a name" };
  struct error err = ERROR_INIT;
  uint8_t buf[2048];
  struct snapshot s;
  struct cursor c;
  size_t len = put_entry (buf, &e), cut;

  (void) state;
  cursor_init (&c, buf, len);
  assert_int_equal (snapshot_decode (&c, &header, 3, &s, &err), 0);
  assert_int_equal (c.pos, len);
  assert_int_equal (s.index, 3);
  assert_int_equal (s.l1_table_offset, 0x30000);
  assert_int_equal (s.nr_l1_entries, 7);
  assert_int_equal (s.disk_size, 4096);         /* whole sectors */
  assert_int_equal (s.extra_bytes, 24);
  assert_int_equal (s.id_len, 2);
  assert_memory_equal (s.id, "12", 2);
  assert_int_equal (s.name_len, 6);
  assert_memory_equal (s.name, "a name", 6);
  for (cut = 0; cut < len; ++cut) {
    uint8_t *exact = malloc (cut + 1);

    memcpy (exact, buf, cut);
    cursor_init (&c, exact, cut);
    refused (snapshot_decode (&c, &header, 3, &s, &err), &err, EINVAL,
             "entry 3 of the snapshot table is cut off");
    free (exact);
  }
}

static void
test_extra (void **state)
{
  static const struct { uint32_t extra; uint64_t size; } cases[] = {
    { 0, DISK }, { 8, DISK }, { 15, DISK }, { 16, 512 }, { 1024, 512 },
  };
  struct error err = ERROR_INIT;
  struct snapshot s;
  uint8_t buf[2048];
  struct cursor c;
  size_t i;

  (void) state;
  for (i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    const struct entry e = { 0, 512, 0, cases[i].extra, "1", "" };

    cursor_init (&c, buf, put_entry (buf, &e));
    assert_int_equal (snapshot_decode (&c, &header, 0, &s, &err), 0);
    assert_int_equal (s.disk_size, cases[i].size);
  }
  cursor_init (&c, buf, put_entry (buf, &(struct entry) {
        0, 0, 0, 1025, "1", "" }));
  refused (snapshot_decode (&c, &header, 9, &s, &err), &err, EFBIG,
           "Too much extra metadata in snapshot table entry 9: 1025 bytes");
}

static void
test_l1 (void **state)
{
  static const struct {
    struct snapshot s;
    int errnum;
    const char *text;
  } cases[] = {
    { { .l1_table_offset = 65536, .nr_l1_entries = 2, .disk_size = DISK }, 0, "" },
    { { .l1_table_offset = 65536, .nr_l1_entries = 1, .disk_size = DISK },
      EINVAL, "the L1 table of snapshot 0 is too small: 1 entries, its 1073741824 "
      "bytes need 2" },
    { { .nr_l1_entries = 0, .disk_size = 0 }, 0, "" },
    { { .l1_table_offset = 0, .nr_l1_entries = 2, .disk_size = DISK },
      EINVAL, "Snapshot L1 table offset invalid: 0x0" },
    { { .l1_table_offset = 512, .nr_l1_entries = 2, .disk_size = DISK },
      EINVAL, "Snapshot L1 table offset invalid: 0x200" },
    { { .l1_table_offset = UINT64_C (0x7fffffffffff0000),
        .nr_l1_entries = 8192 }, EINVAL, "Snapshot L1 table offset invalid" },
    { { .l1_table_offset = 65536, .nr_l1_entries = 4 << 20 }, 0, "" },
    { { .l1_table_offset = 65536, .nr_l1_entries = (4 << 20) + 1 }, EFBIG,
      "Snapshot L1 table too large: 4194305 entries in snapshot 0, at most "
      "4194304 are allowed" },
  };
  struct error err = ERROR_INIT;
  size_t i;

  (void) state;
  for (i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    const int r = snapshot_check_l1 (&cases[i].s, &header, &err);

    if (cases[i].errnum)
      refused (r, &err, cases[i].errnum, cases[i].text);
    else
      assert_int_equal (r, 0);
  }
}

/* -- in a file --------------------------------------------------------- */

struct world {
  struct simdisk *disk;
  struct io *io;
  struct qcow2_header h;
  uint64_t end;                 /* of the table */
};

static void
add (struct world *w, const struct entry *e)
{
  uint8_t *buf = malloc (SNAPSHOT_MAX_ENTRY_BYTES);
  const uint64_t at = align_up (w->end, 8);
  const size_t len = put_entry (buf, e);

  assert_int_equal (io_pwrite (w->io, buf, len, at, 0, NULL), 0);
  w->end = at + len;
  w->h.nr_snapshots++;
  free (buf);
}

static void
open_world (struct world *w)
{
  *w = (struct world) { .h = header, .end = TABLE };
  w->h.nr_snapshots = 0;
  w->disk = simdisk_new (512);
  w->io = simdisk_open (w->disk, IO_OPEN_WRITE, NULL);
  assert_non_null (w->io);
}

static void
close_world (struct world *w)
{
  io_close (w->io);
  simdisk_free (w->disk);
}

static int
count (void *opaque, const struct snapshot *s, struct error *err)
{
  unsigned *nr = opaque;

  (void) err;
  assert_int_equal (s->index, *nr);
  assert_int_equal (s->nr_l1_entries, *nr * 3);
  ++*nr;
  return 0;
}

/* Who has seen enough. */
static int
until_150 (void *opaque, const struct snapshot *s, struct error *err)
{
  unsigned *nr = opaque;

  (void) s;
  (void) err;
  return ++*nr == 150 ? 7 : 0;
}

/* More than a window holds, entries of every length. */
static void
test_walk (void **state)
{
  struct error err = ERROR_INIT;
  unsigned i, nr = 0;
  uint64_t bytes = 0;
  struct world w;
  char *name = calloc (1, 60001);

  (void) state;
  open_world (&w);
  memset (name, 'n', 60000);
  for (i = 0; i < 200; ++i)
    add (&w, &(struct entry) { 0, 0, i * 3, 16 + i, "id",
                               name + 60000 - i * i });
  assert_int_equal (snapshot_table_walk (w.io, &w.h, w.end, count, &nr, &bytes,
                                         &err), 0);
  assert_int_equal (nr, 200);
  assert_int_equal (bytes, w.end - TABLE);
  nr = 0;
  refused (snapshot_table_walk (w.io, &w.h, w.end - 1, count, &nr, &bytes,
                                &err), &err, EIO,
           "the snapshot table ends behind the end of the file");
  nr = 0;
  assert_int_equal (snapshot_table_walk (w.io, &w.h, w.end, until_150, &nr,
                                         NULL, &err), 7);
  assert_int_equal (nr, 150);
  for (i = 1; i < 3; ++i) {
    simdisk_fail (w.disk, SIMDISK_READ, i, EIO, false);
    refused (snapshot_table_find (w.io, &w.h, w.end, "x", NULL, &err), &err,
             EIO, "reading (simulated)");
  }
  close_world (&w);
  free (name);
}

static int
ignore (void *opaque, const struct snapshot *s, struct error *err)
{
  (void) opaque;
  (void) s;
  (void) err;
  return 0;
}

static void
test_too_big (void **state)
{
  struct error err = ERROR_INIT;
  struct world w;
  char *name = calloc (1, 65536);
  unsigned i;

  (void) state;
  open_world (&w);
  memset (name, 'n', 65535);
  for (i = 0; i < 1030; ++i)
    add (&w, &(struct entry) { 0, 0, 0, 16, "id", name });
  refused (snapshot_table_walk (w.io, &w.h, w.end, ignore, NULL, NULL, &err),
           &err, EFBIG, "Snapshot table is too big");
  w.h.nr_snapshots = 1000;
  assert_int_equal (snapshot_table_walk (w.io, &w.h, w.end, ignore, NULL,
                                         NULL, &err), 0);
  close_world (&w);
  free (name);
}

/* What is wrong with one entry is so with the table. */
static void
test_walk_bad (void **state)
{
  struct error err = ERROR_INIT;
  struct world w;

  (void) state;
  open_world (&w);
  add (&w, &(struct entry) { 0, 0, 0, 16, "id", "good" });
  add (&w, &(struct entry) { 0, 0, 0, 1025, "id", "bad" });
  refused (snapshot_table_walk (w.io, &w.h, w.end, ignore, NULL, NULL, &err),
           &err, EFBIG, "Too much extra metadata in snapshot table entry 1");
  close_world (&w);
}

static void
test_find (void **state)
{
  struct error err = ERROR_INIT;
  struct qcow2_header h;
  struct snapshot s;
  struct world w;
  unsigned i;

  (void) state;
  open_world (&w);
  refused (snapshot_table_find (w.io, &w.h, w.end, "x", &s, &err), &err,
           ENOENT, "'x': the image has no snapshots");
  add (&w, &(struct entry) { 65536, DISK, 2, 16, "1", "2" });
  add (&w, &(struct entry) { 131072, 512, 2, 16, "2", "b\n\177c" });
  add (&w, &(struct entry) { 65537, 512, 2, 16, "3", "crooked" });
  assert_int_equal (snapshot_table_find (w.io, &w.h, w.end, "2", &s, &err),
                    0);
  assert_int_equal (s.index, 1);        /* ids come first */
  assert_int_equal (snapshot_table_find (w.io, &w.h, w.end, "b\n\177c", &s, &err),
                    0);
  assert_int_equal (s.index, 1);
  refused (snapshot_table_find (w.io, &w.h, w.end, "b", &s, &err), &err,
           ENOENT, "there are '2' (id 1), 'b??c' (id 2), 'crooked' (id 3)");
  for (i = 0; i < 40; ++i)
    add (&w, &(struct entry) { 0, 0, 0, 16, "9", "another snapshot" });
  refused (snapshot_table_find (w.io, &w.h, w.end, "x", &s, &err), &err,
           ENOENT, " more");
  h = w.h;
  simdisk_fail (w.disk, SIMDISK_READ, 1, EIO, false);
  refused (snapshot_table_apply (w.io, &h, w.end, "2", &err), &err, EIO,
           "reading (simulated)");
  assert_int_equal (snapshot_table_apply (w.io, &h, w.end, "2", &err), 0);
  assert_int_equal (h.l1_table_offset, 131072);
  assert_int_equal (h.virtual_size, 512);
  refused (snapshot_table_apply (w.io, &h, w.end, "3", &err), &err, EINVAL,
           "Snapshot L1 table offset invalid: 0x10001");
  close_world (&w);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_decode),
    cmocka_unit_test (test_extra),
    cmocka_unit_test (test_l1),
    cmocka_unit_test (test_walk),
    cmocka_unit_test (test_too_big),
    cmocka_unit_test (test_walk_bad),
    cmocka_unit_test (test_find),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
