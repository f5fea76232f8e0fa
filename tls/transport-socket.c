/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The plain transport: a stream socket, polled together with the stop
 * descriptor of its owner.
 *
 * Guarantees: no call blocks past its deadline or past the stop; a signal
 * is never raised.  Stopping through a descriptor that everybody polls,
 * and not by shutdown(2) from the stopping thread, means that no thread
 * ever touches another's socket, whose number may have been used again.
 *
 * One thread at a time, no locks.
 */

#include <config.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport.h"

struct socket_transport {
  struct transport base;
  int fd;                       /* ours */
  int stop_fd;                  /* borrowed */
};

/* For poll: rounded so that it never wakes before the deadline. */
static int
timeout_until (int64_t deadline_ms, int64_t now_ms)
{
  if (deadline_ms == TRANSPORT_NO_DEADLINE)
    return -1;
  return deadline_ms - now_ms > INT_MAX ? INT_MAX
                                        : (int) (deadline_ms - now_ms);
}

/* Wait for EVENTS.  The deadline is looked at before the socket is: a peer
 * that always has another byte ready must not get past it. */
static int
wait_ready (const struct socket_transport *s, short events,
            int64_t deadline_ms, struct error *err)
{
  struct pollfd fds[2] = {
    { .fd = s->fd, .events = events },
    { .fd = s->stop_fd, .events = POLLIN },
  };
  int64_t now;

  do {
    now = transport_clock_ms ();
    if (now >= deadline_ms)
      return error_set (err, ETIMEDOUT, "the client took too long");
    if (poll (fds, 2, timeout_until (deadline_ms, now)) == -1 &&
        errno != EINTR)
      return error_set_errno (err, errno, "poll");
    if (fds[1].revents != 0)
      return error_set (err, ESHUTDOWN, "the control endpoint is stopping");
  } while (fds[0].revents == 0);
  return 0;
}

static bool
try_again (int errnum)
{
  return errnum == EAGAIN || errnum == EINTR;
}

static ssize_t
socket_recv (struct transport *t, void *buf, size_t len, int64_t deadline_ms,
             struct error *err)
{
  struct socket_transport *s = (struct socket_transport *) t;
  ssize_t n;

  do {
    if (wait_ready (s, POLLIN, deadline_ms, err) == -1)
      return -1;
    n = recv (s->fd, buf, len, MSG_DONTWAIT);
  } while (n == -1 && try_again (errno));
  if (n == -1)
    return error_set_errno (err, errno, "receiving from the client");
  return n;
}

/* Send first, wait only if the socket is full: so the reply to a command
 * that was in progress when the endpoint stopped still goes out. */
static int
socket_send (struct transport *t, const void *buf, size_t len,
             int64_t deadline_ms, struct error *err)
{
  struct socket_transport *s = (struct socket_transport *) t;
  const char *p = buf;
  ssize_t n;

  while (len > 0) {
    n = send (s->fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n == -1 && !try_again (errno))
      return error_set_errno (err, errno, "sending to the client");
    if (n == -1 && wait_ready (s, POLLOUT, deadline_ms, err) == -1)
      return -1;
    if (n > 0) {
      p += n;
      len -= (size_t) n;
    }
  }
  return 0;
}

static void
socket_close (struct transport *t)
{
  struct socket_transport *s = (struct socket_transport *) t;

  close (s->fd);
  free (s);
}

static const struct transport_ops socket_ops = {
  .recv = socket_recv,
  .send = socket_send,
  .close = socket_close,
};

int
transport_socket_new (int fd, int stop_fd, struct transport **ret,
                      struct error *err)
{
  struct socket_transport *s = malloc (sizeof *s);

  if (s == NULL)
    return error_set_errno (err, ENOMEM, "control connection");
  s->base.ops = &socket_ops;
  s->fd = fd;
  s->stop_fd = stop_fd;
  *ret = &s->base;
  return 0;
}
