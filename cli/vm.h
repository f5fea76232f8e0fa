/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A virtual machine, as its QEMU's monitor tells of it.
 *
 * Single-threaded.  What is known is what was last heard: of events while
 * something is waited for, and of the questions below.
 */

#ifndef BATON_VM_H
#define BATON_VM_H

#include <stdbool.h>
#include <stdint.h>

#include "answer.h"
#include "qmp.h"

#define VM_WORD_BYTES 32

struct vm_memory {              /* of a migration; bytes */
  uint64_t transferred, remaining, total;
  uint64_t bytes_per_s;
  uint64_t downtime_ms;         /* as QEMU has it, at the end */
};

struct vm {
  const char *path;             /* of the monitor; borrowed */
  struct qmp *qmp;              /* NULL: never connected */
  uint64_t timeout_us;          /* of one question; a fifth of it as long as
                                 * it is silent */
  uint64_t unheard_us;          /* clock_us of the first question since it was
                                 * heard */
  char state[VM_WORD_BYTES];    /* "running", ...; "": it does not tell */
  bool busy;                    /* others have its monitor */
  bool ended;                   /* its QEMU has, after it was heard */
  char migration[VM_WORD_BYTES];        /* "active", ...; "": none */
  char migration_error[256];
  char blocked[256];            /* why it cannot be migrated, or "" */
  struct vm_memory memory;
  /* clock_us of events that came; 0: they did not. */
  uint64_t stopped_us;
  uint64_t at_switchover_us;    /* "pre-switchover" */
  uint64_t moved_us;            /* "completed" */
  uint64_t resumed_us;
};

/* False: *RET says why. */
bool vm_connect (struct vm *v, struct answer *ret);
/* Ask for state and migration; the state becomes "", and the migration what
 * events tell meanwhile, where it does not answer both. */
void vm_look (struct vm *v);
/* False: refused, or lost; *RET says which. */
bool vm_do (struct vm *v, const char *execute, const json_t *arguments,
            struct answer *ret);
void vm_disconnect (struct vm *v);

/* clock_us of the first question after which nothing was heard; 0: it is not
 * silent. */
uint64_t vm_silent_since_us (const struct vm *v);

bool vm_is_connected (const struct vm *v);
bool vm_is (const struct vm *v, const char *state);
bool vm_migration_is (const struct vm *v, const char *status);
/* Set up, on its way, or being cancelled. */
bool vm_is_migrating (const struct vm *v);

#endif /* BATON_VM_H */
