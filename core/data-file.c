/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Data file: see data-file.h.  Runs while no request does; no lock.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backing-name.h"
#include "cleanup.h"
#include "data-file.h"
#include "io-optional.h"

#define SECTOR_BYTES 512u

/* A "json:" name: a file, and nothing on top of it. */
static int
find_json_path (const char *name, const struct qcow2_header *header,
                const struct image_options *options, char **ret,
                struct error *err)
{
  struct file_spec *spec;
  int r;

  if (!options->parse_json)
    return error_set (err, ENOTSUP, "\"json:\" names are not served here");
  if (options->parse_json (header->data_file_name, &spec, err) == -1)
    return error_prefix (err, "data file %s", header->data_file_name);
  if (spec->has_backing || (spec->format && strcmp (spec->format, "raw") != 0))
    r = error_set (err, ENOTSUP, "data file %s: an image cannot be one",
                   header->data_file_name);
  else
    r = backing_path_resolve (NAMED_DATA, name, spec->path,
                              options->data_file, ret, err);
  file_spec_free (spec);
  return r;
}

/* The path of what HEADER, of the image NAME, needs; *RET is malloced. */
static int
find_path (const char *name, const struct qcow2_header *header,
           const struct image_options *options, char **ret,
           struct error *err)
{
  if (options->data_file_path) {
    *ret = strdup (options->data_file_path);
    return *ret ? 0 : error_set (err, ENOMEM, "no memory for a data file");
  }
  if (header->data_file_name[0] == '\0')
    return error_set (err, EINVAL, "the image needs an external data file and "
                      "does not say which: name it with data-file=PATH");
  if (backing_name_is_json (header->data_file_name))
    return find_json_path (name, header, options, ret, err);
  return backing_name_resolve (NAMED_DATA, name, header->data_file_name,
                               options->data_file, ret, err);
}

/* An image without one must not be given one: QEMU refuses, too. */
static int
check_not_given (const struct image_options *options, struct error *err)
{
  if (options->data_file_path)
    return error_set (err, EINVAL, "data-file=%s is given, and the image has "
                      "no external data file: leave it out",
                      options->data_file_path);
  return 0;
}

/* What is written to as data must not be anything else of this chain. */
static int
check_chain (const struct io *io, const struct image *img, struct error *err)
{
  for (; img; img = img->overlay) {
    if (io_same_file (io, img->io))
      return error_set (err, ELOOP, "it is an image that it would be the "
                        "data file of");
    if (img->data_file && io_same_file (io, img->data_file))
      return error_set (err, ELOOP, "it is the data file of another image "
                        "of the chain");
  }
  return 0;
}

static int
lock (const struct image *img, struct io *io, struct error *err)
{
  if (!img->options.lock_backing)
    return 0;
  return io_lock (io, img->for_writing ? LOCK_WRITER : LOCK_READER, err);
}

static int
open_path (struct image *img, const char *path, struct error *err)
{
  struct io_opener *opener = img->options.opener;
  const unsigned flags = img->for_writing ? IO_OPEN_WRITE : 0;
  struct io *io;

  if (opener->open (opener, path, flags, &io, err) == -1)
    return error_prefix (err, "data file %s", path);
  if (check_chain (io, img, err) == -1 || lock (img, io, err) == -1) {
    io_close (io);
    return error_prefix (err, "data file %s", path);
  }
  img->data_file = img->data = io;
  /* A cluster's place is there before it is first used, and holds what
   * whoever used it before has left. */
  img->fresh_reads_zero = false;
  return 0;
}

int
data_file_open (struct image *img, struct error *err)
{
  CLEANUP_FREE char *path = NULL;

  /* The user's path is for what is served. */
  if (img->overlay)
    img->options.data_file_path = NULL;
  if (!qcow2_has_data_file (&img->header))
    return check_not_given (&img->options, err);
  if (find_path (img->name, &img->header, &img->options, &path, err) == -1)
    return -1;
  return open_path (img, path, err);
}

int
data_file_start_writing (struct image *img, struct error *err)
{
  const uint8_t zeros[SECTOR_BYTES] = { 0 };
  const uint64_t wanted = img->header.virtual_size;
  uint64_t size;

  if (!qcow2_data_file_is_raw (&img->header) || img->data_file->fixed_size)
    return 0;
  if (io_size (img->data_file, &size, err) == -1)
    return -1;
  /* Beyond its end it reads zeros. */
  if (size >= wanted)
    return 0;
  if (size > wanted - SECTOR_BYTES)
    return io_pwrite (img->data_file, zeros, wanted - size, size, IO_DSYNC,
                      err);
  return io_pwrite (img->data_file, zeros, sizeof zeros,
                    wanted - sizeof zeros, IO_DSYNC, err);
}

int
image_data_identity (const char *name, const struct qcow2_header *header,
                     const struct image_options *options,
                     uint64_t ret_identity[2], struct error *err)
{
  struct io_opener *opener = options->opener;
  CLEANUP_FREE char *path = NULL;
  struct io *io;

  ret_identity[0] = ret_identity[1] = 0;
  if (!qcow2_has_data_file (header))
    return check_not_given (options, err);
  if (find_path (name, header, options, &path, err) == -1)
    return -1;
  if (opener->open (opener, path, 0, &io, err) == -1)
    return error_prefix (err, "data file %s", path);
  ret_identity[0] = io->identity[0];
  ret_identity[1] = io->identity[1];
  io_close (io);
  return 0;
}
