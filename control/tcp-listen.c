/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Listening TCP sockets (tcp-listen.h).  No state, no locks.
 */

#include <config.h>

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tcp-listen.h"

#define BACKLOG 64
#define KEEPALIVE_IDLE_SECONDS 60
#define KEEPALIVE_PAUSE_SECONDS 15
#define KEEPALIVE_PROBES 4

/* -- HOST:PORT --------------------------------------------------------- */

static int
refuse_address (const char *text, struct error *err)
{
  return error_set (err, EINVAL, "%.100s: must be HOST:PORT, [ADDRESS]:PORT "
                    "for IPv6, or :PORT for every address", text);
}

int
tcp_address_parse (const char *text, struct tcp_address *ret,
                   struct error *err)
{
  const char *colon = strrchr (text, ':'), *host = text, *end = colon;

  if (colon == NULL || colon[1] == '\0' ||
      strlen (colon + 1) >= sizeof ret->port)
    return refuse_address (text, err);
  if (text[0] == '[') {
    host++;
    end--;
    if (end <= host || *end != ']')
      return refuse_address (text, err);
  }
  else if (memchr (text, ':', (size_t) (colon - text)) != NULL)
    return refuse_address (text, err);
  if ((size_t) (end - host) > TCP_MAX_HOST_CHARS)
    return refuse_address (text, err);
  memcpy (ret->host, host, (size_t) (end - host));
  ret->host[end - host] = '\0';
  strcpy (ret->port, colon + 1);
  return 0;
}

/* -- sockets ----------------------------------------------------------- */

static int
set_option (int fd, int level, int name, int value)
{
  return setsockopt (fd, level, name, &value, sizeof value);
}

/* IPv6 sockets are for IPv6 alone: each address has a socket of its own. */
static int
bind_one (int fd, const struct addrinfo *ai)
{
  if (set_option (fd, SOL_SOCKET, SO_REUSEADDR, 1) == -1 ||
      (ai->ai_family == AF_INET6 &&
       set_option (fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) == -1) ||
      bind (fd, ai->ai_addr, ai->ai_addrlen) == -1)
    return -1;
  return listen (fd, BACKLOG);
}

static int
listen_one (const struct addrinfo *ai, int *ret_fd, struct error *err)
{
  int fd = socket (ai->ai_family,
                   ai->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                   ai->ai_protocol);

  if (fd == -1)
    return error_set_errno (err, errno, "socket");
  if (bind_one (fd, ai) == -1) {
    error_set_errno (err, errno, "listening");
    close (fd);
    return -1;
  }
  *ret_fd = fd;
  return 0;
}

/* A host without IPv6 has no socket of that kind; one without either, none
 * at all, which is an error. */
static int
listen_all (const struct addrinfo *list, int *fds, size_t *ret_nr_fds,
            struct error *err)
{
  const struct addrinfo *ai;
  size_t nr = 0;

  error_set (err, EADDRNOTAVAIL, "this host has no such address");
  for (ai = list; ai != NULL && nr < TCP_MAX_SOCKETS; ai = ai->ai_next) {
    if (listen_one (ai, &fds[nr], err) == 0)
      nr++;
    else if (err->errnum != EAFNOSUPPORT &&
             !(err->errnum == EADDRNOTAVAIL && ai->ai_family == AF_INET6 &&
               (nr > 0 || ai->ai_next != NULL)))
      break;
  }
  if (nr > 0 && (ai == NULL || nr == TCP_MAX_SOCKETS)) {
    *ret_nr_fds = nr;
    return 0;
  }
  while (nr > 0)
    close (fds[--nr]);
  return -1;
}

int
tcp_listen (const struct tcp_address *address, int ret_fds[TCP_MAX_SOCKETS],
            size_t *ret_nr_fds, struct error *err)
{
  const struct addrinfo hints = {
    .ai_flags = AI_PASSIVE,
    .ai_family = AF_UNSPEC,
    .ai_socktype = SOCK_STREAM,
  };
  const char *host = address->host[0] != '\0' ? address->host : NULL;
  struct error why = ERROR_INIT;
  struct addrinfo *list;
  int r = getaddrinfo (host, address->port, &hints, &list);

  if (r != 0)
    return error_set (err, EINVAL, "%s port %s: %s",
                      host != NULL ? host : "any address", address->port,
                      gai_strerror (r));
  r = listen_all (list, ret_fds, ret_nr_fds, &why);
  freeaddrinfo (list);
  if (r == -1)
    return error_set (err, why.errnum, "%s port %s: %s",
                      host != NULL ? host : "any address", address->port,
                      why.text);
  return 0;
}

/* Each of these is a courtesy: without it all works, if later. */
void
tcp_prepare (int fd)
{
  set_option (fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option (fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_option (fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_SECONDS);
  set_option (fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_PAUSE_SECONDS);
  set_option (fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
}
