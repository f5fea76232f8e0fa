/* SPDX-License-Identifier: BSD-3-Clause
 *
 * TLS for a server that wants to know who its clients are: every client has
 * a certificate, or a key shared with us; which of the two, and what of it
 * is accepted, is in the credentials.
 *
 * TLS 1.2 and 1.3 only, forward secrecy always; no tickets, no resumption,
 * no renegotiation.  Knows nothing of what is said over the stream.
 *
 * Certificates and keys have the names and formats that nbdkit, libnbd and
 * QEMU give them, so that one directory serves all:
 *   ca-cert.pem                     who may sign (required)
 *   ca-crl.pem                      what was revoked (optional)
 *   server-cert.pem server-key.pem  ours
 *   keys.psk                        lines of NAME:HEXKEY, as psktool writes
 */

#ifndef BATON_TLS_H
#define BATON_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"
#include "transport.h"

/* -- credentials ----------------------------------------------------- */

/* The longest chain of certificates that a client may send. */
#define TLS_MAX_CHAIN 4
#define TLS_MIN_PSK_BYTES 16
#define TLS_MAX_PSK_USERS 1024

/* Constant once made: any number of threads may use it. */
struct tls_credentials;

/* X.509, from DIR.  Errors name the file, and say what is wrong with it. */
int tls_credentials_new_x509 (const char *dir, struct tls_credentials **ret,
                              struct error *err);
/* Shared keys, from the file at PATH. */
int tls_credentials_new_psk (const char *path, struct tls_credentials **ret,
                             struct error *err);
/* NULL is accepted.  No transport may be left that was made with it. */
void tls_credentials_free (struct tls_credentials *c);

/* Would a client accept our own certificate, signed by our CA, for a server
 * and now?  -1, and ERR tells why not.  Always 0 with shared keys. */
int tls_credentials_check_own (const struct tls_credentials *c,
                               struct error *err);

/* -- who is there ---------------------------------------------------- */

#define TLS_MAX_NAMES 16
#define TLS_MAX_NAME_CHARS 255

/* What a client has proved to be.  A certificate's names are the DNS names
 * among its alternative names, or where it has none of these its common
 * name; more than TLS_MAX_NAMES of them are ignored.  A shared key's is its
 * user's name.  Names are printable and without spaces. */
struct tls_identity {
  unsigned nr_names;
  char names[TLS_MAX_NAMES][TLS_MAX_NAME_CHARS + 1];
};

bool tls_identity_has (const struct tls_identity *who, const char *name);

/* -- the stream ------------------------------------------------------ */

/* Whether WHO may come in at all.  Called once per client, after all that
 * TLS itself checks and before the client is told that it is in. */
struct tls_door {
  bool (*may_enter) (void *opaque, const struct tls_identity *who);
  void *opaque;
};

/* Shake hands with the client at the other end of INNER, which has been
 * told that TLS begins.  Success: *RET has taken INNER over.  Otherwise
 * INNER is still the caller's, of no use but to be closed; the client has
 * been told with an alert, and ERR says what was wrong:
 *   EACCES      its certificate or key, or its name
 *   EPROTO      no TLS that we would speak
 *   or INNER's error: ETIMEDOUT, ECONNRESET, ... */
int tls_transport_accept (struct transport *inner,
                          const struct tls_credentials *credentials,
                          const struct tls_door *door, int64_t deadline_ms,
                          struct tls_identity *ret_who,
                          struct transport **ret, struct error *err);

#endif /* BATON_TLS_H */
