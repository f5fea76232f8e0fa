/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The plugin's parameters, KEY=VALUE on nbdkit's command line.
 *
 * One table (in parameters.c) is what is parsed, what --help prints and what
 * --dump-plugin lists; nbdkit-qcow2-plugin(1) is tested against it.
 *
 * Errors go to nbdkit_error: one line that names the parameter and says what
 * to do; the functions then return -1.  For the thread that starts the server.
 */

#ifndef BATON_PARAMETERS_H
#define BATON_PARAMETERS_H

#include <stdbool.h>
#include <stdint.h>

#include "access.h"
#include "image.h"
#include "io-file.h"
#include "keyring.h"

struct parameters {
  char *file;                           /* absolute */
  char *control;                        /* absolute, or NULL */
  unsigned control_mode;                /* 0: not given */
  char *control_listen;                 /* HOST:PORT, or NULL */
  char *control_tls_certificates;       /* absolute, or NULL */
  char *control_tls_psk;                /* absolute, or NULL */
  struct access_list control_access;
  char *host;
  bool start_inactive;
  bool hold;
  unsigned hold_timeout_seconds;        /* 0: no limit */
  bool hold_end_close;                  /* then close the connections */
  enum locking locking;
  bool direct;
  uint64_t metadata_cache_bytes;
  enum backing_policy backing;
  enum backing_policy data_file;
  char *data_file_path;                 /* absolute, or NULL: as the image
                                         * says */
  bool keep_space;
  struct keyring *keyring;              /* of passphrase-file=, or NULL */
  bool compress;
  char *snapshot;                       /* id or name, or NULL */
  bool allow_corrupt;
  uint64_t given;                       /* bit per row of the table */
};

#define PARAMETERS_INIT { .hold_timeout_seconds = 60 }

extern const char parameters_help[];

int parameters_set (struct parameters *p, const char *key, const char *value);
/* All have been set: check what they mean together, fill in defaults. */
int parameters_complete (struct parameters *p);
/* Their names, separated by spaces, to stdout. */
void parameters_dump (void);
void parameters_free (struct parameters *p);

#endif /* BATON_PARAMETERS_H */
