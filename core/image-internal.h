/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Private to image-*.c and backing.c: what an open image consists of.
 *
 * Lock order, outermost first (docs/ARCHITECTURE.md, "Locks"):
 *   a range of range_lock -> mapping.l1_lock -> allocator.lock
 *   -> allocator.pool_lock
 *   -> a shard of the table cache, a shard of the metadata map, poison.lock
 * flush.lock and the inflate cache's lock are taken with none of these held,
 * but for a range.
 */

#ifndef BATON_IMAGE_INTERNAL_H
#define BATON_IMAGE_INTERNAL_H

#include <stdatomic.h>

#include "allocator.h"
#include "backing.h"
#include "grace.h"
#include "image.h"
#include "image-bitmaps.h"
#include "inflate-cache.h"
#include "mapping.h"
#include "metadata-map.h"
#include "poison.h"
#include "qcow2-areas.h"
#include "range-lock.h"
#include "table-cache.h"

/* Group commit: one sync for all who ask while another runs. */
struct flush_group {
  struct mutex lock;
  struct cond ended[2];         /* an even sync, an odd one */
  uint64_t nr_started GUARDED_BY (lock);
  uint64_t nr_ended GUARDED_BY (lock);
  bool running GUARDED_BY (lock);
  _Atomic uint64_t nr_syncs;    /* for the statistics */
};

enum image_mode {
  IMAGE_READ_ONLY,              /* opened; changes are refused with EROFS */
  IMAGE_WRITING,                /* between start_writing and finish */
};

struct image {
  struct io *io;                /* owned */
  struct io *data_file;         /* external data file: owned; NULL: none */
  struct io *crypt;             /* owned: encrypts; NULL: not encrypted */
  struct io *data;              /* where guest data is; borrowed: one of
                                 * these three */
  bool fresh_reads_zero;        /* a cluster that nobody wrote to since it was
                                 * taken reads zeros in DATA, durably */
  char *name;                   /* owned */
  struct image_options options;
  struct qcow2_header header;   /* as read at open, but for the dirty bit and
                                 * what options.snapshot changes */
  struct qcow2_areas areas;     /* for_writing only */
  struct image_bitmaps bitmaps;
  bool needs_repair;            /* dirty: the tables are not loaded yet */
  bool for_writing;
  const struct image *overlay;  /* whose backing file this is; NULL: what is
                                 * served */
  const struct file_spec *backing_spec; /* the backing file as the name of
                                 * this layer says; borrowed; NULL: as its
                                 * header says */
  _Atomic int mode;             /* enum image_mode */

  struct poison poison;
  struct grace grace;
  struct table_cache *cache;    /* these five owned */
  struct metadata_map *metadata;
  struct inflate_cache *inflated;
  struct backing *backing;      /* NULL: none */
  struct mapping mapping;
  struct allocator allocator;   /* for_writing only */
  struct metadata_map *clean;   /* extended L2: image-subcluster.c; owned */
  struct range_lock ranges;
  struct flush_group flush;
  struct image_notices notices;
  _Atomic bool crowded;         /* flush soon: see allocator_release */
};

/* image_open of the backing file of OVERLAY.  SPEC, if not NULL, outlives it
 * and is how it was named. */
int image_open_layer (struct io *io, const char *name, bool for_writing,
                      const struct image_options *options,
                      const struct image *overlay,
                      const struct file_spec *spec, struct image **ret,
                      struct error *err);

/* image-crypt.c: where the image is encrypted, put what encrypts between it
 * and its data. */
int image_crypt_open (struct image *img, uint64_t file_size,
                      struct error *err);

/* EINVAL unless [OFFSET, OFFSET + LEN) lies inside the disk. */
int image_check_range (const struct image *img, uint64_t len, uint64_t offset,
                       struct error *err);
/* Also EROFS or the poison's reason where a change is not possible. */
int image_check_change (struct image *img, uint64_t len, uint64_t offset,
                        struct error *err);

/* The bytes of one run, in a grace period of the caller's. */
int image_read_run (struct image *img, const struct run *run, void *buf,
                    size_t len, uint64_t offset, struct error *err);
/* image_read in a grace period of the caller's. */
int image_read_in_grace (struct image *img, void *buf, size_t len,
                         uint64_t offset, struct error *err);

/* One sync that began after the call; what a flush and a copy-on-write need.
 * Must be called in no lock but a range. */
int image_sync (struct image *img, struct error *err);

/* image-alloc.c, with the range lock on all clusters concerned: */

/* Write [OFFSET, OFFSET + LEN), all inside RUN, which may not be written in
 * place, to new clusters.  BUF NULL: zeros.  *RET_LEN: how much was done,
 * at least one byte. */
int image_write_new (struct image *img, const struct run *run,
                     const void *buf, size_t len, uint64_t offset,
                     size_t *ret_len, struct error *err);
/* What is written, in guest bytes: [start][offset .. end][stop), where start
 * and stop are the borders of the (sub)clusters that are filled up, stop cut
 * off at the disk's end. */
struct span {
  uint64_t start;
  uint64_t offset;
  uint64_t end;
  uint64_t stop;
};

/* The copy of copy-on-write: write S to the host from HOST on, what the guest
 * reads now around BUF's bytes included.  All of it is durable when this
 * returns.  BUF NULL: zeros, which are there already where CLEAN. */
int image_write_over_data (struct image *img, const struct span *s,
                           const void *buf, uint64_t host, bool clean,
                           struct error *err);
/* Whether reading RUN at guest OFFSET would give zeros without looking at
 * data: nothing that was flushed can be lost by replacing it. */
bool image_run_reads_zero (struct image *img, const struct run *run,
                           uint64_t offset, uint64_t len);

/* A change failed with ERR for the TRIES + 1st time.  Whether to try again:
 * there was too little space, and a sync, which this is, may have brought
 * freed clusters back.  Outside the grace period of the request. */
bool image_space_came_back (struct image *img, unsigned tries,
                            struct error *err);

/* image-place.c, with the range lock on all clusters concerned: */

/* Host clusters in img->data for 1 to WANT guest clusters from CLUSTER on. */
int image_place_take (struct image *img, uint64_t cluster, uint64_t want,
                      struct extent *ret, struct error *err);
/* E, taken and perhaps written to, to which nothing points. */
void image_place_give_back (struct image *img, struct extent e);
/* Write NEW over the entries OLD of NR guest clusters, which are in one
 * slice, and release what they pointed to and no longer do. */
int image_replace (struct image *img, uint64_t cluster, uint32_t nr,
                   const struct raw_entry *old, const struct raw_entry *new,
                   struct error *err);

/* image-claims.c: what of the image is neither mapping nor refcounts goes into
 * the metadata map.  EIO, EINVAL, EFBIG where it overlaps with something,
 * makes no sense or is over a limit. */
int image_claim_areas (struct image *img, uint64_t file_size,
                       struct error *err);

/* image-repair.c: set refcounts right and clear the dirty bit. */
int image_repair (struct image *img, struct error *err);

/* EIO where guest data would be written over metadata. */
int image_check_overlap (struct image *img, uint64_t host_offset,
                         uint64_t len, struct error *err);
/* After a change outside its grace period: FUA, and a flush where too many
 * released clusters wait for one.  R is what the change returned. */
int image_end_change (struct image *img, int r, unsigned flags,
                      struct error *err);

#endif /* BATON_IMAGE_INTERNAL_H */
