/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the parts of the handoff share.  Private to core/handoff*.c.
 *
 *   handoff.c             life, requests, flush, invalidate, status
 *   handoff-gate.c        the state and who is inside
 *   handoff-activate.c    inactive -> active
 *   handoff-inactivate.c  active -> inactive
 *   handoff-inactive.c    what is read of the file without owning it
 *   handoff-record.c      the ownership record: looking, taking, releasing
 *   handoff-stale.c       the founding bug, for a test
 *   handoff-timeline.c    how long each phase took
 *   leftover.c            memory of an image that was given up
 *
 * Lock order: command, then gate.lock or memory; never both of these.
 *
 *   command  held for the whole of a command, across I/O.  The state changes
 *            only under it, so a command may look at the state and act.
 *   memory   what was learnt and is told by status; a leaf, held briefly.
 */

#ifndef BATON_HANDOFF_INTERNAL_H
#define BATON_HANDOFF_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "error.h"
#include "handoff-gate.h"
#include "handoff-timeline.h"
#include "handoff.h"
#include "image.h"
#include "leftover.h"
#include "mutex.h"
#include "ownership.h"
#include "view.h"

struct handoff {
  char *path;                           /* these six never change */
  struct image_options options;
  bool read_only;
  _Atomic bool interrupt;               /* options.interrupt points here */
  char *host;                           /* NULL: records are not looked at */
  bool recorded;
  uint8_t instance[RECORD_ID_BYTES];
  struct mutex command;
  struct record held GUARDED_BY (command); /* while active, recorded */
  bool has_released GUARDED_BY (command);
  struct release released GUARDED_BY (command); /* what this process gave up
                                                 * last, or what was taken */
  bool has_ticket GUARDED_BY (command);
  struct ticket ticket GUARDED_BY (command); /* of that release */
  bool has_taken GUARDED_BY (command);
  struct release taken GUARDED_BY (command); /* what was taken over last */
  bool retired GUARDED_BY (command);    /* released for good */
  struct leftover leftover GUARDED_BY (command); /* of the last image */
  struct gate gate;
  struct spare spare;
  struct stale *stale;                  /* NULL, except to show the bug */

  struct mutex memory;
  uint64_t virtual_size GUARDED_BY (memory);
  uint64_t nr_clients GUARDED_BY (memory); /* who were told virtual_size */
  uint32_t cluster_size GUARDED_BY (memory);
  uint64_t identity[2] GUARDED_BY (memory); /* of the file, see io.h */
  uint64_t data_identity[2] GUARDED_BY (memory); /* of its data file */
  bool locked GUARDED_BY (memory);
  struct handoff_ownership ownership GUARDED_BY (memory);
  char last_error[512] GUARDED_BY (memory);
  struct image_notices notices GUARDED_BY (memory);
  struct handoff_timeline last GUARDED_BY (memory);
};

/* -- handoff.c ------------------------------------------------------- */

/* Put "WHAT PATH: " before the text, leaving the path out where the text
 * has it already; keep the result for status, and give it to RET (NULL is
 * accepted).  Returns -1. */
int handoff_fail (struct handoff *h, const char *what, struct error *err,
                  struct error *ret);
void handoff_remember_timeline (struct handoff *h,
                                const struct handoff_timeline *t);
void handoff_remember_lock (struct handoff *h, bool locked);
void handoff_remember_notices (struct handoff *h,
                               const struct image_notices *notices);

/* The image has SIZE now: from now on so do we, and whoever connects is told
 * so.  -1, class "SizeChanged", both sizes, where it is another one and
 * clients were told that. */
int handoff_accept_size (struct handoff *h, uint64_t size, struct error *err);

/* -- handoff-inactive.c ---------------------------------------------- */

struct handoff_geometry {
  uint64_t virtual_size;
  uint32_t cluster_size;
  bool encrypted;
  uint64_t identity[2];         /* which file, see io.h */
  uint64_t data_identity[2];    /* which data file; both 0: none */
};

/* Open the file, read its header, close it. */
int handoff_read_geometry (struct handoff *h, struct handoff_geometry *ret,
                           struct error *err);

/* Open the keys of an encrypted image and its chain while there is time: an
 * activation then finds them in the keyring.  Fails where the passphrase is
 * missing or wrong, or the cipher is not served; whatever else is wrong is for the activation to say. */
int handoff_warm_keyring (struct handoff *h, struct error *err);

/* -- handoff-record.c ------------------------------------------------ */

/* One activation's dealings with the record.  Begin with it zeroed. */
struct takeover {
  const struct ticket *ticket;  /* NULL: none */
  bool force;
  bool looked;                  /* the rest is valid; else there is nothing
                                 * to be done about records */
  bool written;                 /* the record says that it is ours */
  struct view view;
  struct ownership_request request;
  struct ownership_answer answer;
  struct record next;
};

/* Look at the locked file by both ways, and decide. */
int handoff_record_look (struct handoff *h, struct takeover *t,
                         struct io *io, struct error *err)
  REQUIRES (h->command);
/* Is the backing chain that of the ticket? */
int handoff_record_check_backing (struct takeover *t, struct image *img,
                                  struct error *err);
/* Write "held by me". */
int handoff_record_take (struct takeover *t, struct image *img,
                         struct error *err);
/* After a success; or a failure, which puts the old record back. */
void handoff_record_end (struct handoff *h, struct takeover *t,
                         struct image *img, bool ok) REQUIRES (h->command);
/* True where somebody forced his way since, by what is on the storage; it is
 * remembered.  The image is then another's: nothing may be written to it. */
bool handoff_record_was_overtaken (struct handoff *h) REQUIRES (h->command);
/* Write "released" and make the ticket; IMG has been finished. */
int handoff_record_release (struct handoff *h, struct image *img,
                            struct error *err) REQUIRES (h->command);
/* 0 where TICKET (NULL: none) is no reason to refuse while active. */
int handoff_record_check_active (struct handoff *h,
                                 const struct ticket *ticket,
                                 struct error *err) REQUIRES (h->command);
/* Remember for status what an inactive server sees. */
void handoff_record_glance (struct handoff *h, struct io *io);

/* -- handoff-stale.c ------------------------------------------------- */

/* The founding bug on purpose: an image that was opened while another server
 * may still have been writing, and is served later as it is. */
int stale_new (struct handoff *h, struct stale **ret, struct error *err);
void stale_free (struct stale *s);
int stale_read (struct stale *s, void *buf, size_t len, uint64_t offset,
                struct error *err);
/* Give the image away, or NULL when that was done before. */
struct image *stale_take (struct stale *s);

#endif /* BATON_HANDOFF_INTERNAL_H */
