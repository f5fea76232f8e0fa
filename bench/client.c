/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A client that waits at two servers at once, and sees who answers (bench.h).
 *
 * Requests are of 4 KiB, at random places of the disk or of its first GiB.
 */

#include <config.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "bench.h"

/* Guest data of this much is written to. */
#define WRITE_SPAN_BYTES ((uint64_t) 1 << 30)

struct slot {
  struct client *c;
  unsigned server;
  bool busy;
  uint8_t buf[BENCH_REQUEST_BYTES];
};

struct client {
  struct nbd_handle *nbd[2];
  struct slot slots[2][BENCH_MAX_DEPTH];
  uint64_t size_bytes;
  uint64_t random;
  uint64_t last_us[2];          /* of the last answer */
  uint64_t first_us[2];         /* of the first one since it was set to 0 */
  uint64_t nr_done, nr_failed;
};

/* -- requests ------------------------------------------------------------- */

static uint64_t
random_offset (struct client *c, uint64_t span)
{
  c->random = c->random * UINT64_C (6364136223846793005) + 1442695040888963407;
  return (c->random >> 20) % (span / BENCH_REQUEST_BYTES) *
    BENCH_REQUEST_BYTES;
}

static int
on_answer (void *opaque, int *error)
{
  struct slot *s = opaque;
  struct client *c = s->c;

  s->busy = false;
  c->last_us[s->server] = bench_now_us ();
  if (c->first_us[s->server] == 0)
    c->first_us[s->server] = c->last_us[s->server];
  c->nr_done++;
  c->nr_failed += *error != 0;
  return 1;
}

static void
send_request (struct slot *s, bool write)
{
  struct client *c = s->c;
  const nbd_completion_callback done = { on_answer, s, NULL };
  const uint64_t span = !write || c->size_bytes < WRITE_SPAN_BYTES
    ? c->size_bytes : WRITE_SPAN_BYTES;
  const uint64_t offset = random_offset (c, span);
  int64_t cookie;

  s->busy = true;
  cookie = write
    ? nbd_aio_pwrite (c->nbd[s->server], s->buf, sizeof s->buf, offset, done,
                      0)
    : nbd_aio_pread (c->nbd[s->server], s->buf, sizeof s->buf, offset, done,
                     0);
  if (cookie == -1)
    bench_fail ("a request: %s", nbd_get_error ());
}

static void
fill (struct client *c, unsigned server, unsigned depth, bool write)
{
  unsigned i;

  for (i = 0; i < depth; i++)
    if (!c->slots[server][i].busy)
      send_request (&c->slots[server][i], write);
}

static bool
is_idle (const struct client *c, unsigned server)
{
  unsigned i;

  for (i = 0; i < BENCH_MAX_DEPTH; i++)
    if (c->slots[server][i].busy)
      return false;
  return true;
}

static void
notify (struct nbd_handle *nbd, short revents)
{
  const unsigned dir = nbd_aio_get_direction (nbd);

  if (revents & (POLLIN | POLLHUP | POLLERR) &&
      dir & LIBNBD_AIO_DIRECTION_READ)
    nbd_aio_notify_read (nbd);
  else if (revents & POLLOUT && dir & LIBNBD_AIO_DIRECTION_WRITE)
    nbd_aio_notify_write (nbd);
  if (nbd_aio_is_dead (nbd))
    bench_fail ("a server is lost: %s", nbd_get_error ());
}

static struct pollfd
poll_fd (struct nbd_handle *nbd)
{
  const unsigned dir = nbd_aio_get_direction (nbd);

  return (struct pollfd) {
    .fd = nbd_aio_get_fd (nbd),
    .events = (short) ((dir & LIBNBD_AIO_DIRECTION_READ ? POLLIN : 0) |
                       (dir & LIBNBD_AIO_DIRECTION_WRITE ? POLLOUT : 0)),
  };
}

/* The one that was active is heard to its end first: where both have
 * something to say, it has said it before. */
static void
pump (struct client *c, unsigned active, int timeout_ms)
{
  struct pollfd fds[2] = { poll_fd (c->nbd[active]), poll_fd (c->nbd[!active]) };
  const int nr = poll (fds, 2, timeout_ms);

  if (nr <= 0)
    return;
  while (fds[0].revents) {
    notify (c->nbd[active], fds[0].revents);
    fds[0] = poll_fd (c->nbd[active]);
    fds[0].events &= POLLIN;
    poll (fds, 1, 0);
  }
  if (fds[1].revents)
    notify (c->nbd[!active], fds[1].revents);
}

/* -- the whole -------------------------------------------------------------- */

struct client *
client_new (const struct pair *p, uint64_t size_bytes)
{
  struct client *c = calloc (1, sizeof *c);
  unsigned i, k;

  if (!c)
    bench_fail ("out of memory");
  c->size_bytes = size_bytes;
  c->random = 1;
  for (i = 0; i < 2; i++) {
    for (k = 0; k < BENCH_MAX_DEPTH; k++) {
      c->slots[i][k].c = c;
      c->slots[i][k].server = i;
      memset (c->slots[i][k].buf, 'b', BENCH_REQUEST_BYTES);
    }
    c->nbd[i] = nbd_create ();
    if (!c->nbd[i] || nbd_connect_unix (c->nbd[i], p->sock[i]) == -1)
      bench_fail ("%s", nbd_get_error ());
  }
  return c;
}

void
client_free (struct client *c)
{
  nbd_close (c->nbd[0]);
  nbd_close (c->nbd[1]);
  free (c);
}

void
client_work (struct client *c, unsigned active, unsigned depth, bool writes,
             uint64_t end_us, uint64_t nr)
{
  const uint64_t nr_end = c->nr_done + nr;

  while (bench_now_us () < end_us && c->nr_done < nr_end) {
    fill (c, active, depth, writes);
    pump (c, active, 100);
  }
  while (!is_idle (c, active))
    pump (c, active, 100);
}

/* True when PID has ended; it must have ended well. */
static bool
has_passed (pid_t pid)
{
  int status;

  if (waitpid (pid, &status, WNOHANG) != pid)
    return false;
  if (status != 0)
    bench_fail ("baton pass failed: see the log");
  return true;
}

uint64_t
client_pass (struct client *c, pid_t pid, unsigned active, unsigned depth)
{
  const uint64_t end_us = bench_now_us () + 60 * UINT64_C (1000000);
  bool passed = false;

  c->first_us[!active] = 0;
  while (!passed || c->first_us[!active] == 0) {
    fill (c, active, depth, false);
    fill (c, !active, depth, false);
    pump (c, active, 1);
    passed = passed || has_passed (pid);
    if (bench_now_us () > end_us)
      bench_fail ("the pass does not end");
  }
  /* Kept from the CPU, we may have heard both at once. */
  return c->first_us[!active] > c->last_us[active]
    ? c->first_us[!active] - c->last_us[active] : 0;
}

uint64_t
client_nr_failed (const struct client *c)
{
  return c->nr_failed;
}

uint64_t
client_nr_done (const struct client *c)
{
  return c->nr_done;
}
