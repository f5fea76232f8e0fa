/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Keeps a writer's requests in flight (writer-run.h).  One thread; replies
 * are handled inside nbd_aio_notify_*.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "writer-run.h"

#define PAUSE_MS 2              /* before a refused write is sent again */
#define LONG_PAUSE_MS 15        /* the same where servers come and go */
#define STALL_SECONDS 60

void
writer_fail (const char *what)
{
  fprintf (stderr, "writer: FAILED: %s\n", what);
  exit (EXIT_FAILURE);
}

static uint64_t
now_ms (void)
{
  struct timespec ts;

  clock_gettime (CLOCK_MONOTONIC, &ts);
  return (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}

static void
count_ack (struct writer *w)
{
  const uint64_t now = now_ms ();

  if (now - w->last_ack_ms > w->longest_ms)
    w->longest_ms = now - w->last_ack_ms;
  w->last_ack_ms = now;
  w->nr_acked++;
}

static bool
is_refusal (const struct writer *w, int error)
{
  return w->reconnect || (w->nr_servers > 1 && (error == EPERM || error == ESHUTDOWN));
}

/* Also what a lost server may or may not have done: it is sent again as it
 * was, so that its slot holds that generation or an older one until then. */
static void
on_refused (struct request *r)
{
  struct writer *w = r->w;

  w->nr_refused++;
  if (r->server == w->current) {
    w->current = (w->current + 1) % w->nr_servers;
    w->nr_switches++;
  }
  r->state = REFUSED;
}

static void
on_done (struct request *r)
{
  struct writer *w = r->w;

  r->state = IDLE;
  switch (r->kind) {
  case WRITE:
    w->journal.slots[r->slot].acked = r->generation;
    count_ack (w);
    break;
  case READ:
    w->nr_read_back++;
    if (!record_check (&w->journal, r->slot, r->buf))
      exit (EXIT_FAILURE);
    break;
  case FLUSH:
    w->nr_flushes++;
    break;
  }
}

static int
on_reply (void *opaque, int *error)
{
  struct request *r = opaque;

  if (*error == 0)
    on_done (r);
  else if (is_refusal (r->w, *error))
    on_refused (r);
  else if (*error == ENOTCONN || nbd_aio_is_dead (r->w->nbd[r->server]))
    r->w->lost = true;
  else
    writer_fail (strerror (*error));
  return 1;
}

static void
send_request (struct request *r)
{
  struct writer *w = r->w;
  struct nbd_handle *nbd = w->nbd[w->current];
  const struct journal *j = &w->journal;
  const uint64_t offset = journal_offset (j, r->slot);
  const nbd_completion_callback done = {
    .callback = on_reply, .user_data = r,
  };
  int64_t cookie = -1;

  r->server = w->current;
  r->state = SENT;
  switch (r->kind) {
  case WRITE:
    cookie = nbd_aio_pwrite (nbd, r->buf, j->record_bytes, offset, done,
                             r->generation % 16 == 0 ? LIBNBD_CMD_FLAG_FUA
                                                     : 0);
    break;
  case READ:
    cookie = nbd_aio_pread (nbd, r->buf, j->record_bytes, offset, done, 0);
    break;
  case FLUSH:
    cookie = nbd_aio_flush (nbd, done, 0);
    break;
  }
  if (cookie == -1 && w->reconnect)
    on_refused (r);
  else if (cookie == -1)
    w->lost = true;
}

static bool
slot_busy (const struct writer *w, uint32_t slot)
{
  size_t i;

  for (i = 0; i < w->depth; i++) {
    const struct request *r = &w->requests[i];

    if (r->state != IDLE && r->kind != FLUSH && r->slot == slot)
      return true;
  }
  return false;
}

static uint32_t
choose_slot (struct writer *w)
{
  uint32_t slot;

  do
    slot = (uint32_t) random_below (&w->random, w->journal.nr_slots);
  while (slot_busy (w, slot));
  return slot;
}

static void
start_request (struct writer *w, struct request *r, bool flush)
{
  r->slot = choose_slot (w);
  if (flush)
    r->kind = FLUSH;
  else if (w->nr_servers == 1 && random_chance (&w->random, 1, 8))
    r->kind = READ;
  else {
    r->kind = WRITE;
    r->generation = ++w->journal.slots[r->slot].issued;
    record_fill (&w->journal, r->slot, r->generation, r->buf);
  }
  send_request (r);
}

static void
notify (struct writer *w, struct nbd_handle *nbd, short revents)
{
  const unsigned dir = nbd_aio_get_direction (nbd);

  if ((revents & (POLLIN | POLLHUP | POLLERR)) &&
      (dir & LIBNBD_AIO_DIRECTION_READ))
    nbd_aio_notify_read (nbd);
  else if ((revents & (POLLOUT | POLLERR)) &&
           (dir & LIBNBD_AIO_DIRECTION_WRITE))
    nbd_aio_notify_write (nbd);
  if (nbd_aio_is_dead (nbd) || nbd_aio_is_closed (nbd))
    w->lost = !w->reconnect;
}

/* The servers that can be reached again are, each in a moment's time. */
static void
reconnect_lost (struct writer *w)
{
  size_t i;

  for (i = 0; i < w->nr_servers; i++) {
    if (nbd_aio_is_ready (w->nbd[i]) || nbd_aio_is_processing (w->nbd[i]))
      continue;
    nbd_close (w->nbd[i]);
    w->nbd[i] = nbd_create ();
    if (!w->nbd[i])
      writer_fail (nbd_get_error ());
    if (nbd_connect_unix (w->nbd[i], w->sockets[i]) == 0)
      w->nr_reconnects++;
  }
}

/* Returns after an event, or after TIMEOUT_MS. */
static void
pump (struct writer *w, int timeout_ms)
{
  struct pollfd fds[MAX_SERVERS];
  size_t i;

  for (i = 0; i < w->nr_servers; i++) {
    const unsigned dir = nbd_aio_get_direction (w->nbd[i]);

    fds[i] = (struct pollfd) {
      .fd = nbd_aio_get_fd (w->nbd[i]),
      .events = (short) ((dir & LIBNBD_AIO_DIRECTION_READ ? POLLIN : 0) |
                         (dir & LIBNBD_AIO_DIRECTION_WRITE ? POLLOUT : 0)),
    };
  }
  if (poll (fds, w->nr_servers, timeout_ms) <= 0)
    return;
  for (i = 0; i < w->nr_servers; i++)
    if (fds[i].revents)
      notify (w, w->nbd[i], fds[i].revents);
}

static size_t
count_state (const struct writer *w, enum request_state state)
{
  size_t i, nr = 0;

  for (i = 0; i < w->depth; i++)
    nr += w->requests[i].state == state;
  return nr;
}

/* Waits for an event; what was refused goes out again after a pause. */
static void
pump_and_resend (struct writer *w, int timeout_ms)
{
  size_t i;

  if (count_state (w, REFUSED) == 0) {
    pump (w, timeout_ms);
    return;
  }
  pump (w, PAUSE_MS);
  if (w->reconnect) {
    /* The refusals of the others end a pump at once. */
    poll (NULL, 0, LONG_PAUSE_MS);
    reconnect_lost (w);
  }
  for (i = 0; i < w->depth && !w->lost; i++)
    if (w->requests[i].state == REFUSED)
      send_request (&w->requests[i]);
}

static void
fill_pipeline (struct writer *w)
{
  size_t i;

  for (i = 0; i < w->depth && !w->lost; i++)
    if (w->requests[i].state == IDLE) {
      const bool flush = w->flush_every > 0 &&
                         random_chance (&w->random, 1, w->flush_every);

      start_request (w, &w->requests[i], flush);
    }
}

/* Whether to send nothing more; or it is the server's end. */
static bool
is_enough (struct writer *w)
{
  if (*w->stop_asked)
    return true;
  if (w->nr_records == 0 || w->nr_acked < w->nr_records)
    return false;
  if (w->victim == 0)
    return true;
  kill (w->victim, SIGKILL);
  return false;
}

/* Of the rate that was asked for. */
static bool
is_ahead (const struct writer *w)
{
  return w->per_second > 0 &&
    w->nr_acked * 1000 > (now_ms () - w->start_ms) * w->per_second;
}

void
writer_run (struct writer *w)
{
  w->start_ms = w->last_ack_ms = now_ms ();
  while (!w->lost) {
    const bool ahead = is_ahead (w);
    const bool end = is_enough (w);

    if (end && count_state (w, IDLE) == w->depth)
      return;
    /* A refused burst ends before new requests join it. */
    if (!end && !ahead && count_state (w, REFUSED) == 0)
      fill_pipeline (w);
    pump_and_resend (w, ahead ? PAUSE_MS : 1000);
    if (now_ms () - w->last_ack_ms > STALL_SECONDS * 1000)
      writer_fail ("nothing was acknowledged for a minute");
  }
  if (!w->until_lost)
    writer_fail ("the server closed the connection");
}
