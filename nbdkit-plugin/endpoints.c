/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The control endpoints (endpoints.h).
 */

#include <config.h>

#include <stddef.h>
#include <string.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include "control-glue.h"
#include "endpoints.h"

/* An own certificate that has expired is no reason not to serve the disk:
 * a server that systemd restarts at night must come up. */
static void
warn_of_own (const struct tls_credentials *tls)
{
  struct error err = ERROR_INIT;

  if (tls_credentials_check_own (tls, &err) == -1)
    nbdkit_error ("warning: control-tls-certificates: %s", err.text);
}

static int
load_tls (const struct parameters *p, struct endpoints *e, struct error *err)
{
  int r;

  if (p->control_tls_psk)
    r = tls_credentials_new_psk (p->control_tls_psk, &e->tls, err);
  else
    r = tls_credentials_new_x509 (p->control_tls_certificates, &e->tls, err);
  if (r == -1)
    return error_prefix (err, "control-tls-%s",
                         p->control_tls_psk ? "psk" : "certificates");
  warn_of_own (e->tls);
  return 0;
}

static int
new_remote (const struct parameters *p, struct control_config config,
            struct endpoints *e, struct error *err)
{
  if (load_tls (p, e, err) == -1)
    return -1;
  config.path = NULL;
  config.listen = p->control_listen;
  config.tls = e->tls;
  if (control_listener_new (&config, &e->remote, err) == -1)
    return error_prefix (err, "control-listen=%s", p->control_listen);
  return 0;
}

int
endpoints_new (const struct parameters *p, struct endpoints *ret,
               struct error *err)
{
  const struct control_config config = {
    .path = p->control,
    .mode = p->control_mode,
    .access = &p->control_access,
    .callbacks = &control_glue,
    .description = p->file,
  };

  memset (ret, 0, sizeof *ret);
  if (p->control && control_listener_new (&config, &ret->local, err) == -1)
    return -1;
  if (p->control_listen && new_remote (p, config, ret, err) == -1)
    return -1;
  return 0;
}

int
endpoints_start (struct endpoints *e, struct error *err)
{
  if (e->local && control_listener_start (e->local, err) == -1)
    return -1;
  if (e->remote && control_listener_start (e->remote, err) == -1)
    return -1;
  return 0;
}

void
endpoints_free (struct endpoints *e)
{
  control_listener_free (e->remote);
  control_listener_free (e->local);
  tls_credentials_free (e->tls);
  memset (e, 0, sizeof *e);
}
