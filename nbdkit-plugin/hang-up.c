/* SPDX-License-Identifier: BSD-3-Clause
 *
 * See hang-up.h.  A plugin is not told of nbdkit's sockets, so those of a
 * client are looked for among the descriptors of the process, by the address
 * and the process at the other end.
 *
 * A socket is not simply shut down: nbdkit before 1.34 aborts where several
 * answers find it closed.  In this order:
 *
 *   1. A socket that leads nowhere takes the descriptor's place, so that
 *      answers to what is parked are sent, and do not reach the client.
 *   2. What is parked ends.
 *   3. The client's socket is shut down, and the one that leads nowhere says
 *      that nothing more will come: nbdkit closes the connection.
 *
 * 2 and 3 are waited for by a thread.  It is joined by the next hang-up after
 * its end, or before the plugin is unloaded.
 *
 * `lock` guards all that changes.  It is a leaf.
 */

#include <config.h>

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include "hang-up.h"
#include "mutex.h"
#include "server.h"

#define MAX_SOCKETS 64
#define SLICE_MS 5
#define ANSWERS_MS 50           /* for answers that are on their way */
#define PARKED_MS 2000
#define CLOSED_MS 10000

/* Who is at the other end.  Compared as bytes. */
struct far_end {
  struct sockaddr_storage name;
  int64_t pid;                  /* of a Unix socket; 0: other */
};

struct client {
  struct client *next;          /* of those that are not hung up on */
  struct far_end far_end;
  unsigned nr_users;            /* connections, and the thread */
  unsigned nr_parked;
  bool hung_up;
};

/* One connection whose descriptor was replaced. */
struct line {
  int client;                   /* its socket; -1: closed */
  int nowhere;                  /* the other end of what replaced it */
};

struct farewell {
  struct farewell *next;        /* of those whose threads are not joined */
  pthread_t thread;
  bool ended;
  struct client *client;
  size_t nr_lines;
  struct line lines[MAX_SOCKETS];
};

static struct mutex lock = { PTHREAD_MUTEX_INITIALIZER };
static struct client *clients;
static struct farewell *farewells;
static bool stopping;

/* -- who is there ------------------------------------------------------------- */

static bool
find_far_end (struct far_end *ret)
{
  socklen_t len = sizeof ret->name;

  memset (ret, 0, sizeof *ret);
  if (nbdkit_peer_name ((struct sockaddr *) &ret->name, &len) == -1)
    return false;
  if (ret->name.ss_family == AF_UNIX)
    ret->pid = nbdkit_peer_pid ();
  return ret->pid != -1;
}

static bool
far_end_of (int fd, struct far_end *ret)
{
  socklen_t len = sizeof ret->name;
  struct ucred cred;
  socklen_t cred_len = sizeof cred;

  memset (ret, 0, sizeof *ret);
  if (getpeername (fd, (struct sockaddr *) &ret->name, &len) == -1)
    return false;
  if (ret->name.ss_family == AF_UNIX &&
      getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &cred, &cred_len) == 0)
    ret->pid = cred.pid;
  return true;
}

/* A manager may have both kinds of connections. */
static bool
is_control (int fd)
{
  struct sockaddr_un here = { 0 };
  socklen_t len = sizeof here - 1;

  return server.parameters.control &&
    getsockname (fd, (struct sockaddr *) &here, &len) == 0 &&
    here.sun_family == AF_UNIX &&
    strcmp (here.sun_path, server.parameters.control) == 0;
}

static bool
same (const struct far_end *a, const struct far_end *b)
{
  return memcmp (a, b, sizeof *a) == 0;
}

/* -- clients ------------------------------------------------------------------ */

static struct client *
find_locked (const struct far_end *far_end)
{
  struct client *c;

  for (c = clients; c; c = c->next)
    if (same (&c->far_end, far_end))
      return c;
  c = calloc (1, sizeof *c);
  if (!c)
    return NULL;
  memcpy (&c->far_end, far_end, sizeof *far_end);
  c->next = clients;
  clients = c;
  return c;
}

static void
unlink_locked (struct client *c)
{
  struct client **p;

  for (p = &clients; *p; p = &(*p)->next)
    if (*p == c) {
      *p = c->next;
      return;
    }
}

static void
drop_locked (struct client *c)
{
  if (--c->nr_users > 0)
    return;
  unlink_locked (c);
  free (c);
}

struct client *
client_join (void)
{
  struct far_end far_end;
  struct client *c;

  if (!find_far_end (&far_end))
    return NULL;
  mutex_lock (&lock);
  c = find_locked (&far_end);
  if (c)
    c->nr_users++;
  mutex_unlock (&lock);
  return c;
}

void
client_part (struct client *c)
{
  if (!c)
    return;
  mutex_lock (&lock);
  drop_locked (c);
  mutex_unlock (&lock);
}

static void
add_parked (struct client *c, int nr)
{
  if (!c)
    return;
  mutex_lock (&lock);
  c->nr_parked += nr;
  mutex_unlock (&lock);
}

void
client_park (struct client *c)
{
  add_parked (c, 1);
}

void
client_unpark (struct client *c)
{
  add_parked (c, -1);
}

bool
client_is_hung_up (struct client *c)
{
  bool r = false;

  if (c) {
    mutex_lock (&lock);
    r = c->hung_up;
    mutex_unlock (&lock);
  }
  return r;
}

/* -- 3. shut down ------------------------------------------------------------- */

static bool
parked_or_stopping (struct client *c)
{
  bool r;

  mutex_lock (&lock);
  r = c->nr_parked > 0 && !stopping;
  mutex_unlock (&lock);
  return r;
}

static void
shut_down (struct farewell *f)
{
  struct line *l;

  mutex_lock (&lock);
  for (l = f->lines; l < f->lines + f->nr_lines; ++l) {
    shutdown (l->client, SHUT_RDWR);
    close (l->client);
    l->client = -1;
    shutdown (l->nowhere, SHUT_WR);
  }
  mutex_unlock (&lock);
}

/* nbdkit may have an answer to send yet. */
static void
close_nowhere (const struct line *l)
{
  struct pollfd p = { .fd = l->nowhere };
  int ms;
  bool stop = false;

  for (ms = 0; ms < CLOSED_MS && !stop; ms += SLICE_MS) {
    if (poll (&p, 1, SLICE_MS) > 0)
      break;
    mutex_lock (&lock);
    stop = stopping;
    mutex_unlock (&lock);
  }
  close (l->nowhere);
}

static void *
say_farewell (void *arg)
{
  struct farewell *f = arg;
  size_t i;
  int ms;

  for (ms = 0; ms < PARKED_MS && parked_or_stopping (f->client);
       ms += SLICE_MS)
    poll (NULL, 0, SLICE_MS);
  poll (NULL, 0, ANSWERS_MS);
  shut_down (f);
  for (i = 0; i < f->nr_lines; ++i)
    close_nowhere (&f->lines[i]);
  mutex_lock (&lock);
  drop_locked (f->client);
  f->ended = true;
  mutex_unlock (&lock);
  return NULL;
}

static struct farewell *
take_farewell (bool all)
{
  struct farewell **p, *f;

  mutex_lock (&lock);
  for (p = &farewells; *p && !all && !(*p)->ended;)
    p = &(*p)->next;
  if ((f = *p))
    *p = f->next;
  mutex_unlock (&lock);
  return f;
}

/* ALL: also those that go on. */
static void
join_farewells (bool all)
{
  struct farewell *f;

  while ((f = take_farewell (all))) {
    pthread_join (f->thread, NULL);
    free (f);
  }
}

/* -- 1. replace --------------------------------------------------------------- */

/* nbdkit may close FD meanwhile, and its number be given again: so it is looked
 * at once more, by what cannot change. */
static bool
take_client (const struct farewell *f, int fd, int *ret)
{
  struct far_end far_end;

  *ret = fcntl (fd, F_DUPFD_CLOEXEC, 0);
  return *ret != -1 && far_end_of (*ret, &far_end) &&
    same (&far_end, &f->client->far_end);
}

static void
replace (struct farewell *f, int fd)
{
  struct line *l = &f->lines[f->nr_lines];
  int pair[2];

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
    return;
  if (!take_client (f, fd, &l->client) ||
      dup3 (pair[1], fd, O_CLOEXEC) == -1) {
    if (l->client != -1)
      close (l->client);
    close (pair[0]);
  }
  else {
    l->nowhere = pair[0];
    f->nr_lines++;
  }
  close (pair[1]);
}

/* A farewell's, though it leads to the client. */
static bool
is_held (int fd)
{
  const struct farewell *f;
  size_t i;

  for (f = farewells; f; f = f->next)
    for (i = 0; i < f->nr_lines; ++i)
      if (f->lines[i].client == fd)
        return true;
  return false;
}

static size_t
find_sockets (const struct far_end *far_end, int fds[MAX_SOCKETS])
{
  DIR *dir = opendir ("/proc/self/fd");
  struct far_end other;
  struct dirent *entry;
  size_t n = 0;

  while (dir && n < MAX_SOCKETS && (entry = readdir (dir))) {
    const int fd = atoi (entry->d_name);

    if (entry->d_name[0] != '.' && far_end_of (fd, &other) &&
        same (&other, far_end) && !is_control (fd) && !is_held (fd))
      fds[n++] = fd;
  }
  if (dir)
    closedir (dir);
  return n;
}

/* The thread begins by taking the lock, when all has been replaced. */
static bool
start_farewell (struct client *c, const int *fds, size_t nr)
{
  struct farewell *f = calloc (1, sizeof *f);
  size_t i;

  if (!f)
    return false;
  f->client = c;
  if (pthread_create (&f->thread, NULL, say_farewell, f)) {
    free (f);
    return false;
  }
  c->nr_users++;
  f->next = farewells;
  farewells = f;
  for (i = 0; i < nr; ++i)
    replace (f, fds[i]);
  return f->nr_lines > 0;
}

static bool
hang_up_locked (struct client *c)
{
  int fds[MAX_SOCKETS];
  const size_t nr = find_sockets (&c->far_end, fds);

  if (nr == 0 || stopping || !start_farewell (c, fds, nr))
    return false;
  c->hung_up = true;
  unlink_locked (c);
  return true;
}

bool
client_hang_up (struct client *c)
{
  bool begun;

  if (!c)
    return false;
  join_farewells (false);
  mutex_lock (&lock);
  begun = c->hung_up || hang_up_locked (c);
  mutex_unlock (&lock);
  return begun;
}

void
client_stop (void)
{
  mutex_lock (&lock);
  stopping = true;
  mutex_unlock (&lock);
  join_farewells (true);
}
