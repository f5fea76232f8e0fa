/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Credentials (tls.h): everything is read and checked when they are made,
 * so that a wrong file is an error at the start and not at the first client.
 *
 * Constant once made; no locks.
 */

#include <config.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <gnutls/x509.h>

#include "tls-internal.h"

/* Ciphers with authentication built in, and key exchanges whose secrets a
 * stolen key does not reveal.  %PROFILE_MEDIUM: no RSA key below 2048 bits.
 * What these leave is what GnuTLS's NORMAL has of them. */
#define COMMON_PRIORITY \
  "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:%PROFILE_MEDIUM:" \
  "-CIPHER-ALL:+AES-256-GCM:+CHACHA20-POLY1305:+AES-128-GCM:" \
  "-KX-ALL"
#define X509_PRIORITY COMMON_PRIORITY ":+ECDHE-ECDSA:+ECDHE-RSA:+DHE-RSA"
#define PSK_PRIORITY COMMON_PRIORITY ":+ECDHE-PSK:+DHE-PSK"

static int
set_priority (struct tls_credentials *c, const char *text, struct error *err)
{
  const char *where = text;
  int r = gnutls_priority_init (&c->priority, text, &where);

  if (r != 0)
    return error_set (err, ENOTSUP, "this GnuTLS cannot do what is needed: "
                      "%s at \"%s\"", gnutls_strerror (r), where);
  return 0;
}

static struct tls_credentials *
allocate (struct error *err)
{
  struct tls_credentials *c = calloc (1, sizeof *c);

  if (c == NULL)
    error_set_errno (err, ENOMEM, "TLS credentials");
  return c;
}

void
tls_credentials_free (struct tls_credentials *c)
{
  if (c == NULL)
    return;
  if (c->x509 != NULL)
    gnutls_certificate_free_credentials (c->x509);
  if (c->psk != NULL)
    gnutls_psk_free_server_credentials (c->psk);
  psk_table_clear (&c->psk_table);
  if (c->priority != NULL)
    gnutls_priority_deinit (c->priority);
  free (c);
}

/* -- X.509 ----------------------------------------------------------- */

/* PATH: PATH_MAX bytes.  GnuTLS says "Error while reading file." */
static int
find_file (const char *dir, const char *name, char *path, struct error *err)
{
  if (snprintf (path, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX)
    return error_set (err, ENAMETOOLONG, "%s", dir);
  if (access (path, R_OK) == -1)
    return error_set_errno (err, errno, "%s", path);
  return 0;
}

static int
load_ca (struct tls_credentials *c, const char *dir, struct error *err)
{
  char path[PATH_MAX];
  int r;

  if (find_file (dir, "ca-cert.pem", path, err) == -1)
    return -1;
  r = gnutls_certificate_set_x509_trust_file (c->x509, path,
                                              GNUTLS_X509_FMT_PEM);
  if (r < 0)
    return error_set (err, EINVAL, "%s: %s", path, gnutls_strerror (r));
  if (r == 0)
    return error_set (err, EINVAL, "%s: there is no certificate in it", path);
  return 0;
}

/* Absent: nothing was revoked.  There, and unreadable: an error. */
static int
load_crl (struct tls_credentials *c, const char *dir, struct error *err)
{
  struct error why = ERROR_INIT;
  char path[PATH_MAX];
  int r;

  if (find_file (dir, "ca-crl.pem", path, &why) == -1) {
    if (why.errnum == ENOENT)
      return 0;
    return error_set (err, why.errnum, "%s", why.text);
  }
  r = gnutls_certificate_set_x509_crl_file (c->x509, path,
                                            GNUTLS_X509_FMT_PEM);
  if (r < 0)
    return error_set (err, EINVAL, "%s: %s", path, gnutls_strerror (r));
  return 0;
}

static int
load_own (struct tls_credentials *c, const char *dir, struct error *err)
{
  char cert[PATH_MAX], key[PATH_MAX];
  int r;

  if (find_file (dir, "server-cert.pem", cert, err) == -1 ||
      find_file (dir, "server-key.pem", key, err) == -1)
    return -1;
  r = gnutls_certificate_set_x509_key_file (c->x509, cert, key,
                                            GNUTLS_X509_FMT_PEM);
  if (r < 0)
    return error_set (err, EINVAL, "%s and server-key.pem: %s", cert,
                      gnutls_strerror (r));
  return 0;
}

int
tls_credentials_new_x509 (const char *dir, struct tls_credentials **ret,
                          struct error *err)
{
  struct tls_credentials *c = allocate (err);

  if (c == NULL)
    return -1;
  if (gnutls_certificate_allocate_credentials (&c->x509) != 0) {
    tls_credentials_free (c);
    return error_set_errno (err, ENOMEM, "TLS credentials");
  }
  gnutls_certificate_set_verify_limits (c->x509, 16384, TLS_MAX_CHAIN);
  gnutls_certificate_set_verify_function (c->x509, tls_on_certificate);
  if (set_priority (c, X509_PRIORITY, err) == -1 ||
      load_ca (c, dir, err) == -1 || load_crl (c, dir, err) == -1 ||
      load_own (c, dir, err) == -1) {
    tls_credentials_free (c);
    return -1;
  }
  *ret = c;
  return 0;
}

/* -- our own certificate ---------------------------------------------- */

static int
verify_own (gnutls_x509_trust_list_t trust, gnutls_x509_crt_t *chain,
            unsigned nr, struct error *err)
{
  gnutls_typed_vdata_st purpose = {
    .type = GNUTLS_DT_KEY_PURPOSE_OID,
    .data = (unsigned char *) GNUTLS_KP_TLS_WWW_SERVER,
  };
  gnutls_alert_description_t alert;
  unsigned status = 0;
  int r;

  r = gnutls_x509_trust_list_verify_crt2 (trust, chain, nr, &purpose, 1,
                                          GNUTLS_PROFILE_TO_VFLAGS (
                                            GNUTLS_PROFILE_MEDIUM),
                                          &status, NULL);
  if (r != 0)
    return error_set (err, EINVAL, "%s", gnutls_strerror (r));
  return status == 0 ? 0 : tls_explain_status (status, &alert, err);
}

int
tls_credentials_check_own (const struct tls_credentials *c, struct error *err)
{
  gnutls_x509_trust_list_t trust;
  gnutls_x509_crt_t *chain;
  unsigned nr, i;
  int r;

  if (c->x509 == NULL)
    return 0;
  gnutls_certificate_get_trust_list (c->x509, &trust);
  if (gnutls_certificate_get_x509_crt (c->x509, 0, &chain, &nr) != 0)
    return error_set_errno (err, ENOMEM, "server-cert.pem");
  r = verify_own (trust, chain, nr, err);
  for (i = 0; i < nr; i++)
    gnutls_x509_crt_deinit (chain[i]);
  gnutls_free (chain);
  if (r == -1)
    return error_prefix (err, "the server's own certificate will not satisfy "
                         "its clients");
  return 0;
}

/* -- shared keys ------------------------------------------------------ */

int
tls_credentials_new_psk (const char *path, struct tls_credentials **ret,
                         struct error *err)
{
  struct tls_credentials *c = allocate (err);

  if (c == NULL)
    return -1;
  if (gnutls_psk_allocate_server_credentials (&c->psk) != 0) {
    tls_credentials_free (c);
    return error_set_errno (err, ENOMEM, "TLS credentials");
  }
  gnutls_psk_set_server_credentials_function (c->psk, tls_on_psk_user);
  if (set_priority (c, PSK_PRIORITY, err) == -1 ||
      psk_table_read (path, &c->psk_table, err) == -1) {
    tls_credentials_free (c);
    return -1;
  }
  *ret = c;
  return 0;
}
