/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A raw NBD client for tests of the control endpoint: it can be as rude as
 * a test likes.  Built on constants alone, not on the codec under test.
 *
 * Include after cmocka.h; its assertions are used, so main thread only.
 */

#ifndef BATON_TEST_CONTROL_CLIENT_H
#define BATON_TEST_CONTROL_CLIENT_H

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "cursor.h"
#include "nbd-protocol.h"

#define BUF_BYTES (2 * 65536)

static inline int
client_connect (const char *path)
{
  const struct timeval timeout = { .tv_sec = 20 };
  struct sockaddr_un addr = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  assert_int_not_equal (fd, -1);
  assert_true (strlen (path) < sizeof addr.sun_path);
  strcpy (addr.sun_path, path);
  assert_int_equal (connect (fd, (struct sockaddr *) &addr, sizeof addr), 0);
  setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  return fd;
}

/* The server may hang up meanwhile: that is for the next recv to find. */
static inline void
client_send (int fd, const void *buf, size_t len)
{
  const char *p = buf;

  while (len > 0) {
    ssize_t n = send (fd, p, len, MSG_NOSIGNAL);

    if (n <= 0)
      return;
    p += n;
    len -= (size_t) n;
  }
}

static inline bool
client_recv (int fd, void *buf, size_t len)
{
  return len == 0 || recv (fd, buf, len, MSG_WAITALL) == (ssize_t) len;
}

static inline void
client_assert_closed (int fd)
{
  char c;
  ssize_t n = recv (fd, &c, 1, 0);

  assert_true (n == 0 || (n == -1 && errno == ECONNRESET));
}

static inline void
client_greet (int fd, uint32_t flags)
{
  uint8_t buf[18], reply[4];

  assert_true (client_recv (fd, buf, sizeof buf));
  assert_memory_equal (buf, "NBDMAGICIHAVEOPT\0\3", 18);
  store_be32 (reply, flags);
  client_send (fd, reply, sizeof reply);
}

static inline int
client_start (const char *path)
{
  int fd = client_connect (path);

  client_greet (fd, NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES);
  return fd;
}

#endif /* BATON_TEST_CONTROL_CLIENT_H */
