/* SPDX-License-Identifier: BSD-3-Clause
 *
 * QEMU's image locks, byte for byte, so that qemu-img, QEMU and Baton
 * keep each other out.
 *
 * All are one-byte OFD read locks on the image file.  Byte 100 + i says
 * "I use permission i", byte 200 + i "I do not share permission i";
 * i: 0 consistent-read, 1 write, 2 write-unchanged, 3 resize.  Byte 0 is
 * libvirt's.  First all are taken, then each conflicting byte is tested:
 * for a permission used, 200 + i; for one not shared, 100 + i.
 *
 *   LOCK_WRITER  100 101 103 201 203 (a QEMU writer)
 *   LOCK_READER  100 201 203         (a QEMU backing file: read, unchanging)
 *
 * Locks belong to the open file description: they vanish with its last
 * descriptor, a forked child keeps them.
 */

#ifndef BATON_LOCK_H
#define BATON_LOCK_H

#include "error.h"

enum lock_mode { LOCK_WRITER, LOCK_READER };

/* Take the set of MODE on FD.  Two racers that claim and then test may
 * both fail: retried with jitter for about 200 ms.  On failure nothing is
 * held; err->class is "LockHeld" and errnum EAGAIN when another holds it,
 * NULL (ENOLCK, EOPNOTSUPP, ...) when the filesystem has no such locks. */
int lock_take (int fd, enum lock_mode mode, struct error *err);

/* Give all of Baton's bytes back.  Failure (NFS) is ignored: the close
 * that follows releases them. */
void lock_release (int fd);

#endif /* BATON_LOCK_H */
