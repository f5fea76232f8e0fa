/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The state of one negotiation, between its loop (handshake.c) and the
 * answers to its options (options.c).  For these two files only.
 *
 * Lives on the connection's stack; one thread; no locks.
 */

#ifndef BATON_HAGGLE_H
#define BATON_HAGGLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "handshake.h"
#include "transport.h"

enum step {
  STEP_NEXT,                    /* another option may follow */
  STEP_TRANSMISSION,
  STEP_END,
  STEP_FAIL,                    /* err is filled */
};

/* There is one; a context is bound to it by its address. */
struct export {
  const char *name;
  const char *description;      /* may be NULL */
};

struct haggle {
  struct transport *t;          /* STARTTLS puts another in its place */
  const struct handshake_config *config;
  int64_t deadline_ms;
  struct error *err;
  struct export export;

  bool fixed;                   /* client flags */
  bool no_zeroes;
  bool encrypted;               /* TLS is up */
  bool refused_plain;           /* it tried to go on without */
  enum access_role role;        /* ROLE_NONE: not known yet */

  /* What STARTTLS makes void: */
  bool structured;
  const struct export *context_export;  /* NULL: context not selected */

  const struct export *chosen_export;   /* set with STEP_TRANSMISSION */

  uint32_t option;              /* being answered */
  size_t len_bytes;             /* of data, all of it received */
  uint8_t data[HANDSHAKE_MAX_OPTION_BYTES];
};

/* Answer the option in H, whose data are there. */
enum step handle_option (struct haggle *h);
/* The same for one whose data were too long and have been drained. */
enum step refuse_long_option (struct haggle *h);

/* Commands may be sent to E. */
bool has_control (const struct haggle *h, const struct export *e);

#endif /* BATON_HAGGLE_H */
