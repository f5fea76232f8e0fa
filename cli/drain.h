/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The arguments of the command "inactivate".
 */

#ifndef BATON_DRAIN_H
#define BATON_DRAIN_H

#include <jansson.h>

#include "subcommand.h"

/* {"drain-timeout-ms": ...}.  New reference, NULL: no memory. */
static inline json_t *
drain_arguments (const struct options *options)
{
  const uint64_t ms = (options->drain_us + 999) / 1000;

  return json_pack ("{s:I}", "drain-timeout-ms", (json_int_t) ms);
}

#endif /* BATON_DRAIN_H */
