/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The images of test-image-kinds.c: how they are made, on disks of 256 KiB.
 */

#ifndef BATON_TESTS_IMAGE_KINDS_H
#define BATON_TESTS_IMAGE_KINDS_H

#include <stdbool.h>
#include <stdint.h>

#define K 1024u
#define DISK_BYTES (256 * K)

struct kind {
  const char *name;
  const char *create;           /* leaves t.qcow2, and perhaps "base" */
  uint64_t short_bytes;         /* what its disk lacks of DISK_BYTES */
  const char *other;            /* name of the other file */
  bool backed;                  /* that is its backing file, else the data */
  bool packed;                  /* some clusters are compressed */
  bool compress, keep_space;    /* options */
  bool filled;                  /* by the engine, when it is there */
  bool unchecked;               /* its references are not counted */
};

#define CREATE "qemu-img create -q -f qcow2 "
#define LUKS(options, size) \
  "for i in 1 2 3 4 5 6 7 8; do " CREATE "--object secret,id=s,data=sesame " \
  "-o encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10," \
  options " t.qcow2 " size " && break; done"
#define EXTENDED "extended_l2=on,cluster_size=16k"
#define WITH_EXTENDED CREATE "-o " EXTENDED " t.qcow2 256k; " \
  "qemu-io -f qcow2 -c 'write -P 1 -c 0 32k' -c 'write -P 2 32k 1k' " \
  "-c 'write -P 3 48k 16k' -c 'write -z 50k 1k' -c 'write -P 4 64k 2k' " \
  "-c 'write -P 5 -c 240k 16k' t.qcow2"

static const struct kind kinds[] = {
  { .name = "compressed", .create = CREATE "-o cluster_size=4k t.qcow2 256k; "
    "qemu-io -f qcow2 -c 'write -P 1 -c 0 16k' -c 'write -P 2 32k 8k' "
    "-c 'write -z 48k 4k' -c 'write -P 3 -c 252k 4k' t.qcow2",
    .packed = true },
  { .name = "subclusters", .create = WITH_EXTENDED, .packed = true },
  { .name = "subclusters, discard=off", .create = WITH_EXTENDED,
    .keep_space = true, .packed = true },
  { .name = "subclusters over an image", .other = "base", .backed = true,
    .create = CREATE "-o " EXTENDED " base 192k; qemu-io -f qcow2 "
    "-c 'write -P 9 0 80k' -c 'write -P 8 -c 96k 16k' base; "
    CREATE "-o " EXTENDED " -b base -F qcow2 t.qcow2 256k; "
    "qemu-io -f qcow2 -c 'write -P 1 33k 1k' t.qcow2" },
  { .name = "version 2 over a raw file", .other = "base", .backed = true,
    .create = "qemu-img create -q -f raw base 100k; "
    "qemu-io -f raw -c 'write -P 7 0 70k' base; "
    CREATE "-o compat=0.10,cluster_size=4k -b base -F raw t.qcow2 256k" },
  { .name = "encrypted", .create = LUKS ("cluster_size=4k", "261632"),
    .short_bytes = 512, .filled = true },
  { .name = "encrypted, subclusters",
    .create = LUKS (EXTENDED, "261632"), .short_bytes = 512,
    .filled = true },
  { .name = "a data file", .other = "data", .filled = true, .unchecked = true,
    .create = CREATE "-o cluster_size=4k,data_file=data t.qcow2 256k" },
  { .name = "a raw data file", .other = "data", .filled = true,
    .unchecked = true, .create = CREATE
    "-o cluster_size=4k,data_file=data,data_file_raw=on t.qcow2 256k" },
  { .name = "compress=on", .create = CREATE "-o cluster_size=4k t.qcow2 254k",
    .short_bytes = 2 * K, .packed = true, .compress = true,
    .filled = true },
  { .name = "compress=on, subclusters", .packed = true, .compress = true,
    .create = WITH_EXTENDED },
  { .name = "a snapshot and a bitmap", .unchecked = true,
    .create = CREATE "-o cluster_size=4k t.qcow2 256k; "
    "qemu-io -f qcow2 -c 'write -P 6 0 30k' t.qcow2; "
    "qemu-img snapshot -c one t.qcow2; qemu-img bitmap --add t.qcow2 two" },
};

#endif /* BATON_TESTS_IMAGE_KINDS_H */
