/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The parameters of the control endpoint (parameters-control.h).
 */

#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include "parameters-control.h"
#include "tcp-listen.h"

/* -- values ------------------------------------------------------------ */

int
set_control (struct parameters *p, const char *value)
{
  if (!value[0]) {
    nbdkit_error ("control=: give the path of the socket to create");
    return -1;
  }
  p->control = nbdkit_absolute_path (value);
  return p->control ? 0 : -1;
}

int
set_control_mode (struct parameters *p, const char *value)
{
  char *end;
  unsigned long mode = strtoul (value, &end, 8);

  if (value[0] < '0' || value[0] > '7' || *end || mode == 0 || mode > 0777) {
    nbdkit_error ("control-mode=%s: must be permissions in octal, such as "
                  "0660", value);
    return -1;
  }
  p->control_mode = (unsigned) mode;
  return 0;
}

static int
copy (const char *value, char **ret)
{
  *ret = strdup (value);
  if (!*ret)
    nbdkit_error ("strdup: %s", strerror (errno));
  return *ret ? 0 : -1;
}

int
set_control_listen (struct parameters *p, const char *value)
{
  struct error err = ERROR_INIT;
  struct tcp_address address;

  if (tcp_address_parse (value, &address, &err) == -1) {
    nbdkit_error ("control-listen=%s", err.text);
    return -1;
  }
  return copy (value, &p->control_listen);
}

int
set_control_tls_certificates (struct parameters *p, const char *value)
{
  p->control_tls_certificates = nbdkit_realpath (value);
  return p->control_tls_certificates ? 0 : -1;
}

int
set_control_tls_psk (struct parameters *p, const char *value)
{
  p->control_tls_psk = nbdkit_realpath (value);
  return p->control_tls_psk ? 0 : -1;
}

static int
allow (struct parameters *p, const char *name, const char *value,
       enum access_role role)
{
  struct error err = ERROR_INIT;

  if (access_list_add (&p->control_access, value, role, &err) == -1) {
    nbdkit_error ("%s=%s: %s", name, value, err.text);
    return -1;
  }
  return 0;
}

int
set_control_allow (struct parameters *p, const char *value)
{
  return allow (p, "control-allow", value, ROLE_CONTROL);
}

int
set_control_allow_status (struct parameters *p, const char *value)
{
  return allow (p, "control-allow-status", value, ROLE_STATUS);
}

/* -- together ---------------------------------------------------------- */

/* Credentials are needed exactly where there is TCP. */
static int
check_tls (const struct parameters *p)
{
  const bool has_tls = p->control_tls_certificates || p->control_tls_psk;

  if (p->control_tls_certificates && p->control_tls_psk) {
    nbdkit_error ("control-tls-certificates= and control-tls-psk= exclude "
                  "each other: give one");
    return -1;
  }
  if (p->control_listen && !has_tls) {
    nbdkit_error ("control-listen= needs control-tls-certificates=DIR or "
                  "control-tls-psk=FILE: nobody may command this server over "
                  "the network without TLS ('baton-pki' makes certificates "
                  "to try it with)");
    return -1;
  }
  if (!p->control_listen && has_tls) {
    nbdkit_error ("control-tls-%s= needs control-listen=HOST:PORT",
                  p->control_tls_psk ? "psk" : "certificates");
    return -1;
  }
  return 0;
}

static int
check_names (const struct parameters *p)
{
  const bool names = access_list_has_tls (&p->control_access);

  if (p->control_listen && !names) {
    nbdkit_error ("control-listen= needs control-allow=NAME,... or "
                  "control-allow-status=NAME,...: whose certificate or key "
                  "may command this server, or look at it?");
    return -1;
  }
  if (!p->control_listen && names) {
    nbdkit_error ("control-allow= has names of TLS clients: these need "
                  "control-listen=HOST:PORT (for users of the Unix socket: "
                  "user:NAME, group:NAME)");
    return -1;
  }
  return 0;
}

int
check_control_endpoint (const struct parameters *p)
{
  if (check_tls (p) == -1 || check_names (p) == -1)
    return -1;
  if (!p->control && p->control_mode) {
    nbdkit_error ("control-mode= needs control=PATH");
    return -1;
  }
  if (!p->control && access_list_has_unix (&p->control_access)) {
    nbdkit_error ("control-allow=user:... and group:... need control=PATH");
    return -1;
  }
  return 0;
}
