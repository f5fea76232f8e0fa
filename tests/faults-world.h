/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Two servers of one image, a proxy in front of each one's control socket, a
 * writer that goes to whoever is active, and the commands that an operator
 * types.  Processes are real ones, started here and ended here.
 *
 * One thread.  What must not happen ends the program with a message.
 */

#ifndef BATON_TESTS_FAULTS_WORLD_H
#define BATON_TESTS_FAULTS_WORLD_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "faults-proxy.h"
#include "faulty-io.h"

#define MAX_COMMAND_WORDS 20

struct paths {                  /* borrowed */
  const char *dir;              /* for sockets, logs, the journal */
  const char *image, *plugin, *faulty_io, *baton, *writer;
};

struct server {
  char name[8];                 /* "a", "b" */
  pid_t pid;                    /* 0: dead */
  bool stopped;
  char sock[PATH_MAX], control[PATH_MAX], front[PATH_MAX], log[PATH_MAX];
  struct proxy proxy;           /* at `front` */
  struct faulty_io *io;         /* mapped; the server's plan */
  char io_path[PATH_MAX];
};

/* What a server tells of itself. */
struct seen {
  bool active, poisoned;
  bool between;                 /* activating or inactivating */
  bool held, released;          /* the record, as it knows it */
  uint64_t epoch;
  char owner[64];               /* host in the record: "host-a" */
};

struct world {
  struct paths paths;
  struct server servers[2];
  pid_t writer;
  uint64_t nr_starts;           /* of servers */
  uint64_t nr_commands;         /* that were typed */
};

void world_open (struct world *w, const struct paths *paths);
/* SIGTERM to all; each must end well. */
void world_close (struct world *w);

/* Start it; false, with the reason in the log, where it does not come up. */
bool server_start (struct world *w, struct server *s, bool active);
void server_kill (struct server *s);
void server_stop (struct server *s);            /* SIGSTOP */
void server_continue (struct server *s);
/* Has it ended by itself? */
bool server_is_dead (struct server *s);
void server_look (struct server *s, struct seen *ret);
/* The class that it refused with when it started last is in its log. */
bool server_log_has (const struct server *s, const char *text);

void writer_start (struct world *w, uint64_t seed);
/* It must be there still. */
void writer_check (struct world *w);
/* It ends, and what it has to say goes to stdout. */
void writer_end (struct world *w);

/* Start baton with these words, the last one NULL; output into pass.out and
 * pass.err of the directory. */
pid_t baton_start (struct world *w, const char *const *words);
/* The same, and wait.  The exit code. */
int baton_type (struct world *w, const char *const *words);
/* Does what it said on stderr have TEXT? */
bool baton_said (const struct world *w, const char *text);
/* The last value of "KEY": "..." on stdout; "" where there is none. */
void baton_value (const struct world *w, const char *key, char ret[32]);

#endif /* BATON_TESTS_FAULTS_WORLD_H */
