#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Defects of nbdkit 1.32 that are not ours to repair and are ours to survive;
# SECURITY.md lists them.  A newer nbdkit may have less of them: what is tested
# is that whatever it does costs no data, and leaves an image that the next
# server takes over.
#
#   hang-up    it may abort when a client with requests in flight hangs up
#   extents    it may abort where an extent is longer than 32 bits: ours never are
#   blocksize  its filter "blocksize" may abort, whatever the plugin answers
#   silent     a client that says nothing before TLS is never sent away, and
#              SIGTERM may wait for it

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
. "$srcdir/functions-tls.sh"
requires qemu-img certtool nbdsh nbdkit

disk=$tmp/disk.qcow2
qemu-img create -q -f qcow2 "$disk" 1T

alive () { kill -0 "$a_pid" 2>/dev/null; }

# fresh MARK: a server, and on its disk what must not be lost
fresh ()
{
  mark=$1
  shift
  start_nbdkit a "$disk" control="$(control a)" "$@"
  nbdsh -u "$(uri a)" -c "
for i in range(64):
    h.pwrite(b'$mark' * 65536, i << 26)"
}

# Dead or alive: a new server has it all.
survived ()
{
  [ ! -e "/proc/$a_pid" ] || kill_server a
  wait "$a_pid" 2>/dev/null || :
  check_leaks_only "$disk"
  start_nbdkit a "$disk" control="$(control a)"
  baton status "$(control a)" | grep -q '^state  *active' || fail "$1: not active"
  nbdsh -u "$(uri a)" -c "
for i in range(64):
    assert h.pread(65536, i << 26) == b'$mark' * 65536, i" ||
    fail "$1: acknowledged data are lost"
  stop a
  echo "$1: survived, nbdkit $2"
}

fate () { alive && echo lived || echo died; }

# -- hang-up -----------------------------------------------------------------------

hang_up='
import os, socket, struct, sys, time
def connect():
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    def get(n):
        b = b""
        while len(b) < n:
            got = s.recv(n - len(b))
            if not got:
                raise ConnectionError
            b += got
        return b
    get(18)
    s.sendall(struct.pack(">I", 3) + b"IHAVEOPT" + struct.pack(">II", 1, 0))
    get(10)
    return s
try:
    for i in range(20):
        s = connect()
        for n in range(32):
            s.sendall(struct.pack(">IHHQQI", 0x25609513, 0, 0, n, n << 26, 1 << 20))
        s.recv(1000)
        s.close()
except (ConnectionError, OSError):
    pass'

fresh m
python "$hang_up" "$(sock a)"
nap 0.2
survived hang-up "$(fate)"

# -- extents -----------------------------------------------------------------------

# A hole of nearly 1 TiB, asked about with the longest request there is, and
# in one that ends in it.
fresh n
nbdsh --base-allocation -u "$(uri a)" -c '
for at, length in (0, 0xffffffff), (1 << 33, 0xffffffff), (1 << 39, 0xfffffe00), \
                  (h.get_size() - 512, 512), ((1 << 39) + 512, 512):
    seen = []
    h.block_status(length, at, lambda c, o, e, err: seen.extend(e[::2]))
    assert seen and sum(seen) <= length, (at, length, seen)'
alive || fail "extents: the server has died of our answer"
survived extents "$(fate)"

# -- the filter --------------------------------------------------------------------

# Nothing of ours advises it.
! grep -rn 'filter=blocksize' "$top_srcdir/README.md" "$top_srcdir"/docs/*.pod \
  "$top_srcdir/systemd" || fail "the filter blocksize is documented"
# Its arithmetic overflows where a request of nearly 4 GiB is rounded up.
fresh o
stop a
launch a nbdkit --exit-with-parent -U "$(sock a)" -P "$tmp/a.pid" \
       --filter=blocksize "$plugin" "$disk" control="$(control a)" \
       minblock=4096
nbdsh --base-allocation -u "$(uri a)" -c '
h.block_status(0xffffffff, 1 << 33, lambda c, o, e, err: 0)
h.block_status(0xffffffff, 513, lambda c, o, e, err: 0)' >"$tmp/said" 2>&1 || :
nap 0.1
survived blocksize "$(fate)"

# -- silence -----------------------------------------------------------------------

"$top_srcdir/cli/baton-pki" "$pki" localhost >"$tmp/made" ||
  fail "baton-pki: $(cat "$tmp/made")"
fresh p
launch b nbdkit --exit-with-parent -U "$(sock b)" -P "$tmp/b.pid" \
       --tls=on --tls-certificates="$pki/localhost" "$plugin" "$disk" \
       control="$(control b)" start=inactive
/usr/bin/python3 -c '
import socket, sys, time
held = []
for path in sys.argv[1:]:
    for said in b"", b"\0\0\0\3", b"\0\0\0\3IHAVEOPT" + bytes([0, 0, 0, 5] + [0] * 4) + b"\x16":
        s = socket.socket(socket.AF_UNIX)
        s.connect(path)
        s.sendall(said)
        held.append(s)
print("there", flush=True)
time.sleep(600)' "$(sock a)" "$(sock b)" >"$tmp/silent" &
silent=$!
pids+=("$silent")
wait_for 10 grep -q there "$tmp/silent" || fail "nobody is silent"
# They keep nobody from passing the image.
baton pass "$(control a)" "$(control b)" >"$tmp/said" 2>&1 ||
  fail "silence: $(cat "$tmp/said")"
baton pass "$(control b)" "$(control a)" >"$tmp/said" 2>&1 ||
  fail "silence: $(cat "$tmp/said")"
# A server that is to end is told to release the image first: then SIGKILL
# takes nothing away.
baton inactivate "$(control a)" >"$tmp/ticket" 2>&1 ||
  fail "$(cat "$tmp/ticket")"
kill -TERM "$a_pid"
nap 0.5
fate=$(fate)
[ "$fate" = died ] || kill_server a
baton activate --ticket "$tmp/ticket" "$(control b)" >"$tmp/said" 2>&1 || fail "$(cat "$tmp/said")"
kill -KILL "$silent"
stop b
survived silent "$fate"
