/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Who serves: the states, the gate, and the commands that move an image
 * between servers (docs/ARCHITECTURE.md, "Ownership").
 *
 *   inactive --activate--> activating --> active
 *       ^                      |            |
 *       |<----- failure -------+            |
 *       +<-- inactivating <---inactivate----+   (failure: back to active)
 *
 *   inactive      nothing mutable is cached; the file is never written;
 *                 no lock is held.
 *   activating    a fresh image is being opened and verified; requests park.
 *   active        the image object is the authority; writer lock held.
 *   inactivating  no request is admitted; those in flight finish, then all is
 *                 made durable, the image is closed and unlocked.
 *
 * Invariants:
 *   1. Admitting a request and counting it in flight is one step under the
 *      lock that guards the state.
 *   2. The image pointer is set only in `active` and `inactivating`, and
 *      closed only when nothing is in flight.
 *   3. Taking over always reads everything afresh: the image object of an
 *      earlier activation, or of `inactive`, is never used again.
 *   4. Commands exclude each other; status never waits for one.
 *   5. With `recorded`: the gate opens only after the record says durably
 *      that this process has the image, and the lock is given back only after
 *      it says that the image is released (docs/HANDOVER.md).
 *
 * Thread-safe.  The caller owns the handoff and ends it after all requests
 * and commands have returned.
 */

#ifndef BATON_HANDOFF_H
#define BATON_HANDOFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "handoff-status.h"
#include "image.h"
#include "ownership.h"

struct handoff;

const char *handoff_state_name (enum handoff_state state);

struct handoff_config {
  const char *path;             /* absolute; copied */
  struct image_options options; /* the opener outlives the handoff */
  bool read_only;               /* serve without ever writing: LOCK_READER */
  bool hold;                    /* while-inactive=hold */
  const char *host;             /* who this host is, 1 to RECORD_HOST_BYTES
                                 * printable characters; copied.  NULL: do not
                                 * look at ownership records at all */
  bool recorded;                /* keep one; without it one that is there is
                                 * respected, but never written */
  bool stale_for_tests;         /* keep the tables read while inactive and
                                 * serve from them: the founding bug, so that
                                 * a test can show it is one */
};

/* Opens nothing for good: reads the header once (errors name what is wrong
 * with the file) to learn the virtual size, and starts inactive. */
int handoff_new (const struct handoff_config *config, struct handoff **ret,
                 struct error *err);
/* Closes without writing; for an orderly end inactivate first.  NULL ok. */
void handoff_free (struct handoff *h);

/* -- requests -------------------------------------------------------- */

enum request_kind {
  REQUEST_READ,
  REQUEST_EXTENTS,
  REQUEST_CACHE,
  REQUEST_FLUSH,
  REQUEST_WRITE,                /* write, zero, trim */
};

enum admission {
  ADMITTED,             /* *RET_IMAGE may be used until handoff_leave */
  ADMITTED_INACTIVE,    /* reads: handoff_read_inactive; extents: all data;
                         * cache: nothing.  Then handoff_leave */
  PARKED,               /* ask again a little later; nothing to leave */
  REFUSED,              /* ERR filled (EPERM); nothing to leave */
};

enum admission handoff_admit (struct handoff *h, enum request_kind kind,
                              struct image **ret_image, struct error *err);
void handoff_leave (struct handoff *h);
/* Is an activation under way: may those who are parked be admitted soon? */
bool handoff_is_activating (struct handoff *h);

/* Read the file as it is now, through no cache of ours.  EAGAIN, class
 * "StateChanged", where an activation overtook the read: admit again. */
int handoff_read_inactive (struct handoff *h, void *buf, size_t len,
                           uint64_t offset, struct error *err);

/* Virtual size as last read; constant while clients are connected, who are
 * told it once: between these two calls, one pair for each of them. */
uint64_t handoff_size (struct handoff *h);
void handoff_connect (struct handoff *h);
void handoff_disconnect (struct handoff *h);

/* -- commands -------------------------------------------------------- */

/* All: 0, or -1 with ERR and the state as it was before (see the diagram).
 * err->class: "LockHeld", "WrongState", "SizeChanged", "OtherImage",
 * "Poisoned", ... */

/* Write back and sync while serving.  "WrongState" unless active. */
int handoff_flush (struct handoff *h, struct error *err);

/* active -> inactive.  Success when already inactive.  DRAIN_TIMEOUT_MS:
 * give up (ETIMEDOUT, back to active) when requests in flight do not end;
 * 0 waits for ever.  *RET_HAS: whether *RET is the ticket, the same one each
 * time until the next activation; there is none without `recorded`, and where
 * this process released nothing. */
int handoff_release (struct handoff *h, unsigned drain_timeout_ms,
                     bool *ret_has, struct ticket *ret, struct error *err);
/* The same for good, before this process ends: nothing activates it any more,
 * and requests stay parked, whatever the policy, until it has ended; so
 * whoever sends them again to the next server loses nothing. */
int handoff_retire (struct handoff *h, unsigned drain_timeout_ms,
                    bool *ret_has, struct ticket *ret, struct error *err);
/* As handoff_release, without the ticket. */
int handoff_inactivate (struct handoff *h, unsigned drain_timeout_ms,
                        struct error *err);

/* Forget all, read the header again, validate.  Only while inactive.  A
 * new size is accepted as by handoff_activate.  A file that took the place of the one seen before is accepted from now on. */
int handoff_invalidate (struct handoff *h, struct error *err);

/* inactive -> active.  A virtual size that has changed is accepted, or
 * "SizeChanged" while clients are connected who were told the old one.
 * "OtherImage" where the path leads to another file than when it was last
 * looked at; what ownership_decide refuses.  TICKET may be NULL.  Success when
 * already active, but "WrongState" where TICKET is not the one by which, or
 * over which, this server took over. */
int handoff_take_over (struct handoff *h, const struct ticket *ticket,
                       bool force, struct error *err);
/* The same with neither ticket nor force. */
int handoff_activate (struct handoff *h, struct error *err);

/* Let an activation that repairs an image give up soon (EINTR), and every
 * later one: before the end.  From any thread; waits for nothing. */
void handoff_interrupt (struct handoff *h);

/* -- status -------------------------------------------------------- */

void handoff_get_status (struct handoff *h, struct handoff_status *ret);

#endif /* BATON_HANDOFF_H */
