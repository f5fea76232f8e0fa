/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The control endpoint's threads: one that accepts, one per slot (slots.h).
 *
 * Invariants:
 *   1. Nothing is detached: when the listener has been freed no thread is
 *      left in this code (which may be unloaded).
 *   2. Stopping is one event descriptor that is written once, never read,
 *      and polled by every thread wherever it waits for a peer: idle, half
 *      negotiated and slow clients all end at once, a command in a callback
 *      ends first.
 *   3. All signals are blocked in these threads: they belong to whoever
 *      installed the handlers.
 *
 * The states of connections have a lock of their own (slots.h); no callback
 * is called while it is held.  The rest of struct control_listener is
 * constant while threads run.
 */

#include <config.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "access.h"
#include "control.h"
#include "document.h"
#include "handshake.h"
#include "nbd-protocol.h"
#include "peer-name.h"
#include "session.h"
#include "slots.h"
#include "socket-file.h"
#include "tcp-listen.h"
#include "transport.h"

#define IO_SECONDS 30
/* After a failed accept (no descriptors, no memory): do not spin. */
#define ACCEPT_PAUSE_MS 100

struct control_listener {
  struct control_config config; /* strings: not set but for description */
  struct control_callbacks callbacks;
  char *description;            /* may be NULL */
  struct socket_file socket;    /* of a Unix socket; its fd is in fds, too */
  int fds[TCP_MAX_SOCKETS];
  size_t nr_fds;
  int stop_fd;
  bool started;
  pthread_t accept_thread;
  struct slots slots;
};

static bool
is_unix (const struct control_listener *l)
{
  return l->config.tls == NULL;
}

/* -- one connection -------------------------------------------------- */

/* One that left of its own accord, or that the end of the endpoint has cut
 * off, has not been refused. */
static void
tell_refusal (struct slot *slot, const struct error *why)
{
  const struct control_listener *l = slot->owner;
  struct error err = *why;

  if (l->callbacks.refused == NULL || err.errnum == 0 ||
      err.errnum == ESHUTDOWN)
    return;
  if (slot_was_cut (slot))
    error_set (&err, EUSERS, "too many connections that have not said who "
               "they are");
  l->callbacks.refused (l->config.opaque, slot->peer.text, &err);
}

/* The role of a process, before a word is said. */
static int
look_at_process (const struct control_listener *l, struct slot *slot,
                 enum access_role *ret_role, struct error *err)
{
  struct access_process process;
  struct peer_name ignored;

  *ret_role = ROLE_CONTROL;
  if (!is_unix (l) || l->config.access == NULL)
    return 0;
  if (peer_name_unix (slot->fd, &ignored, &process, err) == -1)
    return -1;
  *ret_role = access_unix_role (l->config.access, &process);
  if (*ret_role == ROLE_NONE)
    return error_set (err, EACCES, "neither its user nor its groups are "
                      "allowed here");
  return 0;
}

static int
negotiate (const struct control_listener *l, struct slot *slot,
           struct transport **t, struct handshake_result *ret,
           struct error *err)
{
  struct handshake_config config = {
    .description = l->description,
    .deadline_ms = transport_clock_ms () + l->config.handshake_ms,
    .tls = l->config.tls,
    .access = l->config.access,
  };

  if (look_at_process (l, slot, &config.role, err) == -1)
    return -1;
  switch (handshake_run (t, &config, ret, err)) {
  case HANDSHAKE_TRANSMISSION:
    break;
  case HANDSHAKE_ENDED:
  case HANDSHAKE_FAILED:
    return -1;
  }
  return slot_admit (slot, ret->role == ROLE_CONTROL, err);
}

/* A connection that got as far as commands ends without a word: the client
 * knows, or is gone. */
static void
converse (const struct control_listener *l, struct slot *slot,
          struct transport **t)
{
  struct error err = ERROR_INIT;
  struct session_config config = {
    .callbacks = &l->callbacks,
    .opaque = l->config.opaque,
    .io_ms = l->config.io_ms,
  };

  if (negotiate (l, slot, t, &config.negotiated, &err) == 0)
    session_run (*t, &config, NULL);
  else
    tell_refusal (slot, &err);
}

static void
serve_slot (struct control_listener *l, struct slot *slot)
{
  const int fd = slot->fd;
  struct transport *t = NULL;

  /* The slot's number of the descriptor must be good until slot_end. */
  if (transport_socket_new (fd, l->stop_fd, &t, NULL) == 0)
    converse (l, slot, &t);
  slot_end (slot);
  if (t != NULL)
    transport_close (t);
  else
    close (fd);
  if (l->callbacks.left != NULL)
    l->callbacks.left (l->config.opaque);
}

static void *
slot_main (void *arg)
{
  struct slot *slot = arg;

  while (slot_wait (slot))
    serve_slot (slot->owner, slot);
  return NULL;
}

/* -- accepting ------------------------------------------------------- */

/* pthread_create with every signal blocked in the new thread. */
static int
create_thread (pthread_t *ret, void *(*function) (void *), void *arg)
{
  sigset_t all, before;
  int r;

  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  r = pthread_create (ret, NULL, function, arg);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  return r;
}

/* Takes FD over.  A client that cannot be served sees its connection
 * closed before any greeting. */
static void
serve (struct control_listener *l, int fd)
{
  struct access_process ignored;
  struct peer_name peer;
  struct slot *slot;

  if (is_unix (l))
    peer_name_unix (fd, &peer, &ignored, NULL);
  else {
    peer_name_tcp (fd, &peer);
    tcp_prepare (fd);
  }
  slot = slots_take (&l->slots, fd, &peer);
  if (slot == NULL) {
    close (fd);
    return;
  }
  if (!slot->has_thread)
    slot->has_thread = create_thread (&slot->thread, slot_main, slot) == 0;
  if (!slot->has_thread) {
    slots_give_back (slot);
    close (fd);
  }
}

static void
accept_one (struct control_listener *l, int fd)
{
  struct pollfd stop = { .fd = l->stop_fd, .events = POLLIN };
  int client = accept4 (fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

  if (client != -1)
    serve (l, client);
  else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
    poll (&stop, 1, ACCEPT_PAUSE_MS);
}

static void *
accept_main (void *arg)
{
  struct control_listener *l = arg;
  struct pollfd fds[1 + TCP_MAX_SOCKETS] = {
    { .fd = l->stop_fd, .events = POLLIN },
  };
  size_t i;

  for (i = 0; i < l->nr_fds; i++)
    fds[1 + i] = (struct pollfd) { .fd = l->fds[i], .events = POLLIN };
  for (;;) {
    if (poll (fds, 1 + l->nr_fds, -1) == -1)
      continue;
    if (fds[0].revents != 0)
      return NULL;
    for (i = 0; i < l->nr_fds; i++)
      if (fds[1 + i].revents != 0)
        accept_one (l, l->fds[i]);
  }
}

/* -- public ---------------------------------------------------------- */

static void
close_sockets (struct control_listener *l)
{
  size_t i;

  if (is_unix (l))
    socket_file_close (&l->socket);
  else
    for (i = 0; i < l->nr_fds; i++)
      close (l->fds[i]);
}

/* Half-built listeners are fine, those with running threads are not. */
static void
destroy (struct control_listener *l)
{
  close_sockets (l);
  if (l->stop_fd != -1)
    close (l->stop_fd);
  slots_destroy (&l->slots);
  free (l->description);
  free (l);
}

static struct control_listener *
allocate (const struct control_config *config)
{
  struct control_listener *l = calloc (1, sizeof *l);

  if (l == NULL)
    return NULL;
  slots_init (&l->slots, l);
  l->socket.fd = l->stop_fd = -1;
  l->callbacks = *config->callbacks;
  l->config = *config;
  l->config.callbacks = &l->callbacks;
  l->config.path = l->config.listen = l->config.description = NULL;
  if (l->config.handshake_ms == 0)
    l->config.handshake_ms = CONTROL_HANDSHAKE_SECONDS * 1000;
  if (l->config.io_ms == 0)
    l->config.io_ms = IO_SECONDS * 1000;
  return l;
}

/* "a string ... MUST NOT exceed 4096 bytes"; and it is to be UTF-8. */
static char *
copy_description (const char *description)
{
  json_t *text = document_text (description);
  char *copy = NULL;

  if (text != NULL)
    copy = strndup (json_string_value (text), NBD_MAX_STRING_BYTES);
  json_decref (text);
  return copy;
}

static int
open_unix (struct control_listener *l, const struct control_config *config,
           struct error *err)
{
  const unsigned mode = config->mode != 0 ? config->mode : 0600;

  if (socket_file_listen (config->path, mode, &l->socket, err) == -1)
    return -1;
  l->fds[0] = l->socket.fd;
  l->nr_fds = 1;
  return 0;
}

static int
open_tcp (struct control_listener *l, const struct control_config *config,
          struct error *err)
{
  struct tcp_address address;

  if (tcp_address_parse (config->listen, &address, err) == -1)
    return -1;
  return tcp_listen (&address, l->fds, &l->nr_fds, err);
}

static int
set_up (struct control_listener *l, const struct control_config *config,
        struct error *err)
{
  if (config->description != NULL) {
    l->description = copy_description (config->description);
    if (l->description == NULL)
      return error_set_errno (err, ENOMEM, "control endpoint");
  }
  l->stop_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (l->stop_fd == -1)
    return error_set_errno (err, errno, "control endpoint: eventfd");
  return is_unix (l) ? open_unix (l, config, err) : open_tcp (l, config, err);
}

int
control_listener_new (const struct control_config *config,
                      struct control_listener **ret, struct error *err)
{
  struct control_listener *l;

  /* Without TLS there is nothing on TCP; TLS needs to know for whom. */
  if ((config->listen != NULL) != (config->tls != NULL) ||
      (config->listen != NULL) == (config->path != NULL) ||
      (config->tls != NULL && config->access == NULL))
    return error_set (err, EINVAL, "control endpoint: a Unix socket, or TCP "
                      "with TLS and a list of names");
  l = allocate (config);
  if (l == NULL)
    return error_set_errno (err, ENOMEM, "control endpoint");
  if (set_up (l, config, err) == -1) {
    destroy (l);
    return -1;
  }
  *ret = l;
  return 0;
}

int
control_listener_start (struct control_listener *l, struct error *err)
{
  int r;

  /* Jansson seeds its hash function on first use; do it while there is one
   * thread. */
  json_object_seed (0);
  r = create_thread (&l->accept_thread, accept_main, l);
  if (r != 0)
    return error_set_errno (err, r, "control endpoint: creating a thread");
  l->started = true;
  return 0;
}

void
control_listener_free (struct control_listener *l)
{
  const uint64_t one = 1;

  if (l == NULL)
    return;
  if (l->started) {
    /* Cannot fail: the counter is 0 and written once. */
    if (write (l->stop_fd, &one, sizeof one) != sizeof one)
      abort ();
    pthread_join (l->accept_thread, NULL);
    slots_join_all (&l->slots);
  }
  destroy (l);
}
