/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The disks of a VM that may be images of ours: those that are NBD.  They must
 * be where a device of the guest has them and they are not read-only.
 */

#ifndef BATON_VM_DISKS_H
#define BATON_VM_DISKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "vm.h"

#define VM_DISK_BYTES 256

/* Where it comes from; the texts that do not apply are "". */
struct vm_disk {
  char name[VM_DISK_BYTES];     /* its node's, or its device's */
  char path[VM_DISK_BYTES];     /* a Unix socket's */
  char host[VM_DISK_BYTES];     /* or a server's */
  char port[16];
  uint64_t size_bytes;          /* of the export; 0: not known */
  bool may_stay;                /* read-only, or of no device */
};

/* FILENAME as query-block has it.  False: it is not NBD. */
bool vm_disk_parse (const char *filename, struct vm_disk *ret);

/* Of what query-block returned; one for each address.  -1: no memory; else
 * *RET is the caller's. */
int vm_disks_of (const json_t *blocks, struct vm_disk **ret, size_t *ret_nr);

/* Does a server listen there, as its status has it ("unix:PATH" or
 * "tcp:HOST:PORT")?  SERVER_HOST: by its own name, or NULL. */
bool vm_disk_is_at (const struct vm_disk *disk, const char *listens,
                    const char *server_host);

#endif /* BATON_VM_DISKS_H */
