/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The parameters of the control endpoint: for parameters.c, whose rows these
 * are.  Each takes a value; -1 after nbdkit_error.
 */

#ifndef BATON_PARAMETERS_CONTROL_H
#define BATON_PARAMETERS_CONTROL_H

#include "parameters.h"

int set_control (struct parameters *p, const char *value);
int set_control_mode (struct parameters *p, const char *value);
int set_control_listen (struct parameters *p, const char *value);
int set_control_tls_certificates (struct parameters *p, const char *value);
int set_control_tls_psk (struct parameters *p, const char *value);
int set_control_allow (struct parameters *p, const char *value);
int set_control_allow_status (struct parameters *p, const char *value);

/* What they mean together. */
int check_control_endpoint (const struct parameters *p);

#endif /* BATON_PARAMETERS_CONTROL_H */
