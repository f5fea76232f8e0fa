/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Listening TCP sockets at HOST:PORT, one for each address that HOST has.
 *
 * No state, no locks; any thread.
 */

#ifndef BATON_TCP_LISTEN_H
#define BATON_TCP_LISTEN_H

#include <stddef.h>

#include "error.h"

#define TCP_MAX_SOCKETS 8
#define TCP_MAX_HOST_CHARS 255

/* HOST:PORT taken apart. */
struct tcp_address {
  char host[TCP_MAX_HOST_CHARS + 1];    /* "": all addresses */
  char port[32];                        /* a number or a service's name */
};

/* An IPv6 address stands in brackets: [::1]:10810; so does one of IPv4
 * without.  :10810 means every address of this host.  EINVAL. */
int tcp_address_parse (const char *text, struct tcp_address *ret,
                       struct error *err);

/* Bind and listen.  The sockets are non-blocking; all or none are bound.
 * Errors: the system's, or EINVAL where HOST or PORT is unknown. */
int tcp_listen (const struct tcp_address *address, int ret_fds[TCP_MAX_SOCKETS],
                size_t *ret_nr_fds, struct error *err);

/* Options of an accepted socket: small messages go out at once, and a peer
 * that has vanished is noticed within some minutes. */
void tcp_prepare (int fd);

#endif /* BATON_TCP_LISTEN_H */
