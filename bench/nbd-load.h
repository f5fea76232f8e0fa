/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the parts of nbd-load share: what is asked for, and its connections.
 *
 * One thread.  What must not happen ends the program with a message.
 */

#ifndef BATON_BENCH_NBD_LOAD_H
#define BATON_BENCH_NBD_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <libnbd.h>

enum load_op {
  LOAD_READ,
  LOAD_WRITE,
  LOAD_ZERO,
  LOAD_TRIM,
  LOAD_EXTENTS,                 /* block status of the whole span, once */
};

enum load_pattern {
  PATTERN_RANDOM,               /* with repetitions */
  PATTERN_SEQUENTIAL,           /* all connections share one position */
  PATTERN_ONCE,                 /* each block once, in a random order */
};

struct load {
  const char *socket;           /* borrowed */
  enum load_op op;
  enum load_pattern pattern;
  uint32_t block_bytes;
  uint64_t span_bytes;          /* offsets are below; a multiple of blocks */
  unsigned connections, depth;
  uint64_t nr_requests;         /* 0: until SECONDS have passed */
  double seconds;
  unsigned flush_every;         /* of a slot's writes; 0: never */
  uint64_t seed;
  pid_t server;                 /* whose CPU time counts; 0: nobody's */
};

void load_fail (const char *format, ...)
  __attribute__ ((noreturn, format (printf, 1, 2)));

/* -- nbd-load-places.c: where the next request goes ------------------------- */

/* The offset of the request that is the INDEXth of all. */
uint64_t load_place (const struct load *l, uint64_t index);

/* -- nbd-load-wire.c: one connection ----------------------------------------- */

struct wire;

/* Negotiated with libnbd; after that requests and simple replies go over its
 * socket directly, so that the client costs little beside the server. */
struct wire *wire_open (const struct load *l);
void wire_close (struct wire *w);
int wire_fd (const struct wire *w);
/* Send one request of SLOT, at most DEPTH of which are under way. */
void wire_flush (struct wire *w, unsigned slot);
void wire_request (struct wire *w, unsigned slot, uint64_t offset);
/* Send what was queued since. */
void wire_push (struct wire *w);
/* Read what is there; calls FN for each answer, which may send the next. */
typedef void (*wire_fn) (void *opaque, unsigned slot);
void wire_pull (struct wire *w, wire_fn fn, void *opaque);

/* Extents that block status reports of the whole span. */
uint64_t load_count_extents (const struct load *l);

#endif /* BATON_BENCH_NBD_LOAD_H */
