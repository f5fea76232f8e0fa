/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A client from the inside: for client.c (questions and answers) and
 * client-connect.c (waiting and connecting) only.
 */

#ifndef BATON_CLIENT_INTERNAL_H
#define BATON_CLIENT_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include <libnbd.h>

#include "client.h"
#include "control.h"
#include "endpoint.h"

/* A request in flight.  Lives in the client, for a late completion. */
struct request {
  bool done;
  int error;                    /* errno, 0: success */
};

struct client {
  struct peer peer;
  struct endpoint endpoint;
  struct client_deadlines deadlines;
  struct client_tls tls;
  struct nbd_handle *nbd;       /* NULL: not connected */
  struct request request;
  uint64_t last_id;
  char *message;                /* owned: the command last sent */
  char document[CONTROL_EXPORT_BYTES + 1];
};

enum waited { WAITED, EXPIRED, BROKEN };

/* Until REACHED says so; BROKEN: the connection has ended. */
enum waited client_wait_for (struct client *c,
                             bool (*reached) (struct client *c),
                             uint64_t deadline_us);

/* Make sure that there is a connection to a control endpoint.  False:
 * *RET is filled (OUTCOME_NOT_SENT), and there is none. */
bool client_connect (struct client *c, struct answer *ret);
/* Forget it, and every question that was not answered. */
void client_disconnect (struct client *c);

/* libnbd's last error, without the name of its function. */
const char *client_libnbd_text (void);

#endif /* BATON_CLIENT_INTERNAL_H */
