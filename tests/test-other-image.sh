#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# An image is passed only to a server of that image, and a server takes over
# only the file that it knows: two disks of one size are not one disk.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires jq qemu-img nbdkit

cd "$tmp"
qemu-img create -q -f qcow2 x.qcow2 16M
qemu-img create -q -f qcow2 y.qcow2 16M
start_nbdkit x x.qcow2 control="$(control x)"
start_nbdkit y y.qcow2 control="$(control y)" start=inactive

# Another image of the same size.
baton pass "$(control x)" "$(control y)" 2>err && fail "passed to another image"
grep -q 'not the same image' err || fail "not told: $(cat err)"
grep -q 'nothing was changed' err || fail "not reassured: $(cat err)"
[ "$(baton --json status "$(control x)" | jq -r .state)" = active ] ||
  fail "the source did not stay active"

# A file that took the place of the one seen at the start.
qemu-img create -q -f qcow2 z.qcow2 16M
mv z.qcow2 y.qcow2
baton activate "$(control y)" 2>err && fail "activated a file never seen"
grep -q OtherImage err || fail "not told: $(cat err)"
baton invalidate "$(control y)" >/dev/null
baton activate "$(control y)" >/dev/null || fail "invalidate did not help"
stop x
stop y
