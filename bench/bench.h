/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the parts of the hand-over's benchmark share: servers, a client that
 * waits at two of them at once, and figures.
 *
 * One thread.  What must not happen ends the program with a message.
 */

#ifndef BATON_BENCH_H
#define BATON_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <libnbd.h>

#define BENCH_MAX_DEPTH 64
#define BENCH_REQUEST_BYTES 4096

uint64_t bench_now_us (void);
void bench_fail (const char *format, ...)
  __attribute__ ((noreturn, format (printf, 1, 2)));

/* -- servers.c --------------------------------------------------------- */

struct programs {               /* borrowed */
  const char *dir, *plugin, *baton;
};

/* Start WORDS, the last one NULL, with its output in DIR/log. */
pid_t bench_start (const struct programs *p, const char *const *words);
/* Its exit status; ends the program where it takes more than a minute. */
int bench_wait (pid_t pid);
/* Wait until there is a socket at PATH. */
void bench_await_socket (const char *path);
void bench_make_image (const struct programs *p, const char *image,
                       const char *size);

struct pair {                   /* of servers of one image */
  const struct programs *programs;
  pid_t pids[2];
  char sock[2][300], control[2][300];
  unsigned active;              /* index */
};

void pair_start (struct pair *p, const struct programs *programs,
                 const char *image);
void pair_stop (struct pair *p);
/* baton pass to the other one, begun. */
pid_t pair_begin_pass (const struct pair *p);

/* -- client.c ---------------------------------------------------------- */

struct client;

/* Connect to both sockets of P. */
struct client *client_new (const struct pair *p, uint64_t size_bytes);
void client_free (struct client *c);
/* DEPTH random requests are kept at both servers; those at the inactive one
 * wait there.  Until PID, a pass to the server that is not ACTIVE, has ended
 * well and that server has answered.  Returns the microseconds between the
 * last answer of the one and the first of the other; 0: not known, they were
 * heard at once. */
uint64_t client_pass (struct client *c, pid_t pid, unsigned active,
                      unsigned depth);
/* DEPTH requests at server ACTIVE, until END_US or NR of them are done. */
void client_work (struct client *c, unsigned active, unsigned depth,
                  bool writes, uint64_t end_us, uint64_t nr);
/* Requests that were answered with an error. */
uint64_t client_nr_failed (const struct client *c);
uint64_t client_nr_done (const struct client *c);

/* -- figures.c --------------------------------------------------------- */

struct figures {
  uint64_t *us;                 /* owned */
  size_t nr;
};

void figures_add (struct figures *f, uint64_t us);
void figures_clear (struct figures *f);
uint64_t figures_median (struct figures *f);
uint64_t figures_p99 (struct figures *f);
uint64_t figures_max (struct figures *f);

#endif /* BATON_BENCH_H */
