/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The control endpoints of this process: the Unix socket, and TCP with TLS.
 * Each has threads and limits of its own, so that whatever the network does
 * to the one, the other answers.
 *
 * For the thread that starts and stops the server.
 */

#ifndef BATON_ENDPOINTS_H
#define BATON_ENDPOINTS_H

#include <stdbool.h>

#include "control.h"
#include "error.h"
#include "parameters.h"
#include "tls.h"

struct endpoints {
  struct control_listener *local;       /* NULL without control= */
  struct control_listener *remote;      /* NULL without control-listen= */
  struct tls_credentials *tls;
};

/* Bind what P asks for; it must live as long as they.  On failure *RET is
 * what endpoints_free wants. */
int endpoints_new (const struct parameters *p, struct endpoints *ret,
                   struct error *err);
/* After the last fork. */
int endpoints_start (struct endpoints *e, struct error *err);
/* Waits for a command in progress, for nothing else.  May be called again. */
void endpoints_free (struct endpoints *e);

#endif /* BATON_ENDPOINTS_H */
