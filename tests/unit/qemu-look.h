/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What QEMU says of many images.
 *
 * `qemu-img check' takes 20 ms of a processor to start and one to look.  An
 * image whose dirty bit is set is checked, by the same code, when QEMU opens
 * it for writing; so a copy with that bit is given to a qemu-io that stays,
 * and what it prints meanwhile is the verdict (test-qemu-look.c holds one
 * against the other).  A copy of version 2, which has no such bit, becomes one
 * of version 3.  The copies are in memory; DISK is not changed.
 */

#ifndef BATON_TESTS_QEMU_LOOK_H
#define BATON_TESTS_QEMU_LOOK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "simdisk.h"

/* As qemu-img's exit status; what it cannot open or read is broken, too. */
enum verdict { VERDICT_CLEAN = 0, VERDICT_BROKEN = 2, VERDICT_LEAKS = 3 };

struct qemu_look {
  const char *dir;              /* where names of data files begin; borrowed */
  int image;                    /* the copy, a file without a name */
  pid_t pid;                    /* of qemu-io; 0: there is none */
  int to, from;                 /* its input, its output */
  char said[4096];              /* the line that it is printing */
  size_t said_bytes;
  enum verdict verdict;         /* by the lines so far */
  bool unsure;
  uint64_t nr_checks;           /* by a qemu-img check */
};

/* Fail the test where something does not work. */
void qemu_look_init (struct qemu_look *q, const char *dir);
void qemu_look_destroy (struct qemu_look *q);

/* By the qemu-io that stays; or if that does not suffice by the other. */
enum verdict qemu_look (struct qemu_look *q, struct simdisk *disk);
/* The same, of a copy of which reference_drop_leaks has taken the leaks: QEMU
 * need not tell, and mend, thousands of them, and says so where it finds a
 * reference that our own count has not found.  No snapshots. */
enum verdict qemu_look_past_leaks (struct qemu_look *q, struct simdisk *disk);
/* By a `qemu-img check' of its own. */
enum verdict qemu_look_check (struct qemu_look *q, struct simdisk *disk);
#endif /* BATON_TESTS_QEMU_LOOK_H */
