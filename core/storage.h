/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the storage under an image gives to a hand-over: do locks work, do
 * they reach other hosts, can the page cache be passed by.  For status and
 * for warnings; nothing is decided by it but whether caches are dropped.
 *
 * Opens files read-only and writes nothing; no lock is left behind.
 */

#ifndef BATON_STORAGE_H
#define BATON_STORAGE_H

#include <stdbool.h>

#include "error.h"

enum storage_locks {
  STORAGE_LOCKS_NONE,           /* the filesystem has none */
  STORAGE_LOCKS_LOCAL,          /* seen on this host only */
  STORAGE_LOCKS_YES,            /* as far as their users can tell */
};

struct storage {
  const char *kind;             /* static: "ext", "nfs", "block device",
                                 * "unknown", ... */
  bool one_host;                /* only one kernel ever mounts it */
  enum storage_locks locks;
  bool direct;                  /* O_DIRECT works */
};

int storage_probe (const char *path, struct storage *ret, struct error *err);

/* Whether what this host has cached of the open file FD may be older than
 * what another host has written, even after opening it and taking a lock. */
bool storage_may_be_stale (int fd);

#endif /* BATON_STORAGE_H */
