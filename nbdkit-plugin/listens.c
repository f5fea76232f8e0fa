/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where this process listens (listens.h): those of its descriptors that are
 * sockets and accept connections.  proc(5), /proc/PID/fd.
 */

#include <config.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "document.h"
#include "listens.h"

union address {
  struct sockaddr any;
  struct sockaddr_un un;
  struct sockaddr_in in;
  struct sockaddr_in6 in6;
};

/* New reference, or NULL: it is of another family, or has no name. */
static json_t *
address_json (const union address *a, socklen_t len)
{
  char host[INET6_ADDRSTRLEN], text[sizeof a->un.sun_path + 8];

  if (a->any.sa_family == AF_UNIX && len > sizeof a->any.sa_family &&
      a->un.sun_path[0] != '\0') {
    snprintf (text, sizeof text, "unix:%.*s", (int) sizeof a->un.sun_path,
              a->un.sun_path);
    return document_text (text);
  }
  if (a->any.sa_family == AF_INET &&
      inet_ntop (AF_INET, &a->in.sin_addr, host, sizeof host) != NULL)
    return json_sprintf ("tcp:%s:%d", host, ntohs (a->in.sin_port));
  if (a->any.sa_family == AF_INET6 &&
      inet_ntop (AF_INET6, &a->in6.sin6_addr, host, sizeof host) != NULL)
    return json_sprintf ("tcp:[%s]:%d", host, ntohs (a->in6.sin6_port));
  return NULL;
}

/* New reference, or NULL: FD does not listen. */
static json_t *
listens_at (int fd)
{
  union address a = { .any.sa_family = AF_UNSPEC };
  socklen_t len = sizeof a, size = sizeof (int);
  int listens = 0;

  if (getsockopt (fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == -1 ||
      !listens || getsockname (fd, &a.any, &len) == -1)
    return NULL;
  return address_json (&a, len);
}

json_t *
listens_json (void)
{
  json_t *list = json_array ();
  DIR *dir = opendir ("/proc/self/fd");
  const struct dirent *entry;

  while (dir != NULL && (entry = readdir (dir)) != NULL) {
    json_t *at = entry->d_name[0] == '.' ? NULL
                                         : listens_at (atoi (entry->d_name));

    if (at != NULL)
      json_array_append_new (list, at);
  }
  if (dir != NULL)
    closedir (dir);
  return list;
}
