#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Persistent dirty bitmaps, in which our writes are not recorded, are made
# invalid before the first write, and the user is told, once.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img qemu-io nbdinfo nbdkit

cd "$tmp"
told () { grep -c "warning: .*disk.qcow2: the image's persistent dirty bitmaps are no longer valid" "$tmp/$1.log" || :; }

qemu-img create -q -f qcow2 disk.qcow2 4M
qemu-img bitmap --add disk.qcow2 backup
qemu-img bitmap --add --disable disk.qcow2 frozen

# Who does not write leaves them alone.
cp disk.qcow2 before.qcow2
nbdkit -r -U - "$plugin" disk.qcow2 --run 'nbdinfo --size "$uri"' >/dev/null
start_server a disk.qcow2 control="$(control a)" start=inactive
cmp before.qcow2 disk.qcow2 || fail "changed while inactive or read-only"
[ "$(told a)" = 0 ] || fail "told though nothing was done"

baton activate "$(control a)"
[ "$(told a)" = 1 ] || fail "not told: $(cat "$tmp/a.log")"
baton status "$(control a)" | grep -q 'persistent dirty bitmaps are no longer' ||
  fail "not in status: $(baton status "$(control a)")"
nbdsh -u "$(uri a)" -c 'h.pwrite(b"x" * 65536, 65536)'
baton inactivate "$(control a)"
baton activate "$(control a)"
[ "$(told a)" = 1 ] || fail "told again"
stop a

# QEMU does not take them for valid: their clusters count as leaks.
check_leaks_only disk.qcow2
! qemu-nbd -r -f qcow2 -k "$(sock q)" -B backup --fork disk.qcow2 \
           2>believes.log || fail "QEMU believes the bitmap"
grep -q "Bitmap 'backup' is not found" believes.log || cat believes.log
qemu-img check -q -r leaks disk.qcow2
check_clean disk.qcow2

# An image without any has nothing to tell of.
qemu-img create -q -f qcow2 disk.qcow2 4M
start_server b disk.qcow2
[ "$(told b)" = 0 ] || fail "told of bitmaps that are not there"
stop b
