#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# QEMU's programs and Baton keep each other out of an active image, and only
# of an active one.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img qemu-io nbdkit

disk=$tmp/disk.qcow2
qemu-img create -q -f qcow2 "$disk" 16M
start_nbdkit a "$disk" control="$(control a)"

qemu-img info "$disk" >"$tmp/out" 2>&1 && fail "active, and QEMU may read it"
grep -q lock "$tmp/out" || fail "refused for another reason: $(cat "$tmp/out")"
qemu-img info -U "$disk" >/dev/null || fail "qemu-img info -U is refused"
qemu-io -f qcow2 -c 'write 0 512' "$disk" >/dev/null 2>&1 &&
  fail "active, and QEMU may write to it"

baton inactivate "$(control a)" >/dev/null
qemu-img info "$disk" >/dev/null || fail "inactive, and still locked"
qemu-io -f qcow2 -c 'write -q -P 9 0 512' "$disk" ||
  fail "inactive, and QEMU may not write to it"

# Now the other way round.
coproc holder { qemu-io -f qcow2 "$disk" 2>&1; }
pids+=("$holder_PID")
holder_pid=$holder_PID
echo 'write 0 512' >&"${holder[1]}"
read -r -u "${holder[0]}" _
baton activate "$(control a)" >"$tmp/out" 2>&1 &&
  fail "activated while QEMU has the image"
grep -Eiq 'lock|in use' "$tmp/out" || fail "unclear: $(cat "$tmp/out")"
kill -KILL "$holder_pid"
wait "$holder_pid" 2>/dev/null || :
baton activate "$(control a)" >/dev/null || fail "still refused"
# locking=off lets a second one in, as it says.
start_nbdkit b "$disk" locking=off -r
stop b
stop a
check_clean "$disk"
