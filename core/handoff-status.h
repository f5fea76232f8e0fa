/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a handoff tells of itself (handoff_get_status): a snapshot, plain
 * values, owned by whoever asked.
 */

#ifndef BATON_HANDOFF_STATUS_H
#define BATON_HANDOFF_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image.h"
#include "ownership.h"
#include "record-place.h"

enum handoff_state {
  HANDOFF_INACTIVE,
  HANDOFF_ACTIVATING,
  HANDOFF_ACTIVE,
  HANDOFF_INACTIVATING,
};

#define HANDOFF_MAX_PHASES 8

struct handoff_phase {
  const char *name;             /* static: "drain", "flush", "lock", ... */
  uint64_t us;
};

struct handoff_timeline {
  const char *command;          /* "activate", "inactivate" or NULL: none yet */
  bool ok;
  uint64_t total_us;
  size_t nr_phases;
  struct handoff_phase phases[HANDOFF_MAX_PHASES];
};

/* What is known of the record: as last read or written by this process. */
struct handoff_ownership {
  bool recorded;
  enum record_found found;
  struct record record;         /* RECORD_VALID */
  bool intact;                  /* see view.h */
  bool has_how;                 /* activated at least once */
  enum ownership_how how;       /* the last time */
  const char *overridden;       /* OWNERSHIP_FORCED */
  bool changed_since;           /* found then */
};

struct handoff_status {
  enum handoff_state state;
  bool read_only;
  bool hold;
  bool locked;                  /* a real lock is held on the file */
  uint64_t virtual_size;
  uint32_t cluster_size;
  uint64_t data_file_number;    /* the same of the external data file */
  uint64_t file_number;         /* inode of a regular file, 0: not known; the
                                 * same on all hosts of a shared filesystem */
  uint64_t in_flight;
  uint64_t parked;              /* requests told PARKED since the last change */
  uint64_t nr_activations;
  uint64_t nr_inactivations;
  bool has_stats;               /* active only */
  struct image_stats stats;
  struct handoff_ownership ownership;
  char last_error[512];         /* "" : none since start */
  struct image_notices notices; /* of the last activation */
  struct handoff_timeline last;
};

#endif /* BATON_HANDOFF_STATUS_H */
