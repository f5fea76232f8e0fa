/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The one server of this process: what nbdkit's callbacks share.
 *
 * Written by the thread that starts and stops it; meanwhile read by all.
 */

#ifndef BATON_SERVER_H
#define BATON_SERVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "endpoints.h"
#include "error.h"
#include "handoff.h"
#include "io-file.h"
#include "parameters.h"
#include "storage.h"

struct server {
  struct parameters parameters;
  bool read_only;                       /* nbdkit -r */
  struct io_file_opener opener;
  struct handoff *handoff;
  struct endpoints endpoints;
  _Atomic uint64_t nr_parked;           /* requests that wait right now */
  struct storage storage;               /* under the image, at start */
  const char *hint;                     /* added to the error of a start */
  bool forked;                          /* since server_start */
  bool serving;                         /* server_listen was reached */
  bool released;                        /* server_release was */
  bool idle;                            /* and no request ran any more */
};

extern struct server server;

/* Before the fork, so that errors reach the user and the exit status: open
 * the image, bind the control endpoints, activate.  -1 after nbdkit_error, with
 * nothing left open and no socket left behind. */
int server_start (void);

/* After the fork: answer the control endpoints. */
int server_listen (void);

/* An orderly end, if nbdkit gets that far: nothing depends on it.  Both may be
 * called again.
 *
 * server_release gives the image up.  nbdkit 1.32 counts a connection only
 * when its thread runs, so one that has just come may open the plugin now, and
 * finds a server that is inactive.  server_stop, in the last moment, frees it. */
void server_release (void);
void server_stop (void);

/* As handoff_take_over; logs what an operator should know of how the image
 * was taken over, and of the storage. */
int server_activate (const struct ticket *ticket, bool force,
                     struct error *err);
/* As handoff_release, or FOR_GOOD as handoff_retire; logs what could not be
 * kept valid. */
int server_inactivate (unsigned drain_timeout_ms, bool for_good,
                       bool *ret_has, struct ticket *ret, struct error *err);

#endif /* BATON_SERVER_H */
