/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Runs one malformed image: see malformed-run.h.  One thread.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "case-limits.h"
#include "checked.h"
#include "json-name.h"
#include "malformed-run-internal.h"

#define SERVING_SECONDS 1
#define CHECKING_SECONDS 10
#define DIRTY_BIT UINT64_C (1)
#define HEADER_INCOMPATIBLE 72
#define BACKING_ID 2
#define DATA_ID 3

void
malformed_broken (struct malformed_runner *r, const char *fmt, ...)
{
  va_list args;

  fprintf (stderr, "%s: ", r->m->name);
  va_start (args, fmt);
  vfprintf (stderr, fmt, args);
  va_end (args);
  fputc ('\n', stderr);
  ++r->nr_broken;
}

void
malformed_require_unchanged (struct malformed_runner *r, const char *when)
{
  if (r->disk.nr_changes > 0)
    malformed_broken (r, "%s: the image was changed", when);
}

void
malformed_look_at_error (struct malformed_runner *r, const struct error *err)
{
  if (err->errnum == ENOMEM)
    malformed_broken (r, "no memory: %s", err->text);
  if (err->errnum == 0 || err->text[0] == '\0')
    malformed_broken (r, "refused without saying why");
}

/* -- files ---------------------------------------------------------------- */

static int
open_file (struct io_opener *opener, const char *name, unsigned flags,
           struct io **ret, struct error *err)
{
  struct malformed_runner *r = (struct malformed_runner *) opener;
  const size_t len = strlen (r->dir);

  if (strncmp (name, r->dir, len) != 0 || name[len] != '/')
    malformed_broken (r, "opens %s", name);
  else if (strcmp (name + len + 1, BASE_BACKING_NAME) == 0) {
    *ret = memdisk_open (&r->backing, flags, BACKING_ID);
    return 0;
  }
  else if (strcmp (name + len + 1, BASE_DATA_NAME) == 0) {
    *ret = memdisk_open (&r->data, flags, DATA_ID);
    return 0;
  }
  else if (strcmp (name + len + 1, "t.qcow2") == 0) {
    *ret = memdisk_open (&r->disk, flags, MALFORMED_IMAGE_ID);
    return 0;
  }
  return error_set (err, ENOENT, "%s: not opened in this test", name);
}

void
malformed_runner_init (struct malformed_runner *r, const char *dir)
{
  *r = (struct malformed_runner) {
    .opener.open = open_file, .dir = dir, .before = malloc (MALFORMED_WINDOW),
    .after = malloc (MALFORMED_WINDOW), .raw = malloc (MALFORMED_WINDOW),
  };
  if (!r->before || !r->after || !r->raw)
    abort ();
  memset (r->backing_bytes, BASE_BACKING_BYTE, sizeof r->backing_bytes);
  memset (r->data_bytes, BASE_DATA_BYTE, sizeof r->data_bytes);
  memdisk_init (&r->disk);
  memdisk_init (&r->backing);
  memdisk_init (&r->data);
}

void
malformed_runner_destroy (struct malformed_runner *r)
{
  memdisk_destroy (&r->disk);
  memdisk_destroy (&r->backing);
  memdisk_destroy (&r->data);
  free (r->before);
  free (r->after);
  free (r->raw);
}

static void
fresh_copy (struct malformed_runner *r)
{
  const struct malformed *m = r->m;
  unsigned i;

  memdisk_reset (&r->disk, m->base->bytes, m->base->len);
  for (i = 0; i < m->nr_patches; ++i)
    memdisk_poke (&r->disk, m->patches[i].data, m->patches[i].len,
                  m->patches[i].offset);
  if (m->size < m->base->len)
    memdisk_resize (&r->disk, m->size);
  memdisk_reset (&r->backing, r->backing_bytes, base_backing_bytes (m->base));
  memdisk_reset (&r->data, r->data_bytes, base_data_bytes (m->base));
}

bool
malformed_open_image (struct malformed_runner *r, bool writing,
                      struct image **ret, struct error *err)
{
  const struct image_options options = {
    .opener = &r->opener, .backing = BACKING_SAME_DIR,
    .data_file = BACKING_SAME_DIR, .parse_json = json_name_parse,
    .lock_backing = true,
  };
  struct io *io = memdisk_open (&r->disk, writing ? IO_OPEN_WRITE : 0,
                                MALFORMED_IMAGE_ID);

  *err = (struct error) ERROR_INIT;
  if (image_open (io, "t.qcow2", writing, &options, ret, err) == 0)
    return true;
  io_close (io);
  return false;
}

/* -- reading -------------------------------------------------------------- */

uint64_t
malformed_read_offset (const struct malformed *m, unsigned i)
{
  if (i + 1 == MALFORMED_NR_READS)
    return m->base->virtual_size - MALFORMED_READ_BYTES;
  return i * m->base->cluster;
}

bool
malformed_read_guest (struct malformed_runner *r, struct image *img, void *buf,
                      size_t len, uint64_t offset)
{
  struct error err = ERROR_INIT;

  ++r->nr_requests;
  if (offset + len > image_size (img))
    return false;
  if (image_read (img, buf, len, offset, &err) == 0)
    return true;
  malformed_look_at_error (r, &err);
  return false;
}

uint64_t
malformed_read_window (struct malformed_runner *r, struct image *img,
                       uint8_t *buf)
{
  const uint64_t step = r->m->base->cluster;
  const uint64_t len = min_u64 (min_u64 (MALFORMED_WINDOW, image_size (img)),
                                r->m->base->virtual_size);
  uint64_t i, n;

  if (len == 0 || malformed_read_guest (r, img, buf, len, 0))
    return len;
  for (i = 0; i < len; i += n) {
    n = min_u64 (step, len - i);
    if (!malformed_read_guest (r, img, buf + i, n, i))
      memset (buf + i, 0xee, n);
  }
  return len;
}

static int
take_extent (void *opaque, uint64_t offset, uint64_t len, unsigned type,
             struct error *err)
{
  uint64_t *end = opaque;

  (void) type;
  if (offset != *end || len == 0)
    return error_set (err, ERANGE, "extents are not one after the other");
  *end += len;
  return 0;
}

static void
walk_extents (struct malformed_runner *r, struct image *img)
{
  const uint64_t len = min_u64 (image_size (img), UINT32_MAX);
  struct error err = ERROR_INIT;
  uint64_t end = 0;

  ++r->nr_requests;
  if (image_extents (img, len, 0, take_extent, &end, &err) == -1) {
    malformed_look_at_error (r, &err);
    if (err.errnum == ERANGE)
      malformed_broken (r, "%s", err.text);
  }
  else if (end != len)
    malformed_broken (r, "extents end at %" PRIu64, end);
}

static void
run_ro (struct malformed_runner *r, struct malformed_verdict *v)
{
  uint8_t buf[MALFORMED_READ_BYTES];
  struct image *img;
  unsigned i;

  v->ro = malformed_open_image (r, false, &img, &v->ro_err);
  if (!v->ro) {
    malformed_look_at_error (r, &v->ro_err);
    return;
  }
  for (i = 0; i < MALFORMED_NR_READS; ++i) {
    v->reads[i].ok = malformed_read_guest (r, img, buf, sizeof buf,
                                           malformed_read_offset (r->m, i));
    v->reads[i].crc = crc32 (0, buf, sizeof buf);
  }
  walk_extents (r, img);
  image_close (img);
  malformed_require_unchanged (r, "read-only");
}

/* -- checking and repairing ----------------------------------------------- */

int
malformed_run_check (struct malformed_runner *r, enum check_repair repair,
                     struct check_result *ret, struct error *err)
{
  const struct check_options options = { .repair = repair };
  struct io *io = memdisk_open (&r->disk, IO_OPEN_WRITE, MALFORMED_IMAGE_ID);
  const int status = check_image (io, &options, ret, err);

  io_close (io);
  if (status == -1) {
    malformed_look_at_error (r, err);
    return 1;
  }
  if (ret->check_errors)
    return 1;
  return ret->corruptions ? 2 : ret->leaks ? 3 : 0;
}

static void
run_repair (struct malformed_runner *r, const struct malformed_verdict *v)
{
  struct check_result done = { 0 }, again = { 0 };
  struct error err = ERROR_INIT, err2 = ERROR_INIT;
  struct image *img;
  uint64_t len = 0, i;
  int status;

  if (malformed_open_image (r, false, &img, &err)) {
    len = malformed_read_window (r, img, r->before);
    image_close (img);
  }
  status = malformed_run_check (r, CHECK_REPAIR_ALL, &done, &err);
  if (v->check == 1 && r->disk.nr_changes > 0 && status == 1)
    malformed_broken (r, "repair: what it could not check it has changed: %s",
                      err.text);
  if (status == 1)
    return;
  if (malformed_run_check (r, CHECK_REPAIR_NONE, &again, &err2) == 1)
    malformed_broken (r, "after the repair: %s", err2.text);
  else if (done.corruptions == 0 &&
           (again.corruptions != 0 || again.leaks != done.leaks))
    malformed_broken (r,
                      "the repair leaves %" PRIu64 " corruptions and %" PRIu64
                      " leaks, the check finds %" PRIu64 " and %" PRIu64,
                      done.corruptions, done.leaks, again.corruptions,
                      again.leaks);
  if (len == 0 || !malformed_open_image (r, false, &img, &err))
    return;
  malformed_read_window (r, img, r->after);
  image_close (img);
  for (i = 0; i < len; ++i)
    if (r->before[i] != r->after[i] && r->before[i] != 0xee) {
      malformed_broken (r, "the repair has changed guest data at %" PRIu64, i);
      break;
    }
}

static void
look_at_bits (struct malformed_runner *r)
{
  uint8_t bits[8];

  memdisk_peek (&r->disk, bits, sizeof bits, HEADER_INCOMPATIBLE);
  r->dirty = r->m->base->shape->version > 2 &&
    (base_load (bits, 8) & DIRTY_BIT);
}

void
malformed_run (struct malformed_runner *r, const struct malformed *m,
               struct malformed_verdict *ret)
{
  *ret = (struct malformed_verdict) { .ro = false };
  r->m = m;
  r->first_check = (struct check_result) { 0 };
  fresh_copy (r);
  look_at_bits (r);
  limits_begin (m->name, CHECKING_SECONDS);
  ret->check = malformed_run_check (r, CHECK_REPAIR_NONE, &r->first_check,
                                    &ret->check_err);
  limits_end ();
  r->was_clean = ret->check == 0 || ret->check == 3;
  malformed_require_unchanged (r, "check");
  limits_begin (m->name, r->dirty ? CHECKING_SECONDS : SERVING_SECONDS);
  run_ro (r, ret);
  malformed_run_rw (r, ret);
  limits_end ();
  fresh_copy (r);
  limits_begin (m->name, CHECKING_SECONDS);
  run_repair (r, ret);
  limits_end ();
}
