/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Fuzz target: the control endpoint behind TLS as it is, GnuTLS on both
 * sides, in one thread: whenever the server waits for bytes, the client has
 * its turn.  The input:
 *
 *   who     bits 0-1: alice, who may command; bob, who may look; carol, who
 *           has a key that opens nothing; eve, who is unknown.  Bit 2: with a
 *           wrong key.  Bit 3: by TLS 1.2.  Bit 4: without forward secrecy.
 *           Bit 5: no goodbye
 *   harm    what is done to the client's bytes on their way, and where
 *           (2 bytes, counted from STARTTLS), and a value
 *   record  how many bytes are a record
 *   words   (fuzz-endpoint.h)
 *
 * Promises: who has the right key and may come in does, and nobody else; what
 * was harmed is not believed, nor anything behind it: no command is run that
 * did not arrive before.
 *
 * What GnuTLS makes up at random differs from run to run, so an input that
 * broke something may not do so each time.
 */

#include <config.h>

#include <errno.h>

#include <gnutls/gnutls.h>

#include "cursor.h"
#include "fuzz-endpoint.h"
#include "handshake.h"
#include "nbd-protocol.h"
#include "session.h"

#define PIPE_BYTES (256u << 10)
#define MAX_RECORDS 4096
#define GREETING_BYTES 18
#define OPTION_REPLY_BYTES 20

#define ALICE_KEY "00112233445566778899aabbccddeeff"
#define BOB_KEY "ffeeddccbbaa99887766554433221100"
#define CAROL_KEY "0123456789abcdef0123456789abcdef"
#define KEYS "alice:" ALICE_KEY "\nbob:" BOB_KEY "\ncarol:" CAROL_KEY "\n"

enum who { ALICE, BOB, CAROL, EVE, WHO = 3, WRONG_KEY = 4, OLD_VERSION = 8,
           NO_SECRECY = 16, NO_GOODBYE = 32 };
enum harm { NONE, XOR, INSERT, DROP, CUT, REFLECT, NR_HARMS };

struct pipe {
  size_t from, to;
  uint8_t bytes[PIPE_BYTES];
};

/* Where in the client's stream a record ended, and with how many commands. */
struct record {
  size_t end;
  unsigned nr_commands;
};

enum stage { PLAIN, SHAKE, TALK, GONE };

static struct world {
  struct transport base;        /* the server's end */
  struct pipe up, down;
  enum stage stage;
  uint8_t who, harm, value;
  size_t harm_at, record_bytes, nr_pushed;
  bool harmed, shaken;
  gnutls_session_t session;
  gnutls_psk_client_credentials_t psk;
  struct input words;
  struct record records[MAX_RECORDS];
  size_t nr_records;
} world;

/* -- on the way ----------------------------------------------------------- */

static void
put (struct pipe *p, const void *data, size_t len)
{
  if (len > PIPE_BYTES - p->to)
    len = PIPE_BYTES - p->to;
  memcpy (p->bytes + p->to, data, len);
  p->to += len;
}

static size_t
get (struct pipe *p, void *buf, size_t len)
{
  const size_t there = p->from < p->to ? p->to - p->from : 0;

  if (len > there)
    len = there;
  memcpy (buf, p->bytes + p->from, len);
  p->from += len;
  return len;
}

/* The byte at BYTE is the one to be harmed. */
static void
put_harmed (struct world *w, const uint8_t *byte)
{
  const uint8_t other = *byte ^ w->value;

  switch (w->harm) {
  case XOR: put (&w->up, &other, 1); break;
  case INSERT: put (&w->up, &w->value, 1); put (&w->up, byte, 1); break;
  case REFLECT:
    put (&w->up, w->down.bytes, w->down.to < 600 ? w->down.to : 600);
    put (&w->up, byte, 1);
    break;
  case CUT: w->stage = GONE; break;
  case DROP: break;
  }
  w->harmed = true;
}

static bool
does_harm (const struct world *w)
{
  return w->harm != NONE && (w->harm != XOR || w->value != 0);
}

static ssize_t
client_push (gnutls_transport_ptr_t ptr, const void *buf, size_t len)
{
  struct world *w = ptr;
  const uint8_t *p = buf;
  size_t i;

  for (i = 0; i < len; ++i, ++w->nr_pushed)
    if (w->harmed && w->harm == CUT)
      continue;
    else if (does_harm (w) && w->nr_pushed == w->harm_at)
      put_harmed (w, p + i);
    else
      put (&w->up, p + i, 1);
  return (ssize_t) len;
}

static ssize_t
client_pull (gnutls_transport_ptr_t ptr, void *buf, size_t len)
{
  struct world *w = ptr;
  const size_t n = get (&w->down, buf, len);

  if (n > 0)
    return (ssize_t) n;
  gnutls_transport_set_errno (w->session, EAGAIN);
  return -1;
}

static int
client_pull_timeout (gnutls_transport_ptr_t ptr, unsigned ms)
{
  (void) ptr;
  (void) ms;
  return 1;
}

/* -- the client ------------------------------------------------------------ */

static const char *
priority_of (uint8_t who)
{
  if (who & NO_SECRECY)
    return "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+PSK";
  if (who & OLD_VERSION)
    return "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+ECDHE-PSK:"
      "-GROUP-ALL:+GROUP-X25519";
  return "NORMAL:-VERS-ALL:+VERS-TLS1.3:-KX-ALL:+ECDHE-PSK:"
    "-GROUP-ALL:+GROUP-X25519";
}

static void
begin_tls (struct world *w)
{
  static const char *const names[] = { "alice", "bob", "carol", "eve" };
  static const char *const keys[] = { ALICE_KEY, BOB_KEY, CAROL_KEY,
                                      ALICE_KEY };
  const char *key = keys[(w->who + (w->who & WRONG_KEY ? 1 : 0)) & WHO];
  const gnutls_datum_t hex = { (unsigned char *) (uintptr_t) key,
                               (unsigned) strlen (key) };

  require (gnutls_init (&w->session, GNUTLS_CLIENT) == 0 &&
           gnutls_priority_set_direct (w->session, priority_of (w->who),
                                       NULL) == 0 &&
           gnutls_psk_allocate_client_credentials (&w->psk) == 0 &&
           gnutls_psk_set_client_credentials (w->psk, names[w->who & WHO],
                                              &hex, GNUTLS_PSK_KEY_HEX) == 0 &&
           gnutls_credentials_set (w->session, GNUTLS_CRD_PSK, w->psk) == 0,
           "a client");
  gnutls_handshake_set_timeout (w->session, GNUTLS_INDEFINITE_TIMEOUT);
  gnutls_transport_set_ptr (w->session, w);
  gnutls_transport_set_push_function (w->session, client_push);
  gnutls_transport_set_pull_function (w->session, client_pull);
  gnutls_transport_set_pull_timeout_function (w->session,
                                              client_pull_timeout);
}

static void
ask_for_tls (struct world *w)
{
  static const uint8_t said[] = "\0\0\0\3IHAVEOPT\0\0\0\5\0\0\0\0";

  put (&w->up, said, 20);
  w->down.from = GREETING_BYTES + OPTION_REPLY_BYTES;
  begin_tls (w);
  w->stage = SHAKE;
}

static void
shake (struct world *w)
{
  const int r = gnutls_handshake (w->session);

  if (r == GNUTLS_E_SUCCESS) {
    w->shaken = true;
    w->stage = w->stage == GONE ? GONE : TALK;
  } else if (gnutls_error_is_fatal (r)) {
    gnutls_alert_send_appropriate (w->session, r);
    w->stage = GONE;
  }
}

/* LEN bytes with which NR_COMMANDS commands end, in records. */
static void
say (struct world *w, const uint8_t *data, size_t len, unsigned nr_commands)
{
  const unsigned before =
    w->nr_records ? w->records[w->nr_records - 1].nr_commands : 0;
  size_t n;

  for (; len > 0 && w->nr_records < MAX_RECORDS; data += n, len -= n) {
    n = w->record_bytes && len > w->record_bytes ? w->record_bytes : len;
    if (gnutls_record_send (w->session, data, n) != (ssize_t) n)
      return;
    w->records[w->nr_records++] = (struct record) {
      w->nr_pushed, before + (n == len ? nr_commands : 0),
    };
  }
}

/* All that it has to say, without listening. */
static void
talk (struct world *w)
{
  uint8_t word[WORD_MAX_BYTES];
  unsigned nr_commands;
  size_t len;

  while (w->words.len > 0 && w->up.to < PIPE_BYTES / 2) {
    len = word_expand (&w->words, word, &nr_commands);
    say (w, word, len, nr_commands);
  }
  if (!(w->who & NO_GOODBYE))
    gnutls_bye (w->session, GNUTLS_SHUT_WR);
  w->stage = GONE;
}

static void
client_turn (struct world *w)
{
  switch (w->stage) {
  case PLAIN: ask_for_tls (w); break;
  case SHAKE: shake (w); break;
  case TALK: case GONE: break;
  }
  if (w->stage == TALK)
    talk (w);
}

/* -- the server ------------------------------------------------------------ */

static ssize_t
end_recv (struct transport *t, void *buf, size_t len, int64_t deadline_ms,
          struct error *err)
{
  struct world *w = (struct world *) t;

  (void) deadline_ms;
  (void) err;
  if (w->up.from == w->up.to)
    client_turn (w);
  return (ssize_t) get (&w->up, buf, len);
}

/* A client that talks does not listen. */
static int
end_send (struct transport *t, const void *buf, size_t len,
          int64_t deadline_ms, struct error *err)
{
  struct world *w = (struct world *) t;

  (void) deadline_ms;
  (void) err;
  if (w->stage < TALK)
    put (&w->down, buf, len);
  return 0;
}

static void
end_close (struct transport *t)
{
  (void) t;
}

static const struct transport_ops end_ops = {
  .recv = end_recv, .send = end_send, .close = end_close,
};

/* -- what must hold -------------------------------------------------------- */

/* How many commands have arrived before what was harmed. */
static unsigned
nr_intact (const struct world *w)
{
  unsigned nr = 0;
  size_t i;

  for (i = 0; i < w->nr_records; ++i)
    if (!w->harmed || w->records[i].end <= w->harm_at)
      nr = w->records[i].nr_commands;
  return nr;
}

static void
check_entry (const struct world *w, bool encrypted)
{
  const bool good = (w->who & WHO) <= BOB && !(w->who & (WRONG_KEY |
                                                         NO_SECRECY));

  require (!encrypted || good, "who has no right to does not come in");
  require (encrypted || w->harmed || !good, "who has the right to comes in");
}

static void
make_client (struct input *in)
{
  struct world *w = &world;

  w->base.ops = &end_ops;
  w->stage = PLAIN;
  w->up.from = w->up.to = w->down.from = w->down.to = 0;
  w->who = input_byte (in);
  w->harm = input_byte (in) % NR_HARMS;
  w->harm_at = input_number (in, 2) % 8192;
  w->value = input_byte (in);
  w->record_bytes = input_byte (in);
  w->nr_pushed = w->nr_records = 0;
  w->harmed = w->shaken = false;
  w->words = *in;
}

static const struct access_list *
make_list (void)
{
  static struct access_list list;
  struct error err = ERROR_INIT;

  if (list.nr_entries == 0)
    require (access_list_add (&list, "alice", ROLE_CONTROL, &err) == 0 &&
             access_list_add (&list, "bob", ROLE_STATUS, &err) == 0, err.text);
  return &list;
}

static void
run_session (struct transport *t, const struct handshake_result *r)
{
  struct endpoint e = { 0 };
  const struct session_config session = {
    .callbacks = &endpoint_callbacks, .opaque = &e, .negotiated = *r,
    .io_ms = 60000,
  };
  struct error err = ERROR_INIT;

  require (r->role == ((world.who & WHO) == ALICE ? ROLE_CONTROL
                       : ROLE_STATUS), "everybody has their own role");
  session_run (t, &session, &err);
  require (e.nr_commands == 0 || (r->role == ROLE_CONTROL && r->control),
           "who may look, or has not asked for the context, does not command");
  require (e.nr_commands <= nr_intact (&world),
           "what was harmed on its way is not believed");
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t len)
{
  static struct tls_credentials *tls;
  struct input in = { data, len };
  struct transport *t = &world.base;
  struct error err = ERROR_INIT;
  struct handshake_result r;
  struct handshake_config config = {
    .deadline_ms = transport_clock_ms () + 60000, .access = make_list (),
  };
  enum handshake_outcome outcome;

  if (!tls)
    tls = endpoint_keys (KEYS);
  config.tls = tls;
  make_client (&in);
  outcome = handshake_run (&t, &config, &r, &err);
  check_entry (&world, t != &world.base);
  if (outcome == HANDSHAKE_TRANSMISSION)
    run_session (t, &r);
  transport_close (t);
  gnutls_deinit (world.session);
  gnutls_psk_free_client_credentials (world.psk);
  return 0;
}
