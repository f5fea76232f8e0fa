/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A client that never stops writing, and remembers what it was promised.
 *
 * It writes records (writer-record.h) in random slots, several at once but
 * never two to one slot.  With several servers it writes to one until that
 * one refuses (EPERM, ESHUTDOWN), then goes to the next: a refused write
 * has certainly not been done, so it is sent again.  With one server a
 * refusal is a failure, and some records are read back under way (from a
 * server that is inactive such a read may be stale, so not with several).
 * With `reconnect` servers may come and go.
 *
 * Not thread-safe.  Failures end the program after a message.
 */

#ifndef BATON_TESTS_WRITER_RUN_H
#define BATON_TESTS_WRITER_RUN_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <libnbd.h>

#include "random.h"
#include "writer-record.h"

#define MAX_SERVERS 4
#define MAX_DEPTH 64

enum request_state { IDLE, REFUSED, SENT };
enum request_kind { WRITE, READ, FLUSH };

struct writer;

struct request {
  struct writer *w;
  enum request_state state;
  enum request_kind kind;
  size_t server;                /* where it was sent */
  uint32_t slot;                /* index into the journal; not for FLUSH */
  uint32_t generation;
  uint8_t *buf;                 /* record_bytes; owned */
};

struct writer {
  const char *sockets[MAX_SERVERS];
  struct nbd_handle *nbd[MAX_SERVERS];
  size_t nr_servers;
  size_t current;               /* where new requests go */
  struct journal journal;
  struct request requests[MAX_DEPTH];
  size_t depth;
  struct random random;
  volatile sig_atomic_t *stop_asked;    /* end when it is set */
  bool until_lost;              /* the death of a server is a normal end */
  bool reconnect;               /* to a server that is lost; and any error
                                 * is a reason to try the next one */
  uint64_t per_second;          /* at most so many records; 0: no limit */
  uint64_t nr_records;          /* end after so many; 0: never */
  pid_t victim;                 /* not 0: then kill it, and go on */
  uint64_t flush_every;         /* records; 0: never */
  bool lost;                    /* a server has gone */
  uint64_t nr_acked, nr_flushes, nr_refused, nr_switches, nr_read_back;
  uint64_t nr_reconnects;
  uint64_t start_ms;
  uint64_t longest_ms;          /* without any acknowledgement */
  uint64_t last_ack_ms;
};

/* Until asked to stop and everything in flight has been answered, or until
 * a server is lost. */
void writer_run (struct writer *w);

void writer_fail (const char *what) __attribute__ ((noreturn));

#endif /* BATON_TESTS_WRITER_RUN_H */
