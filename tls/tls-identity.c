/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The names of a client (tls.h).
 *
 * Guarantee: a name here is what the certificate says, whole: one with a
 * NUL, a space or an unprintable byte in it, or one that is too long, is
 * not cut but left out, so that it can match nothing and forge no log line.
 *
 * No state, no locks.
 */

#include <config.h>

#include <errno.h>
#include <string.h>
#include <strings.h>

#include <gnutls/x509.h>

#include "tls-internal.h"

bool
tls_identity_add (struct tls_identity *who, const char *name,
                  size_t len_bytes)
{
  size_t i;

  if (len_bytes == 0 || len_bytes > TLS_MAX_NAME_CHARS ||
      who->nr_names == TLS_MAX_NAMES)
    return false;
  for (i = 0; i < len_bytes; i++)
    if (name[i] <= ' ' || name[i] > '~')
      return false;
  memcpy (who->names[who->nr_names], name, len_bytes);
  who->names[who->nr_names][len_bytes] = '\0';
  who->nr_names++;
  return true;
}

/* DNS names have no case (RFC 4343). */
bool
tls_identity_has (const struct tls_identity *who, const char *name)
{
  unsigned i;

  for (i = 0; i < who->nr_names; i++)
    if (strcasecmp (who->names[i], name) == 0)
      return true;
  return false;
}

/* *RET_FOUND: it has some, usable or not. */
static void
add_dns_names (gnutls_x509_crt_t crt, struct tls_identity *who,
               bool *ret_found)
{
  char name[TLS_MAX_NAME_CHARS + 2];
  unsigned i = 0, critical;
  size_t size;
  int type;

  *ret_found = false;
  for (;;) {
    size = sizeof name;
    type = gnutls_x509_crt_get_subject_alt_name (crt, i++, name, &size,
                                                 &critical);
    if (type == GNUTLS_SAN_DNSNAME)
      tls_identity_add (who, name, size);
    if (type == GNUTLS_SAN_DNSNAME || type == GNUTLS_E_SHORT_MEMORY_BUFFER)
      *ret_found = true;
    else if (type < 0)
      return;
  }
}

static void
add_common_name (gnutls_x509_crt_t crt, struct tls_identity *who)
{
  char name[TLS_MAX_NAME_CHARS + 2];
  size_t size = sizeof name;

  if (gnutls_x509_crt_get_dn_by_oid (crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0,
                                     name, &size) == 0)
    tls_identity_add (who, name, size);
}

int
tls_identity_from_x509 (const gnutls_datum_t *der, struct tls_identity *ret,
                        struct error *err)
{
  gnutls_x509_crt_t crt;
  bool has_dns_names;

  ret->nr_names = 0;
  if (gnutls_x509_crt_init (&crt) != 0)
    return error_set_errno (err, ENOMEM, "certificate");
  if (gnutls_x509_crt_import (crt, der, GNUTLS_X509_FMT_DER) == 0) {
    add_dns_names (crt, ret, &has_dns_names);
    if (!has_dns_names)
      add_common_name (crt, ret);
  }
  gnutls_x509_crt_deinit (crt);
  if (ret->nr_names == 0)
    return error_set (err, EACCES, "the client's certificate has no usable "
                      "name, neither a DNS name nor a common name");
  return 0;
}
