/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Where each message of an NBD connection (fixed newstyle, structured
 * replies negotiated) ends.  Pure.
 */

#ifndef BATON_TESTS_FAULTS_FRAMES_H
#define BATON_TESTS_FAULTS_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct frames {
  bool greeted;                 /* the server's first message has passed */
  bool has_flags;               /* the client's first one */
  bool transmission;            /* the handshake is over */
};

/* Length of the message at BUF, of which LEN bytes are there; 0: they are
 * too few to tell. */
size_t frames_to_server (const struct frames *f, const uint8_t *buf,
                         size_t len);
size_t frames_to_client (const struct frames *f, const uint8_t *buf,
                         size_t len);
/* That message has passed. */
void frames_passed (struct frames *f, bool to_server, const uint8_t *buf);

/* Is it NBD_CMD_WRITE? */
bool frames_is_write (const struct frames *f, const uint8_t *buf);

#endif /* BATON_TESTS_FAULTS_FRAMES_H */
