/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See sudden-end.h.  A plugin is not told of nbdkit's sockets, so they are
 * looked for among the descriptors of the process.
 *
 * No lock: the flag is the thread's own.
 */

#include <config.h>

#include <dirent.h>
#include <stdbool.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "sudden-end.h"

static _Thread_local bool wanted;

void
sudden_end_wanted (void)
{
  wanted = true;
}

bool
sudden_end_is_wanted (void)
{
  return wanted;
}

/* nbdkit takes the variable out of its environment; /proc keeps what the
 * process was started with. */
static bool
activated_by_systemd (void)
{
  FILE *fp = fopen ("/proc/self/environ", "re");
  char *entry = NULL;
  bool found = false;
  size_t size = 0;

  while (!found && fp && getdelim (&entry, &size, '\0', fp) > 0)
    found = strncmp (entry, "LISTEN_FDS=", 11) == 0;
  free (entry);
  if (fp)
    fclose (fp);
  return found;
}

static void
remove_if_listening (int fd)
{
  struct sockaddr_un address = { 0 };
  socklen_t len = sizeof address - 1, int_len = sizeof (int);
  int listening = 0;

  if (getsockopt (fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &int_len) == 0 &&
      listening &&
      getsockname (fd, (struct sockaddr *) &address, &len) == 0 &&
      address.sun_family == AF_UNIX && address.sun_path[0] == '/')
    unlink (address.sun_path);
}

static void
remove_socket_files (void)
{
  DIR *dir = opendir ("/proc/self/fd");
  struct dirent *entry;

  while (dir && (entry = readdir (dir)))
    if (entry->d_name[0] != '.')
      remove_if_listening (atoi (entry->d_name));
  if (dir)
    closedir (dir);
}

void
sudden_end_if_wanted (void)
{
  if (!wanted)
    return;
  if (!activated_by_systemd ())
    remove_socket_files ();
  _exit (EXIT_SUCCESS);
}
