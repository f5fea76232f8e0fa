/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A listening Unix socket at a path, for those whom its mode lets in, and
 * the removal of it.
 *
 * No locks; any thread, but one at a time per struct.
 */

#ifndef BATON_SOCKET_FILE_H
#define BATON_SOCKET_FILE_H

#include <sys/types.h>

#include "error.h"

struct socket_file {
  int fd;                       /* listening, non-blocking; -1: none */
  char *path;                   /* ours */
  dev_t dev;                    /* of the file that we made */
  ino_t ino;
};

/* Bind and listen at PATH (copied), which ought to be absolute: it is used
 * again to remove the file.  MODE: its permissions, never more than that.
 * Errors: EADDRINUSE where another server answers, EEXIST where something
 * that is no socket is in the way, ENAMETOOLONG, or the system's. */
int socket_file_listen (const char *path, unsigned mode,
                        struct socket_file *ret, struct error *err);

/* Remove the file if it is still the one that we made, then close.  NULL
 * and a struct of { .fd = -1 } are accepted. */
void socket_file_close (struct socket_file *s);

#endif /* BATON_SOCKET_FILE_H */
