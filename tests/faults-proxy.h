/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A proxy in front of a control socket that knows where each message of NBD
 * begins and ends, in the handshake and after it, and can lose, repeat or
 * delay one, or tell its owner that it is coming.
 *
 * Owned and driven by one thread, which polls: nothing here waits.
 */

#ifndef BATON_TESTS_FAULTS_PROXY_H
#define BATON_TESTS_FAULTS_PROXY_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROXY_MAX_LINKS 8
#define PROXY_MAX_FDS (1 + 2 * PROXY_MAX_LINKS)

enum proxy_act {
  PROXY_FORWARD,
  PROXY_LOSE,                   /* it, and all that follows on its
                                 * connection in this direction */
  PROXY_CUT,                    /* it, and the connection */
  PROXY_REPEAT,                 /* twice; a request: the second one comes
                                 * `late_us` later, by another connection,
                                 * and nobody reads its reply */
  PROXY_DELAY,                  /* by `late_us`, also where the one who sent
                                 * it has gone meanwhile */
};

struct proxy_message {
  bool to_server;
  bool is_write;                /* a command */
  const uint8_t *bytes;
  size_t len;
};

struct proxy_link;

struct proxy {
  int listener;
  const char *target;           /* path of the server's socket; borrowed */
  uint64_t late_us;             /* for the next PROXY_DELAY, PROXY_REPEAT */
  /* Asked about each message, in the order in which they come. */
  enum proxy_act (*judge) (void *opaque, const struct proxy_message *m);
  void *opaque;
  struct proxy_link *links[PROXY_MAX_LINKS];
};

/* Listen at PATH.  Failures end the program. */
void proxy_open (struct proxy *p, const char *path, const char *target);
void proxy_close (struct proxy *p);

/* Fill at most PROXY_MAX_FDS of RET; returns how many. */
size_t proxy_poll_fds (const struct proxy *p, struct pollfd *ret);
/* Do whatever can be done now. */
void proxy_run (struct proxy *p);
/* Is a late message on its way still? */
bool proxy_is_busy (const struct proxy *p);
/* Forget all connections. */
void proxy_reset (struct proxy *p);

uint64_t faults_now_us (void);
void faults_fail (const char *format, ...)
  __attribute__ ((noreturn, format (printf, 1, 2)));

#endif /* BATON_TESTS_FAULTS_PROXY_H */
