/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the engine makes of a malformed image, and whether it keeps promise I.
 *
 * Each image is checked, opened read-only and read, opened for writing and
 * written to, and repaired, each on a fresh copy.  Broken promises are told
 * on stderr and counted:
 *
 *   - checking, reading, and opening what is then refused, change nothing (but
 *     an image with the dirty bit may have been repaired);
 *   - no file is opened outside the directory;
 *   - guest data are never written over a structure (a repair may have moved
 *     the refcounts: then where they were is no structure);
 *   - what was written reads back;
 *   - where the check had found nothing wrong: the rest of the disk is as
 *     before, what could be read when the image was closed reads the same when
 *     it is opened again, and the check still finds nothing wrong; clusters of
 *     bitmaps that were given up, which was told, may leak;
 *   - what was repaired with nothing left to repair is found to be so; guest
 *     data that could be read before a repair read the same;
 *   - nothing fails for want of memory, and the limits of case-limits.h hold:
 *     a second for serving, ten for checking and repairing.
 */

#ifndef BATON_TESTS_MALFORMED_RUN_H
#define BATON_TESTS_MALFORMED_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "check.h"
#include "error.h"
#include "image.h"
#include "malformed-cases.h"
#include "memdisk.h"

/* Guest clusters 0 to 7 at their beginnings, and the last sector. */
#define MALFORMED_NR_READS 9
#define MALFORMED_READ_BYTES 512

struct malformed_verdict {
  bool ro, rw;                  /* it could be opened */
  struct error ro_err, rw_err;  /* where not */
  int check;                    /* as qemu-img check: 0 clean, 2 corruptions,
                                 * 3 leaks, 1 it could not be checked */
  struct error check_err;
  struct {
    bool ok;
    uint32_t crc;
  } reads[MALFORMED_NR_READS];
};

struct malformed_runner {
  struct io_opener opener;
  struct memdisk disk, backing, data;
  const char *dir;              /* where the image is, resolved */
  uint8_t *before, *after, *raw;        /* WINDOW each */
  uint8_t backing_bytes[1024 * 1024], data_bytes[1024 * 1024];
  const struct malformed *m;
  struct check_result first_check;
  bool dirty, was_clean;
  uint64_t nr_broken;
  uint64_t nr_requests;         /* reads, writes, ... made */
};

void malformed_runner_init (struct malformed_runner *r, const char *dir);
void malformed_runner_destroy (struct malformed_runner *r);

void malformed_run (struct malformed_runner *r, const struct malformed *m,
                    struct malformed_verdict *ret);

/* Where read I of MALFORMED_NR_READS is. */
uint64_t malformed_read_offset (const struct malformed *m, unsigned i);

#endif /* BATON_TESTS_MALFORMED_RUN_H */
