/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A control endpoint on TCP in this process, over the dummies of
 * control-dummies.h, with shared keys: alice may command, bob may look, and
 * carol has a key that opens nothing.
 */

#ifndef BATON_TEST_TLS_WORLD_H
#define BATON_TEST_TLS_WORLD_H

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "access.h"
#include "control-dummies.h"
#include "tls.h"

#define ALICE_KEY "00112233445566778899aabbccddeeff"
#define BOB_KEY "ffeeddccbbaa99887766554433221100"
#define CAROL_KEY "0123456789abcdef0123456789abcdef"

/* `refused` and `reason` are guarded by dummies.lock. */
struct tls_world {
  struct dummies dummies;
  int nr_refused;
  char reason[512];             /* the last one's */
  struct control_callbacks callbacks;
  struct access_list access;
  struct tls_credentials *tls;
  struct control_listener *listener;
  uint16_t port;
};

static inline void
world_refused (void *opaque, const char *peer, const struct error *why)
{
  struct tls_world *w = opaque;

  (void) peer;
  mutex_lock (&w->dummies.lock);
  w->nr_refused++;
  snprintf (w->reason, sizeof w->reason, "%s", why->text);
  cond_broadcast (&w->dummies.changed);
  mutex_unlock (&w->dummies.lock);
}

/* Wait until N were; then *RET_REASON is the last one's. */
static inline void
world_await_refused (struct tls_world *w, int n, char *ret_reason)
{
  mutex_lock (&w->dummies.lock);
  while (w->nr_refused < n)
    cond_wait (&w->dummies.changed, &w->dummies.lock);
  strcpy (ret_reason, w->reason);
  mutex_unlock (&w->dummies.lock);
}

static inline struct sockaddr_in
world_address (uint16_t port)
{
  struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons (port) };

  a.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  return a;
}

/* A port that nobody has at the moment. */
static inline uint16_t
world_free_port (void)
{
  struct sockaddr_in a = world_address (0);
  socklen_t len = sizeof a;
  int fd = socket (AF_INET, SOCK_STREAM, 0);

  if (bind (fd, (struct sockaddr *) &a, sizeof a) == -1 ||
      getsockname (fd, (struct sockaddr *) &a, &len) == -1)
    abort ();
  close (fd);
  return ntohs (a.sin_port);
}

static inline int
world_load_keys (struct tls_world *w, struct error *err)
{
  char path[] = "/tmp/baton-test-keys-XXXXXX";
  static const char keys[] = "alice:" ALICE_KEY "\nbob:" BOB_KEY "\n"
                             "carol:" CAROL_KEY "\n";
  int fd = mkstemp (path), r;

  if (fd == -1 || write (fd, keys, strlen (keys)) == -1)
    abort ();
  close (fd);
  r = tls_credentials_new_psk (path, &w->tls, err);
  unlink (path);
  return r;
}

/* 0, or -1: said on stderr. */
static inline int
world_start (struct tls_world *w, int64_t handshake_ms)
{
  char listen[32];
  struct control_config config = {
    .listen = listen,
    .access = &w->access,
    .callbacks = &w->callbacks,
    .opaque = w,
    .handshake_ms = handshake_ms,
  };
  struct error err = ERROR_INIT;

  memset (w, 0, sizeof *w);
  mutex_init (&w->dummies.lock);
  cond_init (&w->dummies.changed);
  w->callbacks = dummy_callbacks;
  w->callbacks.refused = world_refused;
  w->port = world_free_port ();
  snprintf (listen, sizeof listen, "127.0.0.1:%u", (unsigned) w->port);
  if (world_load_keys (w, &err) == 0 &&
      access_list_add (&w->access, "alice", ROLE_CONTROL, &err) == 0 &&
      access_list_add (&w->access, "bob", ROLE_STATUS, &err) == 0) {
    config.tls = w->tls;
    if (control_listener_new (&config, &w->listener, &err) == 0 &&
        control_listener_start (w->listener, &err) == 0)
      return 0;
  }
  fprintf (stderr, "world: %s\n", err.text);
  return -1;
}

static inline void
world_stop (struct tls_world *w)
{
  dummies_release (&w->dummies);
  control_listener_free (w->listener);
  tls_credentials_free (w->tls);
  access_list_clear (&w->access);
  cond_destroy (&w->dummies.changed);
  mutex_destroy (&w->dummies.lock);
}

#endif /* BATON_TEST_TLS_WORLD_H */
