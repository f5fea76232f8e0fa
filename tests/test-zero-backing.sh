#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A range that was zeroed or trimmed reads zeros, also over a backing file
# and also in version 2, which has no way to say "zero" of a cluster.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img qemu-io nbdsh nbdkit

cd "$tmp"
qemu-img create -q -f qcow2 base.qcow2 4M
qemu-io -t unsafe -f qcow2 -c 'write -q -P 85 0 4M' base.qcow2

steps='
import os
size, expected = h.get_size(), bytearray(b"\x55" * h.get_size())
for kind, offset, length in [
        ("zero", 0, 65536), ("trim", 65536, 65536),          # whole clusters
        ("zero", 200000, 1), ("trim", 200703, 513),          # odd bytes
        ("zero", 300000, 500000), ("trim", 900001, 699999),  # many
        ("write", 1700000, 200000),
        ("trim", 1750000, 100000), ("zero", 1800000, 70000), # over own data
        ("zero", size - 70000, 70000), ("trim", size - 513, 513)]:
    if kind == "write":
        h.pwrite(b"w" * length, offset)
        expected[offset:offset + length] = b"w" * length
    else:
        (h.zero if kind == "zero" else h.trim)(length, offset)
        expected[offset:offset + length] = bytes(length)
    assert h.pread(size, 0) == expected, (kind, offset, length)
open(os.environ["EXPECTED"], "wb").write(expected)
'

for compat in 0.10 1.1; do
  for cluster in 512 64k; do
    disk=disk-$compat-$cluster.qcow2
    qemu-img create -q -f qcow2 -o compat=$compat,cluster_size=$cluster \
             -b base.qcow2 -F qcow2 "$disk"
    start_server a "$disk"
    EXPECTED=expected.raw nbdsh -u "$(uri a)" -c "$steps" ||
      fail "$disk: the backing file shows through"
    stop a
    check_clean "$disk"
    qemu-img compare -q -f raw -F qcow2 expected.raw "$disk" ||
      fail "$disk: QEMU reads something else afterwards"
  done
done
