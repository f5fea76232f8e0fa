#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# baton: exit status 0 done, 1 refused or failed, 2 usage; --json is JSON.

. "${srcdir:-$(dirname "$0")}/functions.sh" || exit 99
requires qemu-img nbdkit jq

# exits STATUS ARG...: output in $tmp/out and $tmp/err
exits ()
{
  local expected=$1 status=0
  shift
  timeout 30 "$baton" "$@" >"$tmp/out" 2>"$tmp/err" || status=$?
  [ "$status" -eq "$expected" ] ||
    fail "baton $*: exit status $status: $(cat "$tmp/out" "$tmp/err")"
}

state () { baton --json status "$1" | jq -r '.. | .state? // empty' | head -n 1; }

exits 0 --help
grep -q pass "$tmp/out" || fail "--help does not name its commands"
exits 0 --version
exits 2
exits 2 dance
exits 2 status
exits 2 pass one two three
exits 2 pass one
exits 2 --colour status x
for uri in host-b:4444 tcp:host-b tcp:host-b: tcp::x tcp://host-b:4444 unix: \
           tcp:host-b:0 tcp:host-b:65536 tcp:host-b:1x tcp:host-b,ipv4=on \
           tcp:4444 tcp:::4444 'tcp:[::1]x:1' \
           'tcp:[::1:4444' udp:host-b:1 fd: vsock: vsock:3 vsock:3: vsock:host-b:1 \
           vsock::1 vsock:4294967296:1 vsock:3:1x; do
  exits 2 migrate --uri "$uri" q r s t
  grep -qF -- "--uri $uri: tcp:HOST:PORT, unix:PATH or vsock:CID:PORT; nothing was" \
       "$tmp/err" || fail "$(cat "$tmp/err")"
done
# The source would come to its own host.
for uri in tcp::4444 tcp:0:4444 tcp:0.0.0.0:4444 'tcp:[::]:4444' \
           tcp::4444,ipv4=on vsock:4294967295:4444; do
  exits 2 migrate --uri "$uri" q r s t
  grep -qF "would connect to its own one" "$tmp/err" || fail "$(cat "$tmp/err")"
done
exits 2 migrate --uri tcp:host-b:4444 --cancel q r s t
for uri in tcp:host-b:4444 'tcp:[::1]:4444' unix:/x fd:n exec:cat rdma:h:1 \
           tcp:localhost:1,ipv6=off vsock:3:4444 vsock:2:65536; do
  exits 1 migrate --uri "$uri" "$tmp/q" "$tmp/r" "$tmp/s" "$tmp/t"
done
exits 1 status "$tmp/nobody-there"
[ "$(wc -l <"$tmp/err")" -le 2 ] || fail "too many words: $(cat "$tmp/err")"

disk=$tmp/disk.qcow2
qemu-img create -q -f qcow2 "$disk" 16M
start_nbdkit a "$disk" control="$(control a)"
start_nbdkit b "$disk" control="$(control b)" start=inactive
a=$(control a)
b=$(control b)

for command in status flush inactivate invalidate activate; do
  exits 0 "$command" "$a"
  exits 0 --json status "$a"
  jq -e . "$tmp/out" >/dev/null || fail "not JSON: $(cat "$tmp/out")"
done
[ "$(state "$a")" = active ] || fail "a is not active"
exits 1 invalidate "$a"                 # it would forget unwritten changes
exits 1 flush "$b"
exits 1 activate "$b"                   # a holds the lock
[ -s "$tmp/err" ] || fail "a refusal without a word"
exits 1 --json activate "$b"
jq -e . "$tmp/out" >/dev/null || fail "a refusal is not JSON: $(cat "$tmp/out")"
exits 0 pass "$a" "$b"
[ "$(state "$a") $(state "$b")" = 'inactive active' ] || fail "not passed"
exits 0 --json pass "$b" "$a"
jq -e . "$tmp/out" >/dev/null || fail "not JSON: $(cat "$tmp/out")"
# A destination that cannot take it: the source has it again.
kill_server b
exits 1 pass "$a" "$b"
[ "$(state "$a")" = active ] || fail "a failed pass left a inactive"
stop a
