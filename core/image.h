/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A qcow2 image that is open: read, write, zero, trim, extents, flush.
 *
 * Life: image_open -> [image_start_writing -> requests -> image_finish]
 * -> image_close.  An image that was never started for writing refuses
 * every change with EROFS.  Throwing away everything that was cached is
 * closing this object and opening another: there is no other way.
 *
 * Promises (docs/DURABILITY.md):
 *   K  what a reply acknowledged is in the file (its page cache, with
 *      cache=writeback) before the function returns: no mapping lives in
 *      the heap alone;
 *   P  after a power cut: leaked clusters at worst;
 *   E  a failed metadata write or sync poisons the image: every later
 *      change and flush fails with EIO until it is opened afresh.
 *
 * Offsets and lengths are guest bytes, any alignment, and must lie inside
 * image_size (EINVAL otherwise; nbdkit checks before us).  All request
 * functions may be called from many threads at once.  No lock is held
 * across the reading or writing of guest data.  image_open, _start_writing,
 * _finish and _close are for one thread with no request in flight.
 */

#ifndef BATON_IMAGE_H
#define BATON_IMAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "digest.h"
#include "error.h"
#include "file-spec.h"
#include "image-notice.h"
#include "io.h"
#include "keyring.h"
#include "qcow2-header.h"

struct image;

/* Which file names found *inside* an image may be opened. */
enum backing_policy {
  BACKING_SAME_DIR,     /* in the directory of the image that names them, or
                         * below it, after resolving symbolic links */
  BACKING_ON,           /* any regular file or block device */
  BACKING_OFF,          /* none: an image that needs one is refused */
};

#define METADATA_CACHE_AUTO UINT64_C (0)

struct image_options {
  struct io_opener *opener;             /* outlives the image */
  enum backing_policy backing;
  enum backing_policy data_file;        /* for external data files */
  const char *data_file_path;           /* outlives the image; NULL, or what is
                                         * opened whatever name is inside.  Not
                                         * for backing files' data files */
  file_spec_parser parse_json;          /* of "json:" names; NULL: refused */
  struct keyring *keyring;              /* for encrypted images, outlives the
                                         * image; NULL: they are refused */
  struct spare *spare;                  /* outlives the image; NULL: none */
  uint64_t metadata_cache_bytes;        /* METADATA_CACHE_AUTO: cover the disk,
                                         * up to 64 MiB */
  bool compress;                        /* write whole clusters compressed
                                         * where there was no data */
  bool keep_space;                      /* discard=off: trim punches no holes */
  const char *snapshot;                 /* id or name of the internal snapshot
                                         * to read instead; borrowed; NULL:
                                         * none.  Never for writing */
  bool allow_corrupt;                   /* write also where the corrupt bit is
                                         * set */
  const _Atomic bool *interrupt;        /* set: a repair gives up, EINTR.  May
                                         * be NULL */
  bool lock_backing;                    /* lock the other files as well, before
                                         * anything of them is read: data file
                                         * LOCK_WRITER if it is written, all
                                         * others LOCK_READER */
  uint64_t autoclear_features;          /* image_start_writing sets these */
};

/* Flags of the functions below. */
#define IMAGE_FUA 1u            /* durable when it returns */
#define IMAGE_MAY_TRIM 2u       /* zero: host space may be given back */
#define IMAGE_FAST 4u           /* zero: ENOTSUP rather than write data */

/* Open the image in IO (named NAME in messages, and where relative backing
 * names start), read and validate header, L1 table, refcount table and the
 * backing chain; open the LUKS header (EPERM, class "Passphrase").  Writes
 * nothing; locks nothing but backing and data files, if the options say so.
 * FOR_WRITING says that image_start_writing will follow: features that matter
 * only to a writer are refused now.  Takes IO over on success only. */
int image_open (struct io *io, const char *name, bool for_writing,
                const struct image_options *options, struct image **ret,
                struct error *err);

/* The first writes of an activation: an image with the dirty bit is repaired
 * (EINTR where that is interrupted), and its tables are read only now;
 * autoclear bits that Baton does not maintain are cleared, and those of the
 * options set; enabled dirty bitmaps are marked as in use, and record; all
 * durably.  What becomes invalid is told of in a notice. */
int image_start_writing (struct image *img, struct error *err);

int image_read (struct image *img, void *buf, size_t len, uint64_t offset,
                struct error *err);
int image_write (struct image *img, const void *buf, size_t len,
                 uint64_t offset, unsigned flags, struct error *err);
/* Afterwards the range reads zeros, also over a backing file. */
int image_zero (struct image *img, uint64_t len, uint64_t offset,
                unsigned flags, struct error *err);
/* The same as image_zero with IMAGE_MAY_TRIM. */
int image_trim (struct image *img, uint64_t len, uint64_t offset,
                unsigned flags, struct error *err);
/* One durable point for all that completed before the call; calls that
 * overlap share it. */
int image_flush (struct image *img, struct error *err);
/* Read ahead; a hint. */
void image_prefetch (struct image *img, uint64_t len, uint64_t offset);

/* Status of [OFFSET, OFFSET + LEN): calls FN for adjacent runs in order,
 * never reaching past the range, until it is covered or FN returns -1
 * (ERR is then whatever FN left in it).  IMAGE_EXTENT_*. */
#define IMAGE_EXTENT_HOLE 1u
#define IMAGE_EXTENT_ZERO 2u
typedef int (*image_extent_fn) (void *opaque, uint64_t offset, uint64_t len,
                                unsigned type, struct error *err);
int image_extents (struct image *img, uint64_t len, uint64_t offset,
                   image_extent_fn fn, void *opaque, struct error *err);

/* Orderly end of writing: everything durable, reserved and freed clusters
 * given back, so that `qemu-img check` finds no leaks; dirty bitmaps stored,
 * and marked as valid last of all (a notice tells of those that cannot be).  What
 * fails may be tried again, or has poisoned the image. */
int image_finish (struct image *img, struct error *err);

/* Frees IMG and closes its files.  Writes nothing.  NULL is accepted. */
void image_close (struct image *img);

uint64_t image_size (const struct image *img);
const struct qcow2_header *image_header (const struct image *img);
struct io *image_io (struct image *img);
/* The external data file; NULL: none. */
struct io *image_data_file (struct image *img);
/* Give the locks on the image and on its data file back, and close both.
 * Nothing may be called on IMG afterwards but image_close. */
void image_give_up (struct image *img);

/* Which file the data file of the image NAME with HEADER is (io.h); opens it
 * for reading and closes it again.  Both 0: it has none. */
int image_data_identity (const char *name, const struct qcow2_header *header,
                         const struct image_options *options,
                         uint64_t ret_identity[2], struct error *err);
/* What the user must be told, once; IMG's. */
const struct image_notices *image_get_notices (const struct image *img);

/* -- for a hand-over ------------------------------------------------- */

/* SHA-256 over what the backing chain is: names, formats, sizes, and of each
 * layer its header and L1 table, or the beginning of a raw file.  *RET_HAS:
 * whether there is one; else *RET is left alone. */
int image_digest_backing (struct image *img, bool *ret_has,
                          uint8_t ret[DIGEST_BYTES], struct error *err);
/* Poison it, because of ERR, which then says so.  Returns -1. */
int image_poison (struct image *img, struct error *err);

struct image_stats {
  uint64_t cache_bytes;         /* metadata cache, in use */
  uint64_t cache_budget_bytes;
  uint64_t cache_hits;
  uint64_t cache_misses;
  uint64_t syncs;               /* of the image file */
  uint64_t metadata_writes;
  uint64_t reserved_clusters;   /* refcount raised ahead, not yet used */
  uint64_t quarantined_clusters; /* freed, not yet reusable */
  bool poisoned;
};
void image_get_stats (struct image *img, struct image_stats *ret);

#endif /* BATON_IMAGE_H */
