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

#include <errno.h>
#include <unistd.h>

#include "control.h"
#include "fuzz.h"
#include "handshake.h"
#include "session.h"
#include "tls.h"

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

/* -- commands ------------------------------------------------------------- */

struct server {
  struct tls_credentials *tls;
  struct access_list access;
  unsigned nr_commands;
};

static json_t *
fake_status (void *opaque)
{
  (void) opaque;
  return json_pack ("{s:s}", "state", "active");
}

static uint32_t
fake_flags (void *opaque)
{
  (void) opaque;
  return CONTROL_STATE_ACTIVE;
}

static int
count_command (void *opaque)
{
  struct server *s = opaque;

  ++s->nr_commands;
  return 0;
}

static int
fake_flush (void *opaque, json_t **ret_reply, struct error *err)
{
  (void) ret_reply;
  (void) err;
  return count_command (opaque);
}

static int
fake_inactivate (void *opaque, uint32_t drain_timeout_ms, bool for_good,
                 json_t **ret_reply, struct error *err)
{
  (void) for_good;
  (void) err;
  *ret_reply = json_pack ("{s:I}", "waited", (json_int_t) drain_timeout_ms);
  return count_command (opaque);
}

static int
fake_activate (void *opaque, const json_t *ticket, bool force,
               json_t **ret_reply, struct error *err)
{
  count_command (opaque);
  if (force)
    return error_set_class (err, EBUSY, "Planned", "\xff not \1 utf-8");
  *ret_reply = json_pack ("{s:O?}", "ticket", (json_t *) ticket);
  return 0;
}

static const struct control_callbacks callbacks = {
  .status = fake_status, .state_flags = fake_flags, .flush = fake_flush,
  .inactivate = fake_inactivate, .invalidate = fake_flush,
  .activate = fake_activate,
};

/* One key, for one client that there is not. */
static struct server *
make_server (void)
{
  static const char key[] = "nobody:00112233445566778899aabbccddeeff\n";
  char path[] = "/tmp/baton-fuzz-XXXXXX";
  struct server *s = calloc (1, sizeof *s);
  struct error err = ERROR_INIT;
  const int fd = mkstemp (path);

  require (s && fd != -1 &&
           write (fd, key, sizeof key - 1) == sizeof key - 1, path);
  close (fd);
  require (tls_credentials_new_psk (path, &s->tls, &err) == 0, err.text);
  unlink (path);
  return s;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t len)
{
  static struct server *s;
  struct input in = { data, len };
  const uint8_t who = input_byte (&in);
  struct wire_end *w = calloc (1, sizeof *w);
  struct transport *t = &w->base;
  struct error err = ERROR_INIT;
  struct handshake_config config = {
    .description = "fuzzed", .role = who & 1 ? ROLE_CONTROL : ROLE_STATUS,
    .deadline_ms = transport_clock_ms () + 60000,
  };
  struct session_config session = { .callbacks = &callbacks,
                                    .io_ms = 60000 };

  if (!s)
    s = make_server ();
  require (w != NULL, "no memory");
  w->base.ops = &end_ops;
  w->in = in;
  if (who & 2) {
    config.tls = s->tls;
    config.access = &s->access;
  }
  s->nr_commands = 0;
  session.opaque = s;
  if (handshake_run (&t, &config, &session.negotiated, &err) ==
      HANDSHAKE_TRANSMISSION) {
    require (!(who & 2), "nothing is negotiated without TLS");
    session_run (t, &session, &err);
  }
  require (s->nr_commands == 0 || who & 1, "who may look does not command");
  transport_close (t);
  return 0;
}
