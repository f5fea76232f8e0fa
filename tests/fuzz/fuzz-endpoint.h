/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the fuzz targets of the control endpoint share: a server whose commands
 * are counted, and the short spelling of what a client says.
 *
 * Words, so that a fuzzer need not find "IHAVEOPT" by chance; each is a byte
 * that says which, and what belongs to it:
 *
 *   0 N BYTE...            so many bytes as they are
 *   1 OPTION LEN           the head of an option; what follows is its data
 *   2 OPTION               an option without data
 *   3 OPTION               9 or 10: the control context of the export
 *   4 OPTION               6 or 7: the export
 *   5 TYPE FLAGS AT LEN    a request, in units of 4 KiB
 *   6 COMMAND              a WRITE with a command
 *   7 FLAGS                the client's flags
 */

#ifndef BATON_FUZZ_ENDPOINT_H
#define BATON_FUZZ_ENDPOINT_H

#include <unistd.h>

#include "control.h"
#include "fuzz.h"
#include "tls.h"

struct endpoint {
  unsigned nr_commands;
};

/* Their opaque is a struct endpoint.  Commands succeed, or fail as if
 * planned. */
extern const struct control_callbacks endpoint_callbacks;

/* The longest that one word can be. */
#define WORD_MAX_BYTES 288

/* What WORD_MAX_BYTES at OUT have of the next word; 0: there is none.
 * *RET_COMMANDS: how many commands end with it. */
size_t word_expand (struct input *in, uint8_t *out, unsigned *ret_commands);

/* Keys that are in no file any more once they are loaded. */
static inline struct tls_credentials *
endpoint_keys (const char *keys)
{
  char path[] = "/tmp/baton-fuzz-XXXXXX";
  struct tls_credentials *tls;
  struct error err = ERROR_INIT;
  const int fd = mkstemp (path);

  require (fd != -1 &&
           write (fd, keys, strlen (keys)) == (ssize_t) strlen (keys), path);
  close (fd);
  require (tls_credentials_new_psk (path, &tls, &err) == 0, err.text);
  unlink (path);
  return tls;
}

#endif /* BATON_FUZZ_ENDPOINT_H */
