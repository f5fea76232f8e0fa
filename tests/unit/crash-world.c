/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Crash world: see crash-world.h, and test-image-crash.c for what it proves.
 * One thread; the hook runs inside the request that issues the I/O.
 */

#include <config.h>

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crash-files.h"
#include "crash-world.h"
#include "cursor.h"
#include "reference-check.h"

#define MAX_SECTORS_PER_REQUEST 40u
#define POWER_CUTS_PER_POINT 3u

static uint64_t
next_random (struct world *w)
{
  w->random ^= w->random << 13;
  w->random ^= w->random >> 7;
  w->random ^= w->random << 17;
  return w->random;
}

static unsigned
nr_sectors (const struct world *w)
{
  return w->geometry->nr_sectors ? w->geometry->nr_sectors : DISK_SECTORS;
}

/* -- what sectors hold ------------------------------------------------ */

void
world_fill_sector (uint8_t *p, unsigned request, unsigned sector)
{
  unsigned i;

  for (i = 0; i < SECTOR; i += 8)
    store_be64 (p + i, (uint64_t) request << 32 | sector);
}

/* Which bit a sector's bytes are; 0: none that was ever written. */
static uint64_t
recognise (const struct world *w, const uint8_t *p, unsigned sector)
{
  const uint64_t v = load_be64 (p);
  unsigned i;

  for (i = 8; i < SECTOR; i += 8)
    if (load_be64 (p + i) != v)
      return 0;
  if (v == 0)
    return ZEROS;
  if ((uint32_t) v != sector || v >> 32 > w->request)
    return 0;
  return UINT64_C (1) << (v >> 32);
}

/* -- looking at what is left ------------------------------------------ */

struct image *
world_open (struct world *w, struct simdisk *disk, bool writing)
{
  struct error err = ERROR_INIT;
  struct image *img = NULL;
  struct io *io = simdisk_open (disk, writing ? IO_OPEN_WRITE : 0, &err);
  struct image_options options = w->options;

  /* Who only looks once needs no cache. */
  if (!writing)
    options.metadata_cache_bytes = 1;
  if (!io || image_open (io, "t.qcow2", writing, &options, &img,
                         &err) == -1 ||
      (writing && image_start_writing (img, &err) == -1))
    fail_msg ("%s: seed %" PRIu64 ": cannot open what is left: %s",
              w->geometry->name, w->seed, err.text);
  return img;
}

/* Of so many looks by QEMU one is by a qemu-img check as well. */
#define CHECK_EACH 64u

/* QEMU finds nothing wrong, and no leak but what we found.  It may find fewer:
 * a refcount of what lies behind the end of the file is none to it. */
static void
check_with_qemu (struct world *w, struct simdisk *disk, uint64_t leaks)
{
  struct figures *f = w->figures;
  enum verdict quick, slow = VERDICT_CLEAN;

  if (w->qemu_each == 0 || ++f->looks % w->qemu_each != 0)
    return;
  quick = qemu_look_past_leaks (crash_qemu (), disk);
  if (f->qemu_looks++ % CHECK_EACH == 0)
    slow = qemu_look_check (crash_qemu (), disk);
  if (quick == VERDICT_BROKEN || slow == VERDICT_BROKEN ||
      (leaks == 0 && quick + slow != VERDICT_CLEAN))
    fail_msg ("%s: seed %" PRIu64 ": request %u: QEMU says %d, qemu-img check "
              "%d, where %" PRIu64 " clusters have leaked", w->geometry->name,
              w->seed, w->request, quick, slow, leaks);
  f->qemu_checks = crash_qemu ()->nr_checks;
}

static void
check_references (struct world *w, struct simdisk *disk)
{
  struct error err = ERROR_INIT;
  struct io *io = simdisk_open (disk, 0, &err);
  uint64_t leaks;

  if (reference_check (io, &leaks, &err) == -1)
    fail_msg ("%s: seed %" PRIu64 ": request %u: %s", w->geometry->name,
              w->seed, w->request, err.text);
  w->figures->leaks += leaks;
  check_with_qemu (w, disk, leaks);
  io_close (io);
}

/* A raw data file must hold what the guest sees, BUF. */
static void
check_raw (struct world *w, const uint8_t *buf)
{
  static uint8_t raw[DISK_SECTORS * SECTOR];
  struct error err = ERROR_INIT;
  struct io *io;
  unsigned s;

  if (w->options.opener->open (w->options.opener, "data.raw", 0, &io,
                               &err) == -1 ||
      io_pread (io, raw, nr_sectors (w) * SECTOR, 0, &err) == -1)
    fail_msg ("data.raw: %s", err.text);
  for (s = 0; s < nr_sectors (w); ++s)
    if (memcmp (raw + s * SECTOR, buf + s * SECTOR, SECTOR) != 0)
      fail_msg ("%s: seed %" PRIu64 ": request %u: sector %u of the raw data "
                "file is not what the guest sees", w->geometry->name, w->seed,
                w->request, s);
  io_close (io);
}

/* What each sector of DISK holds. */
static void
find_all (struct world *w, struct simdisk *disk, uint64_t *ret_found)
{
  static uint8_t buf[DISK_SECTORS * SECTOR];
  struct image *img = world_open (w, disk, false);
  struct error err = ERROR_INIT;
  unsigned s;

  if (image_read (img, buf, nr_sectors (w) * SECTOR, 0, &err) == -1)
    fail_msg ("%s: seed %" PRIu64 ": read: %s", w->geometry->name, w->seed,
              err.text);
  for (s = 0; s < nr_sectors (w); ++s) {
    ret_found[s] = recognise (w, buf + s * SECTOR, s);
    if (ret_found[s] == 0)
      fail_msg ("%s: seed %" PRIu64 ": request %u: sector %u holds what was "
                "never written to it, %" PRIx64, w->geometry->name, w->seed,
                w->request, s, load_be64 (buf + s * SECTOR));
  }
  image_close (img);
  if (w->geometry->raw)
    check_raw (w, buf);
  check_references (w, disk);
}

/* The same, of a disk that was seen before without a look at it. */
static void
find_all_or_recall (struct world *w, struct simdisk *disk,
                    struct simdisk *data, uint64_t *ret_found)
{
  const uint64_t sum = simdisk_sum (disk) + (data ? simdisk_sum (data) * 3 : 0);
  struct seen *seen = &w->seen[sum % SEEN_DISKS];
  unsigned s;

  if (seen->sum == sum) {
    for (s = 0; s < nr_sectors (w); ++s)
      ret_found[s] = UINT64_C (1) << seen->found[s];
    w->figures->known++;
    return;
  }
  find_all (w, disk, ret_found);
  seen->sum = sum;
  for (s = 0; s < nr_sectors (w); ++s)
    seen->found[s] = (uint8_t) __builtin_ctzll (ret_found[s]);
}

void
world_check (struct world *w, struct simdisk *disk, struct simdisk *data,
             const uint64_t *allowed, const char *how, uint64_t *ret_found)
{
  uint64_t found[DISK_SECTORS];
  unsigned s;

  world_use_data (w, data);
  if (w->seen && nr_sectors (w) <= SEEN_SECTORS)
    find_all_or_recall (w, disk, data, found);
  else
    find_all (w, disk, found);
  for (s = 0; s < nr_sectors (w); ++s)
    if (!(found[s] & (allowed[s] | w->running[s])))
      fail_msg ("%s: seed %" PRIu64 ": %s in request %u: sector %u holds %"
                PRIx64 ", allowed are %" PRIx64, w->geometry->name, w->seed,
                how, w->request, s, found[s], allowed[s] | w->running[s]);
  if (ret_found)
    memcpy (ret_found, found, nr_sectors (w) * sizeof *found);
}

/* What data.raw means, also in the worlds that W was copied from. */
void
world_use_data (struct world *w, struct simdisk *data)
{
  simdisk_opener_put ((struct simdisk_opener *) w->options.opener, "data.raw",
                      data);
}

static void
look_at_cut (struct world *w)
{
  struct simdisk *left = simdisk_crash (w->disk, next_random (w));
  struct simdisk *data = w->data ? simdisk_crash (w->data, next_random (w))
                                 : NULL;
  uint64_t found[DISK_SECTORS];

  world_check (w, left, data, w->allowed, "power cut", found);
  w->figures->cuts++;
  w->figures->cuts_again += w->nr_crashes > 0;
  if (w->nr_crashes < MAX_CRASHES && next_random (w) % 64 == 0)
    world_run_again (w, left, data, found, 3);
  simdisk_free (left);
  simdisk_free (data);
}

void
world_look_at_kill (struct world *w)
{
  struct simdisk *left = simdisk_kill (w->disk);
  struct simdisk *data = w->data ? simdisk_kill (w->data) : NULL;

  world_check (w, left, data, w->acknowledged, "kill", NULL);
  w->figures->kills++;
  simdisk_free (left);
  simdisk_free (data);
}

/* Before each change of the file: lose power, be killed. */
void
world_look (void *opaque, const struct simdisk_event *event)
{
  struct world *w = opaque;
  const unsigned nr_cuts = w->only_durable ? 16 : POWER_CUTS_PER_POINT;
  unsigned i;

  if (event->phase == SIMDISK_END || w->checking ||
      (w->only_durable && !(event->flags & IO_DSYNC)))
    return;
  w->checking = true;
  w->figures->points++;
  for (i = 0; i < nr_cuts; ++i)
    look_at_cut (w);
  world_look_at_kill (w);
  world_use_data (w, w->data);
  w->checking = false;
}

/* -- requests ---------------------------------------------------------- */

static void
begin (struct world *w, unsigned first, unsigned nr, uint64_t bit)
{
  unsigned s;

  for (s = first; s < first + nr; ++s)
    w->running[s] = bit;
}

/* Acknowledged.  Durable where FUA said so: then nothing older may appear. */
static void
end (struct world *w, unsigned first, unsigned nr, uint64_t bit, bool fua)
{
  unsigned s;

  for (s = first; s < first + nr; ++s) {
    w->running[s] = 0;
    w->acknowledged[s] = bit;
    w->allowed[s] = fua ? bit : w->allowed[s] | bit;
  }
}

void
world_request (struct world *w, struct image *img, enum crash_request kind,
               unsigned first, unsigned nr, unsigned flags)
{
  uint8_t buf[DISK_SECTORS * SECTOR];
  const uint64_t bit = kind == REQUEST_WRITE ? UINT64_C (1) << w->request
                                             : ZEROS;
  struct error err = ERROR_INIT;
  unsigned i;
  int r;

  if (kind == REQUEST_FLUSH) {
    r = image_flush (img, &err);
    memcpy (w->allowed, w->acknowledged, sizeof w->allowed);
  }
  else {
    begin (w, first, nr, bit);
    for (i = 0; kind == REQUEST_WRITE && i < nr; ++i)
      world_fill_sector (buf + i * SECTOR, w->request, first + i);
    r = kind == REQUEST_WRITE
      ? image_write (img, buf, nr * SECTOR, first * SECTOR, flags, &err)
      : image_zero (img, nr * SECTOR, first * SECTOR,
                    flags | (kind == REQUEST_TRIM ? IMAGE_MAY_TRIM : 0),
                    &err);
    end (w, first, nr, bit, flags & IMAGE_FUA);
  }
  if (r == -1)
    fail_msg ("%s: seed %" PRIu64 ": request %u: %s", w->geometry->name,
              w->seed, w->request, err.text);
}

void
world_one_request (struct world *w, struct image *img)
{
  const unsigned first = next_random (w) % nr_sectors (w) /
                         (next_random (w) % 4 ? 4 : 1);
  unsigned nr = 1 + next_random (w) % MAX_SECTORS_PER_REQUEST;
  const unsigned kind = next_random (w) % 8;
  const unsigned fua = next_random (w) % 8 == 0 ? IMAGE_FUA : 0;

  nr = first + nr > nr_sectors (w) ? nr_sectors (w) - first : nr;
  world_request (w, img, kind == 0 ? REQUEST_FLUSH : kind == 1 ? REQUEST_TRIM
                 : kind == 2 ? REQUEST_ZERO : REQUEST_WRITE, first, nr, fua);
}

void
world_finish (struct world *w, struct image *img)
{
  struct error err = ERROR_INIT;

  if (image_finish (img, &err) == -1)
    fail_msg ("finish: %s", err.text);
  memcpy (w->allowed, w->acknowledged, sizeof w->allowed);
  image_close (img);
  simdisk_trace (w->disk, NULL, NULL);
  /* Whoever is next may be another host: nothing may be left in our cache. */
  assert_int_equal (simdisk_nr_states (w->disk), 1);
  if (!w->data)
    return;
  simdisk_trace (w->data, NULL, NULL);
  assert_int_equal (simdisk_nr_states (w->data), 1);
}

void
world_do_requests (struct world *w, unsigned nr)
{
  struct image *img;
  unsigned i;

  simdisk_trace (w->disk, world_look, w);
  if (w->data)
    simdisk_trace (w->data, world_look, w);
  world_use_data (w, w->data);
  img = world_open (w, w->disk, true);
  for (i = 0; i < nr; ++i) {
    w->request++;
    world_one_request (w, img);
  }
  world_finish (w, img);
}

/* Go on with what a power cut left: what it read first is all it may hold. */
void
world_run_again (struct world *w, struct simdisk *left, struct simdisk *data,
                 const uint64_t *found, unsigned nr)
{
  struct world again = *w;

  again.disk = left;
  again.data = data;
  again.checking = false;
  again.nr_crashes++;
  again.random = next_random (w) | 1;
  memcpy (again.acknowledged, found, sizeof again.acknowledged);
  memcpy (again.allowed, found, sizeof again.allowed);
  memset (again.running, 0, sizeof again.running);
  world_do_requests (&again, nr);
  world_check (&again, left, data, again.acknowledged, "served again", NULL);
  w->figures->again++;
}
