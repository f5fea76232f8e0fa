/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The subcommands: a const table (main.c), one file each.
 */

#ifndef BATON_SUBCOMMAND_H
#define BATON_SUBCOMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "client.h"

/* Exit codes. */
#define EXIT_DONE 0
#define EXIT_FAILED 1
#define EXIT_USAGE 2

struct options {
  bool json;
  struct client_deadlines deadlines;
  struct client_tls tls;        /* --tls-...; NULL: not given */
  uint64_t drain_us;            /* --drain-timeout, or its default */
  const char *ticket;           /* --ticket FILE, "-": stdin; NULL: none */
  bool force;
  bool exit;                    /* --exit */
  const char *repair;           /* --repair, "leaks" or "all"; NULL: not given */
  bool progress;                /* --progress */
  const char *uri;              /* --uri; NULL: not given */
  bool cancel;                  /* --cancel */
  bool other_disks;             /* --allow-other-disks */
  bool other_images;            /* --allow-other-images */
};

struct subcommand {
  const char *name;
  const char *operands;         /* "ENDPOINT...": for the synopsis */
  size_t min_operands;
  size_t max_operands;
  bool drains;                  /* takes --drain-timeout */
  bool exits;                   /* takes --exit */
  bool takes_over;              /* takes --ticket and --force */
  bool on_image;                /* the operands are images and not endpoints;
                                 * takes --repair and --progress; its exit
                                 * codes are its own */
  bool migrates;                /* takes --uri, --cancel,
                                 * --allow-other-disks and -images */
  const char *summary;          /* a line for the list */
  const char *help;             /* a paragraph or two, for --help */
  /* ENDPOINTS have been checked, if that is what they are.  An exit code. */
  int (*run) (const struct options *options, size_t nr_endpoints,
              char *const *endpoints);
};

extern const struct subcommand subcommand_status;
extern const struct subcommand subcommand_flush;
extern const struct subcommand subcommand_inactivate;
extern const struct subcommand subcommand_activate;
extern const struct subcommand subcommand_invalidate;
extern const struct subcommand subcommand_pass;
extern const struct subcommand subcommand_migrate;
extern const struct subcommand subcommand_check;

/* All of them; ends with NULL. */
extern const struct subcommand *const subcommands[];

/* NULL: there is none of that name. */
const struct subcommand *subcommand_find (const char *name);

/* help.c */
void help_general (FILE *out);
void help_subcommand (FILE *out, const struct subcommand *s);

#endif /* BATON_SUBCOMMAND_H */
