/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The handoff: its life, what requests ask of it, the commands that do not
 * change the state, and status.  See handoff.h for the states and invariants,
 * handoff-internal.h for the locks and the other parts.
 */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "handoff-internal.h"

const char *
handoff_state_name (enum handoff_state state)
{
  static const char *const names[] = {
    [HANDOFF_INACTIVE] = "inactive", [HANDOFF_ACTIVATING] = "activating",
    [HANDOFF_ACTIVE] = "active", [HANDOFF_INACTIVATING] = "inactivating",
  };

  return names[state];
}

bool
handoff_is_activating (struct handoff *h)
{
  return gate_state (&h->gate) == HANDOFF_ACTIVATING;
}

/* -- life ------------------------------------------------------------ */

/* "WHAT PATH: " before the text; without the path where the text has it. */
static int
name_failure (const struct handoff *h, const char *what, struct error *err)
{
  if (!err)
    return -1;
  if (!h->path || strstr (err->text, h->path))
    return error_prefix (err, "%s", what);
  return error_prefix (err, "%s %s", what, h->path);
}

static void
remember_geometry (struct handoff *h, const struct handoff_geometry *g)
{
  mutex_lock (&h->memory);
  h->virtual_size = g->virtual_size;
  h->cluster_size = g->cluster_size;
  h->identity[0] = g->identity[0];
  h->identity[1] = g->identity[1];
  h->data_identity[0] = g->data_identity[0];
  h->data_identity[1] = g->data_identity[1];
  mutex_unlock (&h->memory);
}

/* A file further down may be encrypted where the image is not. */
static int
warm_keyring (struct handoff *h, const struct handoff_geometry *g,
              struct error *err)
{
  if (!g->encrypted && !h->options.keyring)
    return 0;
  return handoff_warm_keyring (h, err);
}

static int
learn_geometry (struct handoff *h, struct error *err)
{
  struct handoff_geometry g;

  if (handoff_read_geometry (h, &g, err) == -1 ||
      warm_keyring (h, &g, err) == -1)
    return -1;
  remember_geometry (h, &g);
  return 0;
}

static int
start (struct handoff *h, bool stale, struct error *err)
{
  if (!h->path)
    return error_set_errno (err, ENOMEM, "its name");
  if (learn_geometry (h, err) == -1)
    return -1;
  return stale ? stale_new (h, &h->stale, err) : 0;
}

/* Who this is in a record. */
static int
identify (struct handoff *h, const char *host, struct error *err)
{
  if (!host)
    return 0;
  h->host = strdup (host);
  if (!h->host)
    return error_set_errno (err, ENOMEM, "this host's name");
  return record_random (h->instance, err);
}

int
handoff_new (const struct handoff_config *config, struct handoff **ret,
             struct error *err) NO_TSA
{
  struct handoff *h = calloc (1, sizeof *h);

  if (!h)
    return error_set_errno (err, ENOMEM, "opening %s", config->path);
  mutex_init (&h->command);
  mutex_init (&h->memory);
  spare_init (&h->spare);
  gate_init (&h->gate, config->hold, config->read_only);
  h->path = strdup (config->path);
  h->options = config->options;
  h->options.interrupt = &h->interrupt;
  h->options.spare = &h->spare;
  h->read_only = config->read_only;
  h->recorded = config->host && config->recorded && !config->read_only;
  h->ownership.recorded = h->recorded;
  if (h->recorded)
    h->options.autoclear_features = QCOW2_AUTOCLEAR_BATON;
  if (identify (h, config->host, err) == -1 ||
      start (h, config->stale_for_tests, err) == -1) {
    name_failure (h, "cannot open", err);
    handoff_free (h);
    return -1;
  }
  *ret = h;
  return 0;
}

void
handoff_interrupt (struct handoff *h)
{
  atomic_store (&h->interrupt, true);
}

void
handoff_free (struct handoff *h)
{
  if (!h)
    return;
  leftover_wait (&h->leftover);
  image_close (gate_detach (&h->gate));
  stale_free (h->stale);
  gate_destroy (&h->gate);
  spare_destroy (&h->spare);
  mutex_destroy (&h->memory);
  mutex_destroy (&h->command);
  free (h->host);
  free (h->path);
  free (h);
}

/* -- requests -------------------------------------------------------- */

enum admission
handoff_admit (struct handoff *h, enum request_kind kind,
               struct image **ret_image, struct error *err)
{
  return gate_admit (&h->gate, kind, ret_image, err);
}

void
handoff_leave (struct handoff *h)
{
  gate_leave (&h->gate);
}

uint64_t
handoff_size (struct handoff *h)
{
  uint64_t size;

  mutex_lock (&h->memory);
  size = h->virtual_size;
  mutex_unlock (&h->memory);
  return size;
}

void
handoff_connect (struct handoff *h)
{
  mutex_lock (&h->memory);
  h->nr_clients++;
  mutex_unlock (&h->memory);
}

void
handoff_disconnect (struct handoff *h)
{
  mutex_lock (&h->memory);
  h->nr_clients--;
  mutex_unlock (&h->memory);
}

static int
accept_size_locked (struct handoff *h, uint64_t size, struct error *err)
  REQUIRES (h->memory)
{
  if (size != h->virtual_size && h->nr_clients > 0)
    return error_set_class (err, ESTALE, "SizeChanged",
                            "its virtual size is %" PRIu64 " bytes now, but "
                            "%" PRIu64 " connected client%s of this server "
                            "%s told %" PRIu64 ": disconnect, and try again",
                            size, h->nr_clients,
                            h->nr_clients == 1 ? "" : "s",
                            h->nr_clients == 1 ? "was" : "were",
                            h->virtual_size);
  h->virtual_size = size;
  return 0;
}

int
handoff_accept_size (struct handoff *h, uint64_t size, struct error *err)
{
  int r;

  mutex_lock (&h->memory);
  r = accept_size_locked (h, size, err);
  mutex_unlock (&h->memory);
  return r;
}

/* -- what is remembered ---------------------------------------------- */

int
handoff_fail (struct handoff *h, const char *what, struct error *err,
              struct error *ret)
{
  name_failure (h, what, err);
  mutex_lock (&h->memory);
  snprintf (h->last_error, sizeof h->last_error, "%s", err->text);
  mutex_unlock (&h->memory);
  if (ret)
    *ret = *err;
  return -1;
}

void
handoff_remember_timeline (struct handoff *h, const struct handoff_timeline *t)
{
  mutex_lock (&h->memory);
  h->last = *t;
  mutex_unlock (&h->memory);
}

void
handoff_remember_lock (struct handoff *h, bool locked)
{
  mutex_lock (&h->memory);
  h->locked = locked;
  mutex_unlock (&h->memory);
}

void
handoff_remember_notices (struct handoff *h,
                          const struct image_notices *notices)
{
  mutex_lock (&h->memory);
  h->notices = *notices;
  mutex_unlock (&h->memory);
}

/* -- flush ----------------------------------------------------------- */

static int
flush_admitted (struct handoff *h, struct image *img, struct error *err)
{
  /* An image that was not started for writing has nothing to write back. */
  const int r = h->read_only ? 0 : image_flush (img, err);

  gate_leave (&h->gate);
  return r;
}

static int
flush_locked (struct handoff *h, struct error *err) REQUIRES (h->command)
{
  struct image *img;

  if (gate_state (&h->gate) != HANDOFF_ACTIVE)
    return error_set_class (err, EPERM, "WrongState",
                            "this server is inactive: it holds nothing to "
                            "write back");
  /* The state cannot change: `command` is held. */
  if (gate_admit (&h->gate, REQUEST_FLUSH, &img, err) != ADMITTED)
    return -1;
  return flush_admitted (h, img, err);
}

int
handoff_flush (struct handoff *h, struct error *err)
{
  struct error e = ERROR_INIT;
  int r;

  mutex_lock (&h->command);
  r = flush_locked (h, &e);
  mutex_unlock (&h->command);
  return r == -1 ? handoff_fail (h, "cannot flush", &e, err) : 0;
}

/* -- invalidate ------------------------------------------------------ */

static int
invalidate_locked (struct handoff *h, struct error *err) REQUIRES (h->command)
{
  struct handoff_geometry g;

  if (gate_state (&h->gate) != HANDOFF_INACTIVE)
    return error_set_class (err, EPERM, "WrongState",
                            "this server is active, and it would throw "
                            "away unwritten changes; inactivate it first");
  if (handoff_read_geometry (h, &g, err) == -1 ||
      handoff_accept_size (h, g.virtual_size, err) == -1 ||
      warm_keyring (h, &g, err) == -1)
    return -1;
  remember_geometry (h, &g);
  return 0;
}

int
handoff_invalidate (struct handoff *h, struct error *err)
{
  struct error e = ERROR_INIT;
  int r;

  mutex_lock (&h->command);
  r = invalidate_locked (h, &e);
  mutex_unlock (&h->command);
  return r == -1 ? handoff_fail (h, "cannot invalidate", &e, err) : 0;
}

/* -- status ---------------------------------------------------------- */

/* Figures may wait for a lock of the engine that is held across metadata
 * writes; nobody else should wait with us. */
static void
get_stats (struct handoff *h, struct image *img, struct handoff_status *ret)
{
  ret->has_stats = true;
  image_get_stats (img, &ret->stats);
  gate_leave (&h->gate);
}

/* A device has a number on this host only. */
static uint64_t
file_number (const uint64_t identity[2])
{
  return identity[1] == UINT64_MAX ? 0 : identity[1];
}

void
handoff_get_status (struct handoff *h, struct handoff_status *ret)
{
  struct image *img;

  memset (ret, 0, sizeof *ret);
  img = gate_snapshot (&h->gate, ret);
  if (img)
    get_stats (h, img, ret);
  mutex_lock (&h->memory);
  ret->locked = h->locked;
  ret->ownership = h->ownership;
  ret->virtual_size = h->virtual_size;
  ret->cluster_size = h->cluster_size;
  ret->file_number = file_number (h->identity);
  ret->data_file_number = file_number (h->data_identity);
  memcpy (ret->last_error, h->last_error, sizeof ret->last_error);
  ret->notices = h->notices;
  ret->last = h->last;
  mutex_unlock (&h->memory);
}
