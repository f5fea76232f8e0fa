/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The gate of a handoff: its state, and who is inside.
 *
 * Private to core/handoff*.c.  It moves when it is told to and knows nothing
 * of files; the commands (handoff-activate.c, handoff-inactivate.c) tell it.
 *
 * Admitting a request and counting it in flight is one step under `lock`,
 * which guards the state too: there is no moment between the check and the
 * count in which the state could change.  `image` is set only in `active` and
 * `inactivating`; gate_detach takes it out when nothing is in flight.
 *
 * Requests admitted while inactive are counted as well.  Activation does not
 * wait for them; a later drain does, which costs nothing and means that one
 * counter is enough.
 *
 * gate_admit, _leave, _state and _snapshot: any thread.  The rest: the thread
 * that runs a command.
 */

#ifndef BATON_HANDOFF_GATE_H
#define BATON_HANDOFF_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"
#include "handoff.h"
#include "image.h"
#include "mutex.h"

struct gate {
  bool hold;                    /* these two never change */
  bool read_only;
  struct mutex lock;
  struct cond idle;             /* in_flight has become 0 */
  enum handoff_state state GUARDED_BY (lock);
  struct image *image GUARDED_BY (lock);
  uint64_t in_flight GUARDED_BY (lock);
  uint64_t parked GUARDED_BY (lock);
  uint64_t nr_activations GUARDED_BY (lock);
  uint64_t nr_inactivations GUARDED_BY (lock);
};

/* Starts inactive. */
void gate_init (struct gate *g, bool hold, bool read_only);
void gate_destroy (struct gate *g);

/* As handoff_admit and handoff_leave. */
enum admission gate_admit (struct gate *g, enum request_kind kind,
                           struct image **ret_image, struct error *err);
void gate_leave (struct gate *g);

enum handoff_state gate_state (struct gate *g);
/* How often it was opened.  A read of the file that began and ended at the
 * same count did not overlap an activation's end. */
uint64_t gate_nr_activations (struct gate *g);
/* The image of `active` and `inactivating`, else NULL; valid until the thread
 * that runs commands detaches it. */
struct image *gate_image (struct gate *g);

/* inactive -> activating. */
void gate_begin_activating (struct gate *g);
/* activating -> inactive: it failed. */
void gate_abandon_activating (struct gate *g);
/* activating -> active, serving from IMG. */
void gate_open (struct gate *g, struct image *img);

/* active -> inactivating, and wait until nothing is in flight.  ETIMEDOUT,
 * "DrainTimeout", and active again, when that takes more than TIMEOUT_MS
 * (0: no limit). */
int gate_drain (struct gate *g, unsigned timeout_ms, struct error *err);
/* inactivating -> active: what follows the drain failed. */
void gate_reopen (struct gate *g);
/* Take the image out of a drained gate; the caller closes it. */
struct image *gate_detach (struct gate *g);
/* inactivating -> inactive, after the image was detached and closed. */
void gate_close (struct gate *g);

/* Fill what the gate knows of *RET.  While active, returns the image, which
 * stays open until gate_leave: the caller counts as a request, though not in
 * RET.  Else NULL, and nothing to leave. */
struct image *gate_snapshot (struct gate *g, struct handoff_status *ret);

#endif /* BATON_HANDOFF_GATE_H */
