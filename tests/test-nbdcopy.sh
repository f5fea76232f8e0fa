#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# nbdcopy, with several connections and many requests in flight, brings a
# disk in and out again.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img nbdcopy nbdkit

cd "$tmp"
# Data, a hole, data that ends within a cluster.
head -c 20M /dev/urandom >source.raw
truncate -s 60M source.raw
seq 1 300000 >>source.raw
truncate -s "$(($(stat -c %s source.raw) / 512 * 512))" source.raw
size=$(stat -c %s source.raw)

for options in compat=1.1 compat=0.10,cluster_size=4k; do
  qemu-img create -q -f qcow2 -o "$options" disk.qcow2 "$size"
  start_server a disk.qcow2
  nbdcopy --connections=4 --requests=32 --flush source.raw "$(uri a)"
  nbdcopy --connections=4 "$(uri a)" copy.raw
  cmp source.raw copy.raw || fail "$options: the copy differs"
  stop a
  check_clean disk.qcow2
  qemu-img compare -q -f raw -F qcow2 source.raw disk.qcow2 ||
    fail "$options: QEMU reads something else"
  # The hole has not become data.
  [ "$(stat -c %b disk.qcow2)" -lt $((30 << 11)) ] ||
    fail "$options: the hole takes up space"
done
