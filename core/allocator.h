/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Who may use which host cluster.
 *
 * The life of a host cluster, and what is true of it in each place:
 *
 *   free         refcount 0
 *     | reserve: refcount 1, durable; reads zeros, durably
 *   pool         refcount 1, no pointer, reads zeros, also after a crash
 *     | allocator_take
 *   in use       a request, and then an entry in a table, has it
 *     | allocator_release: its pointer is gone from the file (page cache)
 *   released
 *     | a sync that began later has completed: its pointer is gone for good
 *   unlinked
 *     | every request that could have seen the pointer has ended (grace.h)
 *   punched      made to read zeros (host space given back)
 *     | a sync: it reads zeros for good                -> pool, or free
 *
 * So what allocator_take returns can be linked at once, with no sync between
 * the write of the data and the write of the pointer: whatever part of the
 * two a power cut keeps, the cluster reads zeros or the new data, never
 * what was there before, and its refcount is up.  That is how one sync makes
 * a flush (docs/DURABILITY.md, R1-R4).  A crash leaks what was in the pool
 * and in the later places: nothing worse.
 *
 * A cluster whose refcount is above 1 (snapshots, compressed neighbours) is
 * only counted down, once it is unlinked.
 *
 * Clean space comes from the end of the file, where it costs two small
 * durable writes (the refcounts, and the file's new length) for up to
 * MAX_BATCH_BYTES.  Whoever takes the pool below a quarter of that makes the
 * next reservation, while others go on taking.  Free clusters inside the
 * file are found and punched while a flush is being done anyway.
 *
 * Locks: a->lock is held across reads and writes of refcounts; a->pool_lock,
 * inside it, never across I/O.  The lists marked "leader's" belong to the one
 * thread that runs a sync (image-flush.c).
 */

#ifndef BATON_ALLOCATOR_H
#define BATON_ALLOCATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"
#include "extent-list.h"
#include "grace.h"
#include "inflate-cache.h"
#include "mutex.h"
#include "refcount.h"

/* Where compressed clusters are being put, bytes in the file: what is used
 * of a run of clusters, and its end.  See allocator-pack.c. */
struct packing {
  uint64_t next;
  uint64_t end;
};

struct allocator {
  struct io *io;                /* these four are borrowed */
  struct grace *grace;
  struct inflate_cache *inflated; /* NULL: none */
  bool punch;                   /* give host space back */

  struct mutex lock;
  struct refcounts refcounts GUARDED_BY (lock);
  struct extent_list released GUARDED_BY (lock);
  struct packing packing GUARDED_BY (lock);
  uint64_t fresh GUARDED_BY (lock);     /* from here on: never used space */
  uint64_t reserved_end GUARDED_BY (lock); /* of the last reservation */
  uint64_t batch GUARDED_BY (lock);     /* clusters to reserve next */
  uint64_t scan GUARDED_BY (lock);      /* scavenged up to here */
  uint64_t nr_quarantined GUARDED_BY (lock); /* released .. punched */
  uint64_t nr_stuck GUARDED_BY (lock);  /* could not be punched: leaked until
                                         * the image is checked */

  struct mutex pool_lock;
  struct extent_list pool GUARDED_BY (pool_lock);
  uint64_t demand GUARDED_BY (pool_lock); /* taken since the last scavenge */
  uint64_t low GUARDED_BY (pool_lock);  /* with fewer clusters, reserve more;
                                         * 0: when there are none */
  bool reserving GUARDED_BY (pool_lock); /* somebody does, ahead of need */

  struct extent_list syncing;   /* leader's: released before the sync began */
  struct extent_list unlinked;  /* leader's */
  struct extent_list waiting;   /* leader's: unlinked, for waiting_epoch */
  uint64_t waiting_epoch;       /* leader's */
  struct extent_list punched;   /* leader's: since the last sync */
  struct extent_list punched_syncing; /* leader's */
};

/* A is zeroed but for io, grace, inflated, punch and refcounts, which is loaded. */
int allocator_init (struct allocator *a, uint64_t file_size,
                    struct error *err) NO_TSA;
void allocator_destroy (struct allocator *a) NO_TSA;

/* Take 1 to WANT adjacent clusters from the pool, filling it if need be.
 * ENOSPC or EFBIG: none are to be had now; after a flush there may be. */
int allocator_take (struct allocator *a, uint64_t want, struct extent *ret,
                    struct error *err) EXCLUDES (a->lock, a->pool_lock);

/* E, taken and not written to, goes back. */
void allocator_put_back (struct allocator *a, struct extent e)
  EXCLUDES (a->lock, a->pool_lock);

/* Take LEN_BYTES, less than a cluster, at any byte of the file, for
 * compressed data; every host cluster that they touch counts one user more.
 * The caller writes them and syncs the file before anything points to them.
 * They go back by allocator_release of each cluster that they touch.  Errors
 * as allocator_take, or those of reading and writing refcounts. */
int allocator_pack (struct allocator *a, uint32_t len_bytes,
                    uint64_t *ret_offset, struct error *err)
  EXCLUDES (a->lock, a->pool_lock);
/* What was taken ahead for that goes back.  Packing may be taken up again. */
void allocator_stop_packing (struct allocator *a) EXCLUDES (a->lock, a->pool_lock);

/* Nothing in the file points to E (once) any more, or E was taken and
 * written to in vain.  Never fails: without memory to remember it, E leaks.
 * True where so much is waiting that the caller should flush. */
bool allocator_release (struct allocator *a, struct extent e)
  EXCLUDES (a->lock, a->pool_lock);

/* The leader's three, around each sync of the file. */
void allocator_before_sync (struct allocator *a) EXCLUDES (a->lock, a->pool_lock);
/* The sync succeeded: what was counted on is durable. */
void allocator_after_sync (struct allocator *a) EXCLUDES (a->lock, a->pool_lock);
/* Punch what may be; look for free clusters inside the file.  What cannot be
 * reclaimed leaks; a failed write of refcounts poisons. */
void allocator_reclaim (struct allocator *a) EXCLUDES (a->lock, a->pool_lock);
/* Look for none until more are taken: what the last sync of all would find
 * would be counted after it. */
void allocator_stop_scavenging (struct allocator *a) EXCLUDES (a->lock, a->pool_lock);

/* Orderly end, after enough syncs to have emptied the quarantine: give the
 * pool back. */
int allocator_empty_pool (struct allocator *a, struct error *err)
  EXCLUDES (a->lock, a->pool_lock);
uint64_t allocator_quarantined (struct allocator *a) EXCLUDES (a->lock, a->pool_lock);
void allocator_get_stats (struct allocator *a, uint64_t *ret_reserved,
                          uint64_t *ret_quarantined) EXCLUDES (a->lock, a->pool_lock);

#endif /* BATON_ALLOCATOR_H */
