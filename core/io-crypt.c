/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An encrypting io: see io-crypt.h.
 *
 * Reading decrypts in the caller's buffer; writing encrypts in one of our own,
 * a piece at a time.  A sector that is covered in part goes through a buffer
 * of its own in both directions.
 *
 * Invariant: from reading a sector for that until it is written back, nobody
 * else changes it.  `sectors` keeps it: every change holds the sectors that
 * it touches.  It is inside the image's range lock and outside the blocks of
 * io-file (cache=none).  Reads hold nothing: they may see part of a write that
 * runs at the same time, as with any file.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "checked.h"
#include "cleanup.h"
#include "io-crypt.h"
#include "io-optional.h"
#include "range-lock.h"

#define SECTOR CIPHER_SECTOR_BYTES
#define PIECE_BYTES (UINT64_C (256) << 10)
#define BUFFER_ALIGN 4096       /* what cache=none passes through */

struct io_crypt {
  struct io base;
  struct io *below;             /* borrowed */
  struct sector_cipher *cipher; /* owned */
  struct range_lock sectors;
};

/* Where the bytes of a write come from: somebody's iovec, or zeros. */
struct source {
  const struct iovec *iov;      /* NULL: zeros */
  size_t skip;                  /* bytes of iov[0] already taken */
};

static struct io_crypt *
crypt_of (struct io *io)
{
  return (struct io_crypt *) io;
}

static void
take_bytes (struct source *s, uint8_t *to, size_t len)
{
  if (!s->iov)
    memset (to, 0, len);
  while (s->iov && len > 0) {
    const size_t n = min_u64 (s->iov->iov_len - s->skip, len);

    /* An empty element may have no address. */
    if (n > 0)
      memcpy (to, (const uint8_t *) s->iov->iov_base + s->skip, n);
    to += n;
    len -= n;
    s->skip += n;
    if (s->skip == s->iov->iov_len) {
      s->iov++;
      s->skip = 0;
    }
  }
}

/* -- reading ----------------------------------------------------------- */

static int
read_sectors (struct io_crypt *c, void *buf, size_t len, uint64_t offset,
              struct error *err)
{
  if (io_pread (c->below, buf, len, offset, err) == -1)
    return -1;
  return sector_cipher_decrypt (c->cipher, buf, len, offset / SECTOR, err);
}

/* How many of LEN bytes at OFFSET are whole sectors, from OFFSET on. */
static uint64_t
whole_sectors (uint64_t offset, uint64_t len)
{
  return is_aligned (offset, SECTOR) ? align_down (len, SECTOR) : 0;
}

/* How many of them are in the sector that OFFSET is in. */
static uint64_t
in_sector (uint64_t offset, uint64_t len)
{
  return min_u64 (len, SECTOR - (offset & (SECTOR - 1)));
}

static int
read_part (struct io_crypt *c, uint8_t *buf, size_t len, uint64_t offset,
           struct error *err)
{
  const uint64_t start = align_down (offset, SECTOR);
  uint8_t sector[SECTOR];

  if (read_sectors (c, sector, sizeof sector, start, err) == -1)
    return -1;
  memcpy (buf, sector + (offset - start), len);
  return 0;
}

static int
crypt_pread (struct io *io, void *buf, size_t len, uint64_t offset,
             struct error *err)
{
  struct io_crypt *c = crypt_of (io);
  uint8_t *p = buf;

  while (len > 0) {
    size_t n = whole_sectors (offset, len);
    int r;

    if (n > 0)
      r = read_sectors (c, p, n, offset, err);
    else {
      n = in_sector (offset, len);
      r = read_part (c, p, n, offset, err);
    }
    if (r == -1)
      return -1;
    p += n;
    offset += n;
    len -= n;
  }
  return 0;
}

/* -- changing, with the sectors held ----------------------------------- */

static int
write_sectors (struct io_crypt *c, void *buf, size_t len, uint64_t offset,
               unsigned flags, struct error *err)
{
  if (sector_cipher_encrypt (c->cipher, buf, len, offset / SECTOR, err) == -1)
    return -1;
  return io_pwrite (c->below, buf, len, offset, flags, err);
}

static int
write_part (struct io_crypt *c, struct source *s, size_t len, uint64_t offset,
            unsigned flags, struct error *err)
{
  const uint64_t start = align_down (offset, SECTOR);
  uint8_t sector[SECTOR];

  if (read_sectors (c, sector, sizeof sector, start, err) == -1)
    return -1;
  take_bytes (s, sector + (offset - start), len);
  return write_sectors (c, sector, sizeof sector, start, flags, err);
}

static int
write_held (struct io_crypt *c, struct source *s, uint64_t len,
            uint64_t offset, unsigned flags, uint8_t *piece, struct error *err)
{
  while (len > 0) {
    size_t n = min_u64 (whole_sectors (offset, len), PIECE_BYTES);
    int r;

    if (n > 0) {
      take_bytes (s, piece, n);
      r = write_sectors (c, piece, n, offset, flags, err);
    }
    else {
      n = in_sector (offset, len);
      r = write_part (c, s, n, offset, flags, err);
    }
    if (r == -1)
      return -1;
    offset += n;
    len -= n;
  }
  return 0;
}

static int
change (struct io_crypt *c, struct source *s, uint64_t len, uint64_t offset,
        unsigned flags, struct error *err)
{
  CLEANUP_FREE void *piece = NULL;
  struct range range;
  int r;

  if (c->base.read_only)
    return error_set (err, EBADF, "the file is open read-only");
  if (len == 0)
    return 0;
  if (posix_memalign (&piece, BUFFER_ALIGN, min_u64 (len, PIECE_BYTES))) {
    piece = NULL;
    return error_set (err, ENOMEM, "no memory to encrypt in");
  }
  range_lock_take (&c->sectors, &range, offset / SECTOR,
                   (offset + len - 1) / SECTOR);
  r = write_held (c, s, len, offset, flags, piece, err);
  range_lock_drop (&c->sectors, &range);
  return r;
}

static int
crypt_pwritev (struct io *io, const struct iovec *iov, int nr_iov,
               uint64_t offset, unsigned flags, struct error *err)
{
  struct source s = { iov, 0 };
  uint64_t len = 0;
  int i;

  for (i = 0; i < nr_iov; ++i)
    len += iov[i].iov_len;
  return change (crypt_of (io), &s, len, offset, flags, err);
}

static int
crypt_zero (struct io *io, uint64_t offset, uint64_t len, unsigned flags,
            struct error *err)
{
  struct source zeros = { NULL, 0 };

  (void) flags;
  return change (crypt_of (io), &zeros, len, offset, 0, err);
}

/* -- the rest ---------------------------------------------------------- */

static int
crypt_sync (struct io *io, struct error *err)
{
  return io_sync (crypt_of (io)->below, err);
}

static int
crypt_size (struct io *io, uint64_t *ret_size, struct error *err)
{
  return io_size (crypt_of (io)->below, ret_size, err);
}

static int
crypt_truncate (struct io *io, uint64_t size, struct error *err)
{
  return io_truncate (crypt_of (io)->below, size, err);
}

static void
crypt_prefetch (struct io *io, uint64_t offset, uint64_t len)
{
  io_prefetch (crypt_of (io)->below, offset, len);
}

static int
crypt_lock (struct io *io, enum lock_mode mode, struct error *err)
{
  return io_lock (crypt_of (io)->below, mode, err);
}

static void
crypt_unlock (struct io *io)
{
  io_unlock (crypt_of (io)->below);
}

static void
crypt_close (struct io *io)
{
  struct io_crypt *c = crypt_of (io);

  sector_cipher_free (c->cipher);
  range_lock_destroy (&c->sectors);
  free (c);
}

static const struct io_ops crypt_ops = {
  .pread = crypt_pread,
  .pwritev = crypt_pwritev,
  .zero = crypt_zero,
  .sync = crypt_sync,
  .size = crypt_size,
  .truncate = crypt_truncate,
  .prefetch = crypt_prefetch,
  .lock = crypt_lock,
  .unlock = crypt_unlock,
  .close = crypt_close,
};

int
io_crypt_new (struct io *io, struct sector_cipher *cipher, struct io **ret,
              struct error *err)
{
  struct io_crypt *c = calloc (1, sizeof *c);

  if (!c)
    return error_set (err, ENOMEM, "no memory for an encrypted file");
  c->base = *io;
  c->base.ops = &crypt_ops;
  c->base.fresh_reads_zero = false;
  c->below = io;
  c->cipher = cipher;
  range_lock_init (&c->sectors);
  *ret = &c->base;
  return 0;
}
