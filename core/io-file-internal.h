/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the files io-file*.c share; nothing else includes this.
 *
 *   io-file.c           opening, size, locks, the vtable
 *   io-file-transfer.c  loops round preadv and pwritev, on aligned requests
 *   io-file-direct.c    O_DIRECT: bounce buffers, read-modify-write
 *   io-file-zero.c      zeroing
 *   io-file-hole.c      where there are holes
 *   io-file-sync.c      syncs and durable writes: errors seen by everybody
 */

#ifndef BATON_IO_FILE_INTERNAL_H
#define BATON_IO_FILE_INTERNAL_H

#include "io-file.h"
#include "mutex.h"
#include "range-lock.h"

/* Syncs of one open file description.
 *
 * The kernel tells each failure of writeback to *one* sync per description;
 * a second that runs at the same time returns 0, though what it was to make
 * durable may be what was lost.  And the next one returns 0 too.  So a sync
 * that was lucky waits for those that were running when it ended, and a
 * failure is kept: after it every sync of the group fails.
 */
struct sync_op {
  uint64_t nr;
  struct sync_op *next;
};

struct sync_group {
  int fd;                       /* owned; -1: none */
  struct mutex lock;
  struct cond ended;
  struct sync_op *running GUARDED_BY (lock);
  uint64_t nr_begun GUARDED_BY (lock);
  int failed GUARDED_BY (lock); /* errno of the first failure, or 0 */
};

void sync_group_init (struct sync_group *g, int fd);
/* Closes the descriptor. */
void sync_group_destroy (struct sync_group *g);
/* OP lives on the caller's stack from begin to end.  ERRNUM is what the
 * sync returned.  The result is 0, or what to tell the caller: ERRNUM, or
 * SYNC_EARLIER_FAILED where this sync went well and another one did not. */
#define SYNC_EARLIER_FAILED (-1)

void sync_group_begin (struct sync_group *g, struct sync_op *op);
int sync_group_end (struct sync_group *g, struct sync_op *op, int errnum);
/* fdatasync, as one of the group: 0 or errno as above. */
int sync_group_sync (struct sync_group *g);

struct io_file {
  struct io base;
  int fd;                       /* = syncs.fd */
  bool direct;
  bool device;
  enum locking locking;
  _Atomic bool has_lock;
  /* What O_DIRECT asks of buffers, and of offsets and lengths; else 1. */
  uint32_t mem_align;
  uint32_t block_bytes;
  /* What fallocate asks of offsets: 1, or a device's block. */
  uint32_t zero_align;
  /* With O_DIRECT: blocks (of block_bytes) that are being changed. */
  struct range_lock blocks;
  struct sync_group syncs;
  /* Durable writes have a description of their own, so that they do not eat
   * the errors that a flush must see, and need not wait for it. */
  struct sync_group durable;
};

/* A position in somebody's iovec, which is not changed. */
struct iov_cursor {
  const struct iovec *iov;
  int nr_iov;
  size_t skip;                  /* bytes of iov[0] already done */
};

size_t iov_cursor_left (const struct iov_cursor *c);
void iov_cursor_advance (struct iov_cursor *c, size_t len);
/* Copy LEN bytes out and advance. */
void iov_cursor_copy (struct iov_cursor *c, void *buf, size_t len);

/* These do all that is asked; the request is aligned if it must be.  pread
 * fills with zeros beyond the end of the file. */
int transfer_pread (struct io_file *f, void *buf, size_t len, uint64_t offset,
                    struct error *err);
int transfer_pwritev (struct io_file *f, struct iov_cursor c, uint64_t offset,
                      unsigned flags, struct error *err);

/* Find out what O_DIRECT asks for on this file. */
int direct_probe (struct io_file *f, struct error *err);
/* These take requests of any alignment.  The caller of direct_pwritev holds
 * the blocks concerned. */
int direct_pread (struct io_file *f, void *buf, size_t len, uint64_t offset,
                  struct error *err);
int direct_pwritev (struct io_file *f, const struct iovec *iov, int nr_iov,
                    uint64_t offset, unsigned flags, struct error *err);
/* Hold the blocks that [OFFSET, OFFSET + LEN) touches; LEN is not 0. */
void direct_take_blocks (struct io_file *f, struct range *range,
                         uint64_t offset, uint64_t len);

void fresh_drop (struct io *io);
/* What is cached of it is what the storage has, or is dropped; else
 * "StaleView". */
int fresh_check (struct io *io, struct error *err);

/* The write of the vtable without its checks and without taking blocks. */
int file_write (struct io_file *f, const struct iovec *iov, int nr_iov,
                uint64_t offset, unsigned flags, struct error *err);
/* The part of [OFFSET, OFFSET + LEN) that is before the end of the file. */
int file_clip (struct io_file *f, uint64_t offset, uint64_t len,
               uint64_t *ret_len, struct error *err);
/* Find out what zeroing asks of offsets on this file. */
void zero_probe (struct io_file *f);
/* Zero a range that ends before the end of the file; blocks are held. */
int file_zero (struct io_file *f, uint64_t offset, uint64_t len,
               unsigned flags, struct error *err);

/* See io_hole. */
bool file_hole (struct io *io, uint64_t offset, uint64_t len,
                uint64_t *ret_len);

#endif /* BATON_IO_FILE_INTERNAL_H */
