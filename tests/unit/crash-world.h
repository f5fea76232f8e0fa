/* SPDX-License-Identifier: BSD-3-Clause
 *
 * An image on the simulated disk that is looked at before every I/O, as a
 * power cut or a kill would leave it.  What is looked for: test-image-crash.c.
 */

#ifndef BATON_TESTS_CRASH_WORLD_H
#define BATON_TESTS_CRASH_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "image.h"
#include "simdisk.h"

#define SECTOR 512u
#define DISK_SECTORS 512u
#ifndef MAX_CRASHES
#define MAX_CRASHES 3u
#endif

/* What a sector may hold: a set of requests. */
#define ZEROS 1u
#define FIRST 2u

struct geometry {
  const char *name;
  const char *create;           /* makes t.qcow2 (and base.raw) */
  bool backed;
  bool has_data_file;           /* data.raw */
  bool raw;                     /* which is a raw disk by itself */
  bool compress;                /* compress=on */
  unsigned nr_sectors;          /* 0: DISK_SECTORS */
  unsigned cluster_sectors;     /* where a test wants to know it */
};

struct figures {
  uint64_t cuts, kills, leaks, points;
  uint64_t again, cuts_again;   /* disks served again; cuts of these */
  uint64_t known;               /* disks that were in struct seen */
  uint64_t looks;               /* at references; of them by QEMU too, and of */
  uint64_t qemu_looks, qemu_checks;     /* these by a qemu-img check as well */
};

/* What was found on disks that were looked at lately, by their content
 * (simdisk_sum): most states that power cuts leave around one request have
 * been left before by another cut, or another request.  What a sector holds
 * is known then; whether it is allowed is asked each time.  For disks of up
 * to SEEN_SECTORS; zeroed memory is an empty table. */
#define SEEN_SECTORS 96u
#define SEEN_DISKS (1u << 16)
struct seen {
  uint64_t sum;                 /* 0: none */
  uint8_t found[SEEN_SECTORS];  /* the number of the bit */
};

struct world {
  const struct geometry *geometry;
  struct simdisk *disk;
  struct simdisk *data;         /* of the data file, or NULL */
  struct simdisk_opener opener;
  struct image_options options;
  uint64_t random;
  uint64_t seed;
  struct figures *figures;
  uint64_t acknowledged[DISK_SECTORS];  /* one bit: what it reads now */
  uint64_t allowed[DISK_SECTORS];       /* after a power cut */
  uint64_t running[DISK_SECTORS];       /* what the current request adds */
  unsigned request;             /* 2, 3, ...: its bit */
  unsigned nr_crashes;          /* that this disk has been through */
  bool checking;
  struct seen *seen;            /* SEEN_DISKS of this geometry, or NULL */
  unsigned qemu_each;           /* of so many looks one by QEMU; 0: none */
  bool only_durable;            /* look only at IO_DSYNC writes, but closely */
};

/* What request REQUEST writes to a sector. */
void world_fill_sector (uint8_t *p, unsigned request, unsigned sector);

/* Open DISK as W says, and as its data file what data.raw means now; fails
 * the test where that fails. */
struct image *world_open (struct world *w, struct simdisk *disk,
                          bool writing);

/* Every sector of DISK, of which DATA is the data file or NULL, must read as
 * ALLOWED says, or as what is being written; references must be counted.  HOW
 * is for the message.  DATA is what data.raw means from now on: for W's own
 * disks again, call world_use_data. */
void world_check (struct world *w, struct simdisk *disk, struct simdisk *data,
                  const uint64_t *allowed, const char *how,
                  uint64_t *ret_found);
void world_use_data (struct world *w, struct simdisk *data);
/* Another life of the server with what a power cut left, of which FOUND has
 * been read; NR requests, and power cuts on the way. */
void world_run_again (struct world *w, struct simdisk *left,
                      struct simdisk *data, const uint64_t *found,
                      unsigned nr);
void world_look_at_kill (struct world *w);

/* The hook for simdisk_trace, with W: power cuts, and a kill. */
simdisk_hook world_look;

enum crash_request { REQUEST_WRITE, REQUEST_ZERO, REQUEST_TRIM, REQUEST_FLUSH };
/* As W's next request; FLAGS: IMAGE_FUA. */
void world_request (struct world *w, struct image *img,
                    enum crash_request kind, unsigned first, unsigned nr,
                    unsigned flags);
/* A random one. */
void world_one_request (struct world *w, struct image *img);
/* The disk's orderly end.  Nothing is left in the page cache. */
void world_finish (struct world *w, struct image *img);
/* A life of the server: open, NR requests, an orderly end. */
void world_do_requests (struct world *w, unsigned nr);

#endif /* BATON_TESTS_CRASH_WORLD_H */
