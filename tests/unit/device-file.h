/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A system where a file is a block device if a test says so, or is replaced or
 * fails while it is opened: stat, fstat, fcntl, ioctl, lseek, statx and
 * ftruncate of the program that is linked with device-file.c, and of the engine
 * in it, are those of that system.  For one thread.
 */

#ifndef BATON_TESTS_DEVICE_FILE_H
#define BATON_TESTS_DEVICE_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#define DEVICE_BYTES UINT64_C (100000)
#ifdef STATX_DIOALIGN
#define HAVE_DIOALIGN true
#else
#define HAVE_DIOALIGN false
#endif

/* What the system does; all zero: a file, and nothing fails. */
extern struct device_file {
  mode_t kind;                  /* not 0: S_IFMT of what stat and fstat say */
  mode_t opened_kind;           /* the same, of what fstat says */
  unsigned no_fstat;            /* that one, counted from 1, fails */
  unsigned other_fstat;         /* from this one on, it is another file, */
  bool other_device;            /* on another device */
  int no_stat;                  /* errno of stat */
  bool no_setfl, no_size, no_sector, no_holes, no_truncate;
  bool has_dioalign;
  int sector;                   /* of the device, bytes */
  uint32_t mem_align, offset_align;     /* what statx says */
} here;

extern unsigned nr_fstat;       /* calls so far */

#endif /* BATON_TESTS_DEVICE_FILE_H */
