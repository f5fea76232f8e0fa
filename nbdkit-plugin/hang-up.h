/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Hanging up on a client whose requests have waited too long: it gets no
 * answer to them, and if it reconnects it sends them again, to whoever serves
 * then.  An error would be an I/O error in its guest.
 *
 * A client here is who is at the other end: connections with the same
 * address, or from the same process.  All of its connections end at once.
 *
 * From any thread of nbdkit's.
 */

#ifndef BATON_HANG_UP_H
#define BATON_HANG_UP_H

#include <stdbool.h>

struct client;

/* A connection opens: its client, or NULL where it cannot be told. */
struct client *client_join (void);
/* It has closed.  NULL is accepted, here and below. */
void client_part (struct client *c);

/* A request begins to wait, and ends.  Where the client is hung up on, each
 * must end before the connections do. */
void client_park (struct client *c);
void client_unpark (struct client *c);

/* Begin to hang up.  False: that cannot be done, answer an error. */
bool client_hang_up (struct client *c);
/* What is parked is to end, with any error: nobody gets the answer. */
bool client_is_hung_up (struct client *c);

/* Wait for what goes on in the background.  Before the plugin is unloaded. */
void client_stop (void);

#endif /* BATON_HANG_UP_H */
