/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A simulated disk behind struct io, that can lose power.
 *
 * What it models: a file in a page cache over a disk that writes sectors
 * whole, in any order, at any time.  Each sector has a durable version and a
 * chain of pending ones, one per write since the last sync that covered it.
 * After a crash each sector that has pending versions holds any one of them
 * or the durable one, independently of all others; so does the length of a
 * file that has grown.  Zeroing and punching are pending versions too.
 *
 *   - a sync makes durable what was written before it was issued, no more;
 *   - IO_DSYNC makes durable the sectors of that write, and the file's
 *     length up to its end, no more;
 *   - a sync that fails leaves what it was to make durable readable, but it
 *     is gone after a crash, whatever later syncs say, until it is written
 *     again;
 *   - a killed process loses nothing (simdisk_kill).
 *
 * What it does not: sectors that tear, truncation (struct io has none), a
 * device that lies about syncs.
 *
 * Deterministic: the same calls and seeds give the same bytes.  Thread-safe,
 * one mutex per disk; a crash costs what is pending and not what the disk
 * holds, since disks share sectors.  Out of memory aborts.
 */

#ifndef BATON_TESTS_SIMDISK_H
#define BATON_TESTS_SIMDISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io.h"
#include "mutex.h"

/* Kinds of calls, as a mask. */
#define SIMDISK_READ 1u
#define SIMDISK_WRITE 2u
#define SIMDISK_ZERO 4u
#define SIMDISK_SYNC 8u
#define SIMDISK_SIZE 16u
#define SIMDISK_LOCK 32u
#define SIMDISK_OPEN 64u
#define SIMDISK_CHANGES (SIMDISK_WRITE | SIMDISK_ZERO | SIMDISK_SYNC)
#define SIMDISK_ALL 127u

struct simdisk;

/* An empty file.  SECTOR_BYTES: 512 or 4096. */
struct simdisk *simdisk_new (uint32_t sector_bytes);
/* A device of SIZE_BYTES, a multiple of the sector, that cannot grow and
 * whose bytes are STALE where it was never written. */
struct simdisk *simdisk_new_device (uint32_t sector_bytes,
                                    uint64_t size_bytes, uint8_t stale);
/* All of its ios must be closed.  NULL is accepted. */
void simdisk_free (struct simdisk *d);

/* An io on D, which must outlive it.  FLAGS: IO_OPEN_WRITE.  Each io is an
 * open file description: locks are held per io.  NULL (err filled) where a
 * fault was asked for. */
struct io *simdisk_open (struct simdisk *d, unsigned flags,
                         struct error *err);

/* D as a disk of its own after its power failed, by SEED.  Seeds mix four
 * kinds of crash: each sector by itself; each write kept or lost as a whole;
 * all up to some write and nothing later; the same but for a few sectors. */
struct simdisk *simdisk_crash (struct simdisk *d, uint64_t seed);
/* D as the next process finds it after this one was killed: the newest
 * content, pending as before.  Locks, faults, the hook and counts are gone. */
struct simdisk *simdisk_kill (struct simdisk *d);

/* Crashes by choice.  CHOOSE is called for each pending thing, first the
 * length where it has grown, then the sectors in the order in which they
 * became dirty, and returns an index < nr_versions.  It runs under the
 * disk's mutex. */
struct simdisk_item {
  bool is_length;
  uint64_t sector;              /* its number; 0 for the length */
  size_t nr_versions;
  const uint64_t *ops;          /* who wrote it: [0] is 0, the durable one;
                                 * then ascending numbers of writes */
};
typedef size_t simdisk_choose (void *opaque, const struct simdisk_item *item);
struct simdisk *simdisk_crash_choose (struct simdisk *d,
                                      simdisk_choose *choose, void *opaque);
/* How many different choices there are; UINT64_MAX: that many or more. */
uint64_t simdisk_nr_states (struct simdisk *d);
/* The crash number STATE < simdisk_nr_states (d): all, one after another. */
struct simdisk *simdisk_crash_state (struct simdisk *d, uint64_t state);

/* Of the newest content and the length.  Disks with the same sum read the
 * same, but for chance: 64 bits. */
uint64_t simdisk_sum (struct simdisk *d);

/* The NTH call (1: the next) among KINDS fails with ERRNUM; FOREVER: and all
 * after it.  One fault at a time; ERRNUM 0 removes all.  A write that fails
 * changes nothing, or with simdisk_fail_torn about half of its sectors. */
void simdisk_fail (struct simdisk *d, unsigned kinds, uint64_t nth,
                   int errnum, bool forever);
void simdisk_fail_torn (struct simdisk *d, uint64_t nth, int errnum,
                        uint64_t seed, bool forever);
/* Whether that fault has struck: the loop over N ends when it has not. */
bool simdisk_fault_struck (struct simdisk *d);
/* The fault that is set stays beside the next one.  Both count all calls, and
 * no call is failed by both: the one set later waits for another. */
void simdisk_keep_fault (struct simdisk *d);
/* Whether the one that was kept has struck. */
bool simdisk_kept_fault_struck (struct simdisk *d);
/* Calls of KINDS so far, failed ones too. */
uint64_t simdisk_calls (struct simdisk *d, unsigned kinds);

/* Called without the mutex, from the thread that does I/O; it may wait, crash
 * the disk, or do I/O of its own, for which it is called again. */
enum simdisk_phase {
  SIMDISK_BEGIN,                /* issued; nothing done */
  SIMDISK_APPLIED,              /* IO_DSYNC: visible and not yet durable */
  SIMDISK_END,                  /* done, or failed with errnum */
};
struct simdisk_event {
  struct simdisk *disk;
  unsigned kind;                /* one of SIMDISK_CHANGES */
  enum simdisk_phase phase;
  uint64_t offset;              /* 0 for a sync */
  uint64_t len_bytes;
  unsigned flags;
  const struct iovec *iov;      /* of a write */
  int nr_iov;
  int errnum;
};
typedef void simdisk_hook (void *opaque, const struct simdisk_event *event);
/* Set it while no I/O runs.  NULL: none. */
void simdisk_trace (struct simdisk *d, simdisk_hook *hook, void *opaque);

/* A real file as a disk, all of it durable; and the newest content as a real
 * file, sparse.  NULL or -1 with err filled. */
struct simdisk *simdisk_load_file (const char *path, uint32_t sector_bytes,
                                   struct error *err);
int simdisk_save_file (struct simdisk *d, const char *path,
                       struct error *err);

/* Names to disks. */
#define SIMDISK_NR_NAMES 16
struct simdisk_opener {
  struct io_opener base;        /* pass &x.base */
  struct mutex lock;
  struct {
    const char *name;           /* borrowed */
    struct simdisk *disk;       /* borrowed */
  } disks[SIMDISK_NR_NAMES] GUARDED_BY (lock);
};
void simdisk_opener_init (struct simdisk_opener *o);
void simdisk_opener_destroy (struct simdisk_opener *o);
/* NAME means D from now on; NULL: ENOENT again. */
void simdisk_opener_put (struct simdisk_opener *o, const char *name,
                         struct simdisk *d);

#endif /* BATON_TESTS_SIMDISK_H */
