/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the user types for a server: a Unix socket's path or an NBD URI.
 *
 * Pure; borrows the text.
 */

#ifndef BATON_ENDPOINT_H
#define BATON_ENDPOINT_H

#include <stdbool.h>

#include "error.h"

struct endpoint {
  bool is_uri;
  const char *text;
};

/* EINVAL where it can be neither; ENAMETOOLONG: no socket has such a path. */
int endpoint_parse (const char *text, struct endpoint *ret,
                    struct error *err);

#endif /* BATON_ENDPOINT_H */
