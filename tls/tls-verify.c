/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is checked of a certificate, and how it is said (tls-internal.h).
 *
 * Signatures, dates, revocation, strength and purpose are GnuTLS's to check;
 * here its verdict becomes one sentence, and an alert for the client.
 *
 * No state, no locks.
 */

#include <config.h>

#include <errno.h>

#include <gnutls/x509.h>

#include "tls-internal.h"

/* Each flag's words, in the order in which they are looked for: SIGNER_NOT_-
 * FOUND, for one, comes with others that follow from it. */
static const struct {
  unsigned flag;
  gnutls_alert_description_t alert;
  const char *text;
} reasons[] = {
  { GNUTLS_CERT_REVOKED, GNUTLS_A_CERTIFICATE_REVOKED,
    "it has been revoked" },
  { GNUTLS_CERT_INSECURE_ALGORITHM, GNUTLS_A_BAD_CERTIFICATE,
    "a key or signature is too weak (RSA needs 2048 bits, hashes SHA-256)" },
  { GNUTLS_CERT_SIGNER_NOT_FOUND, GNUTLS_A_UNKNOWN_CA,
    "it is not signed by an authority in ca-cert.pem" },
  { GNUTLS_CERT_SIGNATURE_FAILURE, GNUTLS_A_BAD_CERTIFICATE,
    "its signature is wrong" },
  { GNUTLS_CERT_SIGNER_NOT_CA, GNUTLS_A_UNKNOWN_CA,
    "its signer is no authority" },
  { GNUTLS_CERT_SIGNER_CONSTRAINTS_FAILURE, GNUTLS_A_BAD_CERTIFICATE,
    "its signer was not allowed to sign it" },
  { GNUTLS_CERT_EXPIRED, GNUTLS_A_CERTIFICATE_EXPIRED,
    "it has expired" },
  { GNUTLS_CERT_NOT_ACTIVATED, GNUTLS_A_CERTIFICATE_EXPIRED,
    "it is not valid yet" },
  { GNUTLS_CERT_PURPOSE_MISMATCH, GNUTLS_A_UNSUPPORTED_CERTIFICATE,
    "it was not issued for this purpose" },
  { GNUTLS_CERT_REVOCATION_DATA_SUPERSEDED, GNUTLS_A_INTERNAL_ERROR,
    "the list of revoked ones, ca-crl.pem, is out of date" },
  { GNUTLS_CERT_REVOCATION_DATA_ISSUED_IN_FUTURE, GNUTLS_A_INTERNAL_ERROR,
    "the list of revoked ones, ca-crl.pem, is from the future" },
};

int
tls_explain_status (unsigned status, gnutls_alert_description_t *ret_alert,
                    struct error *err)
{
  size_t i;

  for (i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
    if (status & reasons[i].flag) {
      *ret_alert = reasons[i].alert;
      return error_set (err, EACCES, "%s", reasons[i].text);
    }
  *ret_alert = GNUTLS_A_BAD_CERTIFICATE;
  return error_set (err, EACCES, "it is not valid (GnuTLS status 0x%x)",
                    status);
}

/* An authority signs clients; it is none. */
static int
refuse_authority (const gnutls_datum_t *der, struct error *err)
{
  gnutls_x509_crt_t crt;
  unsigned critical, is_ca = 0;
  int r;

  if (gnutls_x509_crt_init (&crt) != 0)
    return error_set_errno (err, ENOMEM, "certificate");
  r = gnutls_x509_crt_import (crt, der, GNUTLS_X509_FMT_DER);
  if (r == 0)
    is_ca = gnutls_x509_crt_get_ca_status (crt, &critical) > 0;
  gnutls_x509_crt_deinit (crt);
  if (r != 0 || is_ca)
    return error_set (err, EACCES, "it is an authority's own");
  return 0;
}

static int
verify_chain (gnutls_session_t session, gnutls_alert_description_t *ret_alert,
              struct error *err)
{
  gnutls_typed_vdata_st purpose = {
    .type = GNUTLS_DT_KEY_PURPOSE_OID,
    .data = (unsigned char *) GNUTLS_KP_TLS_WWW_CLIENT,
  };
  unsigned status = 0;
  int r = gnutls_certificate_verify_peers (session, &purpose, 1, &status);

  if (r == GNUTLS_E_CONSTRAINT_ERROR)
    return error_set (err, EACCES, "its chain has more than %d certificates",
                      TLS_MAX_CHAIN);
  if (r != 0)
    return error_set (err, EACCES, "%s", gnutls_strerror (r));
  return status == 0 ? 0 : tls_explain_status (status, ret_alert, err);
}

int
tls_verify_client (gnutls_session_t session, struct tls_identity *ret_who,
                   gnutls_alert_description_t *ret_alert, struct error *err)
{
  const gnutls_datum_t *chain;
  struct error unused = ERROR_INIT;
  unsigned nr;

  *ret_alert = GNUTLS_A_BAD_CERTIFICATE;
  chain = gnutls_certificate_get_peers (session, &nr);
  if (chain == NULL || nr == 0) {
    *ret_alert = GNUTLS_A_CERTIFICATE_REQUIRED;
    return error_set (err, EACCES, "the client has sent no certificate");
  }
  if (verify_chain (session, ret_alert, err) == 0 &&
      refuse_authority (&chain[0], err) == 0)
    return tls_identity_from_x509 (&chain[0], ret_who, err);
  if (tls_identity_from_x509 (&chain[0], ret_who, &unused) == 0)
    return error_prefix (err, "the client's certificate, for \"%s\"",
                         ret_who->names[0]);
  return error_prefix (err, "the client's certificate");
}
