/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The answers to the options of a negotiation (haggle.h), one handler per
 * option, which returns what comes next.
 *
 * The data of an option have left the stream before its handler runs, so
 * no answer can put the two sides out of step.
 *
 * The metadata context is bound to the export that NBD_OPT_SET_META_CONTEXT
 * named, and counts only if transmission begins with that same export.
 *
 * All state is in struct haggle.  No locks.
 */

#include <config.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "control.h"
#include "haggle.h"
#include "wire.h"

#define ARRAY_SIZE(a) (sizeof (a) / sizeof (a)[0])

#define CONTEXT_WILDCARD "x-baton:"

/* -- answers --------------------------------------------------------- */

/* STEP_NEXT, or STEP_FAIL where the client cannot be reached. */
static enum step
answer (struct haggle *h, uint32_t type, const void *payload, size_t len)
{
  uint8_t buf[WIRE_OPTION_REPLY_BYTES + WIRE_MAX_OPTION_PAYLOAD_BYTES];
  size_t n;

  n = wire_put_option_reply (buf, h->option, type, (uint32_t) len);
  if (len > 0)
    memcpy (buf + n, payload, len);
  if (transport_send (h->t, buf, n + len, h->deadline_ms, h->err) == -1)
    return STEP_FAIL;
  return STEP_NEXT;
}

static enum step
acknowledge (struct haggle *h)
{
  return answer (h, NBD_REP_ACK, NULL, 0);
}

/* "All error replies MAY have some data set, in which case that data is an
 * error message string suitable for display to the user." */
static enum step __attribute__ ((format (printf, 3, 4)))
refuse (struct haggle *h, uint32_t type, const char *fmt, ...)
{
  char text[256];
  va_list args;

  va_start (args, fmt);
  vsnprintf (text, sizeof text, fmt, args);
  va_end (args);
  return answer (h, type, text, strlen (text));
}

static enum step
refuse_data (struct haggle *h)
{
  return refuse (h, NBD_REP_ERR_INVALID, "this option takes no data");
}

static enum step
refuse_export (struct haggle *h)
{
  return refuse (h, NBD_REP_ERR_UNKNOWN,
                 "no such export: the only one has an empty name");
}

/* -- exports --------------------------------------------------------- */

static const struct export *
find_export (const struct haggle *h, const struct wire_string *name)
{
  return wire_string_equal (name, h->export.name) ? &h->export : NULL;
}

bool
has_control (const struct haggle *h, const struct export *e)
{
  return h->structured && e != NULL && h->context_export == e;
}

static struct wire_export
describe_export (const struct haggle *h, const struct export *e)
{
  struct wire_export w = {
    .size_bytes = CONTROL_EXPORT_BYTES,
    .flags = NBD_FLAG_HAS_FLAGS,
  };

  /* Commands are writes, and only who negotiated the context has them. */
  if (!has_control (h, e))
    w.flags |= NBD_FLAG_READ_ONLY;
  /* "MUST leave this flag clear if structured replies have not been
   * negotiated". */
  if (h->structured)
    w.flags |= NBD_FLAG_SEND_DF;
  return w;
}

/* -- one handler per option ------------------------------------------ */

static enum step
opt_export_name (struct haggle *h)
{
  struct wire_string name = { (const char *) h->data, h->len_bytes };
  const struct export *e = find_export (h, &name);
  uint8_t buf[WIRE_EXPORT_BYTES + NBD_EXPORT_NAME_ZEROES] = { 0 };
  struct wire_export w;
  size_t len;

  /* "If the chosen export does not exist ..., the server MUST terminate
   * the session." */
  if (e == NULL) {
    error_set (h->err, ENOENT, "the client asked for an unknown export");
    return STEP_FAIL;
  }
  w = describe_export (h, e);
  len = wire_put_export (buf, &w);
  if (!h->no_zeroes)
    len += NBD_EXPORT_NAME_ZEROES;
  if (transport_send (h->t, buf, len, h->deadline_ms, h->err) == -1)
    return STEP_FAIL;
  h->chosen_export = e;
  return STEP_TRANSMISSION;
}

/* "The server MUST reply with NBD_REP_ACK"; whether the client still
 * listens does not matter. */
static enum step
opt_abort (struct haggle *h)
{
  acknowledge (h);
  return STEP_END;
}

static enum step
opt_list (struct haggle *h)
{
  uint8_t buf[WIRE_MAX_OPTION_PAYLOAD_BYTES];
  const char *description = h->export.description;
  size_t len;

  /* "the server SHOULD reject a request that includes data with
   * NBD_REP_ERR_INVALID". */
  if (h->len_bytes > 0)
    return refuse_data (h);
  len = wire_put_server (buf, description != NULL ? description : "");
  if (answer (h, NBD_REP_SERVER, buf, len) == STEP_FAIL)
    return STEP_FAIL;
  return acknowledge (h);
}

static bool
may_enter (void *opaque, const struct tls_identity *who)
{
  const struct access_list *access = opaque;

  return access_tls_role (access, who) != ROLE_NONE;
}

/* "all further data MUST be sent and received over TLS."  What was said
 * before may have been put in by anybody on the way, and is forgotten. */
static enum step
start_tls (struct haggle *h)
{
  const struct tls_door door = { may_enter, (void *) h->config->access };
  struct tls_identity who;
  struct transport *t;

  if (tls_transport_accept (h->t, h->config->tls, &door, h->deadline_ms, &who,
                            &t, h->err) == -1)
    return STEP_FAIL;
  h->t = t;
  h->encrypted = true;
  h->role = access_tls_role (h->config->access, &who);
  h->structured = false;
  h->context_export = NULL;
  return STEP_NEXT;
}

static enum step
opt_starttls (struct haggle *h)
{
  /* "If the server receives NBD_OPT_STARTTLS when TLS has already been
   * negotiated, it MUST reply with NBD_REP_ERR_INVALID." */
  if (h->encrypted)
    return refuse (h, NBD_REP_ERR_INVALID, "TLS is up already");
  if (h->len_bytes > 0)
    return refuse_data (h);
  if (h->config->tls == NULL)
    return refuse (h, NBD_REP_ERR_UNSUP, "this endpoint has no TLS");
  if (acknowledge (h) == STEP_FAIL)
    return STEP_FAIL;
  return start_tls (h);
}

static enum step
answer_info_string (struct haggle *h, uint16_t info, const char *text)
{
  uint8_t buf[WIRE_MAX_OPTION_PAYLOAD_BYTES];

  return answer (h, NBD_REP_INFO, buf,
                 wire_put_info_string (buf, info, text));
}

static enum step
answer_block_size (struct haggle *h)
{
  static const struct wire_block_size sizes = { 1, 4096,
                                                CONTROL_EXPORT_BYTES };
  uint8_t buf[WIRE_INFO_BLOCK_SIZE_BYTES];

  return answer (h, NBD_REP_INFO, buf, wire_put_info_block_size (buf, &sizes));
}

static enum step
answer_info (struct haggle *h, const struct export *e,
             const struct wire_info_request *r)
{
  const struct wire_export w = describe_export (h, e);
  uint8_t buf[WIRE_INFO_EXPORT_BYTES];
  size_t len = wire_put_info_export (buf, &w);

  if (answer (h, NBD_REP_INFO, buf, len) == STEP_FAIL)
    return STEP_FAIL;
  if (r->wants_name &&
      answer_info_string (h, NBD_INFO_NAME, e->name) == STEP_FAIL)
    return STEP_FAIL;
  if (r->wants_description && e->description != NULL &&
      answer_info_string (h, NBD_INFO_DESCRIPTION, e->description)
      == STEP_FAIL)
    return STEP_FAIL;
  if (r->wants_block_size && answer_block_size (h) == STEP_FAIL)
    return STEP_FAIL;
  return acknowledge (h);
}

/* NBD_OPT_INFO, and the first half of NBD_OPT_GO.  *RET_EXPORT: NULL where
 * the option was refused. */
static enum step
inform (struct haggle *h, const struct export **ret_export)
{
  struct error why = ERROR_INIT;
  struct wire_info_request r;

  *ret_export = NULL;
  if (wire_get_info_request (h->data, h->len_bytes, &r, &why) == -1)
    return refuse (h, NBD_REP_ERR_INVALID, "%s", why.text);
  *ret_export = find_export (h, &r.name);
  if (*ret_export == NULL)
    return refuse_export (h);
  return answer_info (h, *ret_export, &r);
}

static enum step
opt_info (struct haggle *h)
{
  const struct export *e;

  return inform (h, &e);
}

static enum step
opt_go (struct haggle *h)
{
  enum step step = inform (h, &h->chosen_export);

  if (step == STEP_NEXT && h->chosen_export != NULL)
    return STEP_TRANSMISSION;
  return step;
}

static enum step
opt_structured_reply (struct haggle *h)
{
  if (h->len_bytes > 0)
    return refuse_data (h);
  h->structured = true;
  return acknowledge (h);
}

/* Does any query name the context?  WILDCARD: the bare namespace does. */
static bool
queries_match (struct wire_meta_request *r, bool wildcard)
{
  struct wire_string query;
  bool match = false;

  while (wire_next_query (r, &query))
    if (wire_string_equal (&query, CONTROL_CONTEXT) ||
        (wildcard && wire_string_equal (&query, CONTEXT_WILDCARD)))
      match = true;
  return match;
}

static enum step
answer_context (struct haggle *h, uint32_t id)
{
  uint8_t buf[WIRE_MAX_OPTION_PAYLOAD_BYTES];
  size_t len = wire_put_meta_context (buf, id, CONTROL_CONTEXT);

  if (answer (h, NBD_REP_META_CONTEXT, buf, len) == STEP_FAIL)
    return STEP_FAIL;
  return acknowledge (h);
}

static enum step
opt_list_meta_context (struct haggle *h)
{
  struct error why = ERROR_INIT;
  struct wire_meta_request r;

  if (wire_get_meta_request (h->data, h->len_bytes, &r, &why) == -1)
    return refuse (h, NBD_REP_ERR_INVALID, "%s", why.text);
  if (find_export (h, &r.name) == NULL)
    return refuse_export (h);
  /* "If zero queries are sent, then the server MUST return all the
   * metadata contexts". */
  if (r.nr_queries == 0 || queries_match (&r, true))
    /* "The metadata context ID in these replies is reserved and SHOULD be
     * set to zero". */
    return answer_context (h, 0);
  return acknowledge (h);
}

static enum step
opt_set_meta_context (struct haggle *h)
{
  struct error why = ERROR_INIT;
  struct wire_meta_request r;
  const struct export *e;

  /* "Issuing this command replaces all previously-set metadata contexts
   * (including when this command fails)". */
  h->context_export = NULL;
  /* "This option MUST NOT be requested unless structured replies have been
   * negotiated first. ... a server SHOULD send NBD_REP_ERR_INVALID." */
  if (!h->structured)
    return refuse (h, NBD_REP_ERR_INVALID,
                   "negotiate structured replies first");
  if (wire_get_meta_request (h->data, h->len_bytes, &r, &why) == -1)
    return refuse (h, NBD_REP_ERR_INVALID, "%s", why.text);
  e = find_export (h, &r.name);
  if (e == NULL)
    return refuse_export (h);
  if (!queries_match (&r, false))
    return acknowledge (h);
  h->context_export = e;
  return answer_context (h, HANDSHAKE_CONTEXT_ID);
}

static const struct {
  enum nbd_option option;
  enum step (*handler) (struct haggle *h);
} options[] = {
  { NBD_OPT_EXPORT_NAME, opt_export_name },
  { NBD_OPT_ABORT, opt_abort },
  { NBD_OPT_LIST, opt_list },
  { NBD_OPT_STARTTLS, opt_starttls },
  { NBD_OPT_INFO, opt_info },
  { NBD_OPT_GO, opt_go },
  { NBD_OPT_STRUCTURED_REPLY, opt_structured_reply },
  { NBD_OPT_LIST_META_CONTEXT, opt_list_meta_context },
  { NBD_OPT_SET_META_CONTEXT, opt_set_meta_context },
};

/* "If the server receives any other option, it MUST reply with
 * NBD_REP_ERR_TLS_REQD if TLS has not been initiated." */
static bool
needs_tls (const struct haggle *h)
{
  return h->config->tls != NULL && !h->encrypted &&
         h->option != NBD_OPT_STARTTLS && h->option != NBD_OPT_ABORT;
}

static enum step
require_tls (struct haggle *h)
{
  /* "as this request cannot error, it MUST terminate the session". */
  if (h->option == NBD_OPT_EXPORT_NAME) {
    error_set (h->err, EPROTO, "the client wants to go on without TLS");
    return STEP_FAIL;
  }
  h->refused_plain = true;
  return refuse (h, NBD_REP_ERR_TLS_REQD, "this endpoint is for TLS only: "
                 "connect with nbds://");
}

enum step
handle_option (struct haggle *h)
{
  size_t i;

  if (needs_tls (h))
    return require_tls (h);
  for (i = 0; i < ARRAY_SIZE (options); i++)
    if ((uint32_t) options[i].option == h->option)
      return options[i].handler (h);
  return refuse (h, NBD_REP_ERR_UNSUP, "unknown option");
}

enum step
refuse_long_option (struct haggle *h)
{
  /* "including when this command fails". */
  if (h->option == NBD_OPT_SET_META_CONTEXT)
    h->context_export = NULL;
  if (needs_tls (h))
    return require_tls (h);
  return refuse (h, NBD_REP_ERR_TOO_BIG, "at most %d bytes of option data",
                 HANDSHAKE_MAX_OPTION_BYTES);
}
