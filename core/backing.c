/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Backing files: see backing.h.  Immutable once open, so no lock.
 *
 * Since no layer changes, where a layer has no L2 table it is known once and
 * for all which one below it is the first to have one: a long chain of overlays
 * that hold little is not walked layer by layer.
 *
 * Which path a name means, and whether it may be opened, is in
 * backing-name.c.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backing-name.h"
#include "checked.h"
#include "cleanup.h"
#include "image-internal.h"
#include "io-optional.h"

#define PREFIX "backing file "

struct backing {
  struct io *io;                /* raw: owned; qcow2: NULL */
  struct image *image;          /* qcow2: owned; raw: NULL */
  uint64_t size;
  char *path;                   /* these two owned */
  struct file_spec *spec;       /* of a "json:" name; NULL: there is none */
  struct backing **layers;      /* this one and those below it; the array is
                                 * owned */
  uint8_t *nr_empty;            /* owned; for what each L1 entry covers, how
                                 * many layers from this one on say nothing of
                                 * it; NULL: not known */
  uint32_t covered_bits;        /* log2 of the bytes that one covers */
};

/* How a layer is named: by its overlay's header, or by a "json:" name. */
struct name {
  const char *format;           /* "": not named */
  const struct file_spec *spec; /* NULL: a plain name, in the header */
};

static int
open_layer (struct backing *b, struct io *io, const struct image *overlay,
            const struct name *name, struct error *err)
{
  if (strcmp (name->format, "raw") == 0) {
    if (io_size (io, &b->size, err) == -1)
      return -1;
    b->io = io;
    return 0;
  }
  if (strcmp (name->format, "qcow2") == 0) {
    if (image_open_layer (io, b->path, false, &overlay->options, overlay,
                          name->spec, &b->image, err) == -1)
      return -1;
    b->size = image_size (b->image);
    return 0;
  }
  return error_set (err, ENOTSUP, "its format is \"%s\", and only raw and "
                    "qcow2 are served", name->format);
}

/* Neither a loop nor longer than is sane: each layer costs memory. */
static int
check_chain (const struct io *io, const struct image *overlay,
             struct error *err)
{
  const struct image *img;
  unsigned depth = 1;

  for (img = overlay; img; img = img->overlay, ++depth)
    if (io_same_file (io, img->io))
      return error_set (err, ELOOP, "the file is its own backing file");
    else if (img->data_file && io_same_file (io, img->data_file))
      return error_set (err, ELOOP, "the file is also the data file of an "
                        "image above it");
  if (depth > BACKING_MAX_DEPTH)
    return error_set (err, ELOOP, "the backing chain has more than %d files",
                      BACKING_MAX_DEPTH);
  return 0;
}

/* The lock comes before anything is read: what is cached must stay true. */
static int
open_io (struct backing *b, struct io *io, const struct image *overlay,
         const struct name *name, struct error *err)
{
  if (check_chain (io, overlay, err) == -1 ||
      (overlay->options.lock_backing &&
       io_lock (io, LOCK_READER, err) == -1) ||
      open_layer (b, io, overlay, name, err) == -1) {
    io_close (io);
    return -1;
  }
  return 0;
}

static int
open_path (struct backing *b, const struct image *overlay,
           const struct name *name, struct error *err)
{
  struct io_opener *opener = overlay->options.opener;
  struct io *io;

  if (opener->open (opener, b->path, 0, &io, err) == 0 &&
      open_io (b, io, overlay, name, err) == 0)
    return 0;
  /* Of a chain's files only the one concerned is named. */
  if (err && strncmp (err->text, PREFIX, strlen (PREFIX)) == 0)
    return -1;
  return error_prefix (err, PREFIX "%s", b->path);
}

static int
parse_json (struct backing *b, const struct image *overlay,
            struct error *err)
{
  const char *name = overlay->header.backing_name;

  if (!overlay->options.parse_json)
    return error_set (err, ENOTSUP, "\"json:\" names are not served here");
  if (overlay->options.parse_json (name, &b->spec, err) == -1)
    return error_prefix (err, PREFIX "%s", name);
  return 0;
}

/* The format that the overlay's header names, and the one in the "json:"
 * name, are one and the same. */
static int
choose_format (const struct image *overlay, struct name *name,
               struct error *err)
{
  const bool by_header = !overlay->backing_spec;
  const char *header = by_header ? overlay->header.backing_format : "";
  const char *spec = name->spec && name->spec->format ? name->spec->format
                                                      : "";

  if (*header && *spec && strcmp (header, spec) != 0)
    return error_set (err, EINVAL, "the image says that the format of its "
                      "backing file is \"%s\", and in its name \"%s\"; say "
                      "which with qemu-img rebase -u -b FILE -F raw|qcow2 "
                      "IMAGE", header, spec);
  name->format = *header ? header : spec;
  /* Guessing would let whoever once wrote to a raw disk decide. */
  if (name->format[0] == '\0')
    return error_set (err, EINVAL, "the image names the backing file \"%s\" "
                      "but not its format; say it with qemu-img rebase -u "
                      "-b FILE -F raw|qcow2 IMAGE",
                      by_header ? overlay->header.backing_name
                                : name->spec->path);
  return 0;
}

static int
resolve (struct backing *b, const struct image *overlay,
         const struct name *name, struct error *err)
{
  const enum backing_policy policy = overlay->options.backing;

  if (name->spec)
    return backing_path_resolve (NAMED_BACKING, overlay->name,
                                 name->spec->path, policy, &b->path, err);
  return backing_name_resolve (NAMED_BACKING, overlay->name,
                               overlay->header.backing_name, policy, &b->path,
                               err);
}

static int
find_and_open (struct backing *b, const struct image *overlay,
               struct error *err)
{
  struct name name = { .spec = overlay->backing_spec };

  if (!name.spec && backing_name_is_json (overlay->header.backing_name)) {
    if (parse_json (b, overlay, err) == -1)
      return -1;
    name.spec = b->spec;
  }
  if (choose_format (overlay, &name, err) == -1 ||
      resolve (b, overlay, &name, err) == -1)
    return -1;
  return open_path (b, overlay, &name, err);
}

/* -- which layer to ask ---------------------------------------------- */

static struct backing *
below (const struct backing *b)
{
  return b->image ? b->image->backing : NULL;
}

static int
list_layers (struct backing *b, struct error *err)
{
  struct backing *layer;
  unsigned nr = 0;

  for (layer = b; layer; layer = below (layer))
    nr++;
  b->layers = calloc (nr, sizeof *b->layers);
  if (!b->layers)
    return error_set (err, ENOMEM, "no memory for a backing file");
  for (layer = b, nr = 0; layer; layer = below (layer))
    b->layers[nr++] = layer;
  return 0;
}

/* Of what B's L1 entry I covers.  A layer that ends before it ends the search:
 * beyond its end it reads zeros, whatever is below. */
static uint8_t
count_empty (struct backing *b, uint64_t i)
{
  const struct backing *next = below (b);
  const uint64_t end = min_u64 (b->size, (i + 1) << b->covered_bits);

  if (mapping_has_table (&b->image->mapping,
                         i << b->image->header.l2_bits) ||
      end > next->size)
    return 0;
  return 1 + (next->nr_empty && next->covered_bits == b->covered_bits
              ? next->nr_empty[i] : 0);
}

static int
find_empty (struct backing *b, struct error *err)
{
  uint64_t nr, i;

  if (!below (b))
    return 0;
  b->covered_bits = b->image->header.cluster_bits + b->image->header.l2_bits;
  nr = div_round_up (b->size, UINT64_C (1) << b->covered_bits);
  b->nr_empty = malloc (nr + 1);
  if (!b->nr_empty)
    return error_set (err, ENOMEM, "no memory for a backing file");
  for (i = 0; i < nr; ++i)
    b->nr_empty[i] = count_empty (b, i);
  return 0;
}

/* Who knows what B reads from OFFSET on: as much of *LEN as it is asked for. */
static struct backing *
layer_for (struct backing *b, uint64_t offset, uint64_t *len)
{
  uint64_t covered;

  if (!b->nr_empty)
    return b;
  covered = UINT64_C (1) << b->covered_bits;
  *len = min_u64 (*len, covered - (offset & (covered - 1)));
  return b->layers[b->nr_empty[offset >> b->covered_bits]];
}

/* -- opening and closing --------------------------------------------- */

int
backing_open (const struct image *overlay, struct backing **ret,
              struct error *err)
{
  struct backing *b = calloc (1, sizeof *b);

  if (!b)
    return error_set (err, ENOMEM, "no memory for a backing file");
  if (find_and_open (b, overlay, err) == -1 || list_layers (b, err) == -1 ||
      find_empty (b, err) == -1) {
    backing_close (b);
    return -1;
  }
  *ret = b;
  return 0;
}

void
backing_give_up (struct backing *b)
{
  if (!b)
    return;
  io_close (b->io);
  b->io = NULL;
  if (b->image)
    image_give_up (b->image);
}

void
backing_close (struct backing *b)
{
  if (!b)
    return;
  io_close (b->io);
  image_close (b->image);
  file_spec_free (b->spec);
  free (b->nr_empty);
  free (b->layers);
  free (b->path);
  free (b);
}

uint64_t
backing_size (const struct backing *b)
{
  return b->size;
}

struct image *
backing_image (const struct backing *b)
{
  return b->image;
}

struct io *
backing_io (const struct backing *b)
{
  return b->image ? image_io (b->image) : b->io;
}

int
backing_read (struct backing *b, void *buf, size_t len, uint64_t offset,
              struct error *err)
{
  uint64_t there = offset < b->size ? min_u64 (len, b->size - offset) : 0;
  uint8_t *to = buf;

  memset (to + there, 0, len - there);
  while (there > 0) {
    uint64_t n = there;
    struct backing *layer = layer_for (b, offset, &n);

    if ((layer->io ? io_pread (layer->io, to, n, offset, err)
         : image_read (layer->image, to, n, offset, err)) == -1)
      return -1;
    to += n;
    offset += n;
    there -= n;
  }
  return 0;
}

/* A raw file knows nothing but data and holes. */
static int
raw_extents (struct io *io, uint64_t len, uint64_t offset,
             image_extent_fn fn, void *opaque, struct error *err)
{
  while (len > 0) {
    uint64_t n;
    const unsigned type = io_hole (io, offset, len, &n)
      ? IMAGE_EXTENT_HOLE | IMAGE_EXTENT_ZERO : 0;

    if (fn (opaque, offset, n, type, err) == -1)
      return -1;
    offset += n;
    len -= n;
  }
  return 0;
}

int
backing_extents (struct backing *b, uint64_t len, uint64_t offset,
                 image_extent_fn fn, void *opaque, struct error *err)
{
  uint64_t there = offset < b->size ? min_u64 (len, b->size - offset) : 0;

  len -= there;
  while (there > 0) {
    uint64_t n = there;
    struct backing *layer = layer_for (b, offset, &n);

    if ((layer->io ? raw_extents (layer->io, n, offset, fn, opaque, err)
         : image_extents (layer->image, n, offset, fn, opaque, err)) == -1)
      return -1;
    offset += n;
    there -= n;
  }
  if (len == 0)
    return 0;
  return fn (opaque, offset, len, IMAGE_EXTENT_HOLE | IMAGE_EXTENT_ZERO, err);
}
