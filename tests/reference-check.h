/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A small checker of qcow2 references, for tests that look at millions of
 * images: no host cluster has more references than its refcount, none that
 * is referred to is free.  It shares no code with the engine but the parser
 * of the header and of L2 entries.
 */

#ifndef BATON_TESTS_REFERENCE_CHECK_H
#define BATON_TESTS_REFERENCE_CHECK_H

#include <stdint.h>

#include "error.h"
#include "io.h"

/* 0, or -1 and what is wrong.  *RET_LEAKS: clusters that are counted more
 * often than they are referred to. */
int reference_check (struct io *io, uint64_t *ret_leaks, struct error *err);

/* In the file: what is counted and not referred to becomes free, and what only
 * compressed data refer to, so that it is COPIED nowhere, is counted as often
 * as they do. */
int reference_drop_leaks (struct io *io, struct error *err);

#endif /* BATON_TESTS_REFERENCE_CHECK_H */
