/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A connection to a control endpoint, on libnbd
 * (docs/CONTROL-PROTOCOL.md).
 *
 * Connects when it is first asked, and keeps the connection: so the
 * commands of a hand-over cost no handshake while the guest waits.
 */

#ifndef BATON_CLIENT_H
#define BATON_CLIENT_H

#include <stdint.h>

#include "error.h"
#include "peer.h"

struct client_deadlines {
  uint64_t connect_us;          /* connecting and negotiating; a status */
  uint64_t command_us;          /* one command */
};

/* How to meet a server that wants TLS, where its URI does not say so itself.
 * NULL: libnbd's own default.  All borrowed. */
struct client_tls {
  const char *certificates;     /* a directory */
  const char *psk_file;
  const char *username;         /* whose key in psk_file */
};

/* ENDPOINT and what TLS points to must outlive it.  No I/O yet; EINVAL: not an endpoint. */
int client_new (const char *endpoint,
                const struct client_deadlines *deadlines,
                const struct client_tls *tls, struct peer **ret,
                struct error *err);

#endif /* BATON_CLIENT_H */
