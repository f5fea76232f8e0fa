/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is read of a file that this server does not own.
 *
 * Guarantees: the file is opened read-only, without a lock, and closed again;
 * nothing read here is kept but the virtual size and the cluster size, and in
 * the keyring the keys of an encrypted image.  The
 * owner may be writing meanwhile, so guest data may be old.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "checked.h"
#include "cleanup.h"
#include "handoff-internal.h"
#include "qcow2-header.h"
#include "snapshot-table.h"

static int
open_read_only (struct handoff *h, struct io **ret, struct error *err)
{
  struct io_opener *opener = h->options.opener;

  return opener->open (opener, h->path, 0, ret, err);
}

/* -- header ---------------------------------------------------------- */

/* Features that matter only to a writer, the dirty bit among them, are the
 * owner's and may change: they are looked at when we become the owner. */
static int
parse_header (struct handoff *h, struct io *io, const void *data,
              size_t len_bytes, uint64_t file_size,
              struct handoff_geometry *ret, struct error *err)
{
  const char *snapshot = h->options.snapshot;
  CLEANUP_FREE struct qcow2_header *header = malloc (sizeof *header);

  if (!header)
    return error_set_errno (err, ENOMEM, "reading the header");
  if (qcow2_header_parse (data, len_bytes, header, err) == -1 ||
      qcow2_header_unsupported (header, false, err) == -1 ||
      (snapshot && snapshot_table_apply (io, header, file_size, snapshot,
                                         err) == -1) ||
      image_data_identity (h->path, header, &h->options, ret->data_identity,
                           err) == -1)
    return -1;
  ret->virtual_size = header->virtual_size;
  ret->cluster_size = (uint32_t) header->cluster_size;
  ret->encrypted = header->crypt_method != QCOW2_CRYPT_NONE;
  return 0;
}

static int
read_header (struct handoff *h, struct io *io, struct handoff_geometry *ret,
             struct error *err)
{
  CLEANUP_FREE void *data = NULL;
  uint64_t size, len_bytes;

  if (io_size (io, &size, err) == -1)
    return -1;
  len_bytes = min_u64 (size, QCOW2_HEADER_MAX_BYTES);
  data = malloc (len_bytes + 1);
  if (!data)
    return error_set_errno (err, ENOMEM, "reading the header");
  if (io_pread (io, data, len_bytes, 0, err) == -1)
    return -1;
  return parse_header (h, io, data, len_bytes, size, ret, err);
}

int
handoff_read_geometry (struct handoff *h, struct handoff_geometry *ret,
                       struct error *err)
{
  struct io *io;
  int r;

  if (open_read_only (h, &io, err) == -1)
    return -1;
  ret->identity[0] = io->identity[0];
  ret->identity[1] = io->identity[1];
  r = read_header (h, io, ret, err);
  if (r == 0)
    handoff_record_glance (h, io);
  io_close (io);
  return r;
}

/* -- guest data ------------------------------------------------------ */

static int
open_image (struct handoff *h, struct image **ret, struct error *err)
{
  struct io *io;

  if (open_read_only (h, &io, err) == -1)
    return -1;
  if (image_open (io, h->path, false, &h->options, ret, err) == -1) {
    io_close (io);
    return -1;
  }
  return 0;
}

static int
read_afresh (struct handoff *h, void *buf, size_t len, uint64_t offset,
             struct error *err)
{
  struct image *img;
  int r;

  if (open_image (h, &img, err) == -1)
    return -1;
  r = image_read (img, buf, len, offset, err);
  image_close (img);
  return r;
}

/* The owner may be writing: a look at its tables may fail, now and then. */
int
handoff_warm_keyring (struct handoff *h, struct error *err)
{
  struct error e = ERROR_INIT;
  struct image *img;

  if (open_image (h, &img, &e) == 0) {
    image_close (img);
    return 0;
  }
  if (e.errnum != ENOTSUP && !(e.class && strcmp (e.class, "Passphrase") == 0))
    return 0;
  if (err)
    *err = e;
  return -1;
}

/* Activation does not wait for such reads.  One that it overtook may have
 * mixed what it saw before with clusters that our own clients have given
 * another meaning since, so it is not answered but asked again. */
int
handoff_read_inactive (struct handoff *h, void *buf, size_t len,
                       uint64_t offset, struct error *err)
{
  const uint64_t nr_activations = gate_nr_activations (&h->gate);
  const int r = h->stale ? stale_read (h->stale, buf, len, offset, err)
                         : read_afresh (h, buf, len, offset, err);

  if (gate_nr_activations (&h->gate) != nr_activations)
    return error_set_class (err, EAGAIN, "StateChanged",
                            "the image was activated during the read: "
                            "ask again");
  return r;
}
