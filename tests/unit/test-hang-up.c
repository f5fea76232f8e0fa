/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Hanging up: on all connections of a process, on those of a second hang-up
 * too while the first one goes on; and no thread is left when the plugin is
 * unloaded.  A child process is the client.
 */

#include <config.h>

#include <dlfcn.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include "hang-up.h"
#include "server.h"

#define MAX_FDS 256

/* -- what is around hang-up.c ---------------------------------------------- */

struct server server;
static pid_t child;
static unsigned nr_joined;

int
nbdkit_peer_name (struct sockaddr *address, socklen_t *len)
{
  memset (address, 0, sizeof (struct sockaddr_un));
  address->sa_family = AF_UNIX;
  *len = sizeof address->sa_family;
  return 0;
}

int64_t
nbdkit_peer_pid (void)
{
  return child;
}

int
pthread_join (pthread_t thread, void **ret)
{
  int (*join) (pthread_t, void **);

  *(void **) &join = dlsym (RTLD_NEXT, "pthread_join");
  nr_joined++;
  return join (thread, ret);
}

/* -- the client ------------------------------------------------------------ */

/* Two connections, and the end of both. */
static void
be_client (const struct sockaddr_un *address)
{
  int fds[2], i;
  char c;

  for (i = 0; i < 2; i++) {
    fds[i] = socket (AF_UNIX, SOCK_STREAM, 0);
    if (connect (fds[i], (const void *) address, sizeof *address) == -1)
      _exit (1);
  }
  for (i = 0; i < 2; i++)
    if (read (fds[i], &c, 1) != 0)
      _exit (2);
  _exit (0);
}

static int
start_client (void)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  const int fd = socket (AF_UNIX, SOCK_STREAM, 0);

  snprintf (address.sun_path + 1, sizeof address.sun_path - 1,
            "baton-hang-up-%d", (int) getpid ());
  assert_int_equal (bind (fd, (void *) &address, sizeof address), 0);
  assert_int_equal (listen (fd, 2), 0);
  child = fork ();
  assert_int_not_equal (child, -1);
  if (child == 0)
    be_client (&address);
  return fd;
}

static int
accept_one (int fd)
{
  const int client = accept (fd, NULL, NULL);

  assert_int_not_equal (client, -1);
  return client;
}

/* -- descriptors ----------------------------------------------------------- */

/* Inodes by number; 0: not open. */
static unsigned
look (ino_t inodes[MAX_FDS])
{
  unsigned n = 0;
  struct stat s;
  int fd;

  for (fd = 0; fd < MAX_FDS; fd++) {
    inodes[fd] = fstat (fd, &s) == 0 ? s.st_ino : 0;
    n += inodes[fd] != 0;
  }
  return n;
}

static ino_t
inode (int fd)
{
  struct stat s;

  return fstat (fd, &s) == 0 ? s.st_ino : 0;
}

/* -- the test -------------------------------------------------------------- */

static void
test_twice (void **state)
{
  ino_t before[MAX_FDS], now[MAX_FDS];
  const unsigned nr = look (before);
  const int listener = start_client ();
  struct client *c1 = client_join (), *c2;
  const int fd1 = accept_one (listener);
  const ino_t inode1 = inode (fd1);
  int fd2, i, held = -1, status;

  (void) state;
  client_park (c1);
  assert_true (client_hang_up (c1));
  assert_true (client_is_hung_up (c1));
  look (now);
  for (i = 0; i < MAX_FDS; i++)
    if (now[i] == inode1)
      held = i;
  assert_int_not_equal (held, -1);
  assert_int_not_equal (held, fd1);

  /* The first goes on while there is a request parked. */
  c2 = client_join ();
  fd2 = accept_one (listener);
  assert_ptr_not_equal (c2, c1);
  assert_false (client_is_hung_up (c2));
  assert_true (client_hang_up (c2));
  assert_true (inode (held) == inode1);
  client_unpark (c1);
  client_part (c1);
  client_part (c2);

  client_stop ();
  assert_int_equal (nr_joined, 2);
  close (fd1);
  close (fd2);
  close (listener);
  assert_int_equal (waitpid (child, &status, 0), child);
  assert_int_equal (status, 0);
  assert_int_equal (look (now), nr);
}

int
main (void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test (test_twice),
  };

  return cmocka_run_group_tests (tests, NULL, NULL);
}
