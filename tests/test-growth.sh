#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Refcount blocks and the refcount table grow.  With clusters of 512 bytes
# and refcounts of 64 bits a block counts 64 clusters (32 KiB) and a cluster
# of the table 64 blocks (2 MiB), so 24 MiB of data grow both many times.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img nbdcopy nbdkit

cd "$tmp"
head -c 24M /dev/urandom >source.raw

for options in refcount_bits=64 compat=0.10; do
  qemu-img create -q -f qcow2 -o cluster_size=512,"$options" disk.qcow2 24M
  before=$(od -An -tx1 -j48 -N12 disk.qcow2)
  start_server a disk.qcow2
  nbdcopy --requests=8 --request-size=262144 source.raw "$(uri a)"
  stop a
  [ "$(od -An -tx1 -j48 -N12 disk.qcow2)" != "$before" ] ||
    fail "$options: the refcount table did not grow: the test is blind"
  check_clean disk.qcow2
  qemu-img compare -q -f raw -F qcow2 source.raw disk.qcow2 ||
    fail "$options: the contents differ"
done
