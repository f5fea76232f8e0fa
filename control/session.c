/* SPDX-License-Identifier: BSD-3-Clause
 *
 * NBD transmission phase (session.h).
 *
 * Invariants:
 *   1. The payload of a WRITE has left the stream before anything is
 *      judged, so a refused request never puts the two sides out of step.
 *   2. A request is answered exactly once, with a structured reply wherever
 *      the protocol asks for one.
 *   3. `snapshot` is one document, whole: a READ at offset 0 takes a new
 *      one, others continue it; so a client that reads piece by piece sees
 *      a consistent document.
 *   4. `reply` is the answer to the last WRITE of this connection alone.
 *
 * All state is in struct session, owned by the connection's thread.  No
 * locks.
 */

#include <config.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "cleanup.h"
#include "command.h"
#include "document.h"
#include "session.h"
#include "wire.h"

struct session {
  struct transport *t;
  const struct session_config *config;
  json_t *reply;                /* NULL: no command yet */
  bool have_snapshot;
  uint8_t *snapshot;            /* CONTROL_EXPORT_BYTES each */
  uint8_t *payload;
};

static int64_t
io_deadline (const struct session *s)
{
  return transport_clock_ms () + s->config->io_ms;
}

/* -- replies --------------------------------------------------------- */

static int
reply_bytes (struct session *s, const void *buf, size_t len,
             struct error *err)
{
  return transport_send (s->t, buf, len, io_deadline (s), err);
}

/* "the server MUST use a structured reply for any response with a payload
 * ..., but MAY use either a simple reply or a structured reply to all other
 * requests". */
static int
reply_done (struct session *s, const struct wire_request *req,
            struct error *err)
{
  uint8_t buf[WIRE_SIMPLE_REPLY_BYTES];

  return reply_bytes (s, buf, wire_put_simple_reply (buf, req->cookie, 0),
                      err);
}

/* "The server SHOULD prefer sending errors via a structured reply, as the
 * error can then be accompanied by a string payload". */
static int
reply_error (struct session *s, const struct wire_request *req,
             const struct error *why, struct error *err)
{
  uint8_t buf[WIRE_ERROR_CHUNK_BYTES];
  uint32_t error = wire_error (why->errnum);
  size_t len;

  if (s->config->negotiated.structured)
    len = wire_put_error_chunk (buf, req->cookie, error, why->text);
  else
    len = wire_put_simple_reply (buf, req->cookie, error);
  return reply_bytes (s, buf, len, err);
}

static int
reply_data (struct session *s, const struct wire_request *req,
            struct error *err)
{
  uint8_t head[WIRE_DATA_CHUNK_BYTES];
  size_t len;

  if (!s->config->negotiated.structured)
    len = wire_put_simple_reply (head, req->cookie, 0);
  else if (req->len_bytes > 0)
    len = wire_put_data_chunk (head, req->cookie, req->offset,
                               req->len_bytes);
  else
    /* "each chunk MUST describe at least one byte". */
    len = wire_put_none_chunk (head, req->cookie);
  if (reply_bytes (s, head, len, err) == -1)
    return -1;
  return reply_bytes (s, s->snapshot + req->offset, req->len_bytes, err);
}

/* -- checks ---------------------------------------------------------- */

/* "The server SHOULD return EINVAL if it receives an unknown command flag. It
 * also SHOULD return EINVAL if it receives a request with a flag not
 * explicitly documented as applicable to the given request." */
static int
check_flags (const struct wire_request *req, uint16_t allowed,
             struct error *err)
{
  if ((req->flags & ~(unsigned) allowed) != 0)
    return error_set_class (err, EINVAL, "InvalidArguments",
                            "command flags 0x%x are not supported here",
                            (unsigned) req->flags);
  return 0;
}

/* ERRNUM: what the specification wants for this command. */
static int
check_range (const struct wire_request *req, int errnum, struct error *err)
{
  if (req->offset > CONTROL_EXPORT_BYTES ||
      req->len_bytes > CONTROL_EXPORT_BYTES - req->offset)
    return error_set_class (err, errnum, "InvalidArguments",
                            "%u bytes at offset %llu are beyond the end: "
                            "the export has %llu",
                            (unsigned) req->len_bytes,
                            (unsigned long long) req->offset,
                            (unsigned long long) CONTROL_EXPORT_BYTES);
  return 0;
}

/* -- READ ------------------------------------------------------------ */

static void
take_snapshot (struct session *s)
{
  json_t *status = s->config->callbacks->status (s->config->opaque);

  document_render (status, s->reply, s->snapshot);
  json_decref (status);
  s->have_snapshot = true;
}

static int
do_read (struct session *s, const struct wire_request *req,
         struct error *err)
{
  uint16_t flags = s->config->negotiated.structured ? NBD_CMD_FLAG_DF : 0;
  struct error why = ERROR_INIT;

  if (check_flags (req, flags, &why) == -1 ||
      check_range (req, EINVAL, &why) == -1)
    return reply_error (s, req, &why, err);
  if (req->offset == 0 || !s->have_snapshot)
    take_snapshot (s);
  return reply_data (s, req, err);
}

/* -- WRITE ----------------------------------------------------------- */

static int
receive_payload (struct session *s, const struct wire_request *req,
                 int64_t deadline_ms, struct error *err)
{
  if (req->len_bytes <= CONTROL_EXPORT_BYTES)
    return transport_recv_all (s->t, s->payload, req->len_bytes, deadline_ms,
                               err);
  if (req->len_bytes > SESSION_MAX_DRAIN_BYTES)
    return error_set (err, EPROTO, "a write of %u bytes",
                      (unsigned) req->len_bytes);
  return transport_drain (s->t, req->len_bytes, deadline_ms, err);
}

static int
check_write (const struct session *s, const struct wire_request *req,
             struct error *err)
{
  /* "it SHOULD return EPERM if it receives a write or trim request on a
   * read-only export". */
  if (!s->config->negotiated.control)
    return error_set (err, EPERM, "commands need the metadata context "
                      CONTROL_CONTEXT);
  /* "The server SHOULD return ENOSPC if it receives a write request
   * including one or more sectors beyond the size of the device." */
  if (check_flags (req, 0, err) == -1 ||
      check_range (req, ENOSPC, err) == -1)
    return -1;
  if (req->offset != 0)
    return error_set_class (err, EINVAL, "InvalidArguments",
                            "a command is written at offset 0 in one "
                            "request, not at %llu",
                            (unsigned long long) req->offset);
  return 0;
}

/* Takes REPLY over. */
static void
set_reply (struct session *s, json_t *reply)
{
  json_decref (s->reply);
  s->reply = reply;
}

static int
do_write (struct session *s, const struct wire_request *req,
          int64_t deadline_ms, struct error *err)
{
  struct error why = ERROR_INIT;
  json_t *reply;
  int r;

  if (receive_payload (s, req, deadline_ms, err) == -1)
    return -1;
  r = check_write (s, req, &why);
  if (r == 0)
    r = command_run (s->config->callbacks, s->config->opaque,
                     s->config->negotiated.role, s->payload, req->len_bytes,
                     &reply, &why);
  else
    reply = command_refusal (&why, NULL);
  set_reply (s, reply);
  return r == 0 ? reply_done (s, req, err) : reply_error (s, req, &why, err);
}

/* -- BLOCK_STATUS ---------------------------------------------------- */

static int
check_block_status (const struct session *s, const struct wire_request *req,
                    struct error *err)
{
  /* "A client MUST NOT use NBD_CMD_BLOCK_STATUS unless it selected a nonzero
   * number of metadata contexts during negotiation. Servers SHOULD reply to
   * clients doing so anyway with EINVAL." */
  if (!s->config->negotiated.control)
    return error_set (err, EINVAL, "no metadata context was negotiated");
  if (check_flags (req, NBD_CMD_FLAG_REQ_ONE, err) == -1 ||
      check_range (req, EINVAL, err) == -1)
    return -1;
  if (req->len_bytes == 0)
    return error_set (err, EINVAL, "block status of no bytes");
  return 0;
}

static int
do_block_status (struct session *s, const struct wire_request *req,
                 struct error *err)
{
  uint8_t buf[WIRE_STATUS_CHUNK_BYTES];
  struct error why = ERROR_INIT;
  uint32_t state;
  size_t len;

  if (check_block_status (s, req, &why) == -1)
    return reply_error (s, req, &why, err);
  state = s->config->callbacks->state_flags (s->config->opaque);
  /* One extent, never longer than asked: right with REQ_ONE and without. */
  len = wire_put_status_chunk (buf, req->cookie, HANDSHAKE_CONTEXT_ID,
                               req->len_bytes, state);
  return reply_bytes (s, buf, len, err);
}

/* -- the loop -------------------------------------------------------- */

static int
do_unsupported (struct session *s, const struct wire_request *req,
                struct error *err)
{
  struct error why = ERROR_INIT;

  /* "The server SHOULD return EINVAL if it receives an unknown command."
   * None of those that we do not advertise has a payload. */
  error_set (&why, EINVAL, "command %u is not supported here",
             (unsigned) req->type);
  return reply_error (s, req, &why, err);
}

/* To read a reply, and to say goodbye. */
#define LEAVE_MS 2000

static int64_t
first_deadline (const struct session *s)
{
  const struct control_callbacks *c = s->config->callbacks;

  return c->is_leaving != NULL && c->is_leaving (s->config->opaque)
    ? transport_clock_ms () + LEAVE_MS : TRANSPORT_NO_DEADLINE;
}

/* Wait for the first byte as long as it takes, then for the rest until
 * *RET_DEADLINE_MS. */
static int
receive_request (struct session *s, struct wire_request *ret,
                 int64_t *ret_deadline_ms, struct error *err)
{
  uint8_t buf[WIRE_REQUEST_BYTES];
  int64_t deadline_ms;

  if (transport_recv_all (s->t, buf, 1, first_deadline (s), err) == -1)
    return -1;
  deadline_ms = io_deadline (s);
  if (transport_recv_all (s->t, buf + 1, sizeof buf - 1, deadline_ms,
                          err) == -1 ||
      wire_get_request (buf, ret, err) == -1)
    return -1;
  *ret_deadline_ms = deadline_ms;
  return 0;
}

/* 1: there may be more requests, 0: goodbye, -1: the connection is over. */
static int
one_request (struct session *s, struct error *err)
{
  struct wire_request req;
  int64_t deadline_ms;
  int r;

  if (receive_request (s, &req, &deadline_ms, err) == -1)
    return -1;
  switch (req.type) {
  case NBD_CMD_DISC: return 0;
  case NBD_CMD_READ: r = do_read (s, &req, err); break;
  case NBD_CMD_WRITE: r = do_write (s, &req, deadline_ms, err); break;
  case NBD_CMD_BLOCK_STATUS: r = do_block_status (s, &req, err); break;
  default: r = do_unsupported (s, &req, err); break;
  }
  return r == -1 ? -1 : 1;
}

int
session_run (struct transport *t, const struct session_config *config,
             struct error *err)
{
  CLEANUP_FREE uint8_t *snapshot = malloc (CONTROL_EXPORT_BYTES);
  CLEANUP_FREE uint8_t *payload = malloc (CONTROL_EXPORT_BYTES);
  struct session s = {
    .t = t, .config = config, .snapshot = snapshot, .payload = payload,
  };
  int r;

  if (snapshot == NULL || payload == NULL)
    return error_set_errno (err, ENOMEM, "control connection");
  do
    r = one_request (&s, err);
  while (r == 1);
  json_decref (s.reply);
  return r;
}
