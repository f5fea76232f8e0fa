/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Who is at the other end of an accepted socket, as the kernel tells it.
 *
 * No state, no locks.
 */

#ifndef BATON_PEER_NAME_H
#define BATON_PEER_NAME_H

#include "access.h"
#include "error.h"

#define PEER_NAME_CHARS 80

struct peer_name {
  char text[PEER_NAME_CHARS];   /* "192.0.2.7 port 40000", "process 17 of ..." */
  char host[PEER_NAME_CHARS];   /* its address alone; "" for a process */
};

/* Of the TCP socket FD. */
void peer_name_tcp (int fd, struct peer_name *ret);

/* Of the Unix socket FD; -1 where the kernel does not tell. */
int peer_name_unix (int fd, struct peer_name *ret,
                    struct access_process *ret_process, struct error *err);

#endif /* BATON_PEER_NAME_H */
