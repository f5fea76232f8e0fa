/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to check*.c.  The steps, in order:
 *
 *   check-references.c  count references, all but the refcounts' own
 *   check-tables.c      the same of one L1 table and its L2 tables
 *   check-refcounts.c   count the refcount table and blocks; compare; raise
 *                       and lower refcounts in place
 *   check-rebuild.c     or else make a new refcount table
 *   check-copied.c      compare COPIED with the refcounts, set it right
 *
 * One thread, no lock.
 */

#ifndef BATON_CHECK_INTERNAL_H
#define BATON_CHECK_INTERNAL_H

#include "check-census.h"
#include "check.h"
#include "qcow2-areas.h"
#include "qcow2-header.h"

struct check {
  struct io *io;                /* borrowed */
  const struct check_options *options;
  struct check_result *result;
  struct qcow2_header h;
  struct qcow2_areas areas;
  uint64_t file_bytes;
  uint64_t nr_clusters;         /* compared: those of the file, and what is
                                 * referred to just behind its end */
  uint64_t behind_end;          /* where what is referred to not far behind the
                                 * end of the file ends, bytes; else 0 */
  struct census *census;
  struct census *tables;        /* of these references, those of L1 tables */
  uint64_t *reftable;           /* raw entries */
  uint64_t nr_reftable;
  uint8_t *buf;                 /* a cluster, for whoever needs one */
  uint64_t nr_unusable;         /* corruptions that only a new refcount table
                                 * takes away */
  uint64_t nr_missing;          /* refcounts of 0 for which there is no block */
  uint64_t nr_low, nr_high;     /* refcounts that are wrong */
  uint64_t highest;             /* cluster in use */
};

/* -- check.c --------------------------------------------------------- */

/* A line for the user. */
void check_say (struct check *c, const char *fmt, ...)
  __attribute__ ((format (printf, 2, 3)));
/* The same for what is a corruption, which it counts. */
void check_corruption (struct check *c, const char *fmt, ...)
  __attribute__ ((format (printf, 2, 3)));
/* -1, EINTR, where the user wants no more. */
int check_step (struct check *c, const char *phase, uint64_t done,
                uint64_t total, struct error *err);
/* Add DELTA (1 or -1) references to all clusters that [OFFSET, OFFSET + LEN)
 * touches. */
int check_refer (struct check *c, uint64_t offset, uint64_t len, int delta,
                 struct error *err);
/* How often CLUSTER is referred to, or the largest refcount if more often. */
uint64_t check_references (const struct check *c, uint64_t cluster);
/* How far behind the end of the file what may be there is respected. */
#define CHECK_FAR_BYTES (UINT64_C (64) << 20)

/* -- the steps ------------------------------------------------------- */

int check_count_references (struct check *c, struct error *err);
int check_count_l1 (struct check *c, uint64_t offset, uint32_t nr_entries,
                    bool active, struct error *err);
int check_load_reftable (struct check *c, struct error *err);
/* DELTA 1: references to refcount table and blocks count, and what is wrong
 * is said.  -1: they no longer count. */
int check_count_reftable (struct check *c, int delta, struct error *err);
int check_compare (struct check *c, struct error *err);
int check_raise (struct check *c, struct error *err);
int check_lower (struct check *c, struct error *err);
int check_rebuild (struct check *c, struct error *err);
int check_copied (struct check *c, struct error *err);

/* -- what several of them need --------------------------------------- */

/* The offset of refcount block INDEX, 0: none that is usable. */
uint64_t check_block_offset (const struct check *c, uint64_t index);

/* Whether the raw L2 entry, which is not compressed, has a host cluster. */
bool check_is_allocated (const struct check *c, uint64_t raw);

#endif /* BATON_CHECK_INTERNAL_H */
