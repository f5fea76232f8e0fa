/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One look at an image file: see view.h.
 *
 * The header is read with one call; then each table in pieces, into buffers
 * that are kept (spare.h).  Nothing of what is read is used for serving.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "checked.h"
#include "cleanup.h"
#include "cursor.h"
#include "io-optional.h"
#include "qcow2-extension.h"
#include "qcow2-format.h"
#include "spare.h"
#include "view.h"

#define PIECE_BYTES SPARE_BYTES
#define FIRST_READ_BYTES ((size_t) 64 << 10)

/* -- the header ------------------------------------------------------- */

static void *
take_buffer (struct spare *spare, size_t len, struct error *err)
{
  void *p = spare_take (spare, len);

  if (!p)
    error_set_errno (err, ENOMEM, "reading the image's tables");
  return p;
}

/* The first cluster into V->header.  Room is made for what there is: of 2 MiB
 * the kernel may clear all when the first byte is written. */
static int
read_cluster (struct io *io, struct view *v, struct error *err)
{
  uint32_t bits;

  v->header = take_buffer (v->spare, FIRST_READ_BYTES, err);
  if (!v->header)
    return -1;
  v->header_bytes = FIRST_READ_BYTES;
  if (io_pread (io, v->header, FIRST_READ_BYTES, 0, err) == -1)
    return -1;
  bits = load_be32 (v->header + 20);
  if (!qcow2_header_probe (v->header, FIRST_READ_BYTES) ||
      bits < QCOW2_MIN_CLUSTER_BITS || bits > QCOW2_MAX_CLUSTER_BITS)
    return error_set (err, EINVAL, "not a qcow2 image any more");
  v->cluster_size = (size_t) 1 << bits;
  if (v->cluster_size <= FIRST_READ_BYTES)
    return 0;
  view_clear (v);
  v->header = take_buffer (v->spare, v->cluster_size, err);
  if (!v->header)
    return -1;
  v->header_bytes = v->cluster_size;
  return io_pread (io, v->header, v->cluster_size, 0, err);
}

static int
parse_cluster (struct view *v, struct qcow2_header *ret, struct error *err)
{
  if (qcow2_header_parse (v->header, v->cluster_size, ret, err) == -1)
    return -1;
  v->version = ret->version;
  v->virtual_size = ret->virtual_size;
  v->intact = ret->version == 2 ||
    ret->autoclear_features & QCOW2_AUTOCLEAR_BATON;
  v->found = record_find (v->header, v->cluster_size, &v->record, &v->why);
  return 0;
}

static int
look (struct io *io, struct view *v, struct qcow2_header *ret,
      struct error *err)
{
  if (io_size (io, &v->file_bytes, err) == -1 ||
      read_cluster (io, v, err) == -1 || parse_cluster (v, ret, err) == -1)
    return -1;
  v->mtime_ns = io_mtime (io);
  return 0;
}

/* -- digests ---------------------------------------------------------- */

static void
add_extensions (struct digest *d, const struct view *v,
                const struct qcow2_header *h)
{
  const uint64_t name = load_be64 (v->header + QCOW2_HDR_BACKING_OFFSET);
  struct qcow2_extension_walk walk;
  struct qcow2_extension e;

  qcow2_extension_walk_init (&walk, v->header, h->header_length,
                             name ? name : v->cluster_size);
  while (qcow2_extension_next (&walk, &e, NULL) == 1) {
    if (e.type == QCOW2_EXT_BATON_RECORD || e.type == QCOW2_EXT_BATON_PADDING)
      continue;
    digest_add_u64 (d, (uint64_t) e.type << 32 | e.len_bytes);
    digest_add (d, e.data, e.len_bytes);
  }
}

static int
digest_header (struct view *v, const struct qcow2_header *h,
               struct error *err)
{
  uint8_t fields[QCOW2_V3_HEADER_BYTES];
  const size_t known = min_u64 (h->header_length, sizeof fields);
  struct digest *d;

  if (digest_new (&d, err) == -1)
    return -1;
  memcpy (fields, v->header, known);
  memset (fields + QCOW2_HDR_BACKING_OFFSET, 0, 8);
  if (h->version > 2)
    memset (fields + QCOW2_HDR_AUTOCLEAR, 0, 8);
  digest_add (d, fields, known);
  digest_add (d, v->header + known, h->header_length - known);
  add_extensions (d, v, h);
  digest_add (d, h->backing_name, strlen (h->backing_name));
  return digest_end (d, v->digests.header, err);
}

static int
add_pieces (struct io *io, struct digest *d, uint64_t offset, uint64_t len,
            void *buf, struct error *err)
{
  uint64_t done, n;

  for (done = 0; done < len; done += n) {
    n = min_u64 (len - done, PIECE_BYTES);
    if (io_pread (io, buf, n, offset + done, err) == -1)
      return -1;
    digest_add (d, buf, n);
  }
  return 0;
}

static int
add_range (struct io *io, struct spare *spare, struct digest *d,
           uint64_t offset, uint64_t len, struct error *err)
{
  void *buf = take_buffer (spare, PIECE_BYTES, err);
  int r;

  if (!buf)
    return -1;
  r = add_pieces (io, d, offset, len, buf, err);
  spare_give (spare, buf, PIECE_BYTES);
  return r;
}

static int
digest_range (struct io *io, struct spare *spare, uint64_t offset,
              uint64_t len, uint8_t ret[DIGEST_BYTES], struct error *err)
{
  struct digest *d;

  if (digest_new (&d, err) == -1)
    return -1;
  if (add_range (io, spare, d, offset, len, err) == 0)
    return digest_end (d, ret, err);
  digest_free (d);
  return -1;
}

static int
digest_all (struct io *io, struct view *v, const struct qcow2_header *h,
            struct error *err)
{
  const uint64_t reftable_bytes = h->nr_reftable_clusters * h->cluster_size;

  if (digest_header (v, h, err) == -1 ||
      digest_range (io, v->spare, h->l1_table_offset,
                    h->nr_l1_entries * UINT64_C (8), v->digests.l1,
                    err) == -1)
    return -1;
  return digest_range (io, v->spare, h->reftable_offset, reftable_bytes,
                       v->digests.reftable, err);
}

/* -- the whole -------------------------------------------------------- */

static int
read_view (struct io *io, struct spare *spare, bool with_digests,
           struct view *ret, struct error *err)
{
  CLEANUP_FREE struct qcow2_header *h = malloc (sizeof *h);
  struct view v = { .spare = spare };

  if (!h)
    return error_set_errno (err, ENOMEM, "reading the header");
  if (look (io, &v, h, err) == -1 ||
      (with_digests && digest_all (io, &v, h, err) == -1)) {
    view_clear (&v);
    return -1;
  }
  *ret = v;
  return 0;
}

int
view_read (struct io *io, struct spare *spare, struct view *ret,
           struct error *err)
{
  return read_view (io, spare, true, ret, err);
}

int
view_read_header (struct io *io, struct spare *spare, struct view *ret,
                  struct error *err)
{
  return read_view (io, spare, false, ret, err);
}

void
view_clear (struct view *v)
{
  spare_give (v->spare, v->header, v->header_bytes);
  v->header = NULL;
}

/* -- comparing -------------------------------------------------------- */

const char *
view_digest_difference (const struct view_digests *a,
                        const struct view_digests *b)
{
  if (memcmp (a->header, b->header, DIGEST_BYTES) != 0)
    return "header";
  if (memcmp (a->l1, b->l1, DIGEST_BYTES) != 0)
    return "L1 table";
  if (memcmp (a->reftable, b->reftable, DIGEST_BYTES) != 0)
    return "refcount table";
  return NULL;
}

static bool
same_record (const struct view *a, const struct view *b)
{
  uint8_t x[RECORD_BYTES], y[RECORD_BYTES];

  if (a->found != b->found || a->intact != b->intact)
    return false;
  if (a->found != RECORD_VALID)
    return true;
  record_encode (&a->record, x);
  record_encode (&b->record, y);
  return memcmp (x, y, sizeof x) == 0;
}

const char *
view_difference (const struct view *a, const struct view *b)
{
  if (!same_record (a, b))
    return "ownership record";
  return view_digest_difference (&a->digests, &b->digests);
}
