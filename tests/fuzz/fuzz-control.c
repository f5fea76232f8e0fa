/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Fuzz target: the control endpoint, from a client's first byte on.
 *
 * The input: one byte says who is connected (its role; whether TLS is asked
 * for first, before which nothing else may be negotiated), the rest is what
 * the client sends.  Promises: every call ends; no command is run for who may
 * not command; where TLS is asked for, none at all.
 */

#include <config.h>

#include "fuzz-endpoint.h"
#include "handshake.h"
#include "session.h"

#define MAX_REPLY_BYTES (UINT64_C (64) << 20)

/* A client that has sent all it will, and takes everything. */
struct wire_end {
  struct transport base;
  struct input in;
  uint64_t nr_sent;
};

static ssize_t
end_recv (struct transport *t, void *buf, size_t len, int64_t deadline_ms,
          struct error *err)
{
  struct wire_end *w = (struct wire_end *) t;
  const size_t n = len < w->in.len ? len : w->in.len;

  (void) deadline_ms;
  (void) err;
  memcpy (buf, w->in.data, n);
  w->in.data += n;
  w->in.len -= n;
  return (ssize_t) n;
}

static int
end_send (struct transport *t, const void *buf, size_t len,
          int64_t deadline_ms, struct error *err)
{
  struct wire_end *w = (struct wire_end *) t;
  const uint8_t *p = buf;
  volatile uint8_t last = 0;

  (void) deadline_ms;
  (void) err;
  if (len > 0)
    last = p[len - 1];
  (void) last;
  w->nr_sent += len;
  require (w->nr_sent < MAX_REPLY_BYTES, "replies have bounds");
  return 0;
}

static void
end_close (struct transport *t)
{
  free (t);
}

static const struct transport_ops end_ops = {
  .recv = end_recv, .send = end_send, .close = end_close,
};

/* One key, for one client that there is not. */
#define KEYS "nobody:00112233445566778899aabbccddeeff\n"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t len)
{
  static struct tls_credentials *tls;
  static const struct access_list nobody = ACCESS_LIST_INIT;
  struct input in = { data, len };
  const uint8_t who = input_byte (&in);
  struct wire_end *w = calloc (1, sizeof *w);
  struct transport *t = &w->base;
  struct error err = ERROR_INIT;
  struct handshake_config config = {
    .description = "fuzzed", .role = who & 1 ? ROLE_CONTROL : ROLE_STATUS,
    .deadline_ms = transport_clock_ms () + 60000,
  };
  struct endpoint e = { 0 };
  struct session_config session = { .callbacks = &endpoint_callbacks,
                                    .opaque = &e, .io_ms = 60000 };

  if (!tls)
    tls = endpoint_keys (KEYS);
  require (w != NULL, "no memory");
  w->base.ops = &end_ops;
  w->in = in;
  if (who & 2) {
    config.tls = tls;
    config.access = &nobody;
  }
  if (handshake_run (&t, &config, &session.negotiated, &err) ==
      HANDSHAKE_TRANSMISSION) {
    require (!(who & 2), "nothing is negotiated without TLS");
    session_run (t, &session, &err);
  }
  require (e.nr_commands == 0 || who & 1, "who may look does not command");
  transport_close (t);
  return 0;
}
