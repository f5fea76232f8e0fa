/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the files of TLS share (tls.h).  For these only.
 */

#ifndef BATON_TLS_INTERNAL_H
#define BATON_TLS_INTERNAL_H

#include <stddef.h>

#include <gnutls/gnutls.h>

#include "tls.h"

/* -- shared keys (tls-psk.c) ------------------------------------------ */

struct psk_user {
  char name[TLS_MAX_NAME_CHARS + 1];
  gnutls_datum_t key;           /* gnutls_malloc */
};

struct psk_table {
  struct psk_user *users;
  size_t nr_users;
};

int psk_table_read (const char *path, struct psk_table *ret,
                    struct error *err);
/* NULL: there is none of that name. */
const struct psk_user *psk_table_find (const struct psk_table *table,
                                       const char *name);
/* The keys are wiped. */
void psk_table_clear (struct psk_table *table);

/* -- credentials (tls-credentials.c) ---------------------------------- */

struct tls_credentials {
  gnutls_priority_t priority;
  gnutls_certificate_credentials_t x509;        /* NULL: shared keys */
  gnutls_psk_server_credentials_t psk;          /* NULL: X.509 */
  struct psk_table psk_table;
};

/* -- called by GnuTLS during a handshake (transport-tls.c) -------------- */

int tls_on_certificate (gnutls_session_t session);
int tls_on_psk_user (gnutls_session_t session, const char *name,
                     gnutls_datum_t *ret_key);

/* -- checks (tls-verify.c) -------------------------------------------- */

/* Is the chain that the client of SESSION sent good for a client?  Fills
 * *RET_WHO, and on failure *RET_ALERT with what to tell the client. */
int tls_verify_client (gnutls_session_t session, struct tls_identity *ret_who,
                       gnutls_alert_description_t *ret_alert,
                       struct error *err);

/* Put the reasons in STATUS, worst first, into words. */
int tls_explain_status (unsigned status, gnutls_alert_description_t *ret_alert,
                        struct error *err);

/* -- names (tls-identity.c) ------------------------------------------- */

/* Of the certificate DER.  -1: it has none that can be used. */
int tls_identity_from_x509 (const gnutls_datum_t *der,
                            struct tls_identity *ret, struct error *err);
/* False where NAME cannot be one. */
bool tls_identity_add (struct tls_identity *who, const char *name,
                       size_t len_bytes);

#endif /* BATON_TLS_INTERNAL_H */
