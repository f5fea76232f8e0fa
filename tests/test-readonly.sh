#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# With -r nothing at all is written to the image, not even bits that a writer
# has to clear, and other readers may have it open at the same time.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img qemu-io nbdinfo nbdsh nbdkit

disk=$tmp/disk.qcow2
qemu-img create -q -f qcow2 "$disk" 16M
qemu-io -t unsafe -f qcow2 -c 'write -q -P 7 0 1M' "$disk"
# An autoclear bit that nobody knows: bit 5 of the word at byte 88.
printf '\x20' | dd of="$disk" bs=1 seek=95 conv=notrunc status=none
chmod 400 "$disk"
before=$(sha256sum "$disk")

start_nbdkit a "$disk" -r
start_nbdkit b "$disk" -r
nbdinfo --is read-only "$(uri a)" || fail "writable in spite of -r"
nbdsh -u "$(uri a)" -c 'assert h.pread(1 << 20, 0) == b"\7" * (1 << 20)'
nbdsh -u "$(uri b)" -c 'assert h.pread(10, 1 << 20) == bytes(10)'
nbdsh -u "$(uri a)" -c 'h.set_strict_mode(0)
try:
    h.pwrite(b"x" * 512, 0)
except nbd.Error:
    quit(0)
quit(1)' || fail "a write was accepted"
qemu-img info "$disk" >/dev/null || fail "keeps other readers out"
stop a
stop b
[ "$(sha256sum "$disk")" = "$before" ] || fail "the image has changed"

# Nor has one that is inactive.  A writer does clear that bit, before it writes
# anything else.
chmod 600 "$disk"
start_nbdkit c "$disk" start=inactive control="$(control c)"
[ "$(sha256sum "$disk")" = "$before" ] || fail "an inactive server has written"
baton activate "$(control c)" >/dev/null
autoclear () { od -An -tx1 -j88 -N8 "$disk" | tr -d ' '; }
# The first bit is our own, that of the ownership record.
[ "$(autoclear)" = 8000000000000000 ] ||
  fail "a writer left an unknown autoclear bit: $(autoclear)"
stop c
check_clean "$disk"
