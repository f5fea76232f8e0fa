/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The bytes beneath a connection, so that the protocol above need not know
 * whether they are encrypted.
 *
 * A transport belongs to one thread at a time.  Two things end its calls:
 * a deadline, and its owner's stop descriptor (transport-socket.c), which
 * another thread may make readable at any time.
 *
 * Deadlines are absolute, in milliseconds of CLOCK_MONOTONIC: a peer that
 * sends a byte now and then does not push them away.
 *
 * Errors: ETIMEDOUT past the deadline, ESHUTDOWN when stopped, ECONNRESET
 * when the peer has gone, else the system's.  After an error only close is
 * of use.
 */

#ifndef BATON_TRANSPORT_H
#define BATON_TRANSPORT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "error.h"

#define TRANSPORT_NO_DEADLINE INT64_MAX

struct transport;

struct transport_ops {
  /* Between 1 and LEN bytes, 0 at the end of the stream, or -1. */
  ssize_t (*recv) (struct transport *t, void *buf, size_t len,
                   int64_t deadline_ms, struct error *err);
  /* All LEN bytes, or -1.  Never raises SIGPIPE.  What the peer can take at
   * once is sent even if the transport has been stopped. */
  int (*send) (struct transport *t, const void *buf, size_t len,
               int64_t deadline_ms, struct error *err);
  /* End the connection and free T. */
  void (*close) (struct transport *t);
};

/* First member of what an implementation allocates. */
struct transport {
  const struct transport_ops *ops;
};

/* Now, on the clock of the deadlines. */
int64_t transport_clock_ms (void);

/* Exactly LEN bytes, or -1; a stream that ends earlier is ECONNRESET. */
int transport_recv_all (struct transport *t, void *buf, size_t len,
                        int64_t deadline_ms, struct error *err);
/* Read LEN bytes and forget them. */
int transport_drain (struct transport *t, uint64_t len, int64_t deadline_ms,
                     struct error *err);
int transport_send (struct transport *t, const void *buf, size_t len,
                    int64_t deadline_ms, struct error *err);
/* NULL is accepted. */
void transport_close (struct transport *t);

/* A plain stream socket.  Takes FD over, but not on failure (ENOMEM).
 * STOP_FD is borrowed and only polled: once it is readable, nothing waits
 * here. */
int transport_socket_new (int fd, int stop_fd, struct transport **ret,
                          struct error *err);

#endif /* BATON_TRANSPORT_H */
