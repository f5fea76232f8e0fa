/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Fuzz target: images, and operations on them.
 *
 * The input: which small image (base-image.h); how it is opened; what is
 * changed in it, a count and that many of
 *
 *   structure, offset in it (2 bytes), kind, value
 *
 * and how much of it is cut off; then operations of 4 bytes until the end.
 * Promises: what is refused is not changed (but by a repair), nor what is only
 * read; what was written reads back.
 */

#include <config.h>

#include <errno.h>

#include "base-image.h"
#include "check.h"
#include "checked.h"
#include "fuzz.h"
#include "image.h"
#include "json-name.h"
#include "memdisk.h"

#define MAX_BASES 16
#define MAX_CHANGES 8
#define MAX_OPERATIONS 48
#define MAX_REQUEST 65536u
#define CACHE_BYTES (64u << 10)
#define MAX_CHECK_STEPS 400
#define SIDE_BYTES (1u << 20)
#define DIRTY UINT64_C (1)
#define HEADER_INCOMPATIBLE 72

enum {
  WRITING = 1, COMPRESS = 2, KEEP_SPACE = 4, ALLOW_CORRUPT = 8,
  SNAPSHOT = 16, LOCK = 32, SMALL_CACHE = 64, AUTO_CACHE = 128,
};

struct fuzz {
  struct io_opener opener;
  struct base_image bases[MAX_BASES];
  size_t nr_bases;
  const struct base_image *base;
  struct memdisk disk, backing, data;
  uint8_t side[SIDE_BYTES];
  uint8_t buf[MAX_REQUEST], back[MAX_REQUEST];
  unsigned how;
  bool writing;
  struct image *img;
};

static int
open_file (struct io_opener *opener, const char *name, unsigned flags,
           struct io **ret, struct error *err)
{
  struct fuzz *f = (struct fuzz *) opener;

  if (strcmp (name, BASE_BACKING_NAME) == 0)
    *ret = memdisk_open (&f->backing, flags, 2);
  else if (strcmp (name, BASE_DATA_NAME) == 0)
    *ret = memdisk_open (&f->data, flags, 3);
  else if (strcmp (name, "t.qcow2") == 0)
    *ret = memdisk_open (&f->disk, flags, 1);
  else
    return error_set (err, ENOENT, "%s: no such file", name);
  return 0;
}

static struct fuzz *
make_fuzz (void)
{
  struct fuzz *f = calloc (1, sizeof *f);
  const struct base_shape *s;

  require (f != NULL, "no memory");
  f->opener.open = open_file;
  for (s = base_shapes; s->name; ++s)
    base_image_init (&f->bases[f->nr_bases++], s);
  memset (f->side, BASE_BACKING_BYTE, sizeof f->side);
  memdisk_init (&f->disk);
  memdisk_init (&f->backing);
  memdisk_init (&f->data);
  return f;
}

/* -- the image ------------------------------------------------------------ */

static uint64_t
boundary (const struct fuzz *f, uint8_t n)
{
  static const uint64_t values[] = {
    0, 1, 2, 8, 511, 512, 513, 1023, 1024, 65535, 65536, UINT32_MAX,
    INT32_MAX, UINT64_C (1) << 32, UINT64_C (1) << 40, UINT64_C (1) << 55,
    UINT64_C (1) << 56, UINT64_C (1) << 62, UINT64_C (1) << 63, INT64_MAX,
    INT64_MAX - 511, UINT64_MAX, UINT64_MAX - 1, UINT64_MAX - 511,
  };
  const size_t nr = sizeof values / sizeof values[0];

  return n % (nr + 4) < nr ? values[n % (nr + 4)]
    : f->base->len - (n % 4) * f->base->cluster;
}

static uint64_t
changed_value (const struct fuzz *f, struct input *in, uint8_t kind,
               unsigned width, uint64_t was)
{
  switch (kind / 4 % 6) {
  case 0: return input_number (in, width);
  case 1: return boundary (f, input_byte (in));
  case 2: return f->base->places[input_byte (in) % NR_PLACES].offset |
      (uint64_t) input_byte (in) << 56;
  case 3: return was ^ UINT64_C (1) << (input_byte (in) % 64);
  case 4: return was + (int8_t) input_byte (in);
  default: return was + (uint64_t) (int64_t) (int8_t) input_byte (in) *
      f->base->cluster;
  }
}

static void
change_image (struct fuzz *f, struct input *in)
{
  const uint8_t place = input_byte (in);
  uint64_t offset = input_number (in, 2), was;
  const uint8_t kind = input_byte (in);
  const unsigned width = 1u << kind % 4;
  uint8_t bytes[8];

  if (place < f->base->nr_fields)
    offset = f->base->fields[place].offset;
  else
    offset += f->base->places[place % NR_PLACES].offset;
  memdisk_peek (&f->disk, bytes, width, offset);
  was = base_load (bytes, width);
  base_store (bytes, width, changed_value (f, in, kind, width, was));
  if (offset + width <= f->disk.size)
    memdisk_poke (&f->disk, bytes, width, offset);
}

static void
make_image (struct fuzz *f, struct input *in)
{
  unsigned nr;
  uint8_t cut;

  f->base = &f->bases[input_byte (in) % f->nr_bases];
  f->how = input_byte (in);
  memdisk_reset (&f->disk, f->base->bytes, f->base->len);
  memdisk_reset (&f->backing, f->side, base_backing_bytes (f->base));
  memdisk_reset (&f->data, f->side, base_data_bytes (f->base));
  for (nr = input_byte (in) % (MAX_CHANGES + 1); nr > 0; --nr)
    change_image (f, in);
  cut = input_byte (in);
  if (cut > 0)
    memdisk_resize (&f->disk, f->base->len - f->base->len * cut / 256);
}

/* So that what is allocated is what is freed, and nobody looks for leaks. */
static void
free_image (struct fuzz *f)
{
  memdisk_reset (&f->disk, NULL, 0);
  memdisk_reset (&f->backing, NULL, 0);
  memdisk_reset (&f->data, NULL, 0);
}

static bool
is_dirty (const struct fuzz *f)
{
  uint8_t bytes[8];

  memdisk_peek (&f->disk, bytes, sizeof bytes, HEADER_INCOMPATIBLE);
  return base_load (bytes, 8) & DIRTY;
}

/* What `auto` gives has 64 shards, and making these takes longer than all the
 * rest: it is for some of the inputs only. */
static uint64_t
cache_bytes (const struct fuzz *f)
{
  if (f->how & SMALL_CACHE)
    return 1;
  return f->how & AUTO_CACHE ? METADATA_CACHE_AUTO : CACHE_BYTES;
}

static void
open_image (struct fuzz *f, bool writing)
{
  const struct image_options options = {
    .opener = &f->opener, .backing = BACKING_ON, .data_file = BACKING_ON,
    .parse_json = json_name_parse,
    .metadata_cache_bytes = cache_bytes (f),
    .compress = writing && f->how & COMPRESS,
    .keep_space = f->how & KEEP_SPACE,
    .allow_corrupt = f->how & ALLOW_CORRUPT,
    .snapshot = !writing && f->how & SNAPSHOT ? "one" : NULL,
    .lock_backing = f->how & LOCK,
  };
  struct io *io = memdisk_open (&f->disk, writing ? IO_OPEN_WRITE : 0, 1);
  const uint64_t changes = f->disk.nr_changes;
  const bool dirty = is_dirty (f);
  struct error err = ERROR_INIT;

  f->writing = false;
  f->img = NULL;
  if (image_open (io, "t.qcow2", writing, &options, &f->img, &err) == -1) {
    io_close (io);
    f->img = NULL;
  } else if (!writing)
    return;
  else if (image_start_writing (f->img, &err) == 0) {
    f->writing = true;
    return;
  }
  image_close (f->img);
  f->img = NULL;
  require (err.errnum != 0 && err.text[0], "refused without a reason");
  require (dirty || f->disk.nr_changes == changes,
           "what was refused was changed");
}

static void
close_image (struct fuzz *f)
{
  image_close (f->img);
  f->img = NULL;
}

/* -- operations ------------------------------------------------------------ */

struct operation {
  uint8_t what;
  uint64_t offset;
  uint32_t len;
};

static struct operation
next_operation (struct fuzz *f, struct input *in)
{
  const uint8_t what = input_byte (in);
  const uint64_t unit = what & 0x80 ? f->base->cluster / 2 + 1 : 512;
  const uint64_t offset = input_byte (in) * unit;
  const uint64_t len = min_u64 ((input_byte (in) + UINT64_C (1)) * unit / 2,
                                MAX_REQUEST);
  const uint64_t size = f->img ? image_size (f->img) : 0;
  const uint64_t from = size ? offset % size : 0;

  return (struct operation) {
    .what = what & 0x7f, .offset = from,
    .len = (uint32_t) min_u64 (len, size - from),
  };
}

static int
take_extent (void *opaque, uint64_t offset, uint64_t len, unsigned type,
             struct error *err)
{
  uint64_t *end = opaque;

  (void) type;
  (void) err;
  require (offset == *end && len > 0, "extents are in order");
  *end += len;
  return 0;
}

static void
do_extents (struct fuzz *f, const struct operation *o)
{
  struct error err = ERROR_INIT;
  uint64_t end = o->offset;

  if (image_extents (f->img, o->len, o->offset, take_extent, &end, &err) == 0)
    require (end == o->offset + o->len, "extents cover the range");
}

/* Several guest clusters may have one host cluster, where the image is
 * damaged. */
static bool
is_in_one_cluster (const struct fuzz *f, const struct operation *o)
{
  const uint64_t cluster = image_header (f->img)->cluster_size;

  return o->len > 0 &&
    o->offset / cluster == (o->offset + o->len - 1) / cluster;
}

static void
do_change (struct fuzz *f, const struct operation *o, int kind)
{
  const unsigned flags = o->what & 0x10 ? IMAGE_FUA : 0;
  struct error err = ERROR_INIT;
  int r;

  memset (f->buf, kind == 0 ? 0x80 | o->what : 0, o->len);
  r = kind == 0 ? image_write (f->img, f->buf, o->len, o->offset, flags, &err)
    : kind == 1 ? image_zero (f->img, o->len, o->offset, flags |
                              (o->what & 0x20 ? IMAGE_MAY_TRIM : 0) |
                              (o->what & 0x40 ? IMAGE_FAST : 0), &err)
    : image_trim (f->img, o->len, o->offset, flags, &err);
  require (f->writing || r == -1 || o->len == 0, "written though read-only");
  if (r == 0 && is_in_one_cluster (f, o) &&
      image_read (f->img, f->back, o->len, o->offset, &err) == 0)
    require (memcmp (f->buf, f->back, o->len) == 0, "what was written");
}

/* A thousand tables that are one and the same take seconds to check, under
 * sanitizers; what is interrupted is a case of its own. */
struct patience {
  _Atomic bool is_out;
  unsigned nr_steps;
};

static void
take_step (void *opaque, const char *phase, uint64_t done, uint64_t total)
{
  struct patience *p = opaque;

  (void) phase;
  (void) done;
  (void) total;
  if (++p->nr_steps >= MAX_CHECK_STEPS)
    p->is_out = true;
}

static void
do_check (struct fuzz *f, enum check_repair repair)
{
  struct patience p = { .nr_steps = 0 };
  const struct check_options options = {
    .repair = repair, .progress = take_step, .opaque = &p,
    .interrupt = &p.is_out,
  };
  const uint64_t changes = f->disk.nr_changes;
  struct error err = ERROR_INIT;
  struct check_result result;
  struct io *io;

  close_image (f);
  io = memdisk_open (&f->disk, IO_OPEN_WRITE, 1);
  check_image (io, &options, &result, &err);
  io_close (io);
  require (repair != CHECK_REPAIR_NONE || f->disk.nr_changes == changes,
           "a check changes nothing");
}

/* Requests to an image that is open. */
static void
do_request (struct fuzz *f, const struct operation *o)
{
  struct error err = ERROR_INIT;

  switch (o->what % 16) {
  case 0: case 1: case 2: do_change (f, o, 0); break;
  case 3: do_change (f, o, 1); break;
  case 4: do_change (f, o, 2); break;
  case 5: image_flush (f->img, &err); break;
  case 6: do_extents (f, o); break;
  case 7: image_prefetch (f->img, o->len, o->offset); break;
  case 8: image_finish (f->img, &err); break;
  default: image_read (f->img, f->back, o->len, o->offset, &err);
  }
}

static void
operate (struct fuzz *f, const struct operation *o)
{
  switch (o->what % 16) {
  case 10: close_image (f); open_image (f, true); return;
  case 11: close_image (f); open_image (f, false); return;
  case 12: do_check (f, CHECK_REPAIR_NONE); return;
  case 13: do_check (f, o->what & 0x10 ? CHECK_REPAIR_LEAKS
                                       : CHECK_REPAIR_ALL); return;
  }
  if (f->img)
    do_request (f, o);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t len)
{
  static struct fuzz *f;
  struct input in = { data, len };
  uint64_t changes;
  unsigned nr;

  if (!f)
    f = make_fuzz ();
  make_image (f, &in);
  open_image (f, f->how & WRITING);
  for (nr = 0; in.len > 0 && nr < MAX_OPERATIONS; ++nr) {
    const struct operation o = next_operation (f, &in);

    changes = f->disk.nr_changes;
    operate (f, &o);
    require (!f->img || f->writing || o.what % 16 == 13 ||
             f->disk.nr_changes == changes, "changed though read-only");
  }
  close_image (f);
  free_image (f);
  return 0;
}
