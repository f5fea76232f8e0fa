/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Words that begin with a scheme, such as "unix:PATH".
 */

#ifndef BATON_PREFIX_H
#define BATON_PREFIX_H

#include <stddef.h>
#include <string.h>

/* What follows PREFIX in TEXT; NULL: it does not begin so. */
static inline const char *
prefix_after (const char *text, const char *prefix)
{
  const size_t len = strlen (prefix);

  return strncmp (text, prefix, len) == 0 ? text + len : NULL;
}

#endif /* BATON_PREFIX_H */
