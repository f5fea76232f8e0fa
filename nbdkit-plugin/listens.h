/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where this process listens: nbdkit's data sockets, which it does not tell
 * its plugins of, and the control sockets.
 */

#ifndef BATON_LISTENS_H
#define BATON_LISTENS_H

#include <jansson.h>

/* An array of "unix:PATH" and "tcp:HOST:PORT", as they were bound.  A new
 * reference; empty where /proc is missing. */
json_t *listens_json (void);

#endif /* BATON_LISTENS_H */
