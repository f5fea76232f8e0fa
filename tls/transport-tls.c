/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The encrypted transport: TLS over another transport, server side (tls.h).
 *
 * Guarantees:
 *   1. Every wait is the inner transport's, with the deadline of the call:
 *      what holds of its deadlines and its stop holds here, for the whole
 *      handshake and not for each record.
 *   2. Nothing is said to a client, and nothing of what it says is handed
 *      up, before it has proved to be somebody whom the door lets in.
 *   3. A stream ends with TLS's own goodbye, or it is ECONNRESET: nobody
 *      can cut a stream short unseen.
 *   4. A client that wants to negotiate again is sent away.
 *
 * The deadline and the inner transport's error pass by GnuTLS in struct
 * tls_transport.  One thread at a time, no locks.
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tls-internal.h"

#define MAX_HANDSHAKE_BYTES 65536
/* After an alert: how long, and how much, is read on so that the client
 * gets to read it. */
#define LINGER_MS 1000
#define LINGER_BYTES 65536

struct tls_transport {
  struct transport base;
  struct transport *inner;      /* ours, once the handshake is done */
  gnutls_session_t session;
  const struct tls_credentials *credentials;
  const struct tls_door *door;          /* handshake only */
  struct tls_identity *who;             /* handshake only */
  int64_t deadline_ms;          /* of the call in progress */
  struct error inner_error;     /* errnum 0: none */
  struct error refusal;         /* errnum 0: none */
  gnutls_alert_description_t alert;     /* that goes with it */
};

/* -- beneath GnuTLS --------------------------------------------------- */

static ssize_t
pull (gnutls_transport_ptr_t ptr, void *buf, size_t len)
{
  struct tls_transport *t = ptr;
  ssize_t n = t->inner->ops->recv (t->inner, buf, len, t->deadline_ms,
                                   &t->inner_error);

  if (n == -1)
    gnutls_transport_set_errno (t->session, EIO);
  return n;
}

/* "Is there something to pull?"  pull itself waits. */
static int
pull_timeout (gnutls_transport_ptr_t ptr, unsigned ms)
{
  (void) ptr;
  (void) ms;
  return 1;
}

static ssize_t
push (gnutls_transport_ptr_t ptr, const void *buf, size_t len)
{
  struct tls_transport *t = ptr;

  if (transport_send (t->inner, buf, len, t->deadline_ms,
                      &t->inner_error) == 0)
    return (ssize_t) len;
  gnutls_transport_set_errno (t->session, EIO);
  return -1;
}

/* -- errors ----------------------------------------------------------- */

/* R: from GnuTLS.  An error below it is the reason for its own. */
static int
explain (struct tls_transport *t, int r, struct error *err)
{
  if (t->refusal.errnum != 0)
    return error_set (err, t->refusal.errnum, "%s", t->refusal.text);
  if (t->inner_error.errnum != 0)
    return error_set (err, t->inner_error.errnum, "%s", t->inner_error.text);
  switch (r) {
  case GNUTLS_E_FATAL_ALERT_RECEIVED:
    return error_set (err, EPROTO, "the client broke TLS off: %s",
                      gnutls_alert_get_name (gnutls_alert_get (t->session)));
  case GNUTLS_E_NO_CERTIFICATE_FOUND:
  case GNUTLS_E_CERTIFICATE_REQUIRED:
    return error_set (err, EACCES, "the client has sent no certificate");
  case GNUTLS_E_PREMATURE_TERMINATION:
    return error_set (err, ECONNRESET, "the client has gone");
  case GNUTLS_E_RECEIVED_DISALLOWED_NAME:
    return error_set (err, EPROTO, "the client calls this server by what is "
                      "no DNS name (libnbd does that with IPv6 addresses: "
                      "give it the name of the host)");
  case GNUTLS_E_UNEXPECTED_PACKET:
  case GNUTLS_E_UNEXPECTED_PACKET_LENGTH:
  case GNUTLS_E_UNSUPPORTED_VERSION_PACKET:
  case GNUTLS_E_RECORD_OVERFLOW:
    return error_set (err, EPROTO, "the client sends plain text, or garbage, "
                      "where TLS was to be (%s)", gnutls_strerror (r));
  default:
    return error_set (err, EPROTO, "TLS: %s", gnutls_strerror (r));
  }
}

/* -- the handshake ----------------------------------------------------- */

static int
refuse (struct tls_transport *t, gnutls_alert_description_t alert)
{
  t->alert = alert;
  return GNUTLS_E_CERTIFICATE_ERROR;
}

static int
refuse_name (struct tls_transport *t)
{
  error_set (&t->refusal, EACCES, "\"%s\" is not allowed here",
             t->who->names[0]);
  return refuse (t, GNUTLS_A_ACCESS_DENIED);
}

int
tls_on_certificate (gnutls_session_t session)
{
  struct tls_transport *t = gnutls_session_get_ptr (session);
  gnutls_alert_description_t alert;

  if (tls_verify_client (session, t->who, &alert, &t->refusal) == -1)
    return refuse (t, alert);
  if (!t->door->may_enter (t->door->opaque, t->who))
    return refuse_name (t);
  return 0;
}

/* The name alone proves nothing yet: the door is asked after the handshake.
 * GnuTLS frees the key. */
int
tls_on_psk_user (gnutls_session_t session, const char *name,
                 gnutls_datum_t *ret_key)
{
  struct tls_transport *t = gnutls_session_get_ptr (session);
  const struct psk_user *user;

  t->who->nr_names = 0;
  if (!tls_identity_add (t->who, name, strlen (name)))
    return error_set (&t->refusal, EACCES, "the client names itself in a way "
                      "that no user of a shared key can be named");
  user = psk_table_find (&t->credentials->psk_table, name);
  if (user == NULL)
    return error_set (&t->refusal, EACCES, "there is no shared key for \"%s\"",
                      name);
  ret_key->data = gnutls_malloc (user->key.size);
  if (ret_key->data == NULL)
    return -1;
  memcpy (ret_key->data, user->key.data, user->key.size);
  ret_key->size = user->key.size;
  return 0;
}

/* A wrong key shows as something that cannot be decrypted or verified. */
static void
suspect_key (struct tls_transport *t, int r)
{
  if (t->credentials->psk == NULL || t->refusal.errnum != 0 ||
      t->inner_error.errnum != 0 || t->who->nr_names == 0)
    return;
  if (r == GNUTLS_E_DECRYPTION_FAILED ||
      r == GNUTLS_E_ERROR_IN_FINISHED_PACKET ||
      r == GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER ||
      r == GNUTLS_E_FATAL_ALERT_RECEIVED)
    error_set (&t->refusal, EACCES, "the client's shared key is not that of "
               "\"%s\" (%s)", t->who->names[0], gnutls_strerror (r));
}

static int
shake_hands (struct tls_transport *t)
{
  int r;

  do
    r = gnutls_handshake (t->session);
  while (r < 0 && !gnutls_error_is_fatal (r));
  if (r < 0) {
    suspect_key (t, r);
    return r;
  }
  if (t->credentials->psk != NULL &&
      !t->door->may_enter (t->door->opaque, t->who))
    return refuse_name (t);
  return 0;
}

/* Tell the client, and let it read that: to close a socket with unread data
 * in it makes the other side forget what it has not read either. */
static void
send_away (struct tls_transport *t, int r)
{
  const int64_t limit_ms = transport_clock_ms () + LINGER_MS;
  const bool is_gone = t->inner_error.errnum != 0;
  struct error ignored = ERROR_INIT;

  if (is_gone || r == GNUTLS_E_FATAL_ALERT_RECEIVED)
    return;
  if (t->deadline_ms > limit_ms)
    t->deadline_ms = limit_ms;
  if (t->refusal.errnum != 0 && r == GNUTLS_E_CERTIFICATE_ERROR)
    gnutls_alert_send (t->session, GNUTLS_AL_FATAL, t->alert);
  else
    gnutls_alert_send_appropriate (t->session, r);
  transport_drain (t->inner, LINGER_BYTES, t->deadline_ms, &ignored);
}

/* -- above GnuTLS ------------------------------------------------------ */

static void
begin_call (struct tls_transport *t, int64_t deadline_ms)
{
  t->deadline_ms = deadline_ms;
  t->inner_error.errnum = 0;
}

static ssize_t
tls_recv (struct transport *base, void *buf, size_t len, int64_t deadline_ms,
          struct error *err)
{
  struct tls_transport *t = (struct tls_transport *) base;
  ssize_t n;

  begin_call (t, deadline_ms);
  do
    n = gnutls_record_recv (t->session, buf, len);
  while (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED);
  if (n == GNUTLS_E_REHANDSHAKE)
    return error_set (err, EPROTO, "the client wants to negotiate TLS again");
  if (n < 0)
    return explain (t, (int) n, err);
  return n;
}

static int
tls_send (struct transport *base, const void *buf, size_t len,
          int64_t deadline_ms, struct error *err)
{
  struct tls_transport *t = (struct tls_transport *) base;
  const char *p = buf;
  ssize_t n;

  begin_call (t, deadline_ms);
  while (len > 0) {
    n = gnutls_record_send (t->session, p, len);
    if (n < 0 && gnutls_error_is_fatal ((int) n))
      return explain (t, (int) n, err);
    if (n > 0) {
      p += n;
      len -= (size_t) n;
    }
  }
  return 0;
}

/* Goodbye is said as far as the client can take it at once. */
static void
tls_close (struct transport *base)
{
  struct tls_transport *t = (struct tls_transport *) base;

  begin_call (t, transport_clock_ms ());
  gnutls_bye (t->session, GNUTLS_SHUT_WR);
  gnutls_deinit (t->session);
  transport_close (t->inner);
  free (t);
}

static const struct transport_ops tls_ops = {
  .recv = tls_recv,
  .send = tls_send,
  .close = tls_close,
};

/* -- a new one --------------------------------------------------------- */

static int
set_up (struct tls_transport *t)
{
  const struct tls_credentials *c = t->credentials;
  int r = gnutls_priority_set (t->session, c->priority);

  if (r == 0 && c->x509 != NULL)
    r = gnutls_credentials_set (t->session, GNUTLS_CRD_CERTIFICATE, c->x509);
  if (r == 0 && c->psk != NULL)
    r = gnutls_credentials_set (t->session, GNUTLS_CRD_PSK, c->psk);
  gnutls_certificate_server_set_request (t->session, GNUTLS_CERT_REQUIRE);
  /* Do not name our authorities: a client that is signed by another then
   * sends its certificate all the same, and can be told what is wrong. */
  gnutls_certificate_send_x509_rdn_sequence (t->session, 1);
  gnutls_handshake_set_max_packet_length (t->session, MAX_HANDSHAKE_BYTES);
  /* The inner transport has the only clock. */
  gnutls_handshake_set_timeout (t->session, GNUTLS_INDEFINITE_TIMEOUT);
  gnutls_session_set_ptr (t->session, t);
  gnutls_transport_set_ptr (t->session, t);
  gnutls_transport_set_pull_function (t->session, pull);
  gnutls_transport_set_pull_timeout_function (t->session, pull_timeout);
  gnutls_transport_set_push_function (t->session, push);
  return r;
}

static int
begin_session (struct tls_transport *t, struct error *err)
{
  int r;

  if (gnutls_init (&t->session, GNUTLS_SERVER | GNUTLS_NO_TICKETS) != 0)
    return error_set_errno (err, ENOMEM, "TLS session");
  r = set_up (t);
  if (r == 0)
    r = shake_hands (t);
  if (r == 0)
    return 0;
  send_away (t, r);
  explain (t, r, err);
  gnutls_deinit (t->session);
  return -1;
}

int
tls_transport_accept (struct transport *inner,
                      const struct tls_credentials *credentials,
                      const struct tls_door *door, int64_t deadline_ms,
                      struct tls_identity *ret_who, struct transport **ret,
                      struct error *err)
{
  struct tls_transport *t = calloc (1, sizeof *t);

  if (t == NULL)
    return error_set_errno (err, ENOMEM, "TLS session");
  t->base.ops = &tls_ops;
  t->inner = inner;
  t->credentials = credentials;
  t->door = door;
  t->who = ret_who;
  t->who->nr_names = 0;
  t->deadline_ms = deadline_ms;
  if (begin_session (t, err) == -1) {
    free (t);
    return -1;
  }
  t->door = NULL;
  t->who = NULL;
  *ret = &t->base;
  return 0;
}
