/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Writes to one malformed image: see malformed-run.h.  One thread.
 */

#include <config.h>

#include <inttypes.h>
#include <string.h>

#include "checked.h"
#include "malformed-run-internal.h"

#define STAMP 0xa5
#define BITMAP_CLUSTERS 3

struct change {
  enum { WRITE, ZERO, TRIM } what;
  unsigned cluster;
  unsigned sectors;             /* from its second one, where it has many */
};

static const struct change changes[] = {
  { WRITE, 0, 1 }, { WRITE, 1, 1 }, { WRITE, 2, 1 }, { WRITE, 3, 1 },
  { WRITE, 4, 1 }, { WRITE, 7, 1 }, { ZERO, 6, 1 }, { TRIM, 5, 1 },
  { WRITE, 9, 1 }, { WRITE, 15, 1 }, { WRITE, 70, 1 }, { TRIM, 0, 2 },
  { WRITE, 0, 1 }, { WRITE, 5, 1 },
};

static void
change_offsets (const struct malformed_runner *r, const struct change *c,
                uint64_t *ret_offset, uint64_t *ret_len)
{
  const uint64_t cluster = r->m->base->cluster;

  *ret_offset = c->cluster * cluster + (cluster > 512 ? 512 : 0);
  *ret_len = c->sectors * 512u;
  if (c->what == TRIM) {
    *ret_offset = c->cluster * cluster;
    *ret_len = c->sectors * cluster;
  }
}

/* Whether it was done. */
static bool
change (struct malformed_runner *r, struct image *img, const struct change *c,
        uint64_t len)
{
  struct error err = ERROR_INIT;
  uint64_t offset, bytes;
  uint8_t stamp[512], back[512];
  int done;

  change_offsets (r, c, &offset, &bytes);
  if (offset + bytes > min_u64 (image_size (img), len))
    return true;
  ++r->nr_requests;
  memset (stamp, c->what == WRITE ? STAMP : 0, sizeof stamp);
  done = c->what == WRITE ? image_write (img, stamp, sizeof stamp, offset, 0,
                                         &err)
    : c->what == ZERO ? image_zero (img, bytes, offset, IMAGE_MAY_TRIM, &err)
    : image_trim (img, bytes, offset, 0, &err);
  if (done == -1) {
    malformed_look_at_error (r, &err);
    return false;
  }
  if (malformed_read_guest (r, img, back, sizeof back, offset) &&
      memcmp (back, stamp, sizeof back) != 0)
    malformed_broken (r, "what was written at %" PRIu64 " does not read back",
                      offset);
  memset (r->before + offset, stamp[0], bytes);
  return true;
}

/* Sectors of guest data where a structure is. */
static void
look_for_stamps (struct malformed_runner *r)
{
  static uint8_t stamp[512];
  uint8_t sector[512];
  unsigned i;
  uint64_t at;

  memset (stamp, STAMP, sizeof stamp);
  for (i = 0; i < NR_PLACES; ++i) {
    const struct base_place *p = &r->m->base->places[i];

    if (i == AT_DATA || i == AT_COMPRESSED || i == AT_SNAPSHOT_DATA ||
        i == AT_EXTENSIONS)
      continue;
    for (at = p->offset; at < p->offset + p->len; at += 512) {
      memdisk_peek (&r->disk, sector, sizeof sector, at);
      if (memcmp (sector, stamp, sizeof stamp) == 0)
        malformed_broken (r, "guest data were written over %s", p->name);
    }
  }
}

static void
compare_after (struct malformed_runner *r, const uint8_t *was, uint64_t len,
               const char *what)
{
  uint64_t i;

  for (i = 0; i < len; ++i)
    if (was[i] != r->after[i]) {
      malformed_broken (r,
                        "%s: guest offset %" PRIu64 " was 0x%02x, is 0x%02x",
                        what, i,
                        was[i], r->after[i]);
      return;
    }
}

/* What was counted and cut off is a leak when the file has grown again. */
static uint64_t
nr_cut_off (const struct malformed *m)
{
  return m->size < m->base->len
    ? div_round_up (m->base->len - m->size, m->base->cluster) : 0;
}

static void
check_again (struct malformed_runner *r, uint64_t may_leak)
{
  struct check_result now = { 0 };
  struct error err = ERROR_INIT;

  if (malformed_run_check (r, CHECK_REPAIR_NONE, &now, &err) == 1 ||
      now.corruptions > 0 || now.leaks > r->first_check.leaks + may_leak)
    malformed_broken (r,
                      "was clean, and has %" PRIu64 " corruptions and %" PRIu64
                      " leaks now, not %" PRIu64 " %s", now.corruptions,
                      now.leaks,
                      r->first_check.leaks, err.text);
}

/* Open once more what was finished: it reads as it did in the end. */
static void
reopen (struct malformed_runner *r, uint64_t len)
{
  struct error err = ERROR_INIT;
  struct image *img;

  memcpy (r->raw, r->after, len);
  if (!malformed_open_image (r, true, &img, &err)) {
    malformed_broken (r, "cannot be opened again: %s", err.text);
    return;
  }
  malformed_read_window (r, img, r->after);
  image_close (img);
  compare_after (r, r->raw, len, "opened again");
}

static void
write_to (struct malformed_runner *r, struct image *img)
{
  const uint64_t len = malformed_read_window (r, img, r->before);
  const bool told = image_get_notices (img)->nr > 0;
  struct error err = ERROR_INIT;
  bool all = true;
  size_t i;

  for (i = 0; i < sizeof changes / sizeof changes[0]; ++i)
    all &= change (r, img, &changes[i], len);
  all &= image_flush (img, &err) == 0;
  malformed_read_window (r, img, r->after);
  if (all && r->was_clean)
    compare_after (r, r->before, len, "after writing");
  if (image_finish (img, &err) == -1) {
    malformed_look_at_error (r, &err);
    all = false;
  }
  image_close (img);
  if (!r->dirty)
    look_for_stamps (r);
  if (all && r->was_clean) {
    reopen (r, len);
    check_again (r, nr_cut_off (r->m) + (told ? BITMAP_CLUSTERS : 0));
  }
}

void
malformed_run_rw (struct malformed_runner *r, struct malformed_verdict *v)
{
  struct image *img;

  v->rw = malformed_open_image (r, true, &img, &v->rw_err);
  if (!v->rw) {
    malformed_require_unchanged (r, "refused for writing");
    malformed_look_at_error (r, &v->rw_err);
    return;
  }
  v->rw = image_start_writing (img, &v->rw_err) == 0;
  if (v->rw) {
    write_to (r, img);
    return;
  }
  if (!r->dirty)
    malformed_require_unchanged (r, "refused when writing began");
  malformed_look_at_error (r, &v->rw_err);
  image_close (img);
}
