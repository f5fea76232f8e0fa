/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A TLS client of the endpoint in tls-world.h, built on GnuTLS alone, that
 * may hang up after any byte.
 *
 * Include after cmocka.h; its assertions are used, so main thread only.
 */

#ifndef BATON_TEST_TLS_CLIENT_H
#define BATON_TEST_TLS_CLIENT_H

#include <gnutls/gnutls.h>

#include "control-client.h"
#include "control-options.h"
#include "tls-world.h"

#define NORMAL_PSK "NORMAL:-KX-ALL:+ECDHE-PSK:+DHE-PSK"

/* From 127.0.0.HOST. */
static inline int
tcp_connect (const struct tls_world *w, uint8_t host)
{
  const struct timeval timeout = { .tv_sec = 20 };
  struct sockaddr_in to = world_address (w->port), from = world_address (0);
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  from.sin_addr.s_addr = htonl (0x7f000000u + host);
  assert_int_equal (bind (fd, (struct sockaddr *) &from, sizeof from), 0);
  assert_int_equal (connect (fd, (struct sockaddr *) &to, sizeof to), 0);
  setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  return fd;
}

struct tls_client {
  int fd;
  gnutls_session_t session;
  gnutls_psk_client_credentials_t psk;
  size_t left_bytes;            /* to send, before it hangs up */
  size_t sent_bytes;
};

static inline ssize_t
tls_client_push (gnutls_transport_ptr_t ptr, const void *buf, size_t len)
{
  struct tls_client *c = ptr;
  const size_t n = len < c->left_bytes ? len : c->left_bytes;

  client_send (c->fd, buf, n);
  c->left_bytes -= n;
  c->sent_bytes += n;
  if (n < len)
    shutdown (c->fd, SHUT_RDWR);
  return (ssize_t) len;
}

static inline ssize_t
tls_client_pull (gnutls_transport_ptr_t ptr, void *buf, size_t len)
{
  struct tls_client *c = ptr;

  return recv (c->fd, buf, len, 0);
}

static inline int
tls_client_pull_timeout (gnutls_transport_ptr_t ptr, unsigned ms)
{
  (void) ptr;
  (void) ms;
  return 1;
}

/* On FD, where STARTTLS has been acknowledged. */
static inline void
tls_client_prepare (struct tls_client *c, int fd, const char *user,
                    const char *key, const char *priority, size_t max_bytes)
{
  const gnutls_datum_t hex = { (unsigned char *) (uintptr_t) key,
                               (unsigned) strlen (key) };

  *c = (struct tls_client) { .fd = fd, .left_bytes = max_bytes };
  assert_int_equal (gnutls_init (&c->session, GNUTLS_CLIENT), 0);
  assert_int_equal (gnutls_priority_set_direct (c->session, priority, NULL),
                    0);
  gnutls_psk_allocate_client_credentials (&c->psk);
  gnutls_psk_set_client_credentials (c->psk, user, &hex, GNUTLS_PSK_KEY_HEX);
  gnutls_credentials_set (c->session, GNUTLS_CRD_PSK, c->psk);
  gnutls_transport_set_ptr (c->session, c);
  gnutls_transport_set_push_function (c->session, tls_client_push);
  gnutls_transport_set_pull_function (c->session, tls_client_pull);
  gnutls_transport_set_pull_timeout_function (c->session,
                                              tls_client_pull_timeout);
}

/* What it says. */
static inline int
tls_client_handshake (struct tls_client *c)
{
  int r;

  do
    r = gnutls_handshake (c->session);
  while (r < 0 && !gnutls_error_is_fatal (r));
  return r;
}

static inline int
tls_client_start (struct tls_client *c, int fd, const char *user,
                  const char *key, const char *priority, size_t max_bytes)
{
  tls_client_prepare (c, fd, user, key, priority, max_bytes);
  return tls_client_handshake (c);
}

static inline void
tls_client_end (struct tls_client *c)
{
  gnutls_deinit (c->session);
  gnutls_psk_free_client_credentials (c->psk);
  close (c->fd);
}

/* As far as TLS may begin. */
static inline int
starttls (const struct tls_world *w, uint8_t host)
{
  int fd = tcp_connect (w, host), others;

  client_greet (fd, NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES);
  assert_int_equal (client_ask (fd, NBD_OPT_STARTTLS, NULL, 0, &others),
                    NBD_REP_ACK);
  return fd;
}

static inline void
tls_client_send (struct tls_client *c, const void *buf, size_t len)
{
  assert_int_equal (gnutls_record_send (c->session, buf, len), (ssize_t) len);
}

static inline bool
tls_client_recv (struct tls_client *c, void *buf, size_t len)
{
  char *p = buf;
  ssize_t n;

  while (len > 0) {
    do
      n = gnutls_record_recv (c->session, p, len);
    while (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED);
    if (n <= 0)
      return false;
    p += n;
    len -= (size_t) n;
  }
  return true;
}

/* The type of the first reply, 0 where there is none; its payload is lost. */
static inline uint32_t
tls_client_option (struct tls_client *c, uint32_t option, const void *data,
                   uint32_t len)
{
  uint8_t head[20], buf[512];

  store_be64 (head, NBD_OPTION_MAGIC);
  store_be32 (head + 8, option);
  store_be32 (head + 12, len);
  tls_client_send (c, head, 16);
  if (len > 0)
    tls_client_send (c, data, len);
  if (!tls_client_recv (c, head, 20))
    return 0;
  assert_true (load_be32 (head + 16) <= sizeof buf);
  assert_true (tls_client_recv (c, buf, load_be32 (head + 16)));
  return load_be32 (head + 12);
}

#endif /* BATON_TEST_TLS_CLIENT_H */
