#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# An image that was resized while this server was inactive: clients are told
# its size when they connect, so the new one is accepted if nobody is connected
# and refused by name as long as somebody is.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires jq nbdinfo nbdsh qemu-img nbdkit

cd "$tmp"
size () { nbdinfo --size "$(uri a)"; }

qemu-img create -q -f qcow2 a.qcow2 16M
start_nbdkit a a.qcow2 control="$(control a)" start=inactive
[ "$(size)" -eq $((16 << 20)) ] || fail "at first: $(size)"

# Nobody is connected: grown, then shrunk.
qemu-img resize -q a.qcow2 32M
baton activate "$(control a)" >/dev/null || fail 'a grown image is refused'
[ "$(size)" -eq $((32 << 20)) ] || fail "grown: $(size)"
nbdsh -u "$(uri a)" -c 'h.pwrite(b"end!", (32 << 20) - 4); h.flush()'
baton inactivate "$(control a)" >/dev/null
check_clean a.qcow2
qemu-img resize -q --shrink a.qcow2 8M
baton invalidate "$(control a)" >/dev/null || fail 'a shrunk image is refused'
[ "$(size)" -eq $((8 << 20)) ] || fail "shrunk: $(size)"
baton activate "$(control a)" >/dev/null || fail 'cannot be activated'
baton inactivate "$(control a)" >/dev/null

# Somebody is.
nbdsh -u "$(uri a)" -c '
import subprocess
def run (*args):
    return subprocess.run (args, capture_output=True, text=True)
def refused (command):
    r = run ("'"$baton"'", command, "'"$(control a)"'")
    assert r.returncode == 1, r
    for what in ("SizeChanged", str (8 << 20), str (24 << 20), "disconnect"):
        assert what in r.stderr, r.stderr
assert run ("qemu-img", "resize", "-q", "a.qcow2", "24M").returncode == 0
refused ("activate")
refused ("invalidate")
assert h.get_size () == 8 << 20
h.pread (512, (8 << 20) - 512)
' || fail 'with a client connected'
# Gone: nbdkit closes a connection a little later.
wait_for 10 baton activate "$(control a)" >/dev/null || fail 'still refused'
[ "$(size)" -eq $((24 << 20)) ] || fail "after the client left: $(size)"
stop a
check_clean a.qcow2
