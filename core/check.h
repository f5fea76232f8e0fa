/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Offline check of a qcow2 image, and its repair.
 *
 * Follows every pointer of the image (header, active and snapshots' L1 and
 * L2 tables, refcount table and blocks, snapshot table, bitmaps, encryption
 * header), counts how often each host cluster is referred to, and compares
 * that with the refcounts; then COPIED of the active tables with them.  What
 * counts as what is as in `qemu-img check`.
 *
 * The image must not be in use: the caller holds a lock on IO (LOCK_READER;
 * LOCK_WRITER to repair).  Backing and data files are not looked at.
 *
 * Repair, with P of docs/DURABILITY.md at every moment: a power cut or a kill
 * leaves an image that may be repaired again and has lost nothing that was
 * referred to.  Rules C1 to C4 there.
 *
 * Memory: census (check-census.h), the refcount table (8 MiB at most), and
 * a few clusters.  Time: each L2 table is read twice, each refcount block
 * twice.  One thread.
 */

#ifndef BATON_CHECK_H
#define BATON_CHECK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "error.h"
#include "io.h"

enum check_repair {
  CHECK_REPAIR_NONE,            /* writes nothing */
  CHECK_REPAIR_LEAKS,           /* lower refcounts that are too high */
  CHECK_REPAIR_ALL,             /* and raise those too low, make a refcount
                                 * table where it is unusable, set COPIED
                                 * right, clear the dirty and corrupt bits */
};

struct check_options {
  enum check_repair repair;
  /* One line on something that is wrong, or was repaired.  NULL: none. */
  void (*finding) (void *opaque, const char *text);
  /* DONE of TOTAL steps of PHASE ("counting", ...), now and then; never
   * more than TOTAL.  NULL: none. */
  void (*progress) (void *opaque, const char *phase, uint64_t done,
                    uint64_t total);
  void *opaque;                 /* of both */
  const _Atomic bool *interrupt; /* set by anybody: give up soon, EINTR.  NULL:
                                 * never */
};

struct check_result {
  uint64_t corruptions;         /* that are left */
  uint64_t leaks;               /* clusters; that are left */
  uint64_t check_errors;        /* what could not be checked */
  uint64_t corruptions_fixed;
  uint64_t leaks_fixed;
  uint64_t image_end_offset;    /* behind the last cluster in use, bytes */
  uint64_t total_clusters;      /* of the guest's disk */
  uint64_t allocated_clusters;  /* of the guest's disk, by the active tables */
  uint64_t compressed_clusters;
  uint64_t fragmented_clusters;
  uint64_t census_bytes;        /* memory that counting took */
  bool rebuilt;                 /* a new refcount table was made */
};

/* 0: checked, see *RET, which says whether the image is well.  -1: it could
 * not be checked (and *RET is what was found so far): EINTR; ENOTSUP, EINVAL
 * or EFBIG as qcow2_header_parse; ENOMEM; I/O errors; EIO where repairing
 * is not possible. */
int check_image (struct io *io, const struct check_options *options,
                 struct check_result *ret, struct error *err);

#endif /* BATON_CHECK_H */
