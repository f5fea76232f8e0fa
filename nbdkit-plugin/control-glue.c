/* SPDX-License-Identifier: BSD-3-Clause
 *
 * From the control endpoint to the handoff.  Called on the listener's
 * threads; the handoff does its own locking.
 */

#include <config.h>

#include <errno.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include "control-glue.h"
#include "control-log.h"
#include "handoff.h"
#include "server.h"
#include "status-json.h"

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
glue_inactivate (void *opaque, uint32_t drain_timeout_ms, json_t **ret_reply,
                 struct error *err)
{
  (void) opaque;
  *ret_reply = NULL;
  return log_failure (handoff_inactivate (server.handoff, drain_timeout_ms,
                                          err), err);
}

static int
glue_invalidate (void *opaque, json_t **ret_reply, struct error *err)
{
  (void) opaque;
  *ret_reply = NULL;
  return log_failure (handoff_invalidate (server.handoff, err), err);
}

/* A ticket that cannot be verified must not be taken for one that was. */
static int
refuse_ticket (const char *what, struct error *err)
{
  return error_set_class (err, ENOTSUP, "Unsupported",
                          "cannot activate %s: this server knows no "
                          "ownership record yet: activate without %s",
                          server.parameters.file, what);
}

static int
glue_activate (void *opaque, const json_t *ticket, bool force,
               json_t **ret_reply, struct error *err)
{
  (void) opaque;
  *ret_reply = NULL;
  if (ticket)
    return log_failure (refuse_ticket ("a ticket", err), err);
  if (force)
    return log_failure (refuse_ticket ("force", err), err);
  return log_failure (server_activate (err), err);
}

const struct control_callbacks control_glue = {
  .status = glue_status,
  .state_flags = glue_state_flags,
  .flush = glue_flush,
  .inactivate = glue_inactivate,
  .invalidate = glue_invalidate,
  .activate = glue_activate,
  .refused = control_log_refused,
};
