/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From the control endpoint to the handoff.  Called on the listener's
 * threads; the handoff does its own locking.
 */

#include <config.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include "control-glue.h"
#include "control-log.h"
#include "handoff.h"
#include "server.h"
#include "status-json.h"
#include "sudden-end.h"
#include "ticket-json.h"

/* Both logs the refusal and passes it on. */
static int
log_failure (int r, const struct error *err)
{
  if (r == -1)
    nbdkit_debug ("control: refused: %s", err->text);
  return r;
}

static json_t *
glue_status (void *opaque)
{
  (void) opaque;
  return status_json ();
}

static uint32_t
glue_state_flags (void *opaque)
{
  struct handoff_status s;

  (void) opaque;
  handoff_get_status (server.handoff, &s);
  switch (s.state) {
  case HANDOFF_INACTIVE: return CONTROL_STATE_INACTIVE;
  case HANDOFF_ACTIVATING: return CONTROL_STATE_ACTIVATING;
  case HANDOFF_ACTIVE: return CONTROL_STATE_ACTIVE;
  case HANDOFF_INACTIVATING: return CONTROL_STATE_INACTIVATING;
  }
  return CONTROL_STATE_INACTIVE;
}

static int
glue_flush (void *opaque, json_t **ret_reply, struct error *err)
{
  (void) opaque;
  *ret_reply = NULL;
  return log_failure (handoff_flush (server.handoff, err), err);
}

static int
glue_inactivate (void *opaque, uint32_t drain_timeout_ms, bool for_good,
                 json_t **ret_reply, struct error *err)
{
  struct ticket ticket;
  bool has;

  (void) opaque;
  *ret_reply = NULL;
  if (server_inactivate (drain_timeout_ms, for_good, &has, &ticket, err) == -1)
    return log_failure (-1, err);
  if (for_good)
    sudden_end_wanted ();
  if (has)
    *ret_reply = json_pack ("{s:o}", "ticket", ticket_json (&ticket));
  return 0;
}

static int
glue_invalidate (void *opaque, json_t **ret_reply, struct error *err)
{
  (void) opaque;
  *ret_reply = NULL;
  return log_failure (handoff_invalidate (server.handoff, err), err);
}

static int
glue_activate (void *opaque, const json_t *ticket, bool force,
               json_t **ret_reply, struct error *err)
{
  struct ticket t;

  (void) opaque;
  *ret_reply = NULL;
  if (ticket && ticket_parse (ticket, &t, err) == -1)
    return log_failure (-1, err);
  if (server_activate (ticket ? &t : NULL, force, err) == -1)
    return log_failure (-1, err);
  *ret_reply = json_pack ("{s:o}", "ownership", ownership_json ());
  return 0;
}

static bool
glue_is_leaving (void *opaque)
{
  (void) opaque;
  return sudden_end_is_wanted ();
}

static void
glue_left (void *opaque)
{
  (void) opaque;
  sudden_end_if_wanted ();
}

const struct control_callbacks control_glue = {
  .status = glue_status,
  .state_flags = glue_state_flags,
  .flush = glue_flush,
  .inactivate = glue_inactivate,
  .invalidate = glue_invalidate,
  .activate = glue_activate,
  .is_leaving = glue_is_leaving,
  .left = glue_left,
  .refused = control_log_refused,
};
