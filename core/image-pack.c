/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Image: writing compressed clusters (compress=on).
 *
 * What is packed is whole guest clusters that have no host cluster yet; all
 * else is written as ever.  A cluster that does not shrink is stored plain.
 * The caller holds the guest clusters in the range lock, and no other lock
 * is held while they are compressed.
 *
 * Order (docs/DURABILITY.md):
 *   R12  What compressed data reads as if only a part of it is there is
 *       nobody's data, and the counts of the host clusters that it shares
 *       with others are raised in the page cache alone.  So a sync is between
 *       both and the pointers; one for the clusters of a request, and shared
 *       with the requests that run at the same time.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "checked.h"
#include "deflate.h"
#include "image-pack.h"

/* How much is compressed at a time. */
#define MAX_BATCH_BYTES (UINT64_C (4) << 20)
/* Pieces that are adjacent in the file go there in one write. */
#define MAX_IOV 64

/* A guest cluster on its way. */
struct piece {
  const uint8_t *bytes;
  uint32_t len;                 /* to be written, bytes */
  bool packed;
  uint64_t host_offset;
};

struct batch {
  struct image *img;
  uint64_t cluster;             /* guest's, the first */
  uint32_t nr;
  uint32_t nr_placed;
  bool any_packed;
  uint8_t *room;                /* for compressed data */
  struct piece pieces[MAPPING_MAX_BATCH];
};

int
image_check_compress (const struct image *img, struct error *err)
{
  const struct qcow2_header *h = &img->header;

  if (!img->options.compress || img->overlay)
    return 0;
  /* Rule 37: "With an external data file there are no compressed clusters." */
  if (h->incompatible_features & QCOW2_INCOMPAT_DATA_FILE)
    return error_set (err, ENOTSUP, "compress=on: this image keeps its data "
                      "in an external data file, where nothing can be "
                      "compressed: leave compress=on out");
  if (h->crypt_method != QCOW2_CRYPT_NONE)
    return error_set (err, ENOTSUP, "compress=on: this image is encrypted, "
                      "and what is encrypted cannot be compressed: leave "
                      "compress=on out");
  return 0;
}

bool
image_is_packed (struct image *img, struct run *run, uint64_t offset)
{
  const uint64_t size = img->header.cluster_size;
  const uint64_t skip = offset & (size - 1);
  const bool to_end = offset + run->len == img->header.virtual_size;

  if (!img->options.compress ||
      (run->type != CLUSTER_UNALLOCATED && run->type != CLUSTER_ZERO_PLAIN))
    return false;
  if (skip) {
    run->len = min_u64 (run->len, size - skip);
    return false;
  }
  if (!to_end && run->len < size)
    return false;
  /* The disk's last cluster is whole even where the disk ends within it. */
  if (!to_end)
    run->len = align_down (run->len, size);
  return true;
}

/* How many of the guest clusters from OFFSET to OFFSET + LEN. */
static uint32_t
batch_size (const struct image *img, uint64_t len, uint64_t offset)
{
  const uint32_t bits = img->header.cluster_bits;
  const uint64_t nr = div_round_up (len, img->header.cluster_size);

  return mapping_batch (&img->mapping, offset >> bits,
                        min_u64 (nr, max_u64 (1, MAX_BATCH_BYTES >> bits)));
}

/* -- compressing ------------------------------------------------------- */

/* P has its bytes and their number; where they shrink, P gets them packed,
 * in ROOM. */
static int
pack_piece (const struct image *img, struct deflater *d, struct piece *p,
            uint8_t *room, struct error *err)
{
  const size_t size = img->header.cluster_size;
  size_t len;

  if (deflater_run (d, p->bytes, size, room, size - 1, &len, err) == -1)
    return -1;
  if (len > 0)
    *p = (struct piece) { .bytes = room, .len = (uint32_t) len,
                          .packed = true };
  return 0;
}

/* The disk's last cluster, where the disk ends within it: "the decompressed
 * data is exactly one cluster". */
static int
pack_short_piece (const struct image *img, struct deflater *d,
                  struct piece *p, uint8_t *room, struct error *err)
{
  uint8_t *whole = calloc (1, img->header.cluster_size);
  const struct piece plain = *p;
  int r;

  if (!whole)
    return error_set (err, ENOMEM, "no memory to compress a cluster");
  memcpy (whole, p->bytes, p->len);
  p->bytes = whole;
  r = pack_piece (img, d, p, room, err);
  if (!p->packed)
    *p = plain;
  free (whole);
  return r;
}

static int
pack_pieces (struct batch *b, struct deflater *d, const uint8_t *buf,
             size_t len, struct error *err)
{
  const size_t size = b->img->header.cluster_size;
  uint8_t *room = b->room;
  uint32_t i;

  for (i = 0; i < b->nr; ++i) {
    struct piece *p = &b->pieces[i];
    int r;

    *p = (struct piece) { .bytes = buf + i * size,
                          .len = (uint32_t) min_u64 (size, len - i * size) };
    r = p->len == size ? pack_piece (b->img, d, p, room, err)
      : pack_short_piece (b->img, d, p, room, err);
    if (r == -1)
      return -1;
    if (p->packed)
      room += p->len;
    b->any_packed |= p->packed;
  }
  return 0;
}

/* -- places ------------------------------------------------------------ */

static struct extent
touched (const struct image *img, const struct piece *p)
{
  const uint32_t bits = img->header.cluster_bits;
  const uint64_t first = p->host_offset >> bits;

  return (struct extent) {
    first, ((p->host_offset + p->len - 1) >> bits) - first + 1
  };
}

static int
place_piece (struct batch *b, uint32_t i, struct error *err)
{
  struct image *img = b->img;
  struct piece *p = &b->pieces[i];
  struct extent e;

  if (p->packed)
    return allocator_pack (&img->allocator, p->len, &p->host_offset, err);
  if (image_place_take (img, b->cluster + i, 1, &e, err) == -1)
    return -1;
  p->host_offset = e.first << img->header.cluster_bits;
  return 0;
}

static int
place_pieces (struct batch *b, struct error *err)
{
  while (b->nr_placed < b->nr) {
    if (place_piece (b, b->nr_placed, err) == -1)
      return -1;
    b->nr_placed++;
  }
  return 0;
}

static void
give_back (struct batch *b)
{
  uint32_t i;

  /* Poisoned: nobody knows whether something points to them. */
  if (atomic_load (&b->img->poison.set))
    return;
  for (i = 0; i < b->nr_placed; ++i)
    image_place_give_back (b->img, touched (b->img, &b->pieces[i]));
}

/* -- writing ----------------------------------------------------------- */

/* Write the pieces from I on that are adjacent in the file; *RET_NR. */
static int
write_some (const struct batch *b, uint32_t i, uint32_t *ret_nr,
            struct error *err)
{
  const struct piece *p = &b->pieces[i];
  struct iovec iov[MAX_IOV];
  uint64_t end = p->host_offset;
  uint32_t nr;

  for (nr = 0; i + nr < b->nr && nr < MAX_IOV && p[nr].host_offset == end;
       ++nr) {
    iov[nr] = (struct iovec) { (void *) p[nr].bytes, p[nr].len };
    end += p[nr].len;
  }
  *ret_nr = nr;
  return io_pwritev (b->img->data, iov, (int) nr, p->host_offset, 0, err);
}

static int
write_pieces (const struct batch *b, struct error *err)
{
  uint32_t i, nr;

  for (i = 0; i < b->nr; i += nr)
    if (write_some (b, i, &nr, err) == -1)
      return -1;
  return 0;
}

static int
encode_pieces (const struct batch *b, struct raw_entry *ret,
               struct error *err)
{
  const uint64_t all = has_subclusters (&b->img->header)
    ? bitmap_of (SUBCLUSTERS_ALL, 0) : 0;
  uint32_t i;

  for (i = 0; i < b->nr; ++i) {
    const struct piece *p = &b->pieces[i];

    if (!p->packed)
      ret[i] = (struct raw_entry) { l2_entry_normal (p->host_offset), all };
    else {
      ret[i].bitmap = 0;
      if (l2_entry_compressed (&b->img->header, p->host_offset, p->len,
                               &ret[i].entry, err) == -1)
        return -1;
    }
  }
  return 0;
}

static int
publish (struct batch *b, const struct run *run, uint64_t len,
         struct error *err)
{
  const uint64_t offset = b->cluster << b->img->header.cluster_bits;
  struct raw_entry old[MAPPING_MAX_BATCH], new[MAPPING_MAX_BATCH];

  if (mapping_get (&b->img->mapping, b->cluster, b->nr, old, err) == -1 ||
      encode_pieces (b, new, err) == -1 ||
      write_pieces (b, err) == -1)
    return -1;
  if ((b->any_packed || !image_run_reads_zero (b->img, run, offset, len)) &&
      image_sync (b->img, err) == -1)
    return -1;
  return image_replace (b->img, b->cluster, b->nr, old, new, err);
}

static int
do_batch (struct batch *b, struct deflater *d, const struct run *run,
          const uint8_t *buf, size_t len, struct error *err)
{
  if (pack_pieces (b, d, buf, len, err) == -1)
    return -1;
  if (place_pieces (b, err) == 0 && publish (b, run, len, err) == 0)
    return 0;
  give_back (b);
  return -1;
}

int
image_write_packed (struct image *img, const struct run *run, const void *buf,
                    uint64_t offset, size_t *ret_len, struct error *err)
{
  const uint32_t bits = img->header.cluster_bits;
  const uint32_t nr = batch_size (img, run->len, offset);
  const size_t len = min_u64 (run->len, (uint64_t) nr << bits);
  struct batch b = { .img = img, .cluster = offset >> bits, .nr = nr };
  struct deflater *d = NULL;
  int r = -1;

  b.room = malloc ((size_t) nr << bits);
  if (!b.room)
    error_set (err, ENOMEM, "no memory to compress a cluster");
  else if (deflater_new (img->header.compression_type, &d, err) == 0)
    r = do_batch (&b, d, run, buf, len, err);
  deflater_free (d);
  free (b.room);
  if (r == 0)
    *ret_len = len;
  return r;
}
