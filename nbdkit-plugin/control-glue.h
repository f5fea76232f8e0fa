/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the commands of the control endpoint do to the server.
 */

#ifndef BATON_CONTROL_GLUE_H
#define BATON_CONTROL_GLUE_H

#include "control.h"

extern const struct control_callbacks control_glue;

#endif /* BATON_CONTROL_GLUE_H */
