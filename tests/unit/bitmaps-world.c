/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Bitmaps world: see bitmaps-world.h.
 */

#include <config.h>

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bitmaps-world.h"
#include "reference-check.h"

#define FAR_OFFSET (UINT64_C (1984) << 10) /* to both sides of 2 MiB */

const struct shape shapes[NR_SHAPES] = {
  { "4k", "cluster_size=4k", { 9, 14 } },
  { "512", "cluster_size=512", { 9, 16 } },
  { "subclusters", "cluster_size=16k,extended_l2=on", { 10, 31 } },
};
static const char *const enabled[] = { "one", "two" };

/* -- the reader ------------------------------------------------------- */

#define READER_IN_USE 1u
#define READER_AUTO 2u

struct reader {
  struct io *io;
  uint64_t table;               /* of the bitmap; in the file */
  uint32_t flags;
  unsigned granularity_bits, cluster_bits;
};

static uint64_t
reader_number (struct io *io, uint64_t offset, unsigned nr_bytes)
{
  uint8_t be[8];
  uint64_t v = 0;
  unsigned i;

  assert_int_equal (io_pread (io, be, nr_bytes, offset, NULL), 0);
  for (i = 0; i < nr_bytes; ++i)
    v = v << 8 | be[i];
  return v;
}

/* The autoclear bit without which nobody looks at bitmaps. */
static bool
reader_believed (struct io *io)
{
  return reader_number (io, 88, 8) & 1;
}

static uint64_t
reader_directory (struct io *io, unsigned *ret_nr)
{
  uint64_t at = reader_number (io, 100, 4);

  while (reader_number (io, at, 4) != 0x23852875) {
    assert_int_not_equal (reader_number (io, at, 4), 0);
    at += 8 + ((reader_number (io, at + 4, 4) + 7) & ~UINT64_C (7));
  }
  *ret_nr = reader_number (io, at + 8, 4);
  return reader_number (io, at + 24, 8);
}

static void
reader_find (struct io *io, const char *name, struct reader *ret)
{
  char found[1024] = "";
  unsigned nr;
  uint64_t at = reader_directory (io, &nr);

  while (nr-- > 0) {
    const unsigned len = reader_number (io, at + 18, 2);

    *ret = (struct reader) {
      io, reader_number (io, at, 8), reader_number (io, at + 12, 4),
      reader_number (io, at + 17, 1), reader_number (io, 20, 4),
    };
    assert_true (len < sizeof found);
    assert_int_equal (io_pread (io, found, len, at + 24, NULL), 0);
    found[len] = '\0';
    if (strcmp (found, name) == 0)
      return;
    at = (at + 24 + len + 7) & ~UINT64_C (7);
  }
  fail_msg ("no bitmap %s", name);
}

/* Is the guest's byte OFFSET dirty? */
static bool
reader_is_dirty (const struct reader *r, uint64_t offset)
{
  const uint64_t granule = offset >> r->granularity_bits, byte = granule / 8;
  const uint64_t entry =
    reader_number (r->io, r->table + (byte >> r->cluster_bits) * 8, 8);
  const uint64_t cluster = entry & UINT64_C (0x00fffffffffffe00);
  const uint64_t mask = (UINT64_C (1) << r->cluster_bits) - 1;

  if (cluster == 0)
    return entry & 1;
  return reader_number (r->io, cluster + (byte & mask), 1) >> granule % 8 & 1;
}

uint64_t
offset_of (unsigned sector)
{
  return sector < NEAR_SECTORS
    ? sector * SECTOR : FAR_OFFSET + (sector - NEAR_SECTORS) * SECTOR;
}

/* -- images ------------------------------------------------------------ */

/* Data everywhere in the windows; "frozen" has bits, and is disabled. */
struct simdisk *
make_image (const struct shape *s)
{
  char dir[] = "/tmp/baton-bitmaps-XXXXXX", line[1024], path[64];
  struct error err = ERROR_INIT;
  struct simdisk *d;

  assert_non_null (mkdtemp (dir));
  snprintf (line, sizeof line, "cd %s && qemu-img create -q -f qcow2 -o %s x "
            "4M && qemu-img bitmap --add -g 65536 x frozen && qemu-io -c "
            "'write -q -P 0xee 0 64k' -c 'write -q -P 0xee 1984k 128k' x && "
            "qemu-img bitmap --disable x frozen && qemu-img bitmap --add -g "
            "%u x one && qemu-img bitmap --add -g %u x two", dir, s->options,
            1u << s->granularity[0], 1u << s->granularity[1]);
  assert_int_equal (system (line), 0);
  snprintf (path, sizeof path, "%s/x", dir);
  d = simdisk_load_file (path, SECTOR, &err);
  if (!d)
    fail_msg ("%s", err.text);
  unlink (path);
  rmdir (dir);
  return d;
}

struct image *
open_image (struct simdisk *d, bool writing)
{
  static const struct image_options options;
  struct io *io = simdisk_open (d, writing ? IO_OPEN_WRITE : 0, NULL);
  struct error err = ERROR_INIT;
  struct image *img;

  if (image_open (io, "x", writing, &options, &img, &err) == -1 ||
      (writing && image_start_writing (img, &err) == -1))
    fail_msg ("%s", err.text);
  return img;
}

/* Which sectors are not what MAKE wrote. */
static void
find_changed (struct simdisk *d, bool *ret)
{
  static uint8_t buf[NR_SECTORS * SECTOR], was[SECTOR];
  struct image *img = open_image (d, false);
  struct error err = ERROR_INIT;
  unsigned s;

  memset (was, 0xee, sizeof was);
  if (image_read (img, buf, NEAR_SECTORS * SECTOR, 0, &err) == -1 ||
      image_read (img, buf + NEAR_SECTORS * SECTOR,
                  (NR_SECTORS - NEAR_SECTORS) * SECTOR, FAR_OFFSET,
                  &err) == -1)
    fail_msg ("%s", err.text);
  for (s = 0; s < NR_SECTORS; ++s)
    ret[s] = memcmp (buf + s * SECTOR, was, SECTOR) != 0;
  image_close (img);
}

void
test_init (struct test *t, const struct shape *shape, struct simdisk *disk,
           uint64_t seed)
{
  memset (t, 0, sizeof *t);
  t->shape = shape;
  t->disk = disk;
  t->seed = seed;
  t->random = seed * 2 + 1;
}

/* -- what they say ----------------------------------------------------- */

static void
wrong (const struct test *t, const char *when, const char *name,
       const char *what, uint64_t offset)
{
  fail_msg ("%s: seed %" PRIu64 ": %s: bitmap %s %s (%" PRIu64 ")",
            t->shape->name, t->seed, when, name, what, offset);
}

static void
check_frozen (const struct test *t, struct io *io, const char *when)
{
  struct reader r;
  unsigned s;

  reader_find (io, "frozen", &r);
  assert_int_equal (r.flags, 0);
  for (s = 0; s < NR_SECTORS; ++s)
    if (!reader_is_dirty (&r, offset_of (s)))
      wrong (t, when, "frozen", "has lost a bit", offset_of (s));
  for (s = 64; s < 1984; s += 64)
    if (reader_is_dirty (&r, s << 10))
      wrong (t, when, "frozen", "has got a bit", s << 10);
}

/* All of CHANGED is dirty, and nothing that is not in the granule of what was
 * asked for. */
static void
check_bits (const struct test *t, const struct reader *r, const char *name,
            const bool *changed, const char *when)
{
  const unsigned bits = r->granularity_bits;
  unsigned s, other;

  for (s = 0; s < NR_SECTORS; ++s) {
    const bool dirty = reader_is_dirty (r, offset_of (s));

    if (changed[s] && !dirty)
      wrong (t, when, name, "misses a change", offset_of (s));
    for (other = 0; dirty && other < NR_SECTORS; ++other)
      if (t->asked[other] && offset_of (other) >> bits == offset_of (s) >> bits)
        break;
    if (other == NR_SECTORS)
      wrong (t, when, name, "has a bit that was not asked for", offset_of (s));
  }
}

void
check_left (struct test *t, struct simdisk *left, bool killed)
{
  const char *when = killed ? "kill" : "power cut";
  struct io *io = simdisk_open (left, 0, NULL);
  bool changed[NR_SECTORS];
  struct reader r;
  unsigned i;

  find_changed (left, changed);
  assert_true (reader_believed (io));
  check_frozen (t, io, when);
  for (i = 0; i < 2; ++i) {
    reader_find (io, enabled[i], &r);
    assert_true (r.flags & READER_AUTO);
    if (r.flags & READER_IN_USE)
      t->nr_in_use++;
    else if (t->acknowledged && killed)
      wrong (t, when, enabled[i], "is not marked as in use", 0);
    else if (t->lost)
      wrong (t, when, enabled[i], "has become valid again", 0);
    else {
      check_bits (t, &r, enabled[i], changed, when);
      t->nr_valid++;
    }
  }
  io_close (io);
}

/* After the end: valid, unless they were lost before. */
void
check_ended (struct test *t, const char *when)
{
  struct io *io = simdisk_open (t->disk, 0, NULL);
  struct error err = ERROR_INIT;
  uint64_t leaks;
  unsigned i;

  check_frozen (t, io, when);
  for (i = 0; i < 2; ++i) {
    struct reader r;

    reader_find (io, enabled[i], &r);
    if (r.flags != (t->lost ? READER_AUTO | READER_IN_USE : READER_AUTO))
      wrong (t, when, enabled[i], "has the flags", r.flags);
    if (!t->lost)
      check_bits (t, &r, enabled[i], t->asked, when);
  }
  if (reference_check (io, &leaks, &err) == -1)
    fail_msg ("%s: %s: %s", t->shape->name, when, err.text);
  io_close (io);
}
