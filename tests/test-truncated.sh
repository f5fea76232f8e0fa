#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A file that lost its end, and with it some of its tables, is not served:
# what they led to would read as zeros.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img qemu-io nbdkit

cd "$tmp"
qemu-img create -q -f qcow2 -o cluster_size=4k cut.qcow2 16M
qemu-io -c 'write 0 64k' -c 'write 15M 1M' cut.qcow2 >/dev/null
truncate -s 65536 cut.qcow2
for how in -f -r; do
  status=0
  nbdkit "$how" -f -U - "$plugin" cut.qcow2 --run true 2>err || status=$?
  [ "$status" -eq 1 ] || fail "nbdkit $how serves a truncated file"
  grep -q 'the file is truncated' err || fail "not told: $(cat err)"
done
