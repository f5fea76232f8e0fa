#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The control endpoint is plain NBD: stock nbdinfo and nbdsh can use it.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img nbdinfo nbdsh nbdkit

disk=$tmp/disk.qcow2
qemu-img create -q -f qcow2 "$disk" 16M
start_nbdkit a "$disk" control="$(control a)"
uri="nbd+unix:///?socket=$(control a)"

[ "$(stat -c %a "$(control a)")" = 600 ] || fail "the socket's mode"
[ "$(nbdinfo --size "$uri")" = 65536 ] || fail "the export's size"
nbdinfo --is read-only "$uri" || fail "writable without the context"
nbdinfo --list "$uri" >"$tmp/list" || fail "cannot be listed"

nbdsh -c "uri = '$uri'" -c '
import json

def document(h):
    return json.loads(h.pread(65536, 0).rstrip(b"\0"))

def command(h, name, **arguments):
    text = {"execute": name, "id": "1"}
    if arguments:
        text["arguments"] = arguments
    h.pwrite(json.dumps(text).encode(), 0)
    return document(h)["reply"]

def flags(h):
    found = []
    def extent(context, offset, entries, err):
        if context == "x-baton:control":
            found.extend(entries)
    h.block_status(65536, 0, extent)
    return found[1] & 3

# Without the context: a document to read, and nothing else.
h.connect_uri(uri)
assert h.is_read_only()
assert document(h)["status"]["state"] == "active", document(h)
h.shutdown()

h = nbd.NBD()
h.add_meta_context("x-baton:control")
h.connect_uri(uri)
assert not h.is_read_only()
assert flags(h) == 2
assert "error" not in command(h, "flush")
assert "error" not in command(h, "inactivate")
assert flags(h) == 0
assert document(h)["status"]["state"] == "inactive"
try:
    command(h, "flush")
    assert False, "a flush of an inactive image succeeded"
except nbd.Error:
    error = document(h)["reply"]["error"]
    assert error["class"] and error["desc"], error
for garbage in [b"{", b"[]", b"{\"execute\": \"dance\"}", b"\xff" * 100]:
    try:
        h.pwrite(garbage, 0)
        assert False, garbage
    except nbd.Error:
        pass
assert "error" not in command(h, "activate")
assert flags(h) == 2
h.shutdown()
' || fail "see above"
stop a
[ ! -e "$(control a)" ] || fail "the control socket is left behind"
