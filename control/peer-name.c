/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The other end of a socket (peer-name.h).  No state, no locks.
 */

#include <config.h>

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "peer-name.h"

void
peer_name_tcp (int fd, struct peer_name *ret)
{
  struct sockaddr_storage addr;
  socklen_t len = sizeof addr;
  char port[8];

  ret->host[0] = '\0';
  strcpy (ret->text, "an unknown address");
  if (getpeername (fd, (struct sockaddr *) &addr, &len) == -1 ||
      getnameinfo ((struct sockaddr *) &addr, len, ret->host,
                   sizeof ret->host, port, sizeof port,
                   NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    return;
  snprintf (ret->text, sizeof ret->text, "%.60s port %s", ret->host, port);
}

int
peer_name_unix (int fd, struct peer_name *ret,
                struct access_process *ret_process, struct error *err)
{
  struct ucred cred;
  socklen_t len = sizeof cred;

  ret->host[0] = '\0';
  strcpy (ret->text, "an unknown process");
  if (getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == -1)
    return error_set_errno (err, errno, "asking who has connected");
  ret_process->pid = cred.pid;
  ret_process->uid = cred.uid;
  ret_process->gid = cred.gid;
  ret_process->nr_groups = 0;
  /* ERANGE, more groups than have room here: those are not looked at. */
  len = sizeof ret_process->groups;
  if (getsockopt (fd, SOL_SOCKET, SO_PEERGROUPS, ret_process->groups,
                  &len) == 0)
    ret_process->nr_groups = len / sizeof ret_process->groups[0];
  snprintf (ret->text, sizeof ret->text, "process %ld of user %lu, group %lu",
            (long) cred.pid, (unsigned long) cred.uid,
            (unsigned long) cred.gid);
  return 0;
}
