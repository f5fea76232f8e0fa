/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The control endpoint's threads: one that accepts, one per connection.
 *
 * Invariants:
 *   1. A thread's handle is in exactly one slot, from its creation until
 *      it has been joined; nothing is detached, so when the listener has
 *      been freed no thread is left in this code (which may be unloaded).
 *   2. Only the connection's own thread uses its socket.  Stopping is one
 *      event descriptor that is written once, never read, and polled by
 *      every thread wherever it waits for a peer: idle, half negotiated and
 *      slow clients all end at once, a command in a callback ends first.
 *   3. All signals are blocked in these threads: they belong to whoever
 *      installed the handlers.
 *
 * `lock` protects the states of the slots.  It is a leaf: nothing else is
 * locked, and no callback is called, while it is held.  The rest of struct
 * control_listener is constant while threads run.  The slots' handles are
 * the accept thread's, and after its end those of control_listener_free.
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

#include "control.h"
#include "document.h"
#include "handshake.h"
#include "listener.h"
#include "mutex.h"
#include "nbd-protocol.h"
#include "session.h"
#include "socket-file.h"
#include "transport.h"

#define IO_SECONDS 30
/* After a failed accept (no descriptors, no memory): do not spin. */
#define ACCEPT_PAUSE_MS 100

enum slot_state {
  SLOT_FREE,
  SLOT_RUNNING,
  SLOT_ENDED,                   /* to be joined */
};

struct slot {
  struct control_listener *listener;
  enum slot_state state;        /* guarded by listener->lock */
  pthread_t thread;
  int fd;                       /* handed over to the thread */
};

struct control_listener {
  struct control_callbacks callbacks;
  void *opaque;
  char *description;            /* may be NULL */
  struct control_timing timing;
  struct socket_file socket;
  int stop_fd;
  bool started;
  pthread_t accept_thread;
  struct mutex lock;
  struct slot slots[CONTROL_MAX_CLIENTS];
};

/* -- slots ----------------------------------------------------------- */

static void
set_state (struct slot *slot, enum slot_state state)
{
  mutex_lock (&slot->listener->lock);
  slot->state = state;
  mutex_unlock (&slot->listener->lock);
}

static enum slot_state
get_state (struct slot *slot)
{
  enum slot_state state;

  mutex_lock (&slot->listener->lock);
  state = slot->state;
  mutex_unlock (&slot->listener->lock);
  return state;
}

/* A slot for a new connection, or NULL where there are enough.  An ended
 * thread has nothing left to do but return, so joining it does not wait. */
static struct slot *
take_slot (struct control_listener *l)
{
  struct slot *found = NULL;
  size_t i;

  for (i = 0; i < CONTROL_MAX_CLIENTS; i++) {
    struct slot *slot = &l->slots[i];

    if (get_state (slot) == SLOT_ENDED) {
      pthread_join (slot->thread, NULL);
      set_state (slot, SLOT_FREE);
    }
    if (found == NULL && get_state (slot) == SLOT_FREE)
      found = slot;
  }
  return found;
}

static void
join_all (struct control_listener *l)
{
  size_t i;

  for (i = 0; i < CONTROL_MAX_CLIENTS; i++)
    if (get_state (&l->slots[i]) != SLOT_FREE)
      pthread_join (l->slots[i].thread, NULL);
}

/* -- one connection -------------------------------------------------- */

/* Nobody is told why a connection ended: the client knows, or is gone. */
static void
converse (struct control_listener *l, struct transport *t)
{
  const int64_t deadline_ms = transport_clock_ms () + l->timing.handshake_ms;
  struct session_config config = {
    .callbacks = &l->callbacks,
    .opaque = l->opaque,
    .io_ms = l->timing.io_ms,
  };

  if (handshake_run (t, l->description, deadline_ms, &config.negotiated,
                     NULL) == HANDSHAKE_TRANSMISSION)
    session_run (t, &config, NULL);
}

static void *
connection_main (void *arg)
{
  struct slot *slot = arg;
  struct control_listener *l = slot->listener;
  struct transport *t;

  if (transport_socket_new (slot->fd, l->stop_fd, &t, NULL) == 0) {
    converse (l, t);
    transport_close (t);
  }
  set_state (slot, SLOT_ENDED);
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
  struct slot *slot = take_slot (l);

  if (slot == NULL) {
    close (fd);
    return;
  }
  slot->fd = fd;
  set_state (slot, SLOT_RUNNING);
  if (create_thread (&slot->thread, connection_main, slot) != 0) {
    set_state (slot, SLOT_FREE);
    close (fd);
  }
}

/* Wait for a client (with FD) or for MS; false when told to stop. */
static bool
wait_for_client (const struct control_listener *l, int fd, int ms)
{
  struct pollfd fds[2] = {
    { .fd = l->stop_fd, .events = POLLIN },
    { .fd = fd, .events = POLLIN },     /* -1 is ignored by poll */
  };

  return poll (fds, 2, ms) == -1 || fds[0].revents == 0;
}

static void *
accept_main (void *arg)
{
  struct control_listener *l = arg;
  int fd;

  while (wait_for_client (l, l->socket.fd, -1)) {
    fd = accept4 (l->socket.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd != -1)
      serve (l, fd);
    else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
      wait_for_client (l, -1, ACCEPT_PAUSE_MS);
  }
  return NULL;
}

/* -- public ---------------------------------------------------------- */

/* Half-built listeners are fine, those with running threads are not. */
static void
destroy (struct control_listener *l)
{
  socket_file_close (&l->socket);
  if (l->stop_fd != -1)
    close (l->stop_fd);
  mutex_destroy (&l->lock);
  free (l->description);
  free (l);
}

static struct control_listener *
allocate (void)
{
  struct control_listener *l = calloc (1, sizeof *l);
  size_t i;

  if (l == NULL)
    return NULL;
  mutex_init (&l->lock);
  l->socket.fd = l->stop_fd = -1;
  for (i = 0; i < CONTROL_MAX_CLIENTS; i++)
    l->slots[i].listener = l;
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
set_up (struct control_listener *l, const char *path, const char *description,
        struct error *err)
{
  if (description != NULL) {
    l->description = copy_description (description);
    if (l->description == NULL)
      return error_set_errno (err, ENOMEM, "control endpoint");
  }
  l->stop_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (l->stop_fd == -1)
    return error_set_errno (err, errno, "control endpoint: eventfd");
  return socket_file_listen (path, &l->socket, err);
}

int
control_listener_new_timed (const char *path,
                            const struct control_callbacks *callbacks,
                            void *opaque, const char *description,
                            const struct control_timing *timing,
                            struct control_listener **ret, struct error *err)
{
  struct control_listener *l = allocate ();

  if (l == NULL)
    return error_set_errno (err, ENOMEM, "control endpoint");
  l->callbacks = *callbacks;
  l->opaque = opaque;
  l->timing = *timing;
  if (set_up (l, path, description, err) == -1) {
    destroy (l);
    return -1;
  }
  *ret = l;
  return 0;
}

int
control_listener_new (const char *path,
                      const struct control_callbacks *callbacks, void *opaque,
                      const char *description, struct control_listener **ret,
                      struct error *err)
{
  static const struct control_timing timing = {
    .handshake_ms = CONTROL_HANDSHAKE_SECONDS * 1000,
    .io_ms = IO_SECONDS * 1000,
  };

  return control_listener_new_timed (path, callbacks, opaque, description,
                                     &timing, ret, err);
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
    join_all (l);
  }
  destroy (l);
}
