/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How a test tells a server which of its I/O is to fail.
 *
 * faulty-io.so (faulty-io.c) is loaded into the server with LD_PRELOAD and
 * maps the file that FAULTY_IO names in its environment; the test maps the
 * same file.  What the server's own libraries do with other files is let
 * through: only the file with this inode counts.
 */

#ifndef BATON_TESTS_FAULTY_IO_H
#define BATON_TESTS_FAULTY_IO_H

#include <stdint.h>

enum io_class { IO_READ, IO_WRITE, IO_SYNC, IO_SPACE, IO_LOCK, IO_OPEN };
#define NR_IO_CLASSES 6

/* All atomic; zero: nothing fails. */
struct faulty_io {
  uint64_t inode;               /* of the image */
  uint32_t class_plus_1;        /* 0: not armed */
  uint32_t countdown;           /* how many more of them succeed */
  uint32_t forever;             /* else only one fails */
  uint32_t nr_failed;           /* so far, since the file was made */
};

#endif /* BATON_TESTS_FAULTY_IO_H */
