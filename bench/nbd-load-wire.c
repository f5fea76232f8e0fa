/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One connection of the load (nbd-load.h).
 *
 * libnbd connects and negotiates, without structured replies.  Then 28 bytes
 * go out for a request and 16 come back, as the NBD protocol says
 * ("Transmission phase"): requests that are due at the same time leave in one
 * write, and answers are read as many as there are.
 */

#include <config.h>

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "nbd-load.h"

#define REQUEST_MAGIC UINT32_C (0x25609513)
#define REPLY_MAGIC UINT32_C (0x67446698)
#define REPLY_BYTES 16
#define RECEIVE_BYTES ((size_t) 1 << 20)
#define MAX_QUEUED 64

enum { CMD_READ, CMD_WRITE, CMD_DISC, CMD_FLUSH, CMD_TRIM, CMD_CACHE,
       CMD_WRITE_ZEROES };

struct request {
  uint32_t magic;
  uint16_t flags, type;
  uint64_t cookie, offset;
  uint32_t length;
} __attribute__ ((packed));

struct wire {
  const struct load *load;
  struct nbd_handle *nbd;
  uint8_t *data;                /* of writes */
  uint8_t *in;                  /* received, and not yet looked at */
  size_t in_len;
  uint64_t skip;                /* of a read's data, still to come */
  unsigned skip_slot;
  bool *reads;                  /* per slot: data follows the reply */
  struct request queue[MAX_QUEUED];
  unsigned nr_queued;
};

int
wire_fd (const struct wire *w)
{
  return nbd_aio_get_fd (w->nbd);
}

static void
fill_data (uint8_t *p, size_t len, uint64_t seed)
{
  size_t i;

  for (i = 0; i < len; ++i)
    p[i] = (uint8_t) ((seed + i * 2654435761u) >> 11 | 1);
}

struct wire *
wire_open (const struct load *l)
{
  struct wire *w = calloc (1, sizeof *w);

  if (!w || !(w->data = malloc (l->block_bytes)) ||
      !(w->in = malloc (RECEIVE_BYTES)) ||
      !(w->reads = calloc (l->depth, sizeof *w->reads)))
    load_fail ("out of memory");
  w->load = l;
  fill_data (w->data, l->block_bytes, l->seed);
  w->nbd = nbd_create ();
  if (!w->nbd || nbd_set_request_structured_replies (w->nbd, false) == -1 ||
      nbd_connect_unix (w->nbd, l->socket) == -1)
    load_fail ("%s", nbd_get_error ());
  /* From here on libnbd knows nothing of what happens there; it made the
   * socket non-blocking, and poll is asked before each read. */
  return w;
}

void
wire_close (struct wire *w)
{
  struct request r = { .magic = htobe32 (REQUEST_MAGIC),
                       .type = htobe16 (CMD_DISC) };

  /* An orderly end: servers may do more than they should for others. */
  if (write (wire_fd (w), &r, sizeof r) != sizeof r)
    load_fail ("cannot say goodbye");
  nbd_close (w->nbd);
  free (w->data);
  free (w->in);
  free (w->reads);
  free (w);
}

/* -- sending ------------------------------------------------------------------ */

static void
send_all (int fd, struct iovec *iov, int nr)
{
  while (nr > 0) {
    ssize_t r = writev (fd, iov, nr);

    if (r == -1 && errno != EAGAIN && errno != EINTR)
      load_fail ("sending: %s", strerror (errno));
    if (r == -1)
      continue;
    while (nr > 0 && (size_t) r >= iov->iov_len) {
      r -= (ssize_t) iov->iov_len;
      iov++;
      nr--;
    }
    if (nr > 0) {
      iov->iov_base = (uint8_t *) iov->iov_base + r;
      iov->iov_len -= (size_t) r;
    }
  }
}

void
wire_push (struct wire *w)
{
  struct iovec iov[2 * MAX_QUEUED];
  unsigned i;
  int n = 0;

  for (i = 0; i < w->nr_queued; ++i) {
    const struct request *r = &w->queue[i];

    iov[n++] = (struct iovec) { (void *) r, sizeof *r };
    if (be16toh (r->type) == CMD_WRITE)
      iov[n++] = (struct iovec) { w->data, be32toh (r->length) };
  }
  w->nr_queued = 0;
  send_all (wire_fd (w), iov, n);
}

static void
queue (struct wire *w, unsigned slot, unsigned type, uint64_t offset,
       uint32_t len)
{
  if (w->nr_queued == MAX_QUEUED)
    wire_push (w);
  w->queue[w->nr_queued++] = (struct request) {
    .magic = htobe32 (REQUEST_MAGIC),
    .type = htobe16 ((uint16_t) type),
    .cookie = slot,
    .offset = htobe64 (offset),
    .length = htobe32 (len),
  };
  w->reads[slot] = type == CMD_READ;
}

void
wire_request (struct wire *w, unsigned slot, uint64_t offset)
{
  static const unsigned types[] = {
    [LOAD_READ] = CMD_READ, [LOAD_WRITE] = CMD_WRITE,
    [LOAD_ZERO] = CMD_WRITE_ZEROES, [LOAD_TRIM] = CMD_TRIM,
  };

  queue (w, slot, types[w->load->op], offset, w->load->block_bytes);
}

void
wire_flush (struct wire *w, unsigned slot)
{
  queue (w, slot, CMD_FLUSH, 0, 0);
}

/* -- receiving ---------------------------------------------------------------- */

/* The reply at P. */
static void
take_reply (struct wire *w, const uint8_t *p, wire_fn fn, void *opaque)
{
  uint32_t magic, error;
  uint64_t slot;

  memcpy (&magic, p, sizeof magic);
  memcpy (&error, p + 4, sizeof error);
  memcpy (&slot, p + 8, sizeof slot);
  if (be32toh (magic) != REPLY_MAGIC || slot >= w->load->depth)
    load_fail ("what was received is not a reply");
  if (error)
    load_fail ("a request failed with error %u", be32toh (error));
  if (w->reads[slot]) {
    w->skip = w->load->block_bytes;
    w->skip_slot = (unsigned) slot;
  }
  else
    fn (opaque, (unsigned) slot);
}

/* How much of the LEN bytes at P could be dealt with. */
static size_t
take (struct wire *w, const uint8_t *p, size_t len, wire_fn fn, void *opaque)
{
  size_t done = 0;

  for (;;) {
    const size_t left = len - done;
    const size_t n = w->skip < left ? (size_t) w->skip : left;

    if (w->skip > 0) {
      done += n;
      w->skip -= n;
      if (w->skip > 0)
        return done;
      fn (opaque, w->skip_slot);
      continue;
    }
    if (left < REPLY_BYTES)
      return done;
    take_reply (w, p + done, fn, opaque);
    done += REPLY_BYTES;
  }
}

void
wire_pull (struct wire *w, wire_fn fn, void *opaque)
{
  const ssize_t r = read (wire_fd (w), w->in + w->in_len,
                          RECEIVE_BYTES - w->in_len);
  size_t done;

  if (r == -1 && (errno == EAGAIN || errno == EINTR))
    return;
  if (r <= 0)
    load_fail ("the server closed the connection");
  w->in_len += (size_t) r;
  done = take (w, w->in, w->in_len, fn, opaque);
  w->in_len -= done;
  memmove (w->in, w->in + done, w->in_len);
}
