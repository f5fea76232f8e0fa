#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What the server says it can, and multi-conn: what one connection wrote, the
# others read at once, and a flush on one covers the writes of all.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img nbdinfo nbdsh nbdkit strace

disk=$tmp/disk.qcow2
qemu-img create -q -f qcow2 "$disk" 32M
syscalls=fdatasync,fsync,pwrite64,pwritev,pwritev2
BATON_WRAPPER="strace -D -f -qq -e trace=$syscalls -o $tmp/trace" \
  start_nbdkit a "$disk"

for capability in multi-conn write flush fua zero 'fast-zero' trim cache; do
  nbdinfo --can "$capability" "$(uri a)" || fail "cannot $capability"
done
nbdinfo --is read-only "$(uri a)" && fail "is read-only"
nbdkit --dump-plugin "$plugin" >"$tmp/dump"
for has in multi_conn fua zero trim extents cache; do
  grep -q "^has_can_$has=1" "$tmp/dump" || grep -q "^has_$has=1" "$tmp/dump" ||
    fail "$has is nbdkit's emulation"
done

cat >"$tmp/flush.py" <<'END'
import sys, nbd
uri = sys.argv[1]
handles = []
for i in range(4):
    h = nbd.NBD()
    h.connect_uri(uri)
    handles.append(h)
for i, h in enumerate(handles):
    h.pwrite(bytes([65 + i]) * 5000, i * 1000000)
    for other in handles:
        assert other.pread(5000, i * 1000000) == bytes([65 + i]) * 5000
handles[-1].flush()
for h in handles:
    h.shutdown()
END
/usr/bin/python3 "$tmp/flush.py" "$(uri a)" || fail "the connections disagree"
grep -Eq 'f(data)?sync' "$tmp/trace" || fail "the flush synced nothing"
# Data written after the last sync would not be covered by it.
awk '/f(data)?sync/ { last = NR } /pwrite/ { write = NR }
     END { exit write > last }' "$tmp/trace" || fail "a write follows the sync"

kill_server a
check_leaks_only "$disk"
