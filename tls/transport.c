/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What every transport shares (transport.h).  No state, no locks.
 */

#include <config.h>

#include <errno.h>
#include <time.h>

#include "transport.h"

int64_t
transport_clock_ms (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return (int64_t) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int
transport_recv_all (struct transport *t, void *buf, size_t len,
                    int64_t deadline_ms, struct error *err)
{
  char *p = buf;
  ssize_t n;

  while (len > 0) {
    n = t->ops->recv (t, p, len, deadline_ms, err);
    if (n == -1)
      return -1;
    if (n == 0)
      return error_set (err, ECONNRESET, "the client has gone");
    p += n;
    len -= (size_t) n;
  }
  return 0;
}

int
transport_drain (struct transport *t, uint64_t len, int64_t deadline_ms,
                 struct error *err)
{
  char scratch[4096];
  size_t n;

  while (len > 0) {
    n = len < sizeof scratch ? (size_t) len : sizeof scratch;
    if (transport_recv_all (t, scratch, n, deadline_ms, err) == -1)
      return -1;
    len -= n;
  }
  return 0;
}

int
transport_send (struct transport *t, const void *buf, size_t len,
                int64_t deadline_ms, struct error *err)
{
  return t->ops->send (t, buf, len, deadline_ms, err);
}

void
transport_close (struct transport *t)
{
  if (t != NULL)
    t->ops->close (t);
}
