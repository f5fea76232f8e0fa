/* SPDX-License-Identifier: BSD-3-Clause
 *
 * NBD fixed newstyle negotiation (handshake.h): the greeting and the loop.
 *
 *   greeting -> client flags -> option* -> transmission | end
 *
 * Guarantees: at most HANDSHAKE_MAX_OPTIONS options, each of bounded size,
 * and one deadline for all of it.
 *
 * All state is in struct haggle, on the connection's stack.  No locks.
 */

#include <config.h>

#include <errno.h>

#include "haggle.h"
#include "wire.h"

static enum step
greet (struct haggle *h)
{
  const uint16_t ours = NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES;
  uint8_t greeting[WIRE_GREETING_BYTES], reply[WIRE_CLIENT_FLAGS_BYTES];
  uint32_t theirs;

  wire_put_greeting (greeting, ours);
  if (transport_send (h->t, greeting, sizeof greeting, h->deadline_ms,
                      h->err) == -1 ||
      transport_recv_all (h->t, reply, sizeof reply, h->deadline_ms,
                          h->err) == -1)
    return STEP_FAIL;
  theirs = load_be32 (reply);
  /* "the server MUST drop the TCP connection if the client sets an unknown
   * flag, or a flag that does not match something advertised". */
  if ((theirs & ~(uint32_t) ours) != 0) {
    error_set (h->err, EPROTO, "unknown client flags 0x%x", (unsigned) theirs);
    return STEP_FAIL;
  }
  h->fixed = (theirs & NBD_FLAG_FIXED_NEWSTYLE) != 0;
  h->no_zeroes = (theirs & NBD_FLAG_NO_ZEROES) != 0;
  return STEP_NEXT;
}

static enum step
skip_option (struct haggle *h, uint32_t len_bytes)
{
  /* EXPORT_NAME has no way to be refused but this. */
  if (len_bytes > HANDSHAKE_MAX_DRAIN_BYTES ||
      h->option == NBD_OPT_EXPORT_NAME) {
    error_set (h->err, EPROTO, "an option of %u bytes", (unsigned) len_bytes);
    return STEP_FAIL;
  }
  if (transport_drain (h->t, len_bytes, h->deadline_ms, h->err) == -1)
    return STEP_FAIL;
  return refuse_long_option (h);
}

static enum step
next_option (struct haggle *h)
{
  uint8_t header[WIRE_OPTION_BYTES];
  struct wire_option option;

  if (transport_recv_all (h->t, header, sizeof header, h->deadline_ms,
                          h->err) == -1 ||
      wire_get_option (header, &option, h->err) == -1)
    return STEP_FAIL;
  h->option = option.option;
  /* EXPORT_NAME "is the only valid option in nonfixed newstyle
   * negotiation"; such a client understands no reply. */
  if (!h->fixed && h->option != NBD_OPT_EXPORT_NAME) {
    error_set (h->err, EPROTO, "the client does not speak fixed newstyle");
    return STEP_FAIL;
  }
  if (option.len_bytes > sizeof h->data)
    return skip_option (h, option.len_bytes);
  h->len_bytes = option.len_bytes;
  if (transport_recv_all (h->t, h->data, h->len_bytes, h->deadline_ms,
                          h->err) == -1)
    return STEP_FAIL;
  return handle_option (h);
}

static enum step
haggle (struct haggle *h)
{
  enum step step = greet (h);
  int i;

  for (i = 0; i < HANDSHAKE_MAX_OPTIONS && step == STEP_NEXT; i++)
    step = next_option (h);
  if (step == STEP_NEXT) {
    error_set (h->err, EPROTO, "more than %d options", HANDSHAKE_MAX_OPTIONS);
    step = STEP_FAIL;
  }
  return step;
}

/* Why it ended, where the client's own silence would not tell. */
static void
explain_end (const struct haggle *h, enum step step)
{
  if (h->refused_plain && !h->encrypted &&
      (step == STEP_END || h->err == NULL || h->err->errnum == ECONNRESET))
    error_set (h->err, EPROTO, "the client wanted to go on without TLS");
}

enum handshake_outcome
handshake_run (struct transport **t, const struct handshake_config *config,
               struct handshake_result *ret, struct error *err)
{
  struct haggle h = {
    .t = *t,
    .config = config,
    .deadline_ms = config->deadline_ms,
    .err = err,
    .export = { .name = "", .description = config->description },
    .role = config->tls == NULL ? config->role : ROLE_NONE,
  };
  const enum step step = haggle (&h);

  *t = h.t;
  switch (step) {
  case STEP_TRANSMISSION:
    ret->structured = h.structured;
    ret->control = has_control (&h, h.chosen_export);
    ret->role = h.role;
    return HANDSHAKE_TRANSMISSION;
  case STEP_END:
    explain_end (&h, step);
    return HANDSHAKE_ENDED;
  default:
    explain_end (&h, step);
    return HANDSHAKE_FAILED;
  }
}
