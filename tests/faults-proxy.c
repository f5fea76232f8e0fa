/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The proxy (faults-proxy.h).
 *
 * A link is a connection to it and the one that it makes for that, or, with
 * `client` -1, a ghost: one that it makes to send a request a second time.
 * Each direction has what was read and is no whole message yet, and a queue
 * of messages with the time at which each may go.
 *
 * Invariant: messages of one direction never overtake each other, so a late
 * one holds up those behind it, as a slow network does.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "faults-frames.h"
#include "faults-proxy.h"

/* The largest message: a document of 64 KiB and its head. */
#define BUFFER_BYTES (2 * 65536)
#define HANDSHAKE_BYTES 1024

struct parcel {
  struct parcel *next;
  uint64_t due_us;
  size_t len, done;
  uint8_t bytes[];
};

struct direction {
  bool hole;                    /* all that comes is lost */
  bool end;                     /* nothing more comes */
  size_t len;
  uint8_t buf[BUFFER_BYTES];
  struct parcel *first, *last;  /* owned */
};

struct proxy_link {
  int client, server;
  struct frames frames;
  struct direction up, down;
  size_t handshake_len;         /* what the client has sent of it */
  uint8_t handshake[HANDSHAKE_BYTES];
};

uint64_t
faults_now_us (void)
{
  struct timespec ts;

  clock_gettime (CLOCK_MONOTONIC, &ts);
  return (uint64_t) ts.tv_sec * 1000000 + (uint64_t) ts.tv_nsec / 1000;
}

void
faults_fail (const char *format, ...)
{
  va_list args;

  va_start (args, format);
  fputs ("faults: FAILED: ", stderr);
  vfprintf (stderr, format, args);
  putc ('\n', stderr);
  va_end (args);
  exit (EXIT_FAILURE);
}

/* -- parcels ------------------------------------------------------------ */

static void
post (struct direction *d, const uint8_t *bytes, size_t len, uint64_t due_us)
{
  struct parcel *p = malloc (sizeof *p + len);

  if (!p)
    faults_fail ("out of memory");
  *p = (struct parcel) { .due_us = due_us, .len = len };
  memcpy (p->bytes, bytes, len);
  if (d->last)
    d->last->next = p;
  else
    d->first = p;
  d->last = p;
}

static void
drop_first (struct direction *d)
{
  struct parcel *p = d->first;

  d->first = p->next;
  if (!d->first)
    d->last = NULL;
  free (p);
}

static void
drop_all (struct direction *d)
{
  while (d->first)
    drop_first (d);
}

/* False where nobody is there any more. */
static bool
deliver (struct direction *d, int fd)
{
  while (d->first && d->first->due_us <= faults_now_us ()) {
    struct parcel *p = d->first;
    const ssize_t n = send (fd, p->bytes + p->done, p->len - p->done,
                            MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n == -1)
      return errno == EAGAIN || errno == EINTR;
    p->done += (size_t) n;
    if (p->done == p->len)
      drop_first (d);
  }
  return true;
}

/* -- links -------------------------------------------------------------- */

static int
connect_to (const char *path)
{
  struct sockaddr_un sa = { .sun_family = AF_UNIX };
  const int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                         0);

  snprintf (sa.sun_path, sizeof sa.sun_path, "%s", path);
  if (fd != -1 && connect (fd, (const struct sockaddr *) &sa,
                           sizeof sa) == -1) {
    close (fd);
    return -1;
  }
  return fd;
}

static void
free_link (struct proxy_link **slot)
{
  struct proxy_link *l = *slot;

  if (!l)
    return;
  drop_all (&l->up);
  drop_all (&l->down);
  if (l->client != -1)
    close (l->client);
  close (l->server);
  free (l);
  *slot = NULL;
}

/* NULL where the server is not there, or there are too many. */
static struct proxy_link *
new_link (struct proxy *p, int client)
{
  const int server = connect_to (p->target);
  size_t i;

  for (i = 0; server != -1 && i < PROXY_MAX_LINKS; i++)
    if (!p->links[i]) {
      p->links[i] = calloc (1, sizeof *p->links[i]);
      if (!p->links[i])
        faults_fail ("out of memory");
      p->links[i]->client = client;
      p->links[i]->server = server;
      return p->links[i];
    }
  if (server != -1)
    close (server);
  return NULL;
}

static void
accept_clients (struct proxy *p)
{
  int fd;

  while ((fd = accept4 (p->listener, NULL, NULL,
                        SOCK_CLOEXEC | SOCK_NONBLOCK)) != -1)
    if (!new_link (p, fd))
      close (fd);
}

/* -- messages ----------------------------------------------------------- */

static void
send_ghost (struct proxy *p, const struct proxy_link *l,
            const struct proxy_message *m)
{
  struct proxy_link *ghost = new_link (p, -1);

  if (!ghost)
    return;
  post (&ghost->up, l->handshake, l->handshake_len, 0);
  post (&ghost->up, m->bytes, m->len, faults_now_us () + p->late_us);
}

static void
repeat (struct proxy *p, struct proxy_link *l, const struct proxy_message *m)
{
  struct direction *d = m->to_server ? &l->up : &l->down;

  post (d, m->bytes, m->len, 0);
  if (m->to_server && l->frames.transmission)
    send_ghost (p, l, m);
  else
    post (d, m->bytes, m->len, 0);
}

static void
cut (struct proxy_link *l)
{
  l->up.end = l->up.hole = l->down.end = l->down.hole = true;
  drop_all (&l->up);
  drop_all (&l->down);
}

static void
handle (struct proxy *p, struct proxy_link *l, const struct proxy_message *m)
{
  struct direction *d = m->to_server ? &l->up : &l->down;

  switch (p->judge (p->opaque, m)) {
  case PROXY_FORWARD: post (d, m->bytes, m->len, 0); break;
  case PROXY_LOSE: d->hole = true; break;
  case PROXY_CUT: cut (l); break;
  case PROXY_REPEAT: repeat (p, l, m); break;
  case PROXY_DELAY:
    post (d, m->bytes, m->len, faults_now_us () + p->late_us);
    break;
  }
}

static void
keep_handshake (struct proxy_link *l, const struct proxy_message *m)
{
  if (!m->to_server || l->frames.transmission)
    return;
  if (l->handshake_len + m->len > sizeof l->handshake)
    faults_fail ("a handshake of more than %zu bytes", sizeof l->handshake);
  memcpy (l->handshake + l->handshake_len, m->bytes, m->len);
  l->handshake_len += m->len;
}

/* Take whole messages out of what has come. */
static void
take_messages (struct proxy *p, struct proxy_link *l, struct direction *d)
{
  const bool up = d == &l->up;
  size_t len, done = 0;

  while (!d->hole && d->len > done) {
    const uint8_t *at = d->buf + done;
    struct proxy_message m = { .to_server = up, .bytes = at };

    len = up ? frames_to_server (&l->frames, at, d->len - done)
             : frames_to_client (&l->frames, at, d->len - done);
    if (len == 0 || len > d->len - done)
      break;
    m.len = len;
    m.is_write = up && frames_is_write (&l->frames, at);
    keep_handshake (l, &m);
    handle (p, l, &m);
    frames_passed (&l->frames, up, at);
    done += len;
  }
  if (d->hole)
    done = d->len;
  d->len -= done;
  memmove (d->buf, d->buf + done, d->len);
}

static void
receive (struct proxy *p, struct proxy_link *l, struct direction *d, int fd)
{
  while (!d->end) {
    const ssize_t n = recv (fd, d->buf + d->len, sizeof d->buf - d->len, 0);

    if (n == -1 && (errno == EAGAIN || errno == EINTR))
      return;
    if (n <= 0) {
      d->end = true;
      return;
    }
    d->len += (size_t) n;
    take_messages (p, l, d);
  }
}

/* What a server says to a ghost is of no interest. */
static void
run_ghost (struct proxy_link **slot)
{
  struct proxy_link *l = *slot;
  const ssize_t n = recv (l->server, l->down.buf, sizeof l->down.buf, 0);

  if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR) ||
      !deliver (&l->up, l->server))
    free_link (slot);
}

static void
run_link (struct proxy *p, struct proxy_link **slot)
{
  struct proxy_link *l = *slot;

  receive (p, l, &l->up, l->client);
  receive (p, l, &l->down, l->server);
  if (!deliver (&l->up, l->server))
    l->down.end = true, drop_all (&l->up);
  if (!deliver (&l->down, l->client))
    l->up.end = true, drop_all (&l->down);
  /* What a client sent before it left arrives nevertheless. */
  if ((l->up.end && !l->up.first) || (l->down.end && !l->down.first))
    free_link (slot);
}

/* -- the whole ---------------------------------------------------------- */

void
proxy_open (struct proxy *p, const char *path, const char *target)
{
  struct sockaddr_un sa = { .sun_family = AF_UNIX };

  p->target = target;
  p->listener = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                        0);
  snprintf (sa.sun_path, sizeof sa.sun_path, "%s", path);
  unlink (path);
  if (p->listener == -1 ||
      bind (p->listener, (const struct sockaddr *) &sa, sizeof sa) == -1 ||
      listen (p->listener, 16) == -1)
    faults_fail ("%s: %s", path, strerror (errno));
}

void
proxy_reset (struct proxy *p)
{
  size_t i;

  accept_clients (p);
  for (i = 0; i < PROXY_MAX_LINKS; i++)
    free_link (&p->links[i]);
}

void
proxy_close (struct proxy *p)
{
  proxy_reset (p);
  close (p->listener);
}

size_t
proxy_poll_fds (const struct proxy *p, struct pollfd *ret)
{
  size_t i, n = 0;

  ret[n++] = (struct pollfd) { .fd = p->listener, .events = POLLIN };
  for (i = 0; i < PROXY_MAX_LINKS; i++) {
    const struct proxy_link *l = p->links[i];

    if (!l)
      continue;
    /* One that has ended would wake us for ever. */
    if (!l->down.end)
      ret[n++] = (struct pollfd) { .fd = l->server, .events = POLLIN };
    if (l->client != -1 && !l->up.end)
      ret[n++] = (struct pollfd) { .fd = l->client, .events = POLLIN };
  }
  return n;
}

void
proxy_run (struct proxy *p)
{
  size_t i;

  accept_clients (p);
  for (i = 0; i < PROXY_MAX_LINKS; i++) {
    if (!p->links[i])
      continue;
    if (p->links[i]->client == -1)
      run_ghost (&p->links[i]);
    else
      run_link (p, &p->links[i]);
  }
}

bool
proxy_is_busy (const struct proxy *p)
{
  size_t i;

  for (i = 0; i < PROXY_MAX_LINKS; i++)
    if (p->links[i] && p->links[i]->up.first)
      return true;
  return false;
}
