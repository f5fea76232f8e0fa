/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The files from which crash worlds (crash-world.h) are made, in a temporary
 * directory of this process: base.raw, what backing files and compressed
 * images hold at first, "request 1"; and stale, what no request writes.
 */

#ifndef BATON_TESTS_CRASH_FILES_H
#define BATON_TESTS_CRASH_FILES_H

#include "qemu-look.h"

/* -1: no directory could be made. */
int crash_files_make (void);
void crash_files_remove (void);

/* COMMAND in that directory; fails the test where it fails. */
void crash_shell (const char *command);
/* NAME there, as a disk. */
struct simdisk *crash_load (const char *name);

/* QEMU's look at what is in that directory (qemu-look.h). */
struct qemu_look *crash_qemu (void);

#endif /* BATON_TESTS_CRASH_FILES_H */
