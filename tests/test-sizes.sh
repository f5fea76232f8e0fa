#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Disks of unusual sizes have the size that QEMU gives them: nothing, one
# sector, and sizes in the header that are no multiple of a sector, which are
# rounded down.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img qemu-nbd nbdkit nbdsh nbdinfo

cd "$tmp"

size_of () { nbdinfo --size "$(uri "$1")"; }

# set_size FILE BYTES: in the header, as no tool does it
set_size ()
{
  printf "$(printf '%016x' "$2" | sed 's/../\\x&/g')" |
    dd of="$1" bs=1 seek=24 conv=notrunc status=none
}

# same_size FILE: with QEMU, and the disk can be used to its end
same_size ()
{
  local size expected
  start_qemu_nbd q "$1" -r
  expected=$(size_of q)
  stop q
  start_server a "$1"
  size=$(size_of a)
  [ "$size" = "$expected" ] || fail "$1: $size bytes, QEMU says $expected"
  nbdsh -u "$(uri a)" -c '
n = h.get_size()
if n > 0:
    k = min(n, 700)
    h.pwrite(b"e" * k, n - k)
    assert h.pread(k, n - k) == b"e" * k
    h.zero(k, n - k)
    h.trim(n if n < 1 << 30 else 512, 0)
    h.pwrite(b"f", n - 1)
h.flush()
for request in (lambda: h.pwrite(b"x", n), lambda: h.pread(1, n),
                lambda: h.trim(512, n), lambda: h.zero(512, n)):
    try:
        request()
    except nbd.Error:
        continue
    raise SystemExit("a request beyond the end was served")
'
  stop a
  check_clean "$1"
  start_qemu_nbd q "$1" -r
  [ "$expected" = 0 ] || nbdsh -u "$(uri q)" -c '
n = h.get_size()
assert h.pread(1, n - 1) == b"f"'
  stop q
  echo "$1: $size bytes"
}

for cluster in 512 2M; do
  for compat in 0.10 1.1; do
    for size in 0 512; do
      qemu-img create -q -f qcow2 -o cluster_size=$cluster,compat=$compat \
               "$size-$cluster-$compat" $size
      same_size "$size-$cluster-$compat"
    done
  done
done
for size in 100 511 513 65537 1048577; do
  qemu-img create -q -f qcow2 rounded-$size 2M
  set_size rounded-$size $size
  same_size rounded-$size
done
qemu-img create -q -f qcow2 base.qcow2 0
qemu-img create -q -f qcow2 -b base.qcow2 -F qcow2 over-nothing 64k
same_size over-nothing
