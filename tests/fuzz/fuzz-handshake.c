/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Fuzz target: the control endpoint's handshake before and after TLS, and
 * what may be done then.
 *
 * TLS itself is a stand-in, which says that it is up, and who is there: so
 * the fuzzer gets behind it.  (fuzz-tls.c has the real one.)  The input:
 *
 *   who   bits 0-1: alice, who may command; bob, who may look; carol, who may
 *         not enter; or TLS fails.  Bit 2: an endpoint without TLS, where the
 *         client may command, with bit 0 only look
 *   how many bytes arrive at once, 0: all
 *   after how many bytes the client is gone (2 bytes; 0: it says them all)
 *   after how many bytes it takes no reply any more, in 8 bytes; 0: never
 *   words (fuzz-endpoint.h)
 *
 * Promises: what counts is what was said after TLS; one deadline for all;
 * nobody comes in but who may; nobody commands but who may and has asked for
 * the context; each answer is whole, and before TLS none tells anything.
 */

#include <config.h>

#include <errno.h>

#include "cursor.h"
#include "fuzz-endpoint.h"
#include "handshake.h"
#include "nbd-protocol.h"
#include "session.h"

#define MAX_SAID (64u << 10)
#define MAX_REPLY_BYTES (UINT64_C (64) << 20)
#define NO_TLS 4
#define GREETING_BYTES 18

static const char *const names[] = { "alice", "bob", "carol", NULL };

/* The client's end, before TLS and after. */
struct wire_end {
  struct transport base;
  uint8_t who;
  size_t chunk, pos, len;
  uint64_t nr_sent, limit_sent;         /* 0: no limit */
  int64_t deadline_ms;          /* that all calls must have; 0: any */
  bool tls_up, tls_tried;
  size_t tls_from, tls_from_sent;
  uint8_t said[MAX_SAID];
  uint8_t answers[MAX_SAID];    /* until transmission */
};

static struct wire_end end;

static ssize_t
end_recv (struct transport *t, void *buf, size_t len, int64_t deadline_ms,
          struct error *err)
{
  struct wire_end *w = (struct wire_end *) t;
  size_t n = len < w->len - w->pos ? len : w->len - w->pos;

  (void) err;
  require (!w->deadline_ms || deadline_ms == w->deadline_ms, "one deadline");
  if (w->chunk && n > w->chunk)
    n = w->chunk;
  memcpy (buf, w->said + w->pos, n);
  w->pos += n;
  return (ssize_t) n;
}

static int
end_send (struct transport *t, const void *buf, size_t len,
          int64_t deadline_ms, struct error *err)
{
  struct wire_end *w = (struct wire_end *) t;

  require (!w->deadline_ms || deadline_ms == w->deadline_ms, "one deadline");
  if (w->limit_sent && w->nr_sent + len > w->limit_sent)
    return error_set (err, ECONNRESET, "gone");
  if (w->deadline_ms) {
    require (w->nr_sent + len <= MAX_SAID, "answers have bounds");
    memcpy (w->answers + w->nr_sent, buf, len);
  }
  w->nr_sent += len;
  require (w->nr_sent < MAX_REPLY_BYTES, "replies have bounds");
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

/* In the place of transport-tls.c. */
int
tls_transport_accept (struct transport *inner,
                      const struct tls_credentials *credentials,
                      const struct tls_door *door, int64_t deadline_ms,
                      struct tls_identity *ret_who, struct transport **ret,
                      struct error *err)
{
  static const uint8_t starttls[] = "IHAVEOPT\0\0\0\5\0\0\0\0";
  const char *name = names[end.who % 4];

  require (inner == &end.base && credentials && !end.tls_tried,
           "TLS begins once");
  require (deadline_ms == end.deadline_ms, "TLS has the deadline of all");
  require (end.pos >= 16 && memcmp (end.said + end.pos - 16, starttls, 16) == 0,
           "nothing was read beyond STARTTLS");
  end.tls_tried = true;
  end.tls_from = end.pos;
  end.tls_from_sent = end.nr_sent;
  if (!name)
    return error_set (err, EPROTO, "planned");
  ret_who->nr_names = 1;
  strcpy (ret_who->names[0], name);
  if (!door->may_enter (door->opaque, ret_who))
    return error_set (err, EACCES, "not allowed");
  end.tls_up = true;
  *ret = inner;
  return 0;
}

/* -- what must hold ------------------------------------------------------- */

/* Did the client say that option, after TLS? */
static bool
has_said (uint8_t option)
{
  uint8_t head[12];

  store_be64 (head, NBD_OPTION_MAGIC);
  store_be32 (head + 8, option);
  return memmem (end.said + end.tls_from, end.pos - end.tls_from, head,
                 sizeof head) != NULL;
}

static void
check_result (const struct handshake_result *r)
{
  const uint8_t who = end.who;

  require (who & NO_TLS ? !end.tls_tried : end.tls_up,
           "nothing is negotiated without TLS");
  require (r->role == (who & NO_TLS ? who & 1 ? ROLE_STATUS : ROLE_CONTROL
                       : who % 4 == 0 ? ROLE_CONTROL : ROLE_STATUS),
           "everybody has the role that the list says");
  require (!r->structured || has_said (NBD_OPT_STRUCTURED_REPLY),
           "structured replies were asked for after TLS");
  require (!r->control || (r->structured && has_said (NBD_OPT_SET_META_CONTEXT)
                           && memmem (end.said + end.tls_from,
                                      end.pos - end.tls_from, CONTROL_CONTEXT,
                                      strlen (CONTROL_CONTEXT))),
           "the context was asked for after TLS");
}

/* An answer before TLS: an error, or that TLS, or the end, may begin. */
static void
check_plain (uint32_t option, uint32_t type)
{
  if (type & 0x80000000u)
    return;
  require (type == NBD_REP_ACK && (option == NBD_OPT_STARTTLS ||
                                   option == NBD_OPT_ABORT),
           "nothing is told before TLS");
}

/* Whole answers; at the end perhaps what follows EXPORT_NAME. */
static void
check_answers (size_t nr_bytes, bool transmission)
{
  size_t pos = GREETING_BYTES;
  const uint8_t *p;

  while (pos < nr_bytes) {
    p = end.answers + pos;
    if (transmission && (nr_bytes - pos == 10 || nr_bytes - pos == 134) &&
        load_be64 (p) == CONTROL_EXPORT_BYTES)
      return;
    require (nr_bytes - pos >= 20 && load_be64 (p) == NBD_OPTION_REPLY_MAGIC &&
             load_be32 (p + 16) <= nr_bytes - pos - 20, "answers are whole");
    if (!(end.who & NO_TLS) && (!end.tls_up || pos < end.tls_from_sent))
      check_plain (load_be32 (p + 8), load_be32 (p + 12));
    pos += 20 + load_be32 (p + 16);
  }
  require (pos == nr_bytes || nr_bytes == 0, "answers are whole");
}

/* -- a client ------------------------------------------------------------- */

static void
make_client (struct input *in)
{
  size_t gone, n;
  unsigned ignored;

  end.base.ops = &end_ops;
  end.who = input_byte (in);
  end.chunk = input_byte (in);
  gone = input_number (in, 2);
  end.limit_sent = input_byte (in) * UINT64_C (8);
  end.pos = end.len = end.tls_from = end.tls_from_sent = 0;
  end.nr_sent = 0;
  end.tls_up = end.tls_tried = false;
  while (end.len + WORD_MAX_BYTES < MAX_SAID && in->len > 0) {
    n = word_expand (in, end.said + end.len, &ignored);
    end.len += n;
  }
  if (gone && gone < end.len)
    end.len = gone;
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
talk (const struct handshake_result *r)
{
  struct endpoint e = { 0 };
  const struct session_config session = {
    .callbacks = &endpoint_callbacks, .opaque = &e, .negotiated = *r,
    .io_ms = 60000,
  };
  struct error err = ERROR_INIT;

  end.deadline_ms = 0;
  session_run (&end.base, &session, &err);
  require (e.nr_commands == 0 || (r->role == ROLE_CONTROL && r->control),
           "who may look, or has not asked for the context, does not command");
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t len)
{
  static const char not_looked_at;
  struct input in = { data, len };
  struct transport *t = &end.base;
  struct error err = ERROR_INIT;
  struct handshake_result r;
  struct handshake_config config = {
    .description = "fuzzed", .deadline_ms = 123456789, .access = make_list (),
  };
  enum handshake_outcome outcome;

  make_client (&in);
  end.deadline_ms = config.deadline_ms;
  if (end.who & NO_TLS)
    config.role = end.who & 1 ? ROLE_STATUS : ROLE_CONTROL;
  else
    config.tls = (const struct tls_credentials *) &not_looked_at;
  outcome = handshake_run (&t, &config, &r, &err);
  require (t == &end.base, "the transport stays");
  require (!end.tls_tried || end.tls_up || outcome == HANDSHAKE_FAILED,
           "nothing comes after TLS that failed");
  check_answers (end.nr_sent, outcome == HANDSHAKE_TRANSMISSION);
  if (outcome == HANDSHAKE_TRANSMISSION) {
    check_result (&r);
    talk (&r);
  }
  return 0;
}
