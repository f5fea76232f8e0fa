/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Connecting to a control endpoint, and waiting (client-internal.h).
 *
 * Nothing waits but in client_wait_for and for a socket's full queue, and
 * both have a deadline.  (A name server asked for the host of a URI keeps to
 * its own.)
 */

#include <config.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "client-internal.h"
#include "clock.h"

/* A full queue of connections is asked again after so long. */
#define BUSY_RETRY_MS 20

/* -- waiting --------------------------------------------------------- */

static bool
is_ended (struct nbd_handle *nbd)
{
  return nbd_aio_is_dead (nbd) != 0 || nbd_aio_is_closed (nbd) != 0;
}

static bool
is_connected (struct client *c)
{
  return nbd_aio_is_ready (c->nbd) == 1;
}

enum waited
client_wait_for (struct client *c, bool (*reached) (struct client *),
          uint64_t deadline_us)
{
  while (!reached (c)) {
    const int ms = clock_left_ms (deadline_us);

    if (is_ended (c->nbd))
      return BROKEN;
    if (ms == 0)
      return EXPIRED;
    if (nbd_poll (c->nbd, ms) == -1 && !reached (c))
      return BROKEN;
  }
  return WAITED;
}

void
client_disconnect (struct client *c)
{
  nbd_close (c->nbd);
  c->nbd = NULL;
}

/* -- connecting ------------------------------------------------------ */

static void
explain_errno (struct client *c, int errnum, struct answer *ret)
{
  struct stat st;
  const bool is_path = !c->endpoint.is_uri &&
                       stat (c->endpoint.text, &st) == 0;

  answer_set (ret, OUTCOME_NOT_SENT, "cannot connect: %s", strerror (errnum));
  if (is_path && !S_ISSOCK (st.st_mode))
    answer_set (ret, OUTCOME_NOT_SENT, "cannot connect: not a socket (give "
                "the path of control=, not the image)");
  else if (errnum == ENOENT)
    answer_set (ret, OUTCOME_NOT_SENT, "cannot connect: %s (is the server "
                "running, with control=%s?)", strerror (errnum),
                c->endpoint.text);
  else if (errnum == ECONNREFUSED)
    answer_set (ret, OUTCOME_NOT_SENT, "cannot connect: %s (nobody listens "
                "there: has the server ended?)", strerror (errnum));
  else if (errnum == EACCES || errnum == EPERM)
    answer_set (ret, OUTCOME_NOT_SENT, "cannot connect: %s (only the user "
                "that the server runs as, and root, may)", strerror (errnum));
}

const char *
client_libnbd_text (void)
{
  const char *text = nbd_get_error ();
  const char *rest;

  if (text == NULL)
    return "the connection ended";
  rest = strstr (text, ": ");
  if (strncmp (text, "nbd_", 4) == 0 && rest != NULL)
    return rest + 2;
  return text;
}

/* Which side has refused which. */
static void
hint_tls (const struct client *c, struct answer *ret)
{
  if (strstr (ret->text, "fatal alert") != NULL &&
      strstr (c->endpoint.text, "://[") != NULL)
    answer_hint (ret, "with TLS, servers want to be called by a name, not by "
                      "an IPv6 address");
  else if (strstr (ret->text, "fatal alert") != NULL)
    answer_hint (ret, "the server has sent us away: it does not accept our "
                      "certificate or key, or its control-allow= does not "
                      "name us; its log tells the reason");
  else if (strstr (ret->text, "certificate verification") != NULL)
    answer_hint (ret, "we do not accept the server's certificate: is it for "
                      "the host name in the URI, signed by our ca-cert.pem, "
                      "and valid now?");
  else if (strstr (ret->text, "requires TLS") != NULL)
    answer_hint (ret, "use nbds:// and --tls-certificates or --tls-psk-file");
}

static void
explain_libnbd (struct client *c, struct answer *ret)
{
  const int errnum = nbd_get_errno ();

  switch (errnum) {
  case EAGAIN:
    answer_set (ret, OUTCOME_NOT_SENT, "cannot connect: the server accepts no "
                "connections (it hangs, or has too many)");
    return;
  case ENOENT: case ECONNREFUSED: case EACCES: case EPERM: case ENOTSOCK:
    explain_errno (c, errnum, ret);
    return;
  default:
    answer_set (ret, OUTCOME_NOT_SENT, "cannot connect: %s",
                client_libnbd_text ());
    hint_tls (c, ret);
  }
}

/* Before the URI, whose own words count for more. */
static int
set_tls (struct client *c)
{
  const struct client_tls *tls = &c->tls;

  if ((tls->certificates != NULL &&
       nbd_set_tls_certificates (c->nbd, tls->certificates) == -1) ||
      (tls->psk_file != NULL &&
       nbd_set_tls_psk_file (c->nbd, tls->psk_file) == -1) ||
      (tls->username != NULL &&
       nbd_set_tls_username (c->nbd, tls->username) == -1))
    return -1;
  return 0;
}

static int
begin_connecting (struct client *c)
{
  c->nbd = nbd_create ();
  if (c->nbd == NULL || set_tls (c) == -1 ||
      nbd_add_meta_context (c->nbd, CONTROL_CONTEXT) == -1 ||
      nbd_set_uri_allow_local_file (c->nbd, true) == -1)
    return -1;
  if (c->endpoint.is_uri)
    return nbd_aio_connect_uri (c->nbd, c->endpoint.text);
  return nbd_aio_connect_unix (c->nbd, c->endpoint.text);
}

/* The queue of a Unix socket is full: "If the listening socket's queue is
 * full, connect fails with EAGAIN" for a non-blocking one (unix(7)). */
static bool
is_busy (uint64_t deadline_us)
{
  const struct timespec pause = { 0, BUSY_RETRY_MS * 1000000L };

  if (nbd_get_errno () != EAGAIN || clock_left_ms (deadline_us) == 0)
    return false;
  nanosleep (&pause, NULL);
  return true;
}

static bool
negotiate (struct client *c, uint64_t deadline_us, struct answer *ret)
{
  switch (client_wait_for (c, is_connected, deadline_us)) {
  case WAITED:
    return true;
  case EXPIRED:
    answer_set (ret, OUTCOME_NOT_SENT, "no answer to the connection within "
                "%.3g s", (double) c->deadlines.connect_us / 1e6);
    answer_hint (ret, "the server hangs, or does not speak NBD");
    return false;
  default:
    explain_libnbd (c, ret);
    return false;
  }
}

static bool
offers_control (struct client *c, struct answer *ret)
{
  if (nbd_can_meta_context (c->nbd, CONTROL_CONTEXT) == 1 &&
      nbd_get_size (c->nbd) >= (int64_t) CONTROL_EXPORT_BYTES)
    return true;
  answer_set (ret, OUTCOME_NOT_SENT, "an NBD server, but no control endpoint "
              "of Baton (it does not offer %s)", CONTROL_CONTEXT);
  answer_hint (ret, "give the address of control=, not the one that virtual "
                    "machines connect to");
  return false;
}

/* The state of an idle connection, as far as it is known by now. */
static bool
is_alive (struct client *c)
{
  return nbd_poll (c->nbd, 0) != -1 && !is_ended (c->nbd) && is_connected (c);
}

bool
client_connect (struct client *c, struct answer *ret)
{
  const uint64_t deadline_us = clock_us () + c->deadlines.connect_us;

  if (c->nbd != NULL && is_alive (c))
    return true;
  client_disconnect (c);
  while (begin_connecting (c) == -1)
    if (is_busy (deadline_us))
      client_disconnect (c);
    else {
      explain_libnbd (c, ret);
      client_disconnect (c);
      return false;
    }
  if (negotiate (c, deadline_us, ret) && offers_control (c, ret))
    return true;
  client_disconnect (c);
  return false;
}
