/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A system where a test says what is cached of a file.  Its storage is a second
 * file; open, pread, posix_fadvise, mincore and syscall of the program that is
 * linked with cached-file.c, and of the engine in it, are those of that system.
 * For one thread.
 */

#ifndef BATON_TESTS_CACHED_FILE_H
#define BATON_TESTS_CACHED_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the kernel does. */
extern struct cached_file {
  uint64_t from, to;            /* is cached */
  unsigned nr_drops;            /* but not after so many */
  bool no_cachestat, no_mincore, no_direct;
  bool cachestat_ends;          /* it is there when it is looked for */
  unsigned nr_mincore;          /* this one alone finds it; 0: all do */
  int stored_errno, cached_errno;
  int interrupted;              /* so many reads of the storage */
  size_t at_most;               /* bytes that each of them gets; 0: all */
} here;

extern struct cached_calls {
  unsigned drops, cachestat, mincore, stored;
} calls;

/* The second file; its descriptor, where it is open. */
extern char stored_path[320];
extern int stored_fd;

#endif /* BATON_TESTS_CACHED_FILE_H */
